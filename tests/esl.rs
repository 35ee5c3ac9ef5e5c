//! FreeSWITCH's outbound socket on the wire.

/// Values that FreeSWITCH must store as they are and never expand.
mod expansion;
/// Calls that are moved while they wait, and legs without a dialplan.
mod moved;
/// Conversations of a real FreeSWITCH, played back and cut in every way.
mod recorded;
/// The call must go on, whatever happens.
mod stuck;
/// What a caller withholds.
mod withheld;
/// Answers that a dialplan may put anywhere.
mod words;

use tokio::task::JoinSet;

use crate::util::{
    CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, Gate, GivenBack, Received, Reply, SocketMode,
};

/// A daemon with the hook `crm` for this webhook, and what else the hook says.
async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\n{more}", webhook.url("/"))).await
}

async fn good_webhook() -> FakeWebhook {
    FakeWebhook::start(|_| Reply::text("sales")).await
}

async fn gated() -> (Gate, FakeWebhook) {
    let gate = Gate::default();
    let kept = gate.clone();
    (gate, FakeWebhook::start(move |_| Reply::text("sales").after(&kept)).await)
}

/// A call at `socket HOST:PORT/PATH MODE`, with the daemon's own host and port.
fn call(daemon: &Daemon, mode: SocketMode, path: &str) -> ChannelData {
    ChannelData::new(mode, &format!("{}{path}", daemon.freeswitch()))
}

/// One whole call without a word in the socket's mode.
async fn step(daemon: &Daemon, path: &str, call_with: impl FnOnce(ChannelData) -> ChannelData) -> GivenBack {
    let given_back =
        FakeFreeSwitch::call(daemon.freeswitch(), call_with(call(daemon, SocketMode::None, path))).await;
    assert_eq!(given_back.state, CallState::GoesOn);
    given_back
}

mod commands {
    use super::*;

