//! The table `[limits]`.

use std::time::Duration;

use ipnet::IpNet;

use super::Listen;
use super::raw::Table;
use super::size::{SizeRange, size};
use crate::duration::Bounds;
use crate::hook::LONGEST_ANSWER;
use crate::switch::agi::codec::LONGEST_ENVIRONMENT;
use crate::switch::esl::codec::LONGEST_BLOCK;

/// The limits of calls, requests, sizes and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls that may ask webhooks at once.
    pub calls: usize,
    /// Calls of one address at once; `None` if only `calls` limits them.
    pub calls_per_peer: Option<usize>,
    /// Detached requests at once.
    pub detached: usize,
    /// The time that a switch may take for one message.
    pub patience: Duration,
    /// The time in which a stopping daemon still accepts calls, while `/health/ready` reports that it stops.
    pub drain_notice: Duration,
    /// The longest AGI environment in bytes.
    pub environment: usize,
    /// The longest channel data of FreeSWITCH in bytes, percent-encoded as they arrive.
    pub channel_data: usize,
    /// The longest answer of a webhook in bytes.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // more than one PBX has
            calls: 10_000,
            // on loopback there is only one machine, so its limit would be the limit of all
            calls_per_peer: None,
            // about the number of requests that a large web server takes at once
            detached: 1_000,
            // a switch on the same machine answers within milliseconds; a machine that swaps needs longer
            patience: Duration::from_secs(5),
            // only a load balancer needs it
            drain_notice: Duration::ZERO,
            environment: LONGEST_ENVIRONMENT,
            channel_data: LONGEST_BLOCK,
            answer: LONGEST_ANSWER,
        }
    }
}

impl Limits {
    /// The default of `calls_per_peer` if several other machines may connect. It is half of all calls, so
    /// that a peer with too many calls leaves the other half to the others.
    #[must_use]
    pub fn default_calls_per_peer(calls: usize) -> usize {
        calls.div_ceil(2)
    }
}

/// Reads the table. The default of `calls_per_peer` depends on the listeners.
pub(super) fn read(mut table: Table<'_>, listen: &Listen) -> Limits {
    let default = Limits::default();
    let calls = count(&mut table, "calls").unwrap_or(default.calls);
    let default_per_peer = may_come_from_several(listen).then(|| Limits::default_calls_per_peer(calls));
    let limits = Limits {
        calls,
        calls_per_peer: count(&mut table, "calls_per_peer").or(default_per_peer),
        detached: count(&mut table, "detached").unwrap_or(default.detached),
        patience: duration(&mut table, "patience", PATIENCE).unwrap_or(default.patience),
        drain_notice: duration(&mut table, "drain_notice", DRAIN_NOTICE).unwrap_or(default.drain_notice),
        environment: size(&mut table, "environment", &ENVIRONMENT).unwrap_or(default.environment),
        channel_data: size(&mut table, "channel_data", &CHANNEL_DATA).unwrap_or(default.channel_data),
        answer: size(&mut table, "answer", &ANSWER).unwrap_or(default.answer),
    };
    table.finish();
    limits
}

fn count(table: &mut Table<'_>, name: &'static str) -> Option<usize> {
    let number = table.take(name)?.integer(1..=MAX_NUMBER, "write a number from 1 to 1000000")?;
    usize::try_from(number).ok()
}

fn duration(table: &mut Table<'_>, name: &'static str, bounds: Bounds) -> Option<Duration> {
    table.take(name)?.duration(|text| bounds.parse(text))
}

/// True if several addresses of other machines may make calls. The limit of a single one would be the limit
/// of all.
fn may_come_from_several(listen: &Listen) -> bool {
    let several = |network: &&IpNet| network.prefix_len() < network.max_prefix_len();
    let others = || listen.allow.iter().flatten().filter(|network| !network.addr().is_loopback());
    !listen.only_loopback() && (others().count() > 1 || others().any(|network| several(&network)))
}

