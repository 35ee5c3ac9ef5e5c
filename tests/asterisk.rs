//! Owner: the program. Calls of a real Asterisk, in the newest release and in the oldest that we support.
//!
//! Every test goes through [`on_each_release`]. If a release cannot be had, the test run says so.

/// Many calls at once, hangups and the shutdown of the daemon.
mod calls;
/// The dialplan examples for Asterisk, each file whole.
mod examples;
/// An answer of `accept = "word"` means only itself wherever a dialplan of Asterisk uses it.
mod injections;
/// A real Asterisk for one test.
pub mod instance;
/// A child process of a test.
pub mod program;
/// The recipes of docs/recipes.md on a real Asterisk.
mod recipes;
/// The request that a webhook receives for a call of Asterisk.
mod requests;
/// A call that comes by SIP.
mod sip;
/// Two daemons behind one SRV name.
mod srv;
/// Every word of `WEBHOOK_STATUS`.
mod statuses;
/// An answer arrives exact to the byte or not at all, and never changes the meaning of a condition.
mod values;

use std::rc::Rc;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use tokio::task::{LocalSet, spawn_local};

use self::instance::{Asterisk, Ended, Release};
use crate::util::Daemon;

/// Runs a test with every release that this host can run, at the same time.
async fn on_each_release(test: impl AsyncFn(Release) + 'static) {
    let test = Rc::new(test);
    let run = |release| {
        let test = Rc::clone(&test);
        (release, spawn_local(async move { test(release).await }))
    };
    LocalSet::new()
        .run_until(async {
            for (release, running) in releases().into_iter().map(run).collect::<Vec<_>>() {
                assert!(
                    running.await.is_ok(),
                    "with Asterisk {}; what failed is said above",
                    release.number()
                );
            }
        })
        .await;
}

/// The releases that can run on this host.
pub fn releases() -> Vec<Release> {
    let here = |release: &Release| match release.unpacked() {
        Ok(_) => true,
        Err(reason) => {
            skipped(&format!("Asterisk {}: {reason}", release.number()), required(*release));
            false
        }
    };
    Release::ALL.into_iter().filter(here).collect()
}

/// True if `DIALHOOK_REQUIRE_ASTERISK` requires this release: it is `1` for every release, or names some,
/// such as `22`.
fn required(release: Release) -> bool {
    let required = std::env::var("DIALHOOK_REQUIRE_ASTERISK").unwrap_or_default();
    required.split([',', ' ']).any(|word| word == "1" || word == release.number())
}

/// Reports a skipped release. Panics if the release is required.
fn skipped(what: &str, required: bool) {
    assert!(!required, "DIALHOOK_REQUIRE_ASTERISK forbids to skip {what}");
    crate::util::skipped(what);
}

/// An Asterisk whose dialplan says `agi://dialhook/` to this daemon.
async fn asterisk(release: Release, daemon: &Daemon, dialplan: &str) -> Asterisk {
    let address = format!("//{}/", daemon.address());
    Asterisk::start(release, &dialplan.replace("//dialhook/", &address)).await
}

/// An expression in a dialplan for any value.
fn decoded(value: impl AsRef<[u8]>) -> String {
    format!("${{URIDECODE({})}}", percent_encode(value.as_ref(), NON_ALPHANUMERIC))
}

/// An expression that shows a variable exact to the byte; [`shown`] reads it. The parentheses and the
/// `N` keep Asterisk from taking a value such as `a):1` for the end of the function and an offset.
fn show(variable: &str) -> String {
    format!("${{URIENCODE({GUARD}${{{variable}}}N)}}")
}

const GUARD: &str = "(((((((((((((((((";

fn shown(ended: &Ended, variable: &str) -> Vec<u8> {
    let value = ended.last(variable).unwrap_or_else(|| panic!("{variable} in {ended:?}"));
    let encoded = value.strip_prefix(GUARD).and_then(|value| value.strip_suffix('N'));
    percent_decode_str(encoded.unwrap_or_else(|| panic!("{variable} is not whole: {value}"))).collect()
}