    #[tokio::test]
    async fn the_farewell_sets_the_answer_first_and_the_status_last() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "").await;
        for mode in SocketMode::ALL {
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
            let sets =
                ["set crm=sales", "set webhook_code=200", "set webhook_reason=", "set webhook_status=OK"];
            assert_eq!(given_back.orders(), [&sets[..], &["exit"]].concat(), "{mode:?}");
            let first = given_back.commands.first().map(String::as_str);
            assert_eq!(first == Some("connect"), mode.is_async(), "{mode:?}");
            assert_eq!(given_back.state, CallState::GoesOn, "{mode:?}");
            assert_eq!((given_back.get("crm"), given_back.get("webhook_reason")), (Some("sales"), None));
        }
    }

    #[tokio::test]
    async fn a_socket_resume_of_the_authors_is_taken_back_first_where_it_is_deadly() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "").await;
        for value in ["true", "TRUE", "yes", "on", "t", "enabled", "active", "allow", "1", "-1", "2.5", "+1"]
        {
            let resuming = |mode| call(&daemon, mode, "/crm").variable("socket_resume", value);
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), resuming(SocketMode::Full)).await;
            assert_eq!(given_back.commands[0], "set socket_resume=false", "{value}");
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{value}");
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), resuming(SocketMode::Async)).await;
            assert_eq!(given_back.orders()[..2], ["set socket_resume=false", "set crm=sales"], "{value}");
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{value}");
        }
        for value in ["false", "0", "no", "", "truely", "0.5"] {
            let given_back = step(&daemon, "/crm", |call| call.variable("socket_resume", value)).await;
            assert_eq!(given_back.commands[0], "set crm=sales", "{value}");
        }
    }

    #[tokio::test]
    async fn an_answer_for_socket_resume_itself_does_no_harm() {
        let webhook = FakeWebhook::start(|_| Reply::text("true")).await;
        let daemon = daemon_for(&webhook, "").await;
        for mode in SocketMode::ALL {
            for name in ["socket_resume", "Socket_Resume"] {
                let call = call(&daemon, mode, &format!("/crm?variable={name}"));
                let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
                assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_empty_is_removed() {
        let webhook = FakeWebhook::start(|_| Reply::text("")).await;
        let daemon = daemon_for(&webhook, "").await;
        let old =
            |call: ChannelData| call.variable("CRM", "of an earlier step").variable("webhook_reason", "x");
        let given_back = step(&daemon, "/crm", old).await;
        assert_eq!((given_back.get("crm"), given_back.get("webhook_reason")), (None, None));
        assert_eq!(given_back.status(), "OK");
        let given_back = step(&daemon, "/nope", |call| call.variable("webhook_code", "200")).await;
        assert_eq!((given_back.get("webhook_code"), given_back.status()), (None, "BAD_REQUEST"));
        assert!(given_back.reason().starts_with("no hook of this name"), "{}", given_back.reason());
    }

    #[tokio::test]
    async fn values_of_64_kib_are_carried_and_longer_ones_refused() {
        let webhook = FakeWebhook::start(|request| match request.target.as_str() {
            "/longer" => Reply::text(vec![b'x'; 64 * 1024 + 1]),
            _ => Reply::text("\\$'".repeat(64 * 1024 / 3) + "x"),
        })
        .await;
        let daemon = Daemon::start(&format!(
            "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"any\"\n\
             [hook.longer]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"any\"",
            webhook.url("/"),
            webhook.url("/longer")
        ))
        .await;
        let given_back = step(&daemon, "/crm", |call| call).await;
        assert_eq!(given_back.get("crm").unwrap(), "\\$'".repeat(64 * 1024 / 3) + "x");
        let given_back = step(&daemon, "/longer", |call| call).await;
        assert_eq!((given_back.get("crm"), given_back.status()), (None, "BAD_ANSWER"));
    }

    #[tokio::test]
    async fn any_text_that_is_safe_is_stored_as_it_came_in_one_pass_or_two() {
        for answer in [
            "$5",
            "C:\\new\\table\\'s",
            "a$b",
            "\\\\server\\share",
            "50%41",
            "a\n\nexit\n\nb",
            "it's \"x\"",
            "_undef_",
            "x=y",
            "%[a=b]",
            "a\\$b$c\\",
            "ARRAY",
            "[ARRAY::a|:b",
            "\u{1f600} é",
            "{x}",
            "\\{x}",
        ] {
            let webhook = FakeWebhook::start(move |_| Reply::text(answer)).await;
            let daemon = daemon_for(&webhook, "accept = \"any\"").await;
            for disabled in ["true", "false"] {
                let passes = |call: ChannelData| call.variable("app_disable_expand_variables", disabled);
                let given_back = step(&daemon, "/crm", passes).await;
                assert_eq!((given_back.get("crm"), given_back.status()), (Some(answer), "OK"), "{disabled}");
            }
        }
    }

    #[tokio::test]
    async fn what_could_expand_or_be_taken_apart_is_refused_whole() {
        for (answer, reason) in [
            ("${system(touch /tmp/x)}", "a dollar sign in it could open an expansion"),
            ("$${x}", "a dollar sign in it could open an expansion"),
            ("a $\\'\\{x}", "a dollar sign in it could open an expansion"),
            ("100$", "a dollar sign in it could open an expansion"),
            ("100$\\'", "a dollar sign in it could open an expansion"),
            ("ARRAY::a|:b", "it begins like an array of the switch"),
            ("a\0b", "a NUL byte cannot be carried"),
        ] {
            let webhook = FakeWebhook::start(move |_| Reply::text(answer)).await;
            let daemon = daemon_for(&webhook, "accept = \"any\"\notherwise = \"reception\"").await;
            for mode in SocketMode::ALL {
                let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
                assert_eq!(given_back.status(), "BAD_ANSWER", "{answer}");
                assert_eq!(given_back.reason(), format!("the answer does not fit. {reason}"), "{answer}");
                assert_eq!(given_back.get("crm"), Some("reception"));
                assert_eq!(given_back.state, CallState::GoesOn);
            }
        }
    }
}

mod addresses {
    use super::*;

    /// Which webhook of several was asked, and the status.
    async fn asked(path_and_more: impl FnOnce(&Daemon) -> ChannelData) -> (Vec<String>, GivenBack) {
        let webhook = good_webhook().await;
        let hooks = format!(
            "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\n[hook.other]\nurl = \"{}\"",
            webhook.url("/crm"),
            webhook.url("/other")
        );
        let daemon = Daemon::start(&hooks).await;
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), path_and_more(&daemon)).await;
        assert_eq!(given_back.state, CallState::GoesOn);
        (webhook.received().into_iter().map(|request| request.target).collect(), given_back)
    }

    #[tokio::test]
    async fn the_address_of_this_call_counts_and_not_that_of_an_earlier_step() {
        for path in ["/crm", "/crm?timeout=3", "/crm?timeout=1500ms&variable=other"] {
            let with_stale_path = |daemon: &Daemon| {
                call(daemon, SocketMode::AsyncFull, path).variable("socket_path", "stale?timeout=99")
            };
            let (asked, given_back) = asked(with_stale_path).await;
            assert_eq!((&asked[..], given_back.status()), (&["/crm".to_owned()][..], "OK"), "{path}");
        }
        let (asked, given_back) =
            asked(|daemon| call(daemon, SocketMode::None, "").variable("socket_path", "crm")).await;
        assert_eq!((asked.len(), given_back.reason()), (0, "url is missing. an ad hoc step needs one"));
    }

    #[tokio::test]
    async fn of_several_hosts_the_one_that_connected_to_us_counts() {
        for (places, host) in [
            ("127.0.0.1:1/nope|127.0.0.1:PORT/crm", "127.0.0.1"),
            ("127.0.0.1:PORT/crm|127.0.0.1:1/nope", "127.0.0.1"),
            ("dead.example:PORT/nope|localhost:PORT/crm|127.0.0.1:PORT/nope", "localhost"),
            ("dead.example:1/nope|127.0.0.1:PORT/crm?timeout=3", "127.0.0.1"),
            // the port of the host before goes on counting
            ("dead.example:PORT/nope|127.0.0.1/crm", "127.0.0.1"),
        ] {
            let several = |daemon: &Daemon| {
                let places = places.replace("PORT", &daemon.freeswitch().port().to_string());
                ChannelData::new(SocketMode::Full, &places).variable("socket_host", host)
            };
            let (asked, given_back) = asked(several).await;
            assert_eq!((&asked[..], given_back.status()), (&["/crm".to_owned()][..], "OK"), "{places}");
        }
    }

    #[tokio::test]
    async fn an_address_without_a_path_is_an_ad_hoc_step_of_the_variables() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start("").await;
        for path in ["", "/", "/webhook"] {
            let ad_hoc = |call: ChannelData| {
                call.variable("webhook_url", webhook.url("/r?to=1&x=%26%3D%2B%41+é"))
                    .variable("webhook_method", "get")
                    .variable("webhook_variable", "route")
                    .variable("webhook_timeout", "3")
            };
            let given_back = step(&daemon, path, ad_hoc).await;
            assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"), "{path}");
            let request = webhook.received().pop().unwrap();
            assert_eq!(request.method, "GET");
            assert_eq!(request.target, "/r?to=1&x=%26%3D%2B%41+%C3%A9");
        }
    }

    #[tokio::test]
    async fn what_another_step_has_left_does_not_disturb_a_configured_hook() {
        let with_leftovers = |daemon: &Daemon| {
            call(daemon, SocketMode::None, "/crm")
                .variable("webhook_url", "nonsense")
                .variable("webhook_method", "PUT")
                .variable("webhook_variable", "a=b")
                .variable("webhook_timeout", "99")
        };
        let (asked, given_back) = asked(with_leftovers).await;
        assert_eq!((asked, given_back.status()), (vec!["/crm".to_owned()], "OK"));
        assert_eq!(given_back.get("crm"), Some("sales"));
    }

    #[tokio::test]
    async fn the_query_beats_what_is_left_over() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start("").await;
        let leftovers = |call: ChannelData| {
            call.variable("webhook_url", webhook.url("/left"))
                .variable("webhook_variable", "a=b")
                .variable("webhook_timeout", "99")
        };
        let given_back = step(&daemon, "/webhook?timeout=3&variable=route", leftovers).await;
        assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"));
        let url = webhook.url("/query?a=1&b=%26%41+c").replace('%', "%25").replace('&', "%26");
        let url = url.replace(':', "%3A").replace('?', "%3F").replace('=', "%3D");
        for path in ["/webhook", ""] {
            let query = format!(
                "{path}{}?url={url}&timeout=3&variable=route",
                if path.is_empty() { "/" } else { "" }
            );
            let given_back = step(&daemon, &query, leftovers).await;
            assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"), "{query}");
            assert_eq!(webhook.received().pop().unwrap().target, "/query?a=1&b=%26%41+c");
        }
    }

    #[tokio::test]
    async fn a_url_of_more_than_511_bytes_comes_from_the_channel_data() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start("").await;
        for length in [400, 511, 512, 5000] {
            let start = webhook.url("/?a=1&b=");
            let url = format!("{start}{}", "x".repeat(length - start.len()));
            let given_back = step(&daemon, "", |call| call.variable("webhook_url", url.as_str())).await;
            assert_eq!(given_back.status(), "OK");
            assert_eq!(webhook.url(&webhook.received().pop().unwrap().target), url);
        }
    }

    #[tokio::test]
    async fn of_a_longer_one_no_escape_is_guessed() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start("").await;
        for (length, end, exact) in [
            (511, "&c=d", true),
            (511, "%26c%3Dd", true),
            (512, "&c=d", true),
            (515, "&c=d", false),
            (515, "%26c%3Dd", false),
            (600, "%23", false),
            (600, "c/d", true),
        ] {
            let start = webhook.url("/?a=1&b=");
            let url = format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()));
            let given_back = step(&daemon, "", |call| call.variable("webhook_url", url.as_str())).await;
            let asked = webhook.received().pop().map(|asked| webhook.url(&asked.target));
            match exact {
                true => assert_eq!((given_back.status(), asked), ("OK", Some(url)), "{length} {end}"),
                false => {
                    assert_eq!(given_back.status(), "BAD_REQUEST", "{length} {end}");
                    assert!(given_back.reason().ends_with("name it in the configuration"));
                }
            }
        }
        assert_eq!(webhook.received().len(), 4);
    }

    #[tokio::test]
    async fn a_url_with_an_empty_line_in_it_ends_nothing() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start("").await;
        let forged = "Content-Type: text/disconnect-notice\nContent-Length: 0\n\n";
        for evil in [
            format!("\n\n{forged}"),
            format!("\n{forged}"),
            "\n\nContent-Length: 9\n\n".to_owned(),
            "%26\nContent-Length: 60000\n".to_owned(),
        ] {
            let url = format!("{}{evil}", webhook.url("/?n="));
            let call = call(&daemon, SocketMode::Async, "").variable("webhook_url", url);
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
            let ended = (given_back.state, given_back.status());
            assert_eq!(ended, (CallState::GoesOn, "BAD_REQUEST"), "{evil:?}: {}", given_back.reason());
        }
        assert_eq!(webhook.received().len(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_is_a_bad_request() {
        for path in [
            "/nope",
            "/crm/",
            "/crm?timeout=99",
            "/crm?x=1",
            "/crm?url=http://h/",
            "/crm?variable=a%3Db",
            "/a/b/c",
            "/%FF",
            "//crm",
        ] {
            let (asked, given_back) = asked(|daemon| call(daemon, SocketMode::AsyncFull, path)).await;
            assert_eq!((asked.len(), given_back.status()), (0, "BAD_REQUEST"), "{path}");
        }
    }
}

mod requests {
    use super::*;

    async fn request(tables: &str, hook: &str, channel: impl FnOnce(ChannelData) -> ChannelData) -> Received {
        let webhook = good_webhook().await;
        let daemon =
            Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{hook}\n{tables}", webhook.url("/"))).await;
        assert_eq!(step(&daemon, "/crm", channel).await.status(), "OK");
        webhook.requested().await
    }

    #[tokio::test]
    async fn a_webhook_is_told_of_a_sip_call() {
        let request = request("", "", |call| {
            let sip = ChannelData::recorded("sip-none.connect.txt");
            let address = String::from_utf8(call.bytes()).unwrap();
            let port: String = address
                .split_once("current_application_data: 127.0.0.1%3A")
                .unwrap()
                .1
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            sip.socket(SocketMode::None, &format!("127.0.0.1:{port}/crm"))
                .variable("accountcode", "acme & co")
        })
        .await;
        let block = String::from_utf8(ChannelData::recorded("sip-none.connect.txt").bytes()).unwrap();
        let header = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            percent_encoding::percent_decode_str(line.unwrap()).decode_utf8().unwrap().into_owned()
        };
        let created = header("Caller-Channel-Created-Time");
        let json = request.json();
        for (key, value) in [
            ("com_id", "acme & co".to_owned()),
            ("dp_id", header("Caller-Context")),
            ("dp_in_number", header("Caller-Destination-Number")),
            ("dp_ex_number", header("Caller-Destination-Number")),
            ("callee_number", header("Caller-Destination-Number")),
            ("caller_number", header("Caller-Caller-ID-Number")),
            ("uuid", header("Unique-ID")),
            ("phonebook_caller_name", header("Caller-Caller-ID-Name")),
            ("call_start_time", created[..13].to_owned()),
            ("rta_call_id", header("variable_call_uuid")),
            ("sip_call_id", header("variable_sip_call_id")),
            ("switch", "freeswitch".to_owned()),
            ("channel", header("Channel-Name")),
        ] {
            assert_eq!(json[key], value, "{key}");
        }
        assert_eq!(json["variables"], serde_json::json!({}));
        assert_eq!(json.as_object().unwrap().len(), 15);
    }

    #[tokio::test]
    async fn what_the_channel_lacks_has_its_second_source() {
        let webhook = good_webhook().await;
        let configuration = "company = \"kwik\"\n[listen]\nasterisk = \"127.0.0.1:0\"\n";
        let daemon =
            Daemon::with(&format!("{configuration}[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
        step(&daemon, "/crm", |call| call.without("variable_call_uuid").header("Unique-ID", "one-two")).await;
        let json = webhook.requested().await.json();
        assert_eq!((&json["com_id"], &json["rta_call_id"]), (&"kwik".into(), &"one-two".into()));
        assert_eq!(json["sip_call_id"], "");
    }

    #[tokio::test]
    async fn a_withheld_number_is_not_told() {
        let hide = |call: ChannelData| call.header("Caller-Privacy-Hide-Number", "true");
        assert_eq!(request("", "", hide).await.json()["caller_number"], "");
    }

    #[tokio::test]
    async fn variables_are_fetched_whatever_the_case_and_whatever_they_hold() {
        let names = "fetch = [\"aw_plain\", \"AW_SPACES\", \"aw_newline\", \"aw_blank_line\", \"aw_quotes\", \
                     \"aw_backslash\", \"aw_reference\", \"aw_percent_ambiguous\", \"aw_plus\", \"aw_utf8\", \
                     \"aw_emoji\", \"aw_latin1\", \"aw_control\", \"aw_undef\", \"aw_upper\", \"aw_array\", \
                     \"aw_array_odd\", \"aw_all_bytes\", \"unset\"]";
        for file in ["full-awkward.connect.txt", "async-full-awkward.connect.txt"] {
            let webhook = good_webhook().await;
            let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{names}", webhook.url("/"))).await;
            let mode = if file.starts_with("full") { SocketMode::Full } else { SocketMode::AsyncFull };
            let call = ChannelData::recorded(file).socket(mode, &format!("{}/crm", daemon.freeswitch()));
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
            let json = webhook.requested().await.json();
            let all_bytes: Vec<u8> = (1..=255).collect();
            for (name, value) in [
                ("aw_plain", "sales"),
                ("AW_SPACES", "  two  words  "),
                ("aw_newline", "line1\nline2\r\nline3\n"),
                ("aw_blank_line", "a\n\nContent-Type: x\n\n"),
                ("aw_quotes", "say \"hi\" it's 'x'"),
                ("aw_backslash", "a\\b\\\\c\\n"),
                ("aw_reference", "${caller_id_number} $${hostname} ${expr(1+1)}"),
                ("aw_percent_ambiguous", "50%41"),
                ("aw_plus", "+15550100 a+b"),
                ("aw_utf8", "Zoë Ünal — straße"),
                ("aw_emoji", "hi 😀 ok"),
                ("aw_latin1", "caf\u{fffd}"),
                ("aw_control", "\u{1}\u{7}\u{1b}\u{7f}"),
                ("aw_undef", ""),
                ("aw_upper", "1"),
                ("aw_array", "ARRAY::one|:two words|:drei ü"),
                ("aw_array_odd", "ARRAY::a|:|:c"),
                ("aw_all_bytes", &*String::from_utf8_lossy(&all_bytes)),
                ("unset", ""),
            ] {
                assert_eq!(json["variables"][name], value, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn any_byte_of_a_caller_reaches_the_url() {
        let webhook = good_webhook().await;
        let daemon =
            Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/?n={phonebook_caller_name}")))
                .await;
        let name = |call: ChannelData| call.header("Caller-Caller-ID-Name", "caf%E9%20%FF%01%0A%26'");
        assert_eq!(step(&daemon, "/crm", name).await.status(), "OK");
        assert_eq!(webhook.requested().await.target, "/?n=caf%E9%20%FF%01%0A%26%27");
    }

    #[tokio::test]
    async fn a_variable_of_64_kib_is_told_whole() {
        let webhook = good_webhook().await;
        let daemon =
            Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nfetch = [\"big\"]", webhook.url("/"))).await;
        let text = "é".repeat(32 * 1024);
        assert_eq!(step(&daemon, "/crm", |call| call.variable("big", text.as_str())).await.status(), "OK");
        assert_eq!(webhook.requested().await.json()["variables"]["big"], text);
        let recorded = ChannelData::recorded("full-big-variable.connect.txt")
            .socket(SocketMode::Full, &format!("{}/crm", daemon.freeswitch()));
        assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), recorded).await.status(), "OK");
    }

    #[tokio::test]
    async fn the_configuration_says_how_much_channel_data_is_taken() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "[limits]\nchannel_data = \"64KiB\"").await;
        for (length, status) in [(60, Some(&b"OK"[..])), (64, None)] {
            let long = |call: ChannelData| call.variable("long", vec![b'x'; length * 1024]);
            let given_back = step(&daemon, "/crm", long).await;
            assert_eq!(given_back.variables.get("webhook_status").map(Vec::as_slice), status, "{length} KiB");
        }
    }
}

mod many {
    use super::*;

    #[tokio::test]
    async fn a_hundred_at_once_in_all_modes_go_on() {
        let (gate, webhook) = gated().await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let address = daemon.freeswitch();
        let modes = SocketMode::ALL.iter().cycle().take(100);
        let mut calls: JoinSet<_> =
            modes.map(|mode| FakeFreeSwitch::call(address, call(&daemon, *mode, "/crm"))).collect();
        webhook.request(100).await;
        gate.open();
        while let Some(given_back) = calls.join_next().await {
            let given_back = given_back.unwrap();
            assert_eq!((given_back.state, given_back.get("crm")), (CallState::GoesOn, Some("sales")));
        }
        daemon.stop().await;
    }
}
