//! Owner: log. Control characters in what strangers send: every format escapes them.

use dialhook::log::Format;
use serde_json::Value;

use super::{EVERY_FORMAT, TEXT, logged};
use crate::util::{ChannelData, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Reply, SocketMode};

/// C0, DEL, C1, line and paragraph separators, bidirectional controls.
const MISLEADING: [char; 14] = [
    '\u{1}', '\r', '\u{1b}', '\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{61c}', '\u{200f}', '\u{2028}',
    '\u{2029}', '\u{202e}', '\u{2066}', '\u{2069}',
];

/// The log of calls with such characters in every value and in the answer of the webhook.
async fn lines(format: Format) -> Vec<String> {
    let answer: String = MISLEADING.iter().collect();
    let webhook = FakeWebhook::start(move |_| Reply::text(format!("answer{answer}"))).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\naccept = \"any\"\nfetch = [\"V\"]\n", webhook.url("/"));
    logged(format, "dialhook=trace", &hook, async |daemon| {
        for character in MISLEADING {
            let value = format!("a{character}b");
            let hooks = ["crm".to_owned(), value.clone()];
            for hook in &hooks {
                let call = Environment::new(hook.as_bytes())
                    .line("agi_channel", value.as_bytes())
                    .line("agi_uniqueid", value.as_bytes())
                    .variable("V", value.as_bytes());
                FakeAsterisk::call(daemon.address(), call).await;
                let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
                let channel = ChannelData::new(SocketMode::Full, &format!("127.0.0.1:8084/{hook}"))
                    .header("Unique-ID", encoded.clone())
                    .header("Channel-Name", encoded.clone())
                    .variable("V", encoded);
                FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn no_line_of_any_format_has_a_raw_control_character() {
    for format in [EVERY_FORMAT.as_slice(), &[Format::Text { coloured: true }]].concat() {
        let lines = lines(format).await;
        assert!(lines.iter().filter(|line| line.contains("webhook step")).count() > 10, "{format:?}");
        for line in lines {
            // the fields of the journal end with line feeds
            let text = match format {
                Format::Journald => line.replace('\n', ""),
                _ => line.strip_suffix('\n').unwrap().to_owned(),
            };
            let ours = |character: &char| format == Format::Text { coloured: true } && *character == '\u{1b}';
            let found = text.chars().find(|character| {
                character.is_control() && !ours(character)
                    || MISLEADING.contains(character) && !ours(character)
            });
            assert_eq!(found, None, "{format:?}: {line:?}");
        }
    }
}

#[tokio::test]
async fn escaped_characters_can_be_recognized_in_text_and_json() {
    let text = lines(TEXT).await.concat();
    assert!(text.contains("a\\u{202e}b") && text.contains("a\\u{85}b"), "{text}");
    let json: Vec<Value> =
        lines(Format::Json).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(json.iter().any(|line| line["span"]["id"] == "a\u{202e}b"), "{json:?}");
}
