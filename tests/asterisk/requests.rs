//! Owner: hook/request. The request that a webhook receives for a call of Asterisk: every value exact to the
//! byte.

/// The arguments of an ad hoc step.
mod ad_hoc_steps;
/// A call that somebody forged leads to no request.
mod forged;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::instance::{Asterisk, Ended, Release};
use super::{asterisk, decoded, on_each_release};
use crate::util::{Daemon, FakeWebhook, Received, Reply};

/// A webhook that listens, a hook that fetches two variables, and an Asterisk in which the extensions `0`,
/// `1`, … each set something before they ask.
struct Requests {
    asterisk: Asterisk,
    webhook: FakeWebhook,
    _daemon: Daemon,
}

/// The variables that an extension sets before its step.
type Sets<'a> = &'a [(&'a str, &'a [u8])];

impl Requests {
    async fn start(release: Release, agi: &str, extensions: &[Sets<'_>]) -> Requests {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::with(&format!(
            "company = \"kwik\"\n[listen]\nasterisk = \"127.0.0.1:0\"\n[hook.route]\nurl = \"{}\"\nvariable = \"ROUTE\"\nfetch = [\"VALUE\", \"UNSET\"]\n",
            webhook.url("/route")
        ))
        .await;
        let dialplan = dialplan(&agi.replace("http://webhook/", &webhook.url("/")), extensions);
        Requests { asterisk: asterisk(release, &daemon, &dialplan).await, webhook, _daemon: daemon }
    }

    async fn call(&self, number: usize) -> Ended {
        self.asterisk.call(&format!("{number}@test")).await
    }

    /// The body of the request for the call to this number.
    async fn request_body(&self, number: usize) -> Value {
        let before = self.webhook.received().len();
        let ended = self.call(number).await;
        assert_eq!(ended.last("WEBHOOK_STATUS"), Some("OK"), "{ended:?}");
        self.webhook.received()[before].json()
    }
}

fn dialplan(agi: &str, extensions: &[Sets<'_>]) -> String {
    let extension = |(number, sets): (usize, &Sets<'_>)| {
        let sets: String =
            sets.iter().map(|(name, value)| format!(" same => n,Set({name}={})\n", decoded(value))).collect();
        format!(
            "exten => {number},1,Set(WEBHOOK_STATUS=UNREACHABLE)\n{sets} same => n,Set(UNIQUE=${{UNIQUEID}})\n \
             same => n,Set(LINKED=${{CHANNEL(linkedid)}})\n same => n,Set(NAMED=${{CHANNEL(name)}})\n \
             same => n,{agi}\n same => n,Set(WENT_ON=yes)\n"
        )
    };
    format!("[test]\n{}", extensions.iter().enumerate().map(extension).collect::<String>())
}

const HOOK: &str = "AGI(agi://dialhook/route)";

const AD_HOC: &str = "AGI(agi://dialhook/webhook,\"url=http://webhook/route\",variable=ROUTE)";

/// The keys in their order; the first twelve are those of the Kwebbl webhook.
const KEYS: [&str; 15] = [
    "com_id",
    "dp_id",
    "dp_in_number",
    "dp_ex_number",
    "callee_number",
    "caller_number",
    "uuid",
    "phonebook_caller_name",
    "event_time",
    "call_start_time",
    "rta_call_id",
    "sip_call_id",
    "switch",
    "channel",
    "variables",
];

#[tokio::test]
async fn every_key_is_sent() {
    on_each_release(async |release| {
        let sets: Sets<'_> = &[
            ("CHANNEL(accountcode)", b"acme"),
            ("CALLERID(num)", b"31612345678"),
            ("CALLERID(name)", b"Ada"),
            ("CALLERID(dnid)", b"31201234567"),
            ("VALUE", b"42"),
        ];
        let requests = Requests::start(release, HOOK, &[sets]).await;
        let before = SystemTime::now();
        let ended = requests.call(0).await;
        let received = requests.webhook.requested().await;
        let places: Vec<_> = KEYS.map(|key| received.text().find(&format!("\"{key}\":"))).into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{}", received.text());
        let json = received.json();
        assert_eq!(json.as_object().unwrap().len(), KEYS.len());
        let field = |key: &str| json[key].as_str().unwrap();
        let time: u128 = field("event_time").parse().unwrap();
        let moment = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert!((moment(before)..=moment(SystemTime::now())).contains(&time), "{time}");
        for (key, value) in [
            ("com_id", "acme"),
            ("dp_id", "test"),
            ("dp_in_number", "0"),
            ("dp_ex_number", "31201234567"),
            ("callee_number", "31201234567"),
            ("caller_number", "31612345678"),
            ("uuid", ended.last("UNIQUE").unwrap()),
            ("phonebook_caller_name", "Ada"),
            // The test chose the unique id, which holds no time then.
            ("call_start_time", ""),
            ("rta_call_id", ended.last("LINKED").unwrap()),
            ("sip_call_id", ""),
            ("switch", "asterisk"),
            ("channel", ended.last("NAMED").unwrap()),
        ] {
            assert_eq!(field(key), value, "{key}");
        }
        assert_ne!(field("rta_call_id"), field("uuid"));
        assert_eq!(json["variables"], serde_json::json!({"VALUE": "42", "UNSET": ""}));
    })
    .await;
}

