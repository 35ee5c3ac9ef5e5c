//! Owner: hook/answer. Each kind of answer, and the status and reason that the dialplan receives.

use crate::util::{Daemon, Ended, Environment, FakeAsterisk, FakeWebhook, Reply, daemon_for, refusing};

/// One call to a webhook that sends this reply.
async fn answered(reply: Reply, hook: &str) -> Ended {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let daemon = daemon_for(&webhook, &format!("otherwise = \"reception\"\n{hook}")).await;
    FakeAsterisk::call(daemon.address(), Environment::new("crm")).await
}

/// The value of the accepted answer.
async fn accepted(answer: impl AsRef<[u8]>, hook: &str) -> String {
    let ended = answered(Reply::text(answer), hook).await;
    assert_eq!((ended.status(), ended.code(), ended.reason()), ("OK", "200", ""));
    ended.get("CRM").unwrap().to_owned()
}

/// The reason of a refused answer.
async fn refused(answer: impl AsRef<[u8]>, hook: &str) -> String {
    let ended = answered(Reply::text(answer), hook).await;
    assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("BAD_ANSWER", "200", Some("reception")));
    ended.reason().to_owned()
}

#[tokio::test]
async fn the_value_is_the_text_without_white_space_at_its_ends() {
    for (answer, value) in [
        ("sales", "sales"),
        (" \r\n\tsales\n\n", "sales"),
        ("a  b", "a  b"),
        ("", ""),
        ("\n", ""),
        ("${X} $[1+1] 'a' , ; |\\n\\", "${X} $[1+1] 'a' , ; |\\n\\"),
        ("café ☎", "café ☎"),
        ("\u{a0}x\u{a0}", "\u{a0}x\u{a0}"),
    ] {
        assert_eq!(accepted(answer, TEXT).await, value);
    }
}

const TEXT: &str = "accept = \"text\"";

#[tokio::test]
async fn a_text_that_could_change_a_condition_is_refused() {
    for (answer, reason) in [
        (
            &b"x\""[..],
            "the switch cannot carry the answer. a double quote in it would end the quotes of a condition",
        ),
        (b"a\nb", "the answer holds a line break or another control byte"),
        (b"a\tb", "the answer holds a line break or another control byte"),
        (b"a\0b", "the answer holds a line break or another control byte"),
        (b"\0", "the answer holds a line break or another control byte"),
        (b"a\x7f", "the answer holds a line break or another control byte"),
        (b"caf\xe9", "the answer is not UTF 8"),
        (&[b'x'; 1025], "the answer is longer than the 1024 bytes of a text"),
    ] {
        assert_eq!(refused(answer, TEXT).await, reason);
    }
    assert_eq!(accepted([b'x'; 1024], TEXT).await.len(), 1024);
}

#[tokio::test]
async fn with_accept_any_an_answer_that_no_command_can_carry_is_refused() {
    let any = "accept = \"any\"";
    for (answer, reason) in [
        (&b"a\nb"[..], "the switch cannot carry the answer. a line break in it would end the command"),
        (
            b"a\nSET VARIABLE EVIL yes",
            "the switch cannot carry the answer. a line break in it would end the command",
        ),
        (b"a\0b", "the switch cannot carry the answer. a NUL byte in it would end the value"),
    ] {
        assert_eq!(refused(answer, any).await, reason);
    }
    for answer in ["{\"a\":\"C:\\\\x\"}", "\"", "\\", "a\tb\rc\u{7f}\u{1}"] {
        assert_eq!(accepted(answer, any).await, answer);
    }
}

#[tokio::test]
async fn with_accept_any_bytes_that_are_no_text_are_accepted() {
    let ended = answered(Reply::text(b"caf\xe9\xff"), "accept = \"any\"").await;
    assert!(ended.received.starts_with(b"SET VARIABLE CRM \"caf\xe9\xff\"\n"), "{ended:?}");
}

#[tokio::test]
async fn with_accept_any_the_longest_value_that_every_asterisk_reads_is_accepted() {
    let any = "accept = \"any\"";
    let room = 2046 - "SET VARIABLE CRM \"\"".len();
    let too_long = "the switch cannot carry the answer. it is too long for a command of the switch";
    assert_eq!(accepted(vec![b'x'; room], any).await.len(), room);
    assert_eq!(accepted(vec![b'"'; room / 2], any).await.len(), room / 2);
    assert_eq!(refused(vec![b'x'; room + 1], any).await, too_long);
    assert_eq!(refused(vec![b'"'; room / 2 + 1], any).await, too_long);
}

#[tokio::test]
async fn only_the_words_that_are_listed_are_accepted() {
    let listed = "answers = [\"sales\", \"support\"]";
    assert_eq!(accepted("support\n", listed).await, "support");
    for answer in ["Sales", "sales support", "sale", "", "sales\"", "sales\0"] {
        assert_eq!(refused(answer, listed).await, "the answer is not one of the configured answers");
    }
}

/// A call at a hook without a variable.
async fn notified(reply: Reply) -> Ended {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    FakeAsterisk::call(daemon.address(), Environment::new("crm")).await
}

#[tokio::test]
async fn at_most_64_kib_of_an_answer_is_read_on_either_switch() {
    assert_eq!(notified(Reply::text(vec![b'\n'; 65_536])).await.status(), "OK");
    let ended = notified(Reply::text(vec![b'\n'; 65_537])).await;
    assert_eq!((ended.status(), ended.code()), ("BAD_ANSWER", "200"));
    assert_eq!(ended.reason(), "the answer is longer than limits.answer allows");
}

