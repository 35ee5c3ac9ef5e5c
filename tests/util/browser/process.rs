//! Owner: the tests. Chromium's driver as a child process, whose end is the end of the tests.

use std::env;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// A running driver. The browsers that it starts belong to its process group.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) url: String,
    _child: Child,
    /// The kernel closes it at the end of the tests, also if they are killed.
    _open: ChildStdin,
}

/// Starts the driver in a session of its own, waits for the end of standard input, kills the whole process
/// group and removes its folder. Nothing in a static variable is dropped, so the end of a pipe has to say it.
const SCRIPT: &str = r#"
exec 3<&0
TMPDIR=$1 HOME=$1 setsid chromedriver --port=0 </dev/null 3<&- &
cat <&3 >/dev/null
kill -s KILL -- -$!
wait
rm -rf "$1"
"#;

impl Driver {
    /// Starts the driver on a free port.
    pub(super) fn start() -> Self {
        let folder = TempDir::new().expect("a folder").keep();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "chromedriver"]).arg(&folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let open = child.stdin.take().expect("a pipe");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = said.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("the driver says its port");
        Self { url: format!("http://127.0.0.1:{port}"), _child: child, _open: open }
    }
}

/// Returns the reason why there is no browser.
pub(super) fn missing() -> Option<String> {
    ["chromedriver", "chromium"]
        .into_iter()
        .find(|program| !is_installed(program))
        .map(|program| format!("there is no {program}; install the packages chromium and chromium-driver"))
}

fn is_installed(program: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
