//! Owner: the tests. Runs a test in a network namespace: for SIP on its well-known port, and for name
//! servers.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::skipped;

/// True if this test runs in a network namespace of its own; `test` is its path. Otherwise runs the test once
/// more in such a namespace. It has its own loopback interface and its own `/etc/resolv.conf`, which says
/// `nameserver 127.0.0.1`.
pub fn isolated(test: &str) -> bool {
    isolated_with_environment(test, Vec::new)
}

/// The same, with these environment variables. The closure runs outside the namespace only.
pub fn isolated_with_environment(
    test: &str,
    environment: impl FnOnce() -> Vec<(&'static str, PathBuf)>,
) -> bool {
    isolated_with_files(test, &[("/etc/resolv.conf", "nameserver 127.0.0.1\n")], environment)
}

/// The same, with these contents in these files.
pub fn isolated_with_files(
    test: &str,
    files: &[(&str, &str)],
    environment: impl FnOnce() -> Vec<(&'static str, PathBuf)>,
) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let Some(unshare) = unshare() else {
        skipped(&format!("{test}: unshare, or mount in it, is not permitted here"));
        return false;
    };
    let test = test.split_once("::").map_or(test, |(_binary, path)| path);
    let this = env::current_exe().unwrap();
    let inside = run(unshare, this.as_path(), &["--exact", test, "--nocapture"], files, environment());
    let output = String::from_utf8_lossy(&[inside.stdout, inside.stderr].concat()).into_owned();
    assert!(inside.status.success() && output.contains("1 passed"), "{output}");
    false
}

const INSIDE: &str = "DIALHOOK_TEST_ISOLATED";

/// The options of `unshare` that this user may use: as root, or else as root of a user namespace.
fn unshare() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["--net", "--mount"], &["--map-root-user", "--net", "--mount"]];
    ways.into_iter().find(|way| run(way, Path::new("true"), &[], &[], Vec::new()).status.success())
}

fn run(
    unshare: &[&str],
    program: &Path,
    arguments: &[&str],
    files: &[(&str, &str)],
    environment: Vec<(&'static str, PathBuf)>,
) -> Output {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .args(["python3", "-c", PREPARE, &serde_json::json!(files).to_string()])
        .arg(program)
        .args(arguments)
        .env(INSIDE, "1")
        .envs(environment);
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Brings the loopback interface up (`ip` is not installed everywhere), replaces the files, runs the program.
const PREPARE: &str = "
import fcntl, json, os, socket, struct, subprocess, sys, tempfile
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', IFF_UP))
for path, content in json.loads(sys.argv[1]).items():
    with tempfile.NamedTemporaryFile('w') as file:
        print(content, end='', file=file, flush=True)
        subprocess.run(['mount', '--bind', file.name, os.path.realpath(path)], check=True)
os.execvp(sys.argv[2], sys.argv[2:])
";