#[tokio::test]
async fn a_value_that_the_call_lacks_is_empty_or_replaced_by_its_documented_substitute() {
    on_each_release(async |release| {
        let withheld: Sets<'_> =
            &[("CALLERID(num)", b"4711"), ("CALLERID(name)", b"Ada"), ("CALLERID(num-pres)", b"prohib")];
        let screened: Sets<'_> =
            &[("CALLERID(num)", b"4711"), ("CALLERID(num-pres)", b"prohib_passed_screen")];
        let name_withheld: Sets<'_> =
            &[("CALLERID(num)", b"4711"), ("CALLERID(name)", b"Ada"), ("CALLERID(name-pres)", b"prohib")];
        for agi in [HOOK, AD_HOC] {
            let requests = Requests::start(release, agi, &[&[], withheld, screened, name_withheld]).await;
            let nothing = requests.request_body(0).await;
            assert_eq!(nothing["com_id"], "kwik");
            assert_eq!([&nothing["dp_ex_number"], &nothing["callee_number"]], ["0", "0"]);
            assert_eq!([&nothing["caller_number"], &nothing["phonebook_caller_name"]], ["", ""]);
            let withheld = requests.request_body(1).await;
            assert_eq!([&withheld["caller_number"], &withheld["phonebook_caller_name"]], ["", "Ada"]);
            assert_eq!(requests.request_body(2).await["caller_number"], "");
            let name_withheld = requests.request_body(3).await;
            assert_eq!(
                [&name_withheld["caller_number"], &name_withheld["phonebook_caller_name"]],
                ["4711", ""]
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_word_for_a_withheld_number_leaves_the_number_empty() {
    on_each_release(async |release| {
        let words = ["anonymous", "Anonymous", "Restricted", "unavailable", "unknown", "PRIVATE", "withheld"];
        let sets =
            words.map(|word| [("CALLERID(num)", word.as_bytes()), ("CALLERID(name)", word.as_bytes())]);
        let requests = Requests::start(release, HOOK, &sets.each_ref().map(|sets| &sets[..])).await;
        for (number, word) in words.iter().enumerate() {
            let json = requests.request_body(number).await;
            assert_eq!([&json["caller_number"], &json["phonebook_caller_name"]], ["", ""], "{word}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_variable_with_hyphens_and_points_in_its_name_is_fetched() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let url = webhook.url("/r?c={variables.sip_h_X-Customer}");
        let daemon = Daemon::start(&format!(
            "[hook.route]\nurl = \"{url}\"\nfetch = [\"sip_h_X-Customer\", \"a.b-1\"]\n"
        ))
        .await;
        let sets: Sets<'_> = &[("sip_h_X-Customer", b"4): 2"), ("a.b-1", b"x"), ("a", b"no"), ("X", b"no")];
        let asterisk = asterisk(release, &daemon, &dialplan(HOOK, &[sets])).await;
        assert_eq!(asterisk.call("0@test").await.last("WEBHOOK_STATUS"), Some("OK"));
        let received = webhook.requested().await;
        assert_eq!(received.target, "/r?c=4%29%3A%202");
        let variables = serde_json::json!({"sip_h_X-Customer": "4): 2", "a.b-1": "x"});
        assert_eq!(received.json()["variables"], variables);
        assert_eq!(asterisk.complaints().await, [""; 0]);
    })
    .await;
}

/// Unusual names and numbers of callers and dialplans.
const AWKWARD: &[&str] = &[
    "Ada Lovelace",
    "Zoë Müller",
    "日本語",
    "🙂",
    "\"quoted\"",
    "\"",
    "a,b",
    "a):1:2",
    "):1",
    "))))))):1",
    "(((",
    "%41",
    "${EXTEN}",
    "$[1+1]",
    "\\",
    "a\tb",
    "a;b",
    "<script>",
    "unknown",
    "x,url=http://evil/",
    "agi_arg_1: x",
    "'",
    "&?=#/",
];

#[tokio::test]
async fn the_number_and_name_of_a_caller_are_sent_exactly() {
    on_each_release(async |release| {
        let long = "ü".repeat(250);
        let texts: Vec<&str> = AWKWARD.iter().copied().chain([long.as_str()]).collect();
        let sets: Vec<_> = texts
            .iter()
            .map(|text| [("CALLERID(num)", text.as_bytes()), ("CALLERID(name)", text.as_bytes())])
            .collect();
        for agi in [HOOK, AD_HOC] {
            let requests =
                Requests::start(release, agi, &sets.iter().map(|sets| &sets[..]).collect::<Vec<_>>()).await;
            for (number, text) in texts.iter().enumerate() {
                let json = requests.request_body(number).await;
                let text = if *text == "unknown" { "" } else { text };
                assert_eq!([&json["caller_number"], &json["phonebook_caller_name"]], [text, text]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_fetched_variable_is_sent_exactly() {
    on_each_release(async |release| {
        let every_byte: Vec<u8> = (1..=255).collect();
        let long = vec![b'x'; 4000];
        let mut values: Vec<&[u8]> = AWKWARD.iter().map(|text| text.as_bytes()).collect();
        values.extend([
            &every_byte[..],
            b"two\nlines",
            b" blanks ",
            b"200 result=1 (w)\n",
            b")))))))):1",
            b")))))))))",
            &long,
        ]);
        let sets: Vec<_> = values.iter().map(|value| [("VALUE", *value)]).collect();
        let requests =
            Requests::start(release, HOOK, &sets.iter().map(|sets| &sets[..]).collect::<Vec<_>>()).await;
        for (number, value) in values.iter().enumerate() {
            assert_eq!(
                requests.request_body(number).await["variables"]["VALUE"],
                String::from_utf8_lossy(value).as_ref()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_variable_that_asterisk_cuts_off_leads_to_no_request() {
    on_each_release(async |release| {
        let long = vec![b' '; 1400];
        let requests = Requests::start(
            release,
            HOOK,
            &[&[("VALUE", b"))))))))):1")], &[("VALUE", b"x))))))))):1:2")], &[("VALUE", &long)]],
        )
        .await;
        for number in 0..3 {
            let ended = requests.call(number).await;
            assert_eq!(ended.last("WEBHOOK_STATUS"), Some("BAD_REQUEST"), "{ended:?}");
            assert_eq!((ended.last("AGISTATUS"), ended.last("WENT_ON")), (Some("SUCCESS"), Some("yes")));
        }
        assert_eq!(requests.webhook.received(), []);
    })
    .await;
}

#[tokio::test]
async fn placeholders_carry_the_call_in_the_url() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let url = webhook
            .url("/{caller_number}/x?name={phonebook_caller_name}&to={callee_number}&v={variables.VALUE}");
        let daemon = Daemon::start(&format!(
            "[hook.route]\nmethod = \"GET\"\nurl = \"{url}\"\nvariable = \"ROUTE\"\n"
        ))
        .await;
        let sets: Sets<'_> = &[
            ("CALLERID(num)", b"+31 6/../"),
            ("CALLERID(name)", "Zoë & \"Co\"".as_bytes()),
            ("VALUE", b"a):1\n#"),
        ];
        let asterisk = asterisk(release, &daemon, &dialplan(HOOK, &[sets])).await;
        assert_eq!(asterisk.call("0@test").await.last("ROUTE"), Some("sales"));
        let Received { method, target, .. } = webhook.requested().await;
        assert_eq!(method, "GET");
        assert_eq!(target, "/%2B31%206%2F..%2F/x?name=Zo%C3%AB%20%26%20%22Co%22&to=0&v=a%29%3A1%0A%23");
    })
    .await;
}
