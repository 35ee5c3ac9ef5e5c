//! Owner: observer. The JSON of steps, which explains the result of each call.

use serde_json::{Value, json};

use crate::util::{
    ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, ObserverResponse, Reply,
    SocketMode, gated_webhook, refusing, within_time_limit,
};

/// The JSON at this path.
pub(super) async fn json_at(daemon: &Daemon, path: &str) -> Value {
    let answer = ObserverResponse::get(daemon.observer(), path).await;
    assert_eq!(answer.code, 200, "{path}: {answer:?}");
    assert!(answer.head.contains(&"content-type: application/json".to_owned()), "{:?}", answer.head);
    serde_json::from_str(&answer.body).expect("JSON")
}

/// The steps that this query finds, as soon as there are so many.
pub(super) async fn steps(daemon: &Daemon, query: &str, count: usize) -> Vec<Value> {
    within_time_limit("the records", async {
        loop {
            let found = json_at(daemon, &format!("/api/steps?{query}")).await;
            let found = found["steps"].as_array().expect("a list").clone();
            assert!(found.len() <= count, "{found:?}");
            if found.len() == count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// The last of this number of steps, whole.
async fn last_of(count: usize, daemon: &Daemon) -> Value {
    let id = steps(daemon, "", count).await[0]["id"].as_str().expect("an id").to_owned();
    json_at(daemon, &format!("/api/steps/{id}")).await
}

fn call(hook: &str) -> Environment {
    Environment::new(hook).caller("31612345678").name("Ada").line("agi_dnid", "31201234567")
}

#[tokio::test]
async fn a_step_in_the_list_has_every_promised_field() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
    let step = steps(&daemon, "", 1).await.remove(0);
    for (key, value) in [
        ("switch", json!("asterisk")),
        ("call_id", json!("1795416038.2")),
        ("linked_id", json!("1795416038.1")),
        ("channel", json!("Local/200@from-trunk-00000001;2")),
        ("caller", json!("********678")),
        ("callee", json!("********567")),
        ("hook", json!("crm")),
        ("status", json!("OK")),
        ("code", json!(200)),
        ("reason", json!("")),
        ("answer", json!("fresh")),
        ("age_ms", Value::Null),
        ("attempts", json!(1)),
    ] {
        assert_eq!(step[key], value, "{key}: {step}");
    }
    assert_eq!((&step["set"][0]["name"], &step["set"][0]["value"]), (&json!("CRM"), &json!("sales")));
    assert_eq!(step["set"][0]["from"], "answer");
    assert!(step["ms"].is_u64() && step["id"].is_string(), "{step}");
    assert!(step["time"].as_str().unwrap().ends_with('Z'), "{step}");
}

#[tokio::test]
async fn the_numbers_are_shown_whole_if_the_log_may_show_them() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!("[log]\nnumbers = true\n[hook.crm]\nurl = \"{}\"\n", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    FakeAsterisk::call(daemon.address(), call("crm")).await;
    let step = steps(&daemon, "q=12345678", 1).await.remove(0);
    assert_eq!((&step["caller"], &step["callee"]), (&json!("31612345678"), &json!("31201234567")));
}

#[tokio::test]
async fn a_refused_answer_shows_the_answer_the_rule_and_the_place() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales team 31612345678")).await;
    let hook =
        format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\notherwise = \"reception\"", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "BAD_ANSWER");
    let step = last_of(1, &daemon).await;
    let refused = &step["judgement"]["refused"];
    assert_eq!(refused["rule"], "accept = \"word\"");
    let pieces = step["response"]["body"]["pieces"].as_array().unwrap();
    assert_eq!(pieces[0], json!({ "text": "sales", "mark": null }));
    assert_eq!((&pieces[1]["text"], &pieces[1]["mark"]["kind"]), (&json!(" "), &json!("fault")));
    assert_eq!(pieces[2]["text"], "team ********678");
    assert_eq!(
        step["set"],
        json!([{
            "name": "CRM", "value": "reception", "bytes": 9, "from": "otherwise", "source": null, "missing": false
        }])
    );
    assert!(step["explanation"]["remedy"].as_str().unwrap().contains("answers"), "{}", step["explanation"]);
    assert!(step["timeline"].as_array().unwrap().len() >= 4, "{step}");
}

#[tokio::test]
async fn a_pointer_that_finds_nothing_is_named_and_the_place_of_another_is_marked() {
    let webhook = FakeWebhook::start(|_| Reply::json(r#"{"route":"sales","name":"Ada"}"#)).await;
    let hook = format!(
        "[history]\nbodies = \"all\"\n[hook.crm]\nurl = \"{}\"\nset = {{ ROUTE = \"/route\", VIP = \"/vip\" }}",
        webhook.url("/")
    );
    let daemon = Daemon::start(&hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
    let step = last_of(1, &daemon).await;
    assert_eq!(step["judgement"]["missing"], json!(["/vip"]));
    assert_eq!((&step["set"][0]["from"], &step["set"][0]["source"]), (&json!("json"), &json!("/route")));
    assert_eq!((&step["set"][1]["from"], &step["set"][1]["missing"]), (&json!("empty"), &json!(true)));
    let pieces = step["response"]["body"]["pieces"].as_array().unwrap();
    let marked: Vec<_> = pieces.iter().filter(|piece| !piece["mark"].is_null()).collect();
    assert_eq!(marked[0]["text"], "\"sales\"");
    assert_eq!(marked[0]["mark"], json!({ "kind": "used", "label": "ROUTE" }));
}

#[tokio::test]
async fn a_stale_answer_says_how_old_it_is_and_why_it_was_used() {
    let webhook = FakeWebhook::answering([Reply::text("sales"), Reply::status(503, "down")]).await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ncache = \"1s\"\nstale_if_error = \"1h\"\nmethod = \"GET\"",
        webhook.url("/")
    );
    let daemon = Daemon::start(&hook).await;
    within_time_limit("a second request", async {
        while webhook.received().len() < 2 {
            let ended = FakeAsterisk::call(daemon.address(), call("crm")).await;
            assert_eq!(ended.get("CRM"), Some("sales"));
        }
    })
    .await;
    // most of the calls before it had the fresh answer
    let found = within_time_limit("the record of the stale answer", async {
        loop {
            let found = json_at(&daemon, "/api/steps?limit=1").await["steps"][0].clone();
            if found["answer"] == "stale" {
                return found;
            }
            assert!(found["answer"] == "cached" || found["answer"] == "fresh", "{found}");
        }
    })
    .await;
    let step = json_at(&daemon, &format!("/api/steps/{}", found["id"].as_str().unwrap())).await;
    assert_eq!(step["status"], "OK");
    assert!(step["age_ms"].is_u64(), "{step}");
    let timeline = step["timeline"].to_string();
    assert!(timeline.contains("stale answer") && timeline.contains("the webhook answered 503"), "{timeline}");
}

#[tokio::test]
async fn an_attempt_shows_its_connection_and_its_failure() {
    let (dead, _listener) = refusing();
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!(
        "[hook.crm]\nurls = [\"http://{dead}/a?key=geheim\", \"{}\"]\nvariable = \"CRM\"",
        webhook.url("/b?key=geheim")
    );
    let daemon = Daemon::start(&hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
    let step = last_of(1, &daemon).await;
    let attempts = step["attempts"].as_array().unwrap();
    let told: Vec<_> =
        attempts.iter().map(|a| (a["kind"].as_str().unwrap(), a["outcome"].as_str().unwrap())).collect();
    assert_eq!(told, [("first", "UNREACHABLE"), ("retry", "UNREACHABLE"), ("fallback", "OK")]);
    let good = &attempts[2];
    assert_eq!((&good["connection"], &good["url"]), (&json!("new"), &json!(webhook.url("/b"))));
    assert!(good["connect_ms"].is_number() && good["first_byte_ms"].is_number(), "{good}");
    assert!(good["dns_ms"].is_null() && good["tls_ms"].is_null(), "{good}");
    assert!(!step.to_string().contains("geheim"), "{step}");
}

#[tokio::test]
async fn a_hangup_keeps_what_was_known_of_the_request() {
    let (gate, webhook) = gated_webhook().await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ntimeout = 10", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    assert!(switch.greet(&call("crm")).await.is_ok());
    webhook.requested().await;
    drop(switch);
    let step = steps(&daemon, "status=CANCELLED", 1).await.remove(0);
    let step = json_at(&daemon, &format!("/api/steps/{}", step["id"].as_str().unwrap())).await;
    let attempt = &step["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["connection"]), (&json!("UNFINISHED"), &json!("new")));
    assert_eq!(attempt["reason"], "no answer");
    assert_eq!(step["set"], json!([]));
    gate.open();
}

#[tokio::test]
async fn secrets_are_in_no_record_whatever_is_kept() {
    let webhook = FakeWebhook::start(|_| Reply::status(500, "no")).await;
    let hook = format!(
        "[history]\nbodies = \"all\"\n[hook.crm]\nurl = \"{}\"\nfetch = [\"API_TOKEN\"]\n\
         headers = {{ X-Api-Key = \"geheim-1\", X-Plain = \"shown\" }}\nbearer = \"geheim-2\"\nsign = \"{}\"",
        webhook.url("/geheim/token/geheim-3/r?key=geheim-4&did={callee_number}"),
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    );
    let daemon = Daemon::start(&hook).await;
    FakeAsterisk::call(daemon.address(), call("crm").variable("API_TOKEN", "geheim-5")).await;
    let step = last_of(1, &daemon).await;
    let text = step.to_string();
    let sent = &webhook.received()[0];
    let signature = sent.header("webhook-signature").expect("a signature");
    for secret in ["geheim-1", "geheim-2", "geheim-3", "geheim-4", signature] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(!step["fetched"].to_string().contains("geheim-5"), "{}", step["fetched"]);
    assert!(text.contains("\"shown\"") && text.contains("did=********567"), "{text}");
}

#[tokio::test]
async fn bodies_are_kept_as_the_configuration_says() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/good" => Reply::text("sales"),
        _ => Reply::status(500, "broken"),
    })
    .await;
    for (bodies, good, bad) in
        [("failures", "omitted", "kept"), ("all", "kept", "kept"), ("none", "omitted", "omitted")]
    {
        let hooks = ["good", "bad"].map(|name| {
            format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url(&format!("/{name}")))
        });
        let daemon = Daemon::start(&format!("[history]\nbodies = \"{bodies}\"\n{}", hooks.concat())).await;
        for (count, hook, expected) in [(1, "good", good), (2, "bad", bad)] {
            FakeAsterisk::call(daemon.address(), call(hook)).await;
            let step = last_of(count, &daemon).await;
            assert_eq!(step["request"]["body"]["is"], expected, "{bodies} {hook}");
            // a call reads no body of an error
            let answer = if hook == "bad" && expected == "omitted" { "empty" } else { expected };
            let answered = &step["response"]["body"]["is"];
            assert!(*answered == answer || *answered == "empty", "{bodies} {hook}: {answered}");
            let value = &step["set"][0]["value"];
            assert_eq!(value.is_null(), bodies == "none" && hook == "good", "{bodies} {hook}: {step}");
        }
    }
}

#[tokio::test]
async fn a_search_finds_by_digits_hook_status_and_call() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/good" => Reply::text("sales"),
        _ => Reply::status(500, "broken"),
    })
    .await;
    let hooks = ["good", "bad"]
        .map(|name| format!("[hook.{name}]\nurl = \"{}\"\n", webhook.url(&format!("/{name}"))))
        .concat();
    let daemon = Daemon::start(&hooks).await;
    FakeAsterisk::call(daemon.address(), call("good")).await;
    FakeAsterisk::call(daemon.address(), call("bad").caller("31699999111")).await;
    FakeFreeSwitch::call(daemon.freeswitch(), ChannelData::new(SocketMode::None, "127.0.0.1:8084/bad")).await;
    steps(&daemon, "", 3).await;
    for (query, count) in [
        ("q=678", 1),
        ("q=5678", 1),
        // numbers are masked: a longer search must not find out the hidden digits
        ("q=99678", 1),
        ("q=111", 1),
        ("q=1795416038.2", 2),
        ("q=Local/200@from-trunk-00000001%3B2", 2),
        ("hook=bad", 2),
        ("status=HTTP_ERROR", 2),
        ("status=ok", 1),
        ("failed=true", 2),
        ("failed=true&q=111", 1),
        ("since=1h", 3),
        ("since=2020-01-01T00:00:00Z&limit=2", 2),
        ("slower_ms=60000", 0),
        ("q=nobody", 0),
    ] {
        assert_eq!(steps(&daemon, query, count).await.len(), count, "{query}");
    }
    let wrong = ObserverResponse::get(daemon.observer(), "/api/steps?since=noon").await;
    assert_eq!((wrong.code, wrong.body.contains("write 10m (ago)")), (400, true), "{wrong:?}");
    let gone = ObserverResponse::get(daemon.observer(), "/api/steps/000000-1").await;
    assert_eq!((gone.code, gone.body.contains("records live in memory")), (404, true), "{gone:?}");
}

