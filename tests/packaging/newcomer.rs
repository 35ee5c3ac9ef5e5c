//! Owner: packaging. The way of the README from the installed package to the first routed call.

use std::env;
use std::fs;
use std::path::Path;

use tokio::process::Command;

use super::package::{package, unpacked};
use crate::asterisk::instance::Asterisk;
use crate::asterisk::program::{Program, Stream};
use crate::asterisk::releases;
use crate::manual::root;
use crate::util::network_namespace::isolated_with_environment;

/// The dialplan of the README's section on Asterisk, without its margin.
fn extensions() -> String {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let from = page.find("    [webhook-test]  ").expect("the dialplan of the README");
    let lines = page[from..].lines().take_while(|line| line.starts_with("    "));
    lines.map(|line| format!("{}\n", &line[4..])).collect()
}

/// The command line that the packaged unit starts.
fn exec_start(installed: &Path) -> Vec<String> {
    let unit = fs::read_to_string(installed.join("usr/lib/systemd/system/dialhook.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("what to start");
    line.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_steps_of_the_readme_lead_from_the_package_to_a_routed_call() {
    // in a network of its own: the unit's daemon and the README's server have their well-known ports
    let test = concat!(module_path!(), "::the_steps_of_the_readme_lead_from_the_package_to_a_routed_call");
    // the package is made by one process: another one's would take its place while tests read it
    if !isolated_with_environment(test, || vec![("DIALHOOK_DEB", package().to_owned())]) {
        return;
    }
    let installed = unpacked();
    let path = |below: &str| installed.path().join(below);
    let started = exec_start(installed.path());
    let paths = env::join_paths([path("usr/bin"), path("usr/sbin")]).unwrap();
    let mut unit = Command::new("env");
    unit.arg(format!("PATH={}", paths.to_str().unwrap())).args(&started).env_remove("JOURNAL_STREAM");
    let _dialhook = Program::start(&mut unit, Stream::Error, "asterisk=").await;
    let mut server = Command::new("python3");
    server.arg(path("usr/share/doc/dialhook/examples/webhook.py"));
    let mut webhook = Program::start(&mut server, Stream::Output, "listening on ").await;
    assert_eq!(webhook.address().port(), 8090, "the port that the README's step asks");

    let extensions = extensions();
    for release in releases() {
        let asterisk = Asterisk::start(release, &extensions).await;
        for (number, answer) in [("101", "sales"), ("103", "reception")] {
            let ended = asterisk.call(&format!("{number}@webhook-test")).await;
            assert_eq!(
                [ended.last("WEBHOOK_STATUS"), ended.last("ROUTE")],
                [Some("OK"), Some(answer)],
                "{}",
                asterisk.log_tail()
            );
            let went = format!("NoOp(to {answer})");
            assert!(ended.steps.contains(&went), "{went} is not in {:?}", ended.steps);
            let request = webhook.wait_for_line(|line| line.starts_with("GET /route?to=")).await;
            assert!(request.starts_with(&format!("GET /route?to={number} ")), "{request}");
        }
    }
}
