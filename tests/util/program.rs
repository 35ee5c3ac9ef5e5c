//! The program itself, as a child.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::within_patience;

/// `dialhook serve`; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    address: SocketAddr,
    child: Child,
    log: JoinHandle<String>,
    _folder: TempDir,
}

/// `dialhook` with these arguments and a clean environment.
pub fn dialhook(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialhook"));
    command.args(arguments).env_remove("DIALHOOK_LOG").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The same, run to its end: its exit status, and what it said on standard output and on standard error.
pub async fn run(arguments: &[&str]) -> (i32, String, String) {
    told(&within_patience("the program", dialhook(arguments).output()).await.expect("our own program"))
}

/// What a program has said.
pub fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("an exit status"), text(&output.stdout), text(&output.stderr))
}

/// A configuration in a folder of its own.
pub fn configured(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("dialhook.toml");
    fs::write(&file, text).expect("a file");
    (folder, file)
}

impl Program {
    /// Starts it with these tables and this environment, and waits until it listens on a port of its own.
    pub async fn serve(tables: &str, environment: &[(&str, &str)]) -> Self {
        Self::serve_beside(&[], tables, environment).await
    }

    /// The same, with these files beside its configuration.
    pub async fn serve_beside(files: &[(&str, &str)], tables: &str, environment: &[(&str, &str)]) -> Self {
        let (folder, file) =
            configured(&format!("[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\n{tables}"));
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("a file");
        }
        let mut child = dialhook(&["serve", "--config"])
            .arg(&file)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut log = String::new();
        let listening = async {
            while let Some(line) = lines.next_line().await.expect("a log in UTF-8") {
                log = format!("{log}{line}\n");
                if let Some((_, rest)) = line.split_once("listening asterisk=") {
                    return rest.split(' ').next().and_then(|address| address.parse().ok());
                }
            }
            None
        };
        let address = within_patience("the address", listening).await;
        let address = address.unwrap_or_else(|| panic!("it does not listen: {log}"));
        // whoever logs must be read
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.extend([&line, "\n"]);
            }
            log
        });
        Self { address, child, log, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it as systemd does, and gives everything that it has logged.
    pub async fn stop(mut self) -> String {
        let process = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status().await;
        assert!(sent.expect("kill").success());
        let ended =
            within_patience("the end of the program", self.child.wait()).await.expect("our own child");
        assert_eq!(ended.code(), Some(0));
        within_patience("the end of the log", self.log).await.expect("a log")
    }
}
