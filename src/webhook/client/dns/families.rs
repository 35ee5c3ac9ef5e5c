//! Looks up both address families of one name at the same time (RFC 8305, section 3).
//!
//! Knows what to do if one of them is not answered; does not know search domains.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::ResolveError;

/// At least one address, or the reason why there is none.
type Addresses = Result<Vec<IpAddr>, ResolveError>;

/// A test of which addresses can be reached.
trait Reachability {
    /// Returns an address that accepts a connection as soon as one does. If every address has refused,
    /// returns all of them a moment later: the request's own connection then gives the reason.
    async fn reachable(&self, addresses: &[IpAddr]) -> Vec<IpAddr>;
}

/// Returns the addresses of a complete name, for a connection to this port.
pub(super) async fn addresses(
    resolver: &TokioResolver,
    name: Name,
    ipv4_only: bool,
    port: Option<u16>,
) -> Addresses {
    let ipv4 = async { of_lookup(resolver.ipv4_lookup(name.clone()).await) };
    if ipv4_only {
        return ipv4.await;
    }
    let ipv6 = async { of_lookup(resolver.ipv6_lookup(name.clone()).await) };
    both(ipv4, ipv6, &Connect(port)).await
}

fn of_lookup(answered: Result<Lookup, NetError>) -> Addresses {
    let found: Vec<_> = match answered {
        Ok(lookup) => lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect(),
        Err(error) if error.is_no_records_found() => return Err(ResolveError::NoAddress(error)),
        Err(error) => return Err(ResolveError::NoAnswer(error)),
    };
    match found.is_empty() {
        true => Err(ResolveError::NoAddress(NetError::from("an answer without an address"))),
        false => Ok(found),
    }
}

/// The time that the second family has after the answer for the first one (RFC 8305, sections 3 and 8:
/// "Resolution Delay").
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Waits for both families, but not for one that is not answered while an address of the other can be
/// reached.
async fn both(
    ipv4: impl Future<Output = Addresses>,
    ipv6: impl Future<Output = Addresses>,
    reachability: &impl Reachability,
) -> Addresses {
    match select(pin!(ipv4), pin!(ipv6)).await {
        // only for A: some name servers answer so for AAAA although the name has A (RFC 4074, section 4.2)
        Either::Left((Err(ResolveError::NoAddress(error)), ipv6)) if error.is_nx_domain() => {
            timeout(RESOLUTION_DELAY, ipv6).await.unwrap_or(Err(ResolveError::NoAddress(error)))
        }
        Either::Left((first, ipv6)) => joined(first, ipv6, reachability).await,
        Either::Right((first, ipv4)) => joined(first, ipv4, reachability).await,
    }
}

/// Returns the addresses of both families. Waits for the second one [`RESOLUTION_DELAY`], and then until an
/// address of the first can be reached.
async fn joined(
    first: Addresses,
    mut other: impl Future<Output = Addresses> + Unpin,
    reachability: &impl Reachability,
) -> Addresses {
    let mut found = match first {
        Ok(found) => found,
        Err(why) => return other.await.map_err(|fault| more_informative(why, fault)),
    };
    let second = match timeout(RESOLUTION_DELAY, &mut other).await {
        Ok(second) => second,
        Err(_elapsed) => match select(pin!(reachability.reachable(&found)), other).await {
            Either::Left((reachable, _silent)) => return Ok(reachable),
            Either::Right((second, _unreachable)) => second,
        },
    };
    found.extend(second.unwrap_or_default());
    Ok(found)
}

/// Returns [`ResolveError::NoAnswer`] if one of the two is that: a name server that does not answer may know
/// an address.
fn more_informative(one: ResolveError, other: ResolveError) -> ResolveError {
    if matches!(one, ResolveError::NoAnswer(_)) { one } else { other }
}

/// Tests addresses by a connection to this port. Without a port, every address counts as reachable.
struct Connect(Option<u16>);

impl Reachability for Connect {
    /// Connects, and closes the connection again: the HTTP library takes all addresses at once, so the
    /// addresses of the other family must be there before it connects.
    async fn reachable(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let Some(port) = self.0 else { return addresses.to_vec() };
        let mut next = addresses.iter().copied();
        let mut connecting = FuturesUnordered::new();
        loop {
            if let Some(address) = next.next() {
                let connect = TcpStream::connect((address, port));
                connecting.push(async move { connect.await.map(|_closed| address) });
            }
            match timeout(ATTEMPT_DELAY, connecting.next()).await {
                Ok(Some(Ok(address))) => return vec![address],
                Ok(Some(Err(_))) | Err(_) => {}
                Ok(None) => {
                    sleep(AFTER_REFUSALS).await;
                    return addresses.to_vec();
                }
            }
        }
    }
}

/// The time that the family without an answer has after every address of the other has refused.
const AFTER_REFUSALS: Duration = Duration::from_millis(500);