#[tokio::test]
async fn the_configuration_limits_the_length_of_an_answer() {
    let webhook = FakeWebhook::start(|request| {
        let length: usize = request.target.trim_start_matches('/').parse().unwrap();
        Reply::text([br#"{"n":"x"}"#, &*vec![b' '; length - 9]].concat())
    })
    .await;
    for (size, most) in [("1KiB", 1024), ("1MiB", 1024 * 1024)] {
        let hook = |name: &str, length: usize| {
            format!(
                "[hook.{name}]\nurl = \"{}\"\nset = {{ N = \"/n\" }}\n",
                webhook.url(&format!("/{length}"))
            )
        };
        let limits = format!("[limits]\nanswer = \"{size}\"\n[calls]\nurls = [\"{}\"]\n", webhook.url("/"));
        let daemon = Daemon::start(&[limits, hook("most", most), hook("more", most + 1)].concat()).await;
        let call = |environment| FakeAsterisk::call(daemon.address(), environment);
        let ended = call(Environment::new("most")).await;
        assert_eq!((ended.status(), ended.get("N")), ("OK", Some("x")), "{size}");
        let ended = call(Environment::new("more")).await;
        assert_eq!(ended.reason(), "the answer is longer than limits.answer allows", "{size}");
        let ad_hoc = |length: usize| {
            Environment::new("webhook").argument(format!("url={}", webhook.url(&format!("/{length}"))))
        };
        assert_eq!(call(ad_hoc(most)).await.status(), "OK", "{size}");
        assert_eq!(call(ad_hoc(most + 1)).await.status(), "BAD_ANSWER", "{size}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_a_bad_answer() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let ended = notified(Reply::Then([head, vec![b'x'; 1_000_000]].concat(), Box::new(Reply::Stall))).await;
    assert_eq!(ended.reason(), "the answer is longer than limits.answer allows");
}

#[tokio::test]
async fn a_step_that_only_notifies_sets_status_code_and_reason_only() {
    let ended = notified(Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    assert_eq!(
        ended.received,
        b"SET VARIABLE WEBHOOK_CODE \"204\"\nSET VARIABLE WEBHOOK_REASON \"\"\nSET VARIABLE WEBHOOK_STATUS \"OK\"\n"
    );
}

#[tokio::test]
async fn an_answer_other_than_2xx_is_an_http_error() {
    for code in [300, 304, 400, 404, 429, 500, 503, 599, 999] {
        let ended = answered(Reply::status(code, ""), "").await;
        assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", &*code.to_string()));
        assert_eq!(ended.reason(), format!("the webhook answered {code}"));
        assert_eq!(ended.get("CRM"), Some("reception"));
    }
}

#[tokio::test]
async fn an_error_page_is_not_waited_for() {
    let head = b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n".to_vec();
    let ended = answered(Reply::Then(head, Box::new(Reply::Stall)), "timeout = 10").await;
    assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", "503"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let webhook = FakeWebhook::start(|_| Reply::redirect(302, "/other")).await;
    let daemon = daemon_for(&webhook, "").await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("HTTP_ERROR", "302", Some("")));
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn every_way_to_end_a_body_is_understood() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsales",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nsa\r\n3;x=y\r\nles\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsales",
        "HTTP/1.0 200 OK\r\n\r\nsales",
        "HTTP/1.1 201\r\nContent-Length: 5\r\n\r\nsales",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsales",
    ] {
        let ended = answered(Reply::Then(answer.into(), Box::new(Reply::Close)), "").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{answer}: {}", ended.reason());
    }
}

/// The reason of an UNREACHABLE.
async fn unreachable(reply: Reply) -> String {
    let ended = answered(reply, "").await;
    assert_eq!((ended.status(), ended.code()), ("UNREACHABLE", ""), "{}", ended.reason());
    assert_eq!(ended.get("CRM"), Some("reception"));
    ended.reason().to_owned()
}

#[tokio::test]
async fn a_webhook_that_closes_too_early_is_unreachable() {
    let leaves = |sent: &str, how| Reply::Then(sent.into(), Box::new(how));
    for reply in [
        Reply::Close,
        Reply::Reset,
        leaves("HTTP/1.1 200 OK\r\nContent-Le", Reply::Close),
        leaves("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsal", Reply::Close),
        leaves("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsal", Reply::Reset),
        leaves("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsales\r\n", Reply::Close),
    ] {
        let what = format!("{reply:?}");
        let reason = unreachable(reply).await;
        assert_eq!(reason, "the webhook closed the connection before its answer was complete", "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_unreachable() {
    for sent in [
        "220 mail.example ESMTP\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\x01\x02\x03\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nsales",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let reason = unreachable(Reply::Bytes(sent.into())).await;
        assert_eq!(reason, "the answer of the webhook is not HTTP", "{}", sent.get(..60).unwrap_or(sent));
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_unreachable() {
    let (address, _held) = refusing();
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"http://{address}/\"")).await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!((ended.status(), ended.reason()), ("UNREACHABLE", "the webhook refused the connection"));
}

#[tokio::test]
async fn a_name_with_an_empty_label_is_unreachable() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://crm..example/\"").await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!(ended.status(), "UNREACHABLE");
    assert_eq!(ended.reason(), "the host name of the url is not valid. no name server was asked");
}

#[tokio::test]
async fn a_name_in_etc_hosts_is_found() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let url = webhook.url("/").replace("127.0.0.1", "localhost");
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{url}\"")).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
}