#[tokio::test]
async fn a_stranger_who_forges_a_call_is_listed_and_pushes_out_no_step() {
    let daemon = Daemon::start("[history]\nfailures = 10\nsteps = 10").await;
    FakeAsterisk::call(daemon.address(), call("nothing")).await;
    for _ in 0..150 {
        let mut stream = FakeAsterisk::connect(daemon.address()).await;
        stream.send(b"agi_network: yes\nagi_forged: yes\n\n").await;
        stream.receive_all().await;
    }
    let refused = steps(&daemon, "status=REFUSED&limit=1000", 100).await;
    assert!(refused[0]["reason"].as_str().unwrap().contains("not what Asterisk writes"), "{}", refused[0]);
    assert_eq!(steps(&daemon, "status=BAD_REQUEST", 1).await[0]["hook"], "nothing");
}

#[tokio::test]
async fn a_reload_keeps_the_records_and_no_steps_keeps_none() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\n", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    FakeAsterisk::call(daemon.address(), call("crm")).await;
    steps(&daemon, "", 1).await;
    let off = Daemon::start(&format!("[history]\nsteps = 0\n{hook}")).await;
    assert_eq!(FakeAsterisk::call(off.address(), call("crm")).await.status(), "OK");
    steps(&off, "", 0).await;
}
