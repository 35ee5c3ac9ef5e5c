//! Owner: systemd. The units, checked by the tools of systemd. `tests/run` installs these tools.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// 1.5 on the scale of `systemd-analyze security`, in its tenths.
const MOST_EXPOSED: &str = "--threshold=15";

/// The units in a folder of their own, with the program that was built in the place of the installed one.
fn units() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for unit in ["dialhook.service", "dialhook.socket"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(unit));
        let text = text.unwrap().replace("=dialhook ", concat!("=", env!("CARGO_BIN_EXE_dialhook"), " "));
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    folder
}

fn systemd_analyze(folder: &TempDir, arguments: &[&str]) -> (Output, String) {
    let output = Command::new("systemd-analyze").args(arguments).current_dir(folder.path()).output();
    let output = output.expect("systemd-analyze, of Debian's package systemd");
    let report = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
    (output, String::from_utf8_lossy(&report).into_owned())
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let folder = units();
    // the manual pages in the units come with the package and are not on this machine
    let (output, report) =
        systemd_analyze(&folder, &["verify", "--man=no", "./dialhook.service", "./dialhook.socket"]);
    // it ignores unknown lines and reports them
    assert!(output.status.success() && !report.contains("dialhook."), "{report}");
}

#[test]
fn the_service_is_exposed_as_little_as_it_can_be() {
    let folder = units();
    let arguments = ["security", "--offline=true", "--no-pager", MOST_EXPOSED, "./dialhook.service"];
    let (output, report) = systemd_analyze(&folder, &arguments);
    assert!(output.status.success() && report.contains("Overall exposure level"), "{report}");
}

#[test]
fn the_socket_listens_where_the_daemon_would() {
    let text = include_str!("../../systemd/dialhook.socket");
    let listeners: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("ListenStream=")).collect();
    let listen = dialhook::config::Config::default().listen;
    let wanted: Vec<_> = listen.switches().map(|(_, address)| address.to_string()).collect();
    assert_eq!(listeners, wanted);
}

/// True if the service unit has this line.
fn unit_has_line(line: &str) -> bool {
    include_str!("../../systemd/dialhook.service").lines().any(|there| there == line)
}

#[test]
fn the_service_writes_no_core_dump() {
    assert!(unit_has_line("LimitCORE=0"));
}

#[test]
fn journald_does_not_rate_limit_the_service() {
    assert!(unit_has_line("LogRateLimitIntervalSec=0"));
}
