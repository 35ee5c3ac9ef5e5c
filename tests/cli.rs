//! The cli module owns these rules: the output, the errors and the exit status of each subcommand.

/// Files that cannot be read, are too long, or are not files.
mod files;
/// The notes of `try`.
mod notes;
/// A reader that closes the output early, and a full disk.
mod output;

use std::fs;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::util::{
    Environment, FakeSwitch, FakeWebhook, Reply, configured, dialhook, run, told, within_patience,
};

#[tokio::test]
async fn check_shows_the_meaning_of_each_hook_in_a_line() {
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
        out.contains("\nobserver   http://127.0.0.1:9573/metrics, /health/live, /health/ready\n"),
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
async fn check_shows_what_each_variable_of_set_accepts() {
    let (_folder, file) = configured(
        "[hook.crm]\nurl = \"http://h/\"\n[hook.crm.set]\nNAME = { json = \"/name\", accept = \"text\" }\nQUEUE = \"/queue\"\n",
    );
    let (status, out, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(out.contains("; NAME from /name (a text); QUEUE from /queue; accepted: a word"), "{out}");
}

#[tokio::test]
async fn check_shows_an_observer_that_is_off_and_whole_numbers_in_the_log() {
    let (_folder, file) = configured("[listen]\nobserver = false\n[log]\nnumbers = true\n");
    let (status, out, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("\nobserver   off\n"), "{out}");
    assert!(out.contains("\nlog        shows telephone numbers whole\n"), "{out}");
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

/// The line and the key of each fault of tests/data/config/faulty.toml, and a part of its remedy.
const FAULTS: [(usize, &str, &str); 42] = [
    (1, "compnay", "did you mean `company`?"),
    (4, "listen.asterisk", "write an address and a port"),
    (5, "listen.allow", "write networks or addresses"),
    (8, "limits.calls", "write a number from 1 to 1000000"),
    (11, "hook.crm.url", "placeholders stand in the path and the query only"),
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
    (24, "hook.requests.headers.X-Env.env", "set it (in the unit Environment="),
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
    (51, "hook.manner.idempotent", "write true or false"),
    (52, "hook.manner.breaker.failures", "write a number from 1 to 1000"),
    (52, "hook.manner.breaker.probe", "write a value from 1s to 1h, such as \"10s\""),
    (53, "hook.manner.cache", "leave uuid, times, ids and channel out"),
    (54, "hook.manner.redirects", "write a number from 0 to 3"),
    (55, "hook.manner.redirect_hosts", "write a whole host name"),
    (59, "hook.detached.detach", "leave out variable, set, answers"),
    (61, "hook.detached.stale_if_error", "write cache = \"60s\" too"),
    (63, "hook.webhook", "choose another one"),
    (63, "hook.webhook.url", "write the URL of the webhook"),
];

#[tokio::test]
async fn check_lists_every_fault_of_a_file_with_line_and_remedy() {
    let file = "tests/data/config/faulty.toml";
    let (status, out, err) = run(&["check", "--config", file]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    let mut said: Vec<_> = err.lines().collect();
    for (line, key, remedy) in FAULTS {
        let start = format!("dialhook: {file}:{line}: {key}: ");
        let found = said.iter().position(|said| said.starts_with(&start) && said.contains(remedy));
        said.remove(found.unwrap_or_else(|| panic!("{start}… {remedy}\nis not in\n{err}")));
    }
    assert!(said.is_empty(), "unexpected faults: {said:#?}");
    assert!(!err.contains("geheim"), "{err}");
}

#[tokio::test]
async fn check_says_that_it_does_not_check_included_files() {
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
async fn the_examples_pass_the_programs_own_check() {
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
async fn serve_does_not_start_with_a_faulty_configuration() {
    let (_folder, file) = configured("[hook.crm]\n");
    let (status, _, err) = run(&["serve", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 2);
    assert!(err.contains(":1: hook.crm.url: missing; write the URL of the webhook"), "{err}");
    let (status, _, err) = run(&["serve", "--config", "/nonexistent/dialhook.toml"]).await;
    assert_eq!(status, 2);
    assert!(err.starts_with("dialhook: cannot read /nonexistent/dialhook.toml: No such file"), "{err}");
}

#[tokio::test]
async fn serve_names_an_address_in_use_with_a_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (taken, others) in [
        ("asterisk", "freeswitch = false\nobserver = false"),
        ("freeswitch", "asterisk = \"127.0.0.1:0\"\nobserver = false"),
        ("observer", "asterisk = \"127.0.0.1:0\"\nfreeswitch = false"),
    ] {
        let (_folder, file) = configured(&format!("[listen]\n{taken} = \"{address}\"\n{others}\n"));
        let (status, _, err) = run(&["serve", "--config", file.to_str().unwrap()]).await;
        assert_eq!(status, 1);
        assert!(err.contains(&format!("cannot listen on {address}: Address already in use")), "{err}");
        assert!(err.contains(&format!("change listen.{taken} (false: not at all)")), "{err}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_status_2() {
    for arguments in
        [&[][..], &["serv"], &["try"], &["try", "crm", "--variable", "A(b)=c"], &["serve", "--port", "1"]]
    {
        assert_eq!(run(arguments).await.0, 2, "{arguments:?}");
    }
    let (status, out, _) = run(&["--version"]).await;
    assert_eq!((status, out), (0, format!("dialhook {}\n", env!("CARGO_PKG_VERSION"))));
    for command in ["serve", "check", "try", "demo"] {
        assert_eq!(run(&[command, "--help"]).await.0, 0);
    }
}

#[tokio::test]
async fn try_shows_request_answer_and_channel_and_hides_secrets() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales\n")).await;
    let url = webhook
        .url("/a1b2c3d4e5f6/r?did={callee_number}&a={variables.ACCOUNT}&token=geheim&key={uuid}")
        .replace("http://", "http://u:geheim@");
    let (folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\nheaders = {{ X-Key = {{ file = \"crm.key\" }} }}\n"
    ));
    fs::write(folder.path().join("crm.key"), "geheim\n").unwrap();
    let file = file.to_str().unwrap();
    let arguments = [
        "try",
        "crm",
        "--config",
        file,
        "--caller",
        "31612345678",
        "--callee",
        "2/3",
        "--variable",
        "ACCOUNT=4&2",
    ];
    let (status, out, err) = run(&arguments).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("request   POST http://…@127.0.0.1:"), "{out}");
    assert!(
        out.contains("/…/r?did=2%2F3&a=4%262&token=…&key=…\n")
            && out.contains("\n          x-key: … (hidden)\n"),
        "{out}"
    );
    assert!(
        out.contains("\nanswer    200 after ") && out.contains(" ms, 6 bytes\n          sales\n"),
        "{out}"
    );
    assert!(out.contains("\nchannel   CRM = \"sales\"\n          WEBHOOK_CODE = \"200\"\n"), "{out}");
    assert!(out.ends_with("\n          WEBHOOK_STATUS = \"OK\"\n"), "{out}");
    assert!(!out.contains("geheim"), "{out}");
    let received = &webhook.received()[0];
    assert_eq!(received.header("x-key"), Some("geheim"));
    assert_eq!(received.json()["caller_number"], "31612345678");

    let (status, out, _) = run(&[&arguments[..], &["--json"]].concat()).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["status"], &told["set"]["CRM"]), (0, &"OK".into(), &"sales".into()));
    assert_eq!(told["answer"]["code"], 200);
    assert!(!out.contains("geheim"), "{out}");
}

#[tokio::test]
async fn a_credential_of_the_service_is_used_before_a_file_beside_the_configuration() {
    let webhook = FakeWebhook::start(|_| Reply::text("")).await;
    let (folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{}\"\nheaders = {{ X-Key = {{ file = \"crm.key\" }}, X-Env = {{ env = \"CRM_KEY\" }} }}\n",
        webhook.url("/")
    ));
    fs::write(folder.path().join("crm.key"), "beside\n").unwrap();
    let credentials = tempfile::tempdir().unwrap();
    for expected in ["beside", "credential"] {
        let mut command = dialhook(&["try", "crm", "--config", file.to_str().unwrap()]);
        command.env("CREDENTIALS_DIRECTORY", credentials.path()).env("CRM_KEY", "from the environment");
        let (status, out, _) = told(&within_patience("the program", command.output()).await.unwrap());
        assert_eq!(status, 0, "{out}");
        let received = webhook.received();
        let received = received.last().unwrap();
        assert_eq!(received.header("x-key"), Some(expected));
        assert_eq!(received.header("x-env"), Some("from the environment"));
        assert!(!out.contains(expected) && !out.contains("from the environment"), "{out}");
        fs::write(credentials.path().join("crm.key"), "credential").unwrap();
    }
}

#[tokio::test]
async fn sighup_does_not_stop_the_daemon() {
    let (_folder, daemon, address) =
        serving("listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n").await;
    let process = daemon.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &process]).status().await.unwrap().success());
    assert_eq!(FakeSwitch::call(address, Environment::new("nope")).await.status(), "BAD_REQUEST");
}

#[tokio::test]
async fn check_counts_the_steps_that_it_did_not_check() {
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
async fn check_finds_a_step_that_goes_to_the_port_of_the_other_switch() {
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
    let told = [
        format!(
            "{}:1: AGI(agi://127.0.0.1:8084/crm): FreeSWITCH connects to port 8084, not Asterisk; write 4573",
            paths[1]
        ),
        format!(
            "{}:2: socket 127.0.0.1:4573/crm: Asterisk connects to port 4573, not FreeSWITCH; write 8084",
            paths[2]
        ),
    ];
    assert_eq!((status, err), (1, format!("dialhook: {}\ndialhook: {}\n", told[0], told[1])));
}

#[tokio::test]
async fn check_refuses_a_configuration_in_the_place_of_a_dialplan() {
    let (_folder, file) = configured("");
    let path = file.to_str().unwrap();
    let (status, _, err) = run(&["check", "--config", path, path]).await;
    assert_eq!(status, 1);
    assert!(err.ends_with(&format!("a configuration, not a dialplan; write --config {path}\n")), "{err}");
}

#[tokio::test]
async fn try_shows_the_commands_that_freeswitch_would_get() {
    let webhook = FakeWebhook::start(|_| Reply::text("C:\\new")).await;
    let (_folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"text\"\n",
        webhook.url("/")
    ));
    let (status, out, _) =
        run(&["try", "crm", "--switch", "freeswitch", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(out.contains("\nchannel   crm = \"C:\\new\"\n          webhook_code = \"200\"\n"), "{out}");
    assert!(
        out.contains("          content-length: 13\n\n          crm=C:\\\\\\\\new\n          sendmsg\n"),
        "{out}"
    );
    assert!(out.ends_with("          webhook_status=OK\n          exit\n"), "{out}");
    assert_eq!(webhook.received()[0].json()["switch"], "freeswitch");
}

#[tokio::test]
async fn try_fails_if_a_call_would_not_get_ok() {
    let webhook = FakeWebhook::start(|received| match received.target.as_str() {
        "/page" => Reply::status(500, "the database is \u{1b}[31mgone"),
        _ => Reply::text("say \"hi\""),
    })
    .await;
    let hook = |name: &str| {
        format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"V\"\n", webhook.url(&format!("/{name}")))
    };
    let (_folder, file) = configured(&(hook("page") + &hook("quote")));
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["try", "page", "--config", file]).await;
    assert_eq!(status, 1);
    assert!(out.contains("answer    500 after "), "{out}");
    assert!(
        out.contains("the database is \u{fffd}[31mgone"),
        "a control character reached the terminal: {out}"
    );
    assert!(out.contains("WEBHOOK_STATUS = \"HTTP_ERROR\""), "{out}");
    let (status, out, _) = run(&["try", "quote", "--config", file]).await;
    assert_eq!(status, 1);
    assert!(out.contains("WEBHOOK_STATUS = \"BAD_ANSWER\"") && out.contains("V = \"\""), "{out}");
    let (status, _, err) = run(&["try", "crm", "--config", file]).await;
    assert_eq!(status, 2);
    assert!(err.ends_with("dialhook.toml; write one of page, quote\n"), "{err}");
    let (_, _, err) = run(&["try", "quot", "--config", file]).await;
    assert!(err.ends_with("dialhook.toml; did you mean quote?\n"), "{err}");
}

#[tokio::test]
async fn the_demo_shows_calls_of_both_switches_and_ends() {
    let (status, out, err) = run(&["demo"]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    for line in [
        "  the call goes to   sales, because CRM is \"sales\"; the step took ",
        "  the call goes to   reception, because WEBHOOK_STATUS is BAD_ANSWER, not OK; the step took ",
        "  the call goes to   reception, because webhook_status is BAD_ANSWER, not OK; the step took ",
        "  the call goes to   reception, because WEBHOOK_STATUS is TIMEOUT, not OK; the step took ",
        "\n  dialhook sets      SET VARIABLE CRM \"sales\"\n",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let sales = "  the call goes to   sales, because CRM is \"sales\"; ";
    assert_eq!(out.matches(sales).count(), 2, "{out}");
    assert!(out.contains("\n  dialhook sets      CRM=sales\n"), "{out}");
    assert!(out.contains("webhook_reason=the answer is not a word. a word has letters digits"), "{out}");
    assert!(out.contains("The next steps, with a real switch:"), "{out}");
}

/// Starts a daemon as a process. Returns the address that it logs.
async fn serving(configuration: &str) -> (TempDir, Child, std::net::SocketAddr) {
    let (folder, file) = configured(&format!("listen.observer = false\n{configuration}"));
    let mut daemon =
        dialhook(&["serve", "--config", file.to_str().unwrap()]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(daemon.stderr.as_mut().unwrap()).lines();
    let address = loop {
        let line = within_patience("the daemon's log", log.next_line()).await.unwrap().unwrap();
        if let Some((_, address)) = line.split_once("asterisk=") {
            break address.split(' ').next().unwrap().parse().unwrap();
        }
    };
    (folder, daemon, address)
}

#[tokio::test]
async fn a_stopped_daemon_finishes_its_calls_and_ends_with_0() {
    let gate = crate::util::Gate::default();
    let webhook = FakeWebhook::start({
        let gate = gate.clone();
        move |_| Reply::text("sales").after(&gate)
    })
    .await;
    let configuration = format!(
        "listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n",
        webhook.url("/")
    );
    let (_folder, mut daemon, address) = serving(&configuration).await;
    let call = tokio::spawn(async move { FakeSwitch::call(address, Environment::new("crm")).await });
    webhook.requested().await;
    let process = daemon.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    gate.open();
    assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    let status = within_patience("the end of the daemon", daemon.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_blocked_reader_of_the_log_delays_no_call() {
    let (_folder, mut daemon, address) =
        serving("listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n").await;
    // the log is longer than a pipe can hold
    for _ in 0..1000 {
        let ended = within_patience("a call", FakeSwitch::call(address, Environment::new("nope"))).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
    }
    daemon.kill().await.unwrap();
}
