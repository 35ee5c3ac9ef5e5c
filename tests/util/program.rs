//! The program itself, as a child.

use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within_patience;

/// `dialhook serve`; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    address: SocketAddr,
    said: Vec<String>,
    log: UnboundedReceiver<String>,
    _child: Child,
    _folder: TempDir,
}

impl Program {
    /// Starts it with these tables and this environment, and waits until it listens on a port of its own.
    pub async fn serve(tables: &str, environment: &[(&str, &str)]) -> Self {
        Self::serve_with(&[], tables, environment).await
    }

    /// The same with more arguments.
    pub async fn serve_with(arguments: &[&str], tables: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("dialhook.toml");
        let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n";
        std::fs::write(&file, format!("{listen}{tables}")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_dialhook"))
            .args(["serve", "--config"])
            .arg(&file)
            .args(arguments)
            .env_remove("DIALHOOK_LOG")
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("our own program");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (tell, mut log) = unbounded_channel();
        // whoever logs must be read
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _nobody_listens = tell.send(line);
            }
        });
        let mut said = Vec::new();
        let address = loop {
            said.push(within_patience("the address", log.recv()).await.expect("a line with the address"));
            if let Some(address) = said.last().and_then(|line| listening(line)) {
                break address;
            }
        };
        Self { address, said, log, _child: child, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it logged until it listened.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// The next line that it logs.
    pub async fn line(&mut self) -> String {
        within_patience("a line of the log", self.log.recv()).await.expect("a program that runs")
    }
}

/// The address for Asterisk in the line that tells it, as text or as JSON.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("asterisk").filter(|_| line.contains("listening"))?;
    rest.trim_start_matches(['"', ':', '=']).split([' ', '"']).next()?.parse().ok()
}
