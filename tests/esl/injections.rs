//! Owner: hook. An answer of `accept = "word"` means only itself wherever a dialplan of FreeSWITCH uses it.

use std::path::Path;

use dialhook::call::{Call, SwitchKind};
use dialhook::config::Config;
use dialhook::hook::{Answer, Outcome, Step};
use dialhook::variable::Value;

use super::{call, daemon_for};
use crate::util::expansion::pass;
use crate::util::injections::OF_FREESWITCH;
use crate::util::{CallState, FakeFreeSwitch, FakeWebhook, Reply, SocketMode};

/// The destinations that `bridge` dials (`src/switch_ivr_originate.c`): `:_:`, `|` and `,` separate them.
/// `None` if brackets before one of them would set variables.
fn destinations(dial_string: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = String::from_utf8_lossy(dial_string).replace(":_:", ",");
    let all: Vec<_> = text.split(['|', ',']).map(|part| part.trim_start().as_bytes().to_vec()).collect();
    all.iter()
        .all(|part| !part.starts_with(b"{") && !part.starts_with(b"[") && !part.starts_with(b"<"))
        .then_some(all)
}

/// The arguments of `transfer` (`src/switch_utils.c`, `switch_separate_string`): spaces outside single quotes
/// separate them.
fn arguments(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut quoted) = (vec![Vec::new()], false);
    for &byte in text {
        match byte {
            b'\'' => quoted = !quoted,
            b' ' if !quoted => all.push(Vec::new()),
            other => all.last_mut().unwrap().push(other),
        }
    }
    all
}

/// True if a value stays one name in each of the three usual places.
fn means_itself(value: &[u8]) -> bool {
    let Ok(used) = pass(value) else { return false };
    let between = [b"loopback/", used.as_slice(), b"/routed"].concat();
    let transferred = [used.as_slice(), b" XML routed"].concat();
    used == value
        && destinations(&used) == Some(vec![value.to_vec()])
        && destinations(&between).is_some_and(|all| all == [between.clone()])
        && arguments(&transferred) == [value.to_vec(), b"XML".to_vec(), b"routed".to_vec()]
}

/// The step of a hook that accepts by default.
fn step() -> Step {
    let config =
        Config::parse("[hook.crm]\nurl = \"http://h/\"\nvariable = \"crm\"", Path::new("d.toml")).unwrap();
    config.policy.step(&Call::unknown(SwitchKind::FreeSwitch, Value::from("crm"), Vec::new()), |_| Ok(()))
}

fn is_accepted(step: &Step, text: &[u8]) -> bool {
    let answer = Answer { code: 200, body: text.to_vec(), ..Answer::default() };
    matches!(step.judge(&answer), Outcome::Ok { .. })
}

#[test]
fn every_word_means_only_itself_in_a_dial_string_and_in_arguments() {
    const LETTERS: &[u8] = b"aZ09._+-#*aZ09._+-#* ,|:_{}[]<>'\"\\$@&/=;()%^!?~`";
    let (step, mut state, mut accepted) = (step(), 0x9E37_79B9_7F4A_7C15_u64, 0);
    let mut roll = |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(sides).unwrap()).unwrap()
    };
    for round in 0..40_000 {
        let letters = if round % 2 == 0 { LETTERS } else { &LETTERS[..20] };
        let text: Vec<u8> = (0..=roll(8)).map(|_| letters[roll(letters.len())]).collect();
        // an answer is trimmed, and an empty one is no word
        let text = text.trim_ascii();
        if !text.is_empty() && is_accepted(&step, text) {
            accepted += 1;
            assert!(means_itself(text), "{}", text.escape_ascii());
        }
    }
    assert!(accepted > 20_000, "{accepted}");
}

#[test]
fn every_injection_has_an_effect_somewhere_and_is_no_word() {
    let step = step();
    for injection in OF_FREESWITCH {
        assert!(!means_itself(injection.as_bytes()), "{injection}");
        assert!(!is_accepted(&step, injection.as_bytes()), "{injection}");
    }
}

#[tokio::test]
async fn no_injection_reaches_the_channel_in_any_mode() {
    for injection in OF_FREESWITCH {
        let webhook = FakeWebhook::start(move |_| Reply::text(injection)).await;
        let daemon = daemon_for(&webhook, "otherwise = \"reception\"").await;
        for mode in SocketMode::ALL {
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
            assert_eq!(given_back.status(), "BAD_ANSWER", "{injection}");
            assert!(given_back.reason().starts_with("the answer is not a word. "), "{}", given_back.reason());
            assert_eq!((given_back.get("crm"), given_back.state), (Some("reception"), CallState::GoesOn));
        }
    }
}

#[tokio::test]
async fn a_line_feed_behind_a_word_does_not_make_its_condition_true() {
    let any =
        "accept = \"any\"\nset = { part = \"/route\", other = { json = \"/other\", otherwise = \"none\" } }";
    for (route, stored) in
        [("sales\\n", Some("sales")), ("\\r\\n sales \\n\\n", Some("sales")), ("sales\\n\\\\'", None)]
    {
        let webhook = FakeWebhook::start(move |_| Reply::json(format!("{{\"route\": \"{route}\"}}"))).await;
        let daemon = daemon_for(&webhook, any).await;
        let given_back =
            FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, SocketMode::None, "/crm")).await;
        assert_eq!(given_back.get("part"), stored, "{route}: {}", given_back.reason());
        let expected = if stored.is_some() { "OK" } else { "BAD_ANSWER" };
        assert_eq!((given_back.status(), given_back.get("other")), (expected, Some("none")));
        if stored.is_none() {
            let reason = "the switch cannot carry the answer. a line feed at its end would change conditions. it was for part";
            assert_eq!(given_back.reason(), reason);
        }
    }
}