/// More connections than a machine has ports.
const MAX_NUMBER: u64 = 1_000_000;

const PATIENCE: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_secs(30), "5s");
const DRAIN_NOTICE: Bounds = Bounds::new(Duration::ZERO, Duration::from_secs(30), "5s");

/// An ordinary environment has half a KiB, one with long arguments 25 KiB. Each connection may use the whole
/// limit.
const ENVIRONMENT: SizeRange = SizeRange { smallest: 32, largest: 1024, example: "64KiB" };

/// Ordinary channel data has about 10 KiB. Parsing takes 3 ms a MiB, and other calls wait meanwhile.
const CHANNEL_DATA: SizeRange = SizeRange { smallest: 64, largest: 8 * 1024, example: "4MiB" };

/// Parsing an answer takes 8 ms a MiB, and other calls wait meanwhile.
const ANSWER: SizeRange = SizeRange { smallest: 1, largest: 1024, example: "64KiB" };

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn one_address_may_make_half_of_the_calls_if_several_machines_may_connect() {
        let of_peer = |listen: &str| {
            let text = format!("[listen]\nfreeswitch = false\n{listen}\n[limits]\ncalls = 101\n");
            parse(&text).unwrap().limits.calls_per_peer
        };
        let open = "asterisk = \"10.1.0.1:4573\"\nallow";
        for (listen, most) in [
            ("asterisk = \"127.0.0.1:4573\"", None),
            ("asterisk = \"127.0.0.1:4573\"\nallow = [\"127.0.0.0/8\", \"10.1.0.0/16\"]", None),
            (&format!("{open} = [\"10.1.0.2\"]"), None),
            (&format!("{open} = [\"127.0.0.1\", \"10.1.0.2/32\", \"::1\"]"), None),
            (&format!("{open} = [\"10.1.0.2\", \"10.1.0.3\"]"), Some(51)),
            (&format!("{open} = [\"10.1.0.0/31\"]"), Some(51)),
            (&format!("{open} = [\"2001:db8::/64\"]"), Some(51)),
        ] {
            assert_eq!(of_peer(listen), most, "{listen}");
        }
        let written = parse(
            "[listen]\nasterisk = \"10.1.0.1:4573\"\nallow = [\"10.1.0.0/16\"]\n[limits]\ncalls_per_peer = 9\n",
        );
        assert_eq!(written.unwrap().limits.calls_per_peer, Some(9));
    }

    #[test]
    fn a_size_is_written_in_bytes_kib_or_mib() {
        let limits = "[limits]\nenvironment = \"128KiB\"\nchannel_data = \"8 MiB\"\nanswer = 2048\n";
        let config = parse(&format!("{limits}[hook.crm]\nurl = \"http://h/\"\n")).unwrap();
        let Limits { environment, channel_data, .. } = config.limits;
        assert_eq!([environment, channel_data], [131_072, 8_388_608]);
        assert_eq!([config.policy.hooks["crm"].longest_answer, config.policy.longest_answer], [2048, 2048]);
    }

    #[test]
    fn the_fault_of_a_wrong_size_names_the_bounds() {
        let faults = |size: &str| parse(&format!("[limits]\nanswer = {size}\n")).unwrap_err();
        for size in [
            "\"1.5KiB\"",
            "\"64KB\"",
            "\"64kib\"",
            "\"KiB\"",
            "\"-1KiB\"",
            "\"99999999999999999999MiB\"",
            "1023",
            "true",
        ] {
            let right =
                "write a value from 1KiB to 1MiB, such as \"64KiB\"; a number without a unit is in bytes";
            let told = format!("2: limits.answer: found {size}; {right}");
            assert_eq!(faults(size), [told]);
        }
        for size in ["1024", "\"1KiB\"", "\"1 MiB\"", "1048576"] {
            assert!(parse(&format!("[limits]\nanswer = {size}\n")).is_ok(), "{size}");
        }
    }
}
