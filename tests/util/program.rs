//! Owner: the tests. The program itself, as a child process.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within_time_limit;

/// `dialhook serve`; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    address: SocketAddr,
    child: Child,
    startup_log: Vec<String>,
    log: UnboundedReceiver<String>,
    _folder: TempDir,
}

/// `dialhook` with these arguments and a clean environment.
pub fn dialhook(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialhook"));
    command.args(arguments).env_remove("DIALHOOK_LOG").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end, and returns its exit status, standard output and standard error.
pub async fn run(arguments: &[&str]) -> (i32, String, String) {
    exit_and_output(
        &within_time_limit("the program", dialhook(arguments).output()).await.expect("our own program"),
    )
}

/// The exit status, standard output and standard error of a program.
pub fn exit_and_output(output: &Output) -> (i32, String, String) {
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
        Self::start(&[], &[], tables, environment).await
    }

    /// The same with more arguments.
    pub async fn serve_with(arguments: &[&str], tables: &str, environment: &[(&str, &str)]) -> Self {
        Self::start(arguments, &[], tables, environment).await
    }

    /// The same with these files beside its configuration.
    pub async fn serve_beside(files: &[(&str, &str)], tables: &str, environment: &[(&str, &str)]) -> Self {
        Self::start(&[], files, tables, environment).await
    }

    /// The same with so many open files at most.
    pub async fn serve_within(open_files: u32, tables: &str) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {open_files}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_dialhook"), "serve", "--config"]);
        command.env_remove("DIALHOOK_LOG").stdin(Stdio::null()).kill_on_drop(true);
        Self::begin(command, &[], &[], tables, &[]).await
    }

    async fn start(
        arguments: &[&str],
        files: &[(&str, &str)],
        tables: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::begin(dialhook(&["serve", "--config"]), arguments, files, tables, environment).await
    }

    async fn begin(
        mut command: Command,
        arguments: &[&str],
        files: &[(&str, &str)],
        tables: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n";
        let (folder, file) = configured(&format!("{listen}{tables}"));
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("a file");
        }
        let mut child = command
            .arg(&file)
            .args(arguments)
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (tell, mut log) = unbounded_channel();
        // the log must be read, or the program would block
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _nobody_listens = tell.send(line);
            }
        });
        let mut startup_log = Vec::new();
        let address = loop {
            let line = within_time_limit("the address", log.recv()).await;
            startup_log.push(line.unwrap_or_else(|| panic!("it does not listen: {startup_log:#?}")));
            if let Some(address) = startup_log.last().and_then(|line| listening(line)) {
                break address;
            }
        };
        Self { address, child, startup_log, log, _folder: folder }
    }

    /// The address of its listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines of its log up to the one that says that it listens.
    pub fn startup_log(&self) -> &[String] {
        &self.startup_log
    }

    /// The next line that it logs.
    pub async fn line(&mut self) -> String {
        within_time_limit("a line of the log", self.log.recv()).await.expect("a program that runs")
    }

    /// Stops it as systemd does, and returns the rest of its log.
    pub async fn stop(mut self) -> String {
        let process = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status().await;
        assert!(sent.expect("kill").success());
        let ended =
            within_time_limit("the end of the program", self.child.wait()).await.expect("our own child");
        assert_eq!(ended.code(), Some(0));
        let mut log = self.startup_log;
        within_time_limit("the end of the log", async {
            while let Some(line) = self.log.recv().await {
                log.push(line);
            }
        })
        .await;
        log.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// The address for Asterisk in the line `listening` of the log, as text or as JSON.
pub fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("asterisk").filter(|_| line.contains("listening"))?;
    rest.trim_start_matches(['"', ':', '=']).split([' ', '"']).next()?.parse().ok()
}
