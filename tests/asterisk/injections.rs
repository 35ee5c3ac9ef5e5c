//! Owner: hook. An answer of `accept = "word"` means only itself wherever a dialplan of Asterisk uses it.

use std::sync::Arc;

use super::instance::{Asterisk, Ended, Release};
use super::{asterisk, on_each_release, show, shown};
use crate::util::injections::{OF_ASTERISK, OF_FREESWITCH};
use crate::util::{Daemon, FakeWebhook, Reply};

/// Uses of an answer that are safe for a word and unsafe for a text.
const DIALPLAN: &str = "
[test]
exten => _X!,1,Set(ROUTE=left over)
 same => n,AGI(agi://dialhook/route)
 same => n,Set(SHOWN=SHOW)
 same => n,Set(EQUAL=$[\"${ROUTE}\" = \"sales\"])
 same => n,Set(DIALLED=Local/${ROUTE}@places)
 same => n,GotoIf($[\"${WEBHOOK_STATUS}\" != \"OK\"]?refused,s,1)
 same => n,Goto(places,${ROUTE},1)

[places]
exten => _.,1,NoOp(a place of that name)
 same => n,Hangup()

[evil]
exten => _.,1,NoOp(somewhere else)
 same => n,Hangup()

[refused]
exten => s,1,NoOp()
";

/// Calls to `0`, `1`, … get the answer of that number.
struct Answers {
    asterisk: Asterisk,
    _daemon: Daemon,
    _webhook: FakeWebhook,
}

impl Answers {
    async fn start(release: Release, keys: &str, answers: &[&str]) -> Self {
        let answers: Arc<Vec<String>> = Arc::new(answers.iter().map(|answer| (*answer).to_owned()).collect());
        let webhook = FakeWebhook::start(move |request| {
            Reply::text(&answers[request.target.trim_start_matches('/').parse::<usize>().unwrap()])
        })
        .await;
        let url = webhook.url("/{dp_in_number}");
        let hook = format!("[hook.route]\nurl = \"{url}\"\nmethod = \"GET\"\nvariable = \"ROUTE\"\n{keys}\n");
        let daemon = Daemon::start(&hook).await;
        let dialplan = DIALPLAN.replace("SHOW)", &format!("{})", show("ROUTE")));
        Self { asterisk: asterisk(release, &daemon, &dialplan).await, _daemon: daemon, _webhook: webhook }
    }

    async fn call(&self, number: usize) -> Ended {
        self.asterisk.call(&format!("{number}@test")).await
    }
}

/// The last place of the dialplan. The wide pattern matches `h` too, which comes at the end.
fn last_place(ended: &Ended) -> &str {
    ended.places.iter().rfind(|place| !place.starts_with("h@")).expect("a place")
}

#[tokio::test]
async fn a_word_leads_to_the_extension_of_its_name_and_nowhere_else() {
    const WORDS: [&str; 9] =
        ["sales", "+31201234567", "*21*100#", "a.b_c", "sales.", "größe", "日本", "Jose\u{301}", "..."];
    on_each_release(async |release| {
        let calls = Answers::start(release, "", &WORDS).await;
        for (number, word) in WORDS.iter().enumerate() {
            let ended = calls.call(number).await;
            assert_eq!(shown(&ended, "SHOWN"), word.as_bytes(), "{word}");
            assert_eq!(last_place(&ended), format!("{word}@places"), "{ended:?}");
            assert_eq!(ended.last("DIALLED"), Some(&*format!("Local/{word}@places")));
            assert_eq!(ended.last("EQUAL"), Some(if *word == "sales" { "1" } else { "0" }), "{word}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_injection_is_a_word() {
    on_each_release(async |release| {
        let injections: Vec<&str> = OF_ASTERISK.into_iter().chain(OF_FREESWITCH).collect();
        let calls = Answers::start(release, "", &injections).await;
        for (number, injection) in injections.iter().enumerate() {
            let ended = calls.call(number).await;
            assert_eq!(ended.last("WEBHOOK_STATUS"), Some("BAD_ANSWER"), "{injection}");
            assert_eq!((ended.last("ROUTE"), ended.last("EQUAL")), (Some(""), Some("0")), "{injection}");
            assert_eq!(last_place(&ended), "s@refused", "{injection}: {ended:?}");
        }
    })
    .await;
}

/// The reason for words: a text that is harmless in a condition is not harmless in arguments.
#[tokio::test]
async fn a_text_that_is_harmless_in_a_condition_is_harmful_in_goto() {
    on_each_release(async |release| {
        let calls = Answers::start(release, "accept = \"text\"", &["evil,1", "s@evil&Local/x"]).await;
        let ended = calls.call(0).await;
        assert_eq!((ended.last("WEBHOOK_STATUS"), ended.last("EQUAL")), (Some("OK"), Some("0")));
        // `Goto(places,evil,1,1)`: the comma was the answer's
        assert_eq!(
            ended.steps.iter().filter(|step| step.starts_with("Goto(places,evil,1,1)")).count(),
            1,
            "{ended:?}"
        );
        assert_eq!(calls.call(1).await.last("DIALLED"), Some("Local/s@evil&Local/x@places"));
    })
    .await;
}
