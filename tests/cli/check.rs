//! Owner: cli. `dialhook check`: what it prints about a configuration and about dialplans, and every fault
//! that it finds.

use std::fs;

use crate::util::{configured, run};

#[tokio::test]
async fn check_prints_one_line_for_each_hook() {
    let (_folder, file) = configured(
        "[hook.crm]\nurl = \"https://u:geheim@crm.example/r?did={callee_number}\"\nvariable = \"CRM\"\n\
         answers = [\"sales\", \"support\"]\notherwise = \"sales\"\nfetch = [\"ACCOUNT\"]\n\
         headers = { X-Key = \"geheim\" }\n[hook.told]\nmethod = \"GET\"\nurl = \"http://h/\"\ntimeout = 1.5\n",
    );
    let (status, out, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].ends_with("dialhook.toml: no fault, 2 hooks"), "{out}");
    assert!(out.contains("\nasterisk   AGI(agi://127.0.0.1:4573/NAME), from this machine\n"), "{out}");
    assert!(
        out.contains(
            "\nobserver   pages at http://127.0.0.1:9573/, also /metrics, /health/live, /health/ready\n"
        ),
        "{out}"
    );
    assert!(
        out.contains(
            "\nhook       crm: POST https://…@crm.example/r?did={callee_number}; at most 2s; answer into CRM; \
             accepted: sales, support; otherwise sales; fetches ACCOUNT; headers x-key\n"
        ),
        "{out}"
    );
    assert!(
        out.contains("\nhook       told: GET http://h/; at most 1.5s; no variable (only notifies"),
        "{out}"
    );
    assert!(!out.contains("geheim"));
}