/// The time between connection attempts to one address and to the next (RFC 8305, section 8: "Connection
/// Attempt Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use hickory_resolver::net::{DnsError, NoRecords};
    use hickory_resolver::proto::op::{Query, ResponseCode};
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    /// The reply of a name server, after this number of milliseconds or never.
    struct Reply(Option<u64>, Addresses);

    fn one(address: &str) -> Addresses {
        Ok(vec![address.parse().unwrap()])
    }

    fn unknown(code: ResponseCode) -> Addresses {
        let none = NoRecords::new(Query::default(), code);
        Err(ResolveError::NoAddress(NetError::Dns(DnsError::NoRecordsFound(none))))
    }

    fn failed() -> Addresses {
        Err(ResolveError::NoAnswer(NetError::Timeout))
    }

    impl Reply {
        async fn received(self) -> Addresses {
            match self.0 {
                Some(after) => sleep(Duration::from_millis(after)).await,
                None => pending().await,
            }
            self.1
        }
    }

    /// Only these addresses can be reached, within 10 ms.
    struct OnlyReachable(&'static [&'static str]);

    impl Reachability for OnlyReachable {
        async fn reachable(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
            sleep(Duration::from_millis(10)).await;
            let is_reachable = |address: &&IpAddr| self.0.contains(&&*address.to_string());
            let reachable: Vec<_> = addresses.iter().filter(is_reachable).copied().collect();
            if reachable.is_empty() { pending().await } else { reachable }
        }
    }

    /// Returns the result, and after how many milliseconds it came.
    async fn found(ipv4: Reply, ipv6: Reply, reachable: &'static [&'static str]) -> (u128, String) {
        let began = Instant::now();
        let all = timeout(
            Duration::from_secs(3600),
            both(ipv4.received(), ipv6.received(), &OnlyReachable(reachable)),
        )
        .await;
        let found = match all {
            Ok(Ok(found)) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Ok(Err(ResolveError::NoAddress(_))) => "unknown".to_owned(),
            Ok(Err(ResolveError::NoAnswer(_))) => "unanswered".to_owned(),
            Ok(Err(ResolveError::MalformedName)) => "malformed".to_owned(),
            Err(_elapsed) => return (0, "nothing".to_owned()),
        };
        (began.elapsed().as_millis(), found)
    }

    const A: &str = "192.0.2.1";
    const AAAA: &str = "2001:db8::1";

    #[tokio::test(start_paused = true)]
    async fn both_families_are_used_as_soon_as_both_are_answered() {
        let (ipv4, ipv6) = (|after| Reply(Some(after), one(A)), |after| Reply(Some(after), one(AAAA)));
        assert_eq!(found(ipv4(3), ipv6(20), &[]).await, (20, format!("{A} {AAAA}")));
        assert_eq!(found(ipv4(20), ipv6(3), &[]).await, (20, format!("{AAAA} {A}")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_without_an_answer_is_not_waited_for_if_the_other_can_be_reached() {
        let silent = || Reply(None, failed());
        assert_eq!(found(Reply(Some(3), one(A)), silent(), &[A]).await, (63, A.to_owned()));
        assert_eq!(found(silent(), Reply(Some(3), one(AAAA)), &[AAAA]).await, (63, AAAA.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_family_is_waited_for_if_the_other_cannot_be_reached() {
        let (early, late) = (Reply(Some(3), one(A)), Reply(Some(400), one(AAAA)));
        assert_eq!(found(early, late, &[]).await, (400, format!("{A} {AAAA}")));
        // the other way round: a machine with broken IPv6
        let (late, early) = (Reply(Some(400), one(A)), Reply(Some(3), one(AAAA)));
        assert_eq!(found(late, early, &[A]).await, (400, format!("{AAAA} {A}")));
        // if the late family fails, only the first is left
        let (early, late) = (Reply(Some(3), one(A)), Reply(Some(400), failed()));
        assert_eq!(found(early, late, &[]).await, (400, A.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_that_fails_does_not_delay_the_other() {
        for fault in [failed, || unknown(ResponseCode::NXDomain), || unknown(ResponseCode::NoError)] {
            let (ipv4, ipv6) = (Reply(Some(7), one(A)), Reply(Some(3), fault()));
            assert_eq!(found(ipv4, ipv6, &[]).await, (7, A.to_owned()));
            let (ipv4, ipv6) = (Reply(Some(3), fault()), Reply(Some(7), one(AAAA)));
            assert_eq!(found(ipv4, ipv6, &[]).await, (7, AAAA.to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_does_not_exist_does_not_wait_for_a_family_without_an_answer() {
        let ipv4 = Reply(Some(3), unknown(ResponseCode::NXDomain));
        assert_eq!(found(ipv4, Reply(None, failed()), &[]).await, (53, "unknown".to_owned()));
        // NXDOMAIN for AAAA does not mean that there is no A
        let ipv6 = Reply(Some(3), unknown(ResponseCode::NXDomain));
        assert_eq!(found(Reply(Some(900), one(A)), ipv6, &[]).await, (900, A.to_owned()));
        // a name without A may have AAAA
        let ipv4 = Reply(Some(3), unknown(ResponseCode::NoError));
        assert_eq!(found(ipv4, Reply(Some(900), one(AAAA)), &[]).await, (900, AAAA.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_has_no_address_only_if_both_families_were_answered() {
        let none = || unknown(ResponseCode::NoError);
        let both_none = found(Reply(Some(3), none()), Reply(Some(5), none()), &[]).await;
        assert_eq!(both_none, (5, "unknown".to_owned()));
        for (ipv4, ipv6) in [(none(), failed()), (failed(), none()), (failed(), failed())] {
            let fault = found(Reply(Some(3), ipv4), Reply(Some(5), ipv6), &[]).await;
            assert_eq!(fault, (5, "unanswered".to_owned()));
        }
    }
}
