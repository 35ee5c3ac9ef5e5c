//! Owner: the tests. One HTTP request to the observer, in raw bytes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Daemon, within_time_limit};

/// An answer of the observer; all fields are empty if it closed the connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ObserverResponse {
    pub code: u16,
    /// The lines of the head, in small letters.
    pub head: Vec<String>,
    pub body: String,
}

impl ObserverResponse {
    /// A GET.
    pub async fn get(address: SocketAddr, path: &str) -> Self {
        Self::to(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await
    }

    /// Sends these bytes, and reads the answer.
    pub async fn to(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the observer listens");
        let _refused = stream.write_all(request).await;
        Self::read(stream).await
    }

    /// Reads the answer from a connection on which the request was sent.
    pub async fn read(mut stream: TcpStream) -> Self {
        let mut received = Vec::new();
        // a reset after the answer counts as its end
        let _end = within_time_limit("the answer", stream.read_to_end(&mut received)).await;
        let received = String::from_utf8(received).expect("an answer in UTF-8");
        let Some((head, body)) = received.split_once("\r\n\r\n") else { return Self::default() };
        let head: Vec<_> = head.lines().map(str::to_lowercase).collect();
        let code = head[0].split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Self { code, head, body: body.to_owned() }
    }
}

/// The text of `/metrics` as soon as no call is in flight. A call is counted when its switch has received
/// everything.
pub async fn metrics(daemon: &Daemon) -> String {
    within_time_limit("the end of all calls", async {
        loop {
            let asked = ObserverResponse::get(daemon.observer(), "/metrics").await;
            assert_eq!(asked.code, 200);
            if asked.body.contains("\ndialhook_calls_in_flight 0\n") {
                return asked.body;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}
