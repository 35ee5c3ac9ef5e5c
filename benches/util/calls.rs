//! Calls as Asterisk makes them, and their webhook.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The end of a call.
pub struct Ended {
    /// The time from its connection until the daemon has given it back.
    pub took: Duration,
    pub commands: String,
}

impl Ended {
    pub fn has_status(&self, status: &str) -> bool {
        self.commands.contains(&format!("SET VARIABLE WEBHOOK_STATUS \"{status}\"\n"))
    }
}

const ENVIRONMENT: &str = include_str!("../../src/cli/demo/environment.txt");

/// Returns what Asterisk sends for a call with this id to this hook.
pub fn environment(hook: &str, id: &str) -> String {
    ENVIRONMENT
        .replace("agi_network_script: crm", &format!("agi_network_script: {hook}"))
        .replace("127.0.0.1/crm", &format!("127.0.0.1/{hook}"))
        .replace("1795416038.0", id)
}

/// Makes a call.
pub async fn call(address: SocketAddr, environment: &str) -> Ended {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(environment.as_bytes()).await.unwrap();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut line = String::new();
    read.read_line(&mut line).await.unwrap();
    let word = line.strip_prefix("GET FULL VARIABLE \"").and_then(|rest| rest.get(..16)).unwrap();
    let values = format!("|(((((((({word}").repeat(line.matches("URIENCODE").count());
    write.write_all(format!("200 result=1 ({word}{values})\n").as_bytes()).await.unwrap();
    let mut commands = String::new();
    read.read_to_string(&mut commands).await.unwrap();
    let took = began.elapsed();
    let replies = "200 result=1\n".repeat(commands.lines().count());
    write.write_all(format!("{replies}HANGUP\n").as_bytes()).await.unwrap();
    Ended { took, commands }
}

/// A webhook that answers at once and keeps its connections. It answers `/broken` with status 500 and a page
/// of this number of bytes.
pub async fn webhook(broken: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream, broken));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, broken: usize) {
    let head = format!("HTTP/1.1 500 No\r\nContent-Type: text/html\r\nContent-Length: {broken}\r\n\r\n");
    let broken = head + &"<p>Error</p>".repeat(broken / 12 + 1)[..broken];
    let mut request = vec![0; 16 * 1024];
    // a request of this daemon comes in one piece
    while stream.read(&mut request).await.is_ok_and(|size| size > 0) {
        let answer = match request.starts_with(b"POST /broken ") {
            true => broken.as_bytes(),
            false => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsales",
        };
        stream.write_all(answer).await.unwrap();
    }
}
