//! The program itself, as a child.

use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::within_patience;

/// `dialhook serve`; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Program {
    /// Starts it with these tables and this environment, and waits until it listens on a port of its own.
    pub async fn serve(tables: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("dialhook.toml");
        std::fs::write(&file, format!("[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n{tables}"))
            .expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_dialhook"))
            .args(["serve", "--config"])
            .arg(&file)
            .env_remove("DIALHOOK_LOG")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("our own program");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let listening = async {
            while let Some(line) = log.next_line().await.expect("a log in UTF-8") {
                if let Some((_, rest)) = line.split_once("listening asterisk=") {
                    return rest.split(' ').next().and_then(|address| address.parse().ok());
                }
            }
            None
        };
        let address = within_patience("the address", listening).await.expect("a line with the address");
        // whoever logs must be read
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { address, _child: child, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
