//! Both address families of one name, asked for at the same time (RFC 8305, section 3).
//!
//! Knows what to do where one of them has not been answered; does not know which name comes next.

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

/// At least one address, or why there is none.
type Answer = Result<Vec<IpAddr>, ResolveError>;

/// Which addresses lead somewhere.
trait Reach {
    /// Returns what can be connected to, as soon as that is known. Where every address has refused, that is all of them, a moment
    /// later, so that the connection itself tells the reason.
    async fn reached(&self, addresses: &[IpAddr]) -> Vec<IpAddr>;
}

/// The addresses of a complete name, for a connection to this port.
pub(super) async fn addresses(
    resolver: &TokioResolver,
    name: Name,
    ipv4_only: bool,
    port: Option<u16>,
) -> Answer {
    let ipv4 = async { of_lookup(resolver.ipv4_lookup(name.clone()).await) };
    if ipv4_only {
        return ipv4.await;
    }
    let ipv6 = async { of_lookup(resolver.ipv6_lookup(name.clone()).await) };
    both(ipv4, ipv6, &Port(port)).await
}

fn of_lookup(answered: Result<Lookup, NetError>) -> Answer {
    let found: Vec<_> = match answered {
        Ok(lookup) => lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect(),
        Err(error) if error.is_no_records_found() => return Err(ResolveError::Unknown(error)),
        Err(error) => return Err(ResolveError::Unanswered(error)),
    };
    match found.is_empty() {
        true => Err(ResolveError::Unknown(NetError::from("an answer without an address"))),
        false => Ok(found),
    }
}

/// The time that the other family has after the first one was answered (RFC 8305, sections 3 and 8: "Resolution Delay").
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Waits for both families, but not for one that keeps silent while the other leads somewhere.
async fn both(
    ipv4: impl Future<Output = Answer>,
    ipv6: impl Future<Output = Answer>,
    reach: &impl Reach,
) -> Answer {
    match select(pin!(ipv4), pin!(ipv6)).await {
        // there are name servers that say so of AAAA where they have A (RFC 4074, 4.2), but not the other way round
        Either::Left((Err(ResolveError::Unknown(error)), ipv6)) if error.is_nx_domain() => {
            timeout(RESOLUTION_DELAY, ipv6).await.unwrap_or(Err(ResolveError::Unknown(error)))
        }
        Either::Left((first, ipv6)) => joined(first, ipv6, reach).await,
        Either::Right((first, ipv4)) => joined(first, ipv4, reach).await,
    }
}

/// The first family's answer, and the other's: for a moment in any case, and for as long as the first leads nowhere.
async fn joined(
    first: Answer,
    mut other: impl Future<Output = Answer> + Unpin,
    reach: &impl Reach,
) -> Answer {
    let mut found = match first {
        Ok(found) => found,
        Err(why) => return other.await.map_err(|fault| more_telling(why, fault)),
    };
    let second = match timeout(RESOLUTION_DELAY, &mut other).await {
        Ok(second) => second,
        Err(_elapsed) => match select(pin!(reach.reached(&found)), other).await {
            Either::Left((reached, _silent)) => return Ok(reached),
            Either::Right((second, _nowhere)) => second,
        },
    };
    found.extend(second.unwrap_or_default());
    Ok(found)
}

/// A name server that says nothing may know an address.
fn more_telling(one: ResolveError, other: ResolveError) -> ResolveError {
    if matches!(one, ResolveError::Unanswered(_)) { one } else { other }
}

/// The port that will be connected to, where it is known.
struct Port(Option<u16>);

impl Reach for Port {
    /// Connects, and closes the connection again: an answer of the other family may come too late for the HTTP library,
    /// which takes all addresses at once.
    async fn reached(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
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

/// The time that a silent family has once every address of the other has refused.
const AFTER_REFUSALS: Duration = Duration::from_millis(500);

/// Between the attempts at one address and at the next (RFC 8305, section 8: "Connection Attempt Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use hickory_resolver::net::{DnsError, NoRecords};
    use hickory_resolver::proto::op::{Query, ResponseCode};
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    /// What a name server says, and when.
    struct Said(Option<u64>, Answer);

    fn says(address: &str) -> Answer {
        Ok(vec![address.parse().unwrap()])
    }

    fn unknown(code: ResponseCode) -> Answer {
        let none = NoRecords::new(Query::default(), code);
        Err(ResolveError::Unknown(NetError::Dns(DnsError::NoRecordsFound(none))))
    }

    fn failed() -> Answer {
        Err(ResolveError::Unanswered(NetError::Timeout))
    }

    impl Said {
        async fn heard(self) -> Answer {
            match self.0 {
                Some(after) => sleep(Duration::from_millis(after)).await,
                None => pending().await,
            }
            self.1
        }
    }

    /// Leads to these alone, 10 ms away.
    struct Leads(&'static [&'static str]);