#[tokio::test]
async fn check_prints_the_accepted_kind_of_each_variable_of_set() {
    let (_folder, file) = configured(
        "[hook.crm]\nurl = \"http://h/\"\n[hook.crm.set]\nNAME = { json = \"/name\", accept = \"text\" }\nQUEUE = \"/queue\"\n",
    );
    let (status, out, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(out.contains("; NAME from /name (a text); QUEUE from /queue; accepted: a word"), "{out}");
}

#[tokio::test]
async fn check_prints_a_missing_observer_and_unmasked_numbers() {
    let (_folder, file) = configured("[listen]\nobserver = false\n[log]\nnumbers = true\n");
    let (status, out, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("\nobserver   off\n"), "{out}");
    assert!(out.contains("\nlog        shows telephone numbers whole\n"), "{out}");
}

#[tokio::test]
async fn check_prints_the_settings_of_the_pages_and_of_the_history() {
    let (_folder, file) = configured("");
    let (_, out, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    let history = "\nhistory    the last 2000 steps and 500 failures, for 24h, in at most 8MiB of memory; bodies of failures\n";
    assert!(out.contains(history) && !out.contains("\npages "), "{out}");
    let (folder, file) = configured(
        "[listen]\nobserver = \"0.0.0.0:9573\"\nallow = [\"127.0.0.1\"]\n\
         [observer]\nhosts = [\"pbx.example\"]\ntoken = { file = \"t\" }\ntry = true\n[history]\nsteps = 0\n",
    );
    fs::write(folder.path().join("t"), "0123456789abcdef\n").unwrap();
    let (_, out, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert!(
        out.contains(
            "\npages      also as pbx.example; only with the token; may ask hooks and repeat requests\n"
        ),
        "{out}"
    );
    assert!(
        out.contains("\nhistory    off\n") && !out.contains("0123456789") && !out.contains("\nnote "),
        "{out}"
    );
}

#[tokio::test]
async fn check_notes_an_observer_that_others_reach_without_a_token() {
    let (_folder, file) = configured("[listen]\nobserver = \"0.0.0.0:9573\"\nallow = [\"127.0.0.1\"]\n");
    let (status, out, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(
        out.contains("\nnote       observer.token is missing, and listen.observer is not on loopback: "),
        "{out}"
    );
}

#[tokio::test]
async fn check_prints_every_fault_with_file_and_line() {
    let (_folder, file) = configured("[hook.crm]\nurl = \"nowhere\"\ntimeout = 0\n");
    let path = file.to_str().unwrap();
    let (status, out, err) = run(&["check", "--config", path]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0].starts_with(&format!("dialhook: {path}:2: hook.crm.url: not an http or https URL")),
        "{err}"
    );
    assert!(lines[1].starts_with(&format!("dialhook: {path}:3: hook.crm.timeout: found 0; write")), "{err}");
}

/// Line and key of each fault of tests/data/config/faulty.toml, and the words that tell what would be right.
const FAULTS: [(usize, &str, &str); 46] = [
    (1, "compnay", "did you mean `company`?"),
    (4, "listen.asterisk", "write an address and a port"),
    (5, "listen.allow", "write networks or addresses"),
    (8, "limits.calls", "write a number from 1 to 1000000"),
    (11, "hook.crm.url", "placeholders are allowed in the path and the query only"),
    (12, "hook.crm.method", "write \"GET\" or \"POST\""),
    (13, "hook.crm.timeout", "write a value from 1s to 10s, such as \"2s\""),
    (14, "hook.crm.variable", "write a name of letters"),
    (15, "hook.crm.accept", "write \"word\" or \"text\""),
    (16, "hook.crm.answers", "write it without white space"),
    (17, "hook.crm.fetch", "the name of a variable that is read has 1 to 256 letters"),
    (18, "hook.crm.timout", "did you mean `timeout`?"),
    (22, "hook.requests.body", "write a placeholder inside of a string"),
    (23, "hook.requests.fields", "leave fields out"),
    (24, "hook.requests.headers.Host", "leave it out"),
    (24, "hook.requests.headers.X-Key.file", "put it beside the configuration"),
    (24, "hook.requests.headers.X-Call", "did you mean `{uuid}`?"),
    (24, "hook.requests.headers.X-Env.env", "set it (for the service: Environment= in its unit)"),
    (25, "hook.requests.bearer", "write the token alone"),
    (26, "hook.requests.basic", "leave the others out"),
    (27, "hook.requests.sign", "write whsec_ and 24 to 64 random bytes"),
    (31, "hook.tls.ca", "begins with -----BEGIN CERTIFICATE-----"),
    (32, "hook.tls.certificate", "write key = \"FILE\""),
    (36, "hook.plain.insecure", "write https://"),
    (40, "hook.answers.urls", "write 1 to 5"),
    (41, "hook.answers.fields", "write method = \"POST\""),
    (44, "hook.answers.set.A B", "write a name of letters"),
    (45, "hook.answers.set.NAME", "write a JSON pointer, such as \"/customer/name\""),
    (46, "hook.answers.set.name", "choose another name"),
    (46, "hook.answers.set.name.header", "write letters, digits and hyphens"),
    (47, "hook.answers.set.WEBHOOK_STATUS", "choose another name"),
    (47, "hook.answers.set.WEBHOOK_STATUS.status", "write true"),
    (51, "hook.delivery.idempotent", "write true or false"),
    (52, "hook.delivery.breaker.failures", "write a number from 1 to 1000"),
    (52, "hook.delivery.breaker.probe", "write a value from 1s to 1h, such as \"10s\""),
    (53, "hook.delivery.cache", "leave uuid, times, ids and channel out"),
    (54, "hook.delivery.redirects", "write a number from 0 to 3"),
    (55, "hook.delivery.redirect_hosts", "write a whole host name"),
    (59, "hook.detached.detach", "leave out variable, set, answers"),
    (61, "hook.detached.stale_if_error", "write cache = \"60s\" too"),
    (63, "hook.webhook", "choose another one"),
    (63, "hook.webhook.url", "write the URL of the webhook"),
    (67, "observer.hosts", "write a name or an address as it stands in the browser"),
    (68, "observer.token", "write the token into a file of its own"),
    (71, "history.steps", "0 turns the history off"),
    (72, "history.bodys", "did you mean `bodies`?"),
];

#[tokio::test]
async fn check_lists_every_fault_of_a_file_with_line_and_remedy() {
    let file = "tests/data/config/faulty.toml";
    let (status, out, err) = run(&["check", "--config", file]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    let mut faults: Vec<_> = err.lines().collect();
    for (line, key, remedy) in FAULTS {
        let start = format!("dialhook: {file}:{line}: {key}: ");
        let found = faults.iter().position(|fault| fault.starts_with(&start) && fault.contains(remedy));
        faults.remove(found.unwrap_or_else(|| panic!("{start}… {remedy}\nis not in\n{err}")));
    }
    assert!(faults.is_empty(), "unexpected faults: {faults:#?}");
    assert!(!err.contains("geheim"), "{err}");
}

#[tokio::test]
async fn check_says_that_it_does_not_read_included_files() {
    let (folder, file) = configured("");
    let dialplan = folder.path().join("extensions.conf");
    fs::write(&dialplan, "#include \"more.conf\"\n[a]\nexten => 1,1,NoOp()\n").unwrap();
    let arguments = ["check", "--config", file.to_str().unwrap(), dialplan.to_str().unwrap()];
    let (status, out, _) = run(&arguments).await;
    assert_eq!(status, 0);
    assert!(
        out.contains("no fault, 0 webhook steps; included files were not checked: name them too\n"),
        "{out}"
    );
}

#[tokio::test]
async fn check_finds_the_faulty_steps_of_a_dialplan() {
    let (folder, file) = configured("[hook.crm]\nurl = \"http://h/\"\n");
    let dialplan = folder.path().join("extensions.conf");
    let (file, path) = (file.to_str().unwrap(), dialplan.to_str().unwrap());
    fs::write(
        &dialplan,
        "exten => 1,1,AGI(agi://127.0.0.1/crm?timeout=3)\n same => n,AGI(agi://127.0.0.1/cmr)\n\
         same => n,AGI(agi://127.0.0.1/crm?timeout=30)\n same => n,AGI(agi://127.0.0.1/webhook,\"url=http://h/?${X}\")\n\
         same => n,AGI(agi://127.0.0.1/webhook,ulr=http://h/)\n\
         same => n,AGI(agi://10.2.2.2/theirs)\n same => n,AGI(agi://127.0.0.1:4574/theirs)\n",
    )
    .unwrap();
    let (status, out, err) = run(&["check", "--config", file, path]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    assert!(
        lines[0].starts_with(&format!(
            "dialhook: {path}:2: AGI(agi://127.0.0.1/cmr): no such hook; did you mean crm?"
        )),
        "{err}"
    );
    assert!(lines[1].contains(":3: AGI(agi://127.0.0.1/crm?timeout=30): timeout is not within"), "{err}");
    assert!(lines[2].contains(":5: ") && lines[2].contains("unknown parameter"), "{err}");
}

#[tokio::test]
async fn the_dialplan_examples_pass_check() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplan-examples");
    let mut dialplans: Vec<_> = fs::read_dir(format!("{examples}/asterisk"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| path.ends_with(".conf"))
        .collect();
    dialplans.sort();
    let configuration = format!("{examples}/dialhook.toml");
    let mut arguments = vec!["check", "--config", &configuration];
    arguments.extend(dialplans.iter().map(String::as_str));
    let (status, out, err) = run(&arguments).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out.matches(": no fault, ").count(), 1 + dialplans.len(), "{out}");
    assert!(!out.contains("\nnote "), "{out}");
    assert!(!out.contains(" 0 webhook steps"), "{out}");
}

#[tokio::test]
async fn check_counts_the_steps_for_other_servers() {
    let (folder, file) = configured("[hook.crm]\nurl = \"http://h/\"\n");
    let dialplan = folder.path().join("extensions.conf");
    fs::write(&dialplan, "exten => 1,1,AGI(agi://127.0.0.1/crm)\n same => n,AGI(agi://127.0.0.1:4574/crm)\n")
        .unwrap();
    let paths = [file.to_str().unwrap(), dialplan.to_str().unwrap()];
    let (status, out, _) = run(&["check", "--config", paths[0], paths[1]]).await;
    assert_eq!(status, 0);
    assert!(
        out.ends_with(": no fault, 1 webhook step (1 step for other servers or ports not checked)\n"),
        "{out}"
    );
    fs::write(&file, "").unwrap();
    let (status, _, err) = run(&["check", "--config", paths[0], paths[1]]).await;
    assert_eq!(status, 1);
    assert!(
        err.contains(":1: AGI(agi://127.0.0.1/crm): no such hook, and the configuration has no hooks; add"),
        "{err}"
    );
}

#[tokio::test]
async fn check_finds_a_step_that_uses_the_port_of_the_other_switch() {
    let (folder, file) = configured("[hook.crm]\nurl = \"http://h/\"\n");
    let asterisk = folder.path().join("extensions.conf");
    fs::write(
        &asterisk,
        "exten => 1,1,AGI(agi://127.0.0.1:8084/crm)\n same => n,AGI(agi://10.9.9.9:8084/x)\n",
    )
    .unwrap();
    let freeswitch = folder.path().join("x.xml");
    fs::write(&freeswitch, "<x>\n<action application=\"socket\" data=\"127.0.0.1:4573/crm\"/></x>\n")
        .unwrap();
    let paths = [&file, &asterisk, &freeswitch].map(|path| path.to_str().unwrap());
    let (status, _, err) = run(&["check", "--config", paths[0], paths[1], paths[2]]).await;
    let expected = [
        format!(
            "{}:1: AGI(agi://127.0.0.1:8084/crm): FreeSWITCH connects to port 8084, not Asterisk; write 4573",
            paths[1]
        ),
        format!(
            "{}:2: socket 127.0.0.1:4573/crm: Asterisk connects to port 4573, not FreeSWITCH; write 8084",
            paths[2]
        ),
    ];
    assert_eq!((status, err), (1, format!("dialhook: {}\ndialhook: {}\n", expected[0], expected[1])));
}

#[tokio::test]
async fn check_recognizes_a_configuration_in_the_place_of_a_dialplan() {
    let (_folder, file) = configured("");
    let path = file.to_str().unwrap();
    let (status, _, err) = run(&["check", "--config", path, path]).await;
    assert_eq!(status, 1);
    assert!(err.ends_with(&format!("a configuration, not a dialplan; write --config {path}\n")), "{err}");
}