    impl Reach for Leads {
        async fn reached(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
            sleep(Duration::from_millis(10)).await;
            let leads = |address: &&IpAddr| self.0.contains(&&*address.to_string());
            let leading: Vec<_> = addresses.iter().filter(leads).copied().collect();
            if leading.is_empty() { pending().await } else { leading }
        }
    }

    /// What is found, after so many milliseconds; nothing where it is waited for without end.
    async fn found(ipv4: Said, ipv6: Said, leads: &'static [&'static str]) -> (u128, String) {
        let began = Instant::now();
        let all = timeout(Duration::from_secs(3600), both(ipv4.heard(), ipv6.heard(), &Leads(leads))).await;
        let said = match all {
            Ok(Ok(found)) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Ok(Err(ResolveError::Unknown(_))) => "unknown".to_owned(),
            Ok(Err(ResolveError::Unanswered(_))) => "unanswered".to_owned(),
            Ok(Err(ResolveError::Malformed)) => "malformed".to_owned(),
            Err(_elapsed) => return (0, "nothing".to_owned()),
        };
        (began.elapsed().as_millis(), said)
    }

    const A: &str = "192.0.2.1";
    const AAAA: &str = "2001:db8::1";

    #[tokio::test(start_paused = true)]
    async fn both_families_are_used_as_soon_as_both_are_there() {
        let (ipv4, ipv6) = (|after| Said(Some(after), says(A)), |after| Said(Some(after), says(AAAA)));
        assert_eq!(found(ipv4(3), ipv6(20), &[]).await, (20, format!("{A} {AAAA}")));
        assert_eq!(found(ipv4(20), ipv6(3), &[]).await, (20, format!("{AAAA} {A}")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_family_is_not_waited_for_where_the_other_leads_somewhere() {
        let silent = || Said(None, failed());
        assert_eq!(found(Said(Some(3), says(A)), silent(), &[A]).await, (63, A.to_owned()));
        assert_eq!(found(silent(), Said(Some(3), says(AAAA)), &[AAAA]).await, (63, AAAA.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_family_is_waited_for_where_the_other_leads_nowhere() {
        let (early, late) = (Said(Some(3), says(A)), Said(Some(400), says(AAAA)));
        assert_eq!(found(early, late, &[]).await, (400, format!("{A} {AAAA}")));
        // the other way round: a machine whose IPv6 leads nowhere
        let (late, early) = (Said(Some(400), says(A)), Said(Some(3), says(AAAA)));
        assert_eq!(found(late, early, &[A]).await, (400, format!("{AAAA} {A}")));
        // and where the late one comes to nothing, the first is all there is
        let (early, late) = (Said(Some(3), says(A)), Said(Some(400), failed()));
        assert_eq!(found(early, late, &[]).await, (400, A.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_that_fails_costs_the_other_nothing() {
        for fault in [failed, || unknown(ResponseCode::NXDomain), || unknown(ResponseCode::NoError)] {
            let (ipv4, ipv6) = (Said(Some(7), says(A)), Said(Some(3), fault()));
            assert_eq!(found(ipv4, ipv6, &[]).await, (7, A.to_owned()));
            let (ipv4, ipv6) = (Said(Some(3), fault()), Said(Some(7), says(AAAA)));
            assert_eq!(found(ipv4, ipv6, &[]).await, (7, AAAA.to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_does_not_exist_waits_for_no_silent_family() {
        let ipv4 = Said(Some(3), unknown(ResponseCode::NXDomain));
        assert_eq!(found(ipv4, Said(None, failed()), &[]).await, (53, "unknown".to_owned()));
        // AAAA alone says nothing of A
        let ipv6 = Said(Some(3), unknown(ResponseCode::NXDomain));
        assert_eq!(found(Said(Some(900), says(A)), ipv6, &[]).await, (900, A.to_owned()));
        // and a name without A may have AAAA
        let ipv4 = Said(Some(3), unknown(ResponseCode::NoError));
        assert_eq!(found(ipv4, Said(Some(900), says(AAAA)), &[]).await, (900, AAAA.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_unknown_only_where_both_families_were_answered() {
        let none = || unknown(ResponseCode::NoError);
        let both_none = found(Said(Some(3), none()), Said(Some(5), none()), &[]).await;
        assert_eq!(both_none, (5, "unknown".to_owned()));
        for (ipv4, ipv6) in [(none(), failed()), (failed(), none()), (failed(), failed())] {
            let fault = found(Said(Some(3), ipv4), Said(Some(5), ipv6), &[]).await;
            assert_eq!(fault, (5, "unanswered".to_owned()));
        }
    }
}
