//! Readers of the observer's pages, on a thread of their own.

use std::future::pending;
use std::hint::spin_loop;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The kinds of readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    None,
    /// Sixteen event streams, and 84 connections that say nothing. The observer closes those after 5 s, or
    /// for a newcomer; their browser opens another one after a second.
    Idle,
    /// Sixteen event streams.
    Streams,
    /// Requests for the longest page or JSON whose answer nobody reads.
    Stalled,
    /// Three readers of all records: the list as JSON, the list as a page, and each step.
    Scan,
    /// A thread that computes without pause, and no reader: the cost of one core less.
    Computation,
}

impl Readers {
    pub const ALL: [Self; 6] =
        [Self::None, Self::Idle, Self::Streams, Self::Stalled, Self::Scan, Self::Computation];
}

const STREAMS: usize = 16;
const SILENT: usize = 84;
const STALLED: usize = 48;

const JSON_OF_ALL: &str = "/api/steps?limit=3000";
const PAGE_OF_ALL: &str = "/?limit=3000";

/// Readers that read until they are stopped.
pub struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    done: Arc<AtomicUsize>,
}

impl Running {
    pub fn start(readers: Readers, observer: SocketAddr) -> Self {
        let (stop, done) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (stopped, counter) = (stop.clone(), Arc::clone(&done));
        let thread = thread::spawn(move || match readers {
            Readers::Computation => {
                while !stopped.is_cancelled() {
                    spin_loop();
                }
            }
            _ => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(stopped.run_until_cancelled(read(readers, observer, counter)));
            }
        });
        Self { stop, thread, done }
    }

    /// Returns the number of events or answers that were read, of connections that were opened, or of
    /// requests that stalled.
    pub fn stop(self) -> usize {
        self.stop.cancel();
        self.thread.join().unwrap();
        self.done.load(Ordering::Relaxed)
    }
}

async fn read(readers: Readers, observer: SocketAddr, done: Arc<AtomicUsize>) {
    let mut all = JoinSet::new();
    match readers {
        Readers::None | Readers::Computation => {}
        Readers::Idle => {
            let events = Arc::default();
            (0..STREAMS).for_each(|_| drop(all.spawn(stream(observer, Arc::clone(&events)))));
            (0..SILENT).for_each(|_| drop(all.spawn(silent(observer, Arc::clone(&done)))));
        }
        Readers::Streams => {
            (0..STREAMS).for_each(|_| drop(all.spawn(stream(observer, Arc::clone(&done)))));
        }
        Readers::Stalled => {
            (0..STALLED).for_each(|number| {
                let target = if number % 2 == 0 { JSON_OF_ALL } else { PAGE_OF_ALL };
                all.spawn(stalled(observer, target, Arc::clone(&done)));
            });
        }
        Readers::Scan => {
            all.spawn(scan(observer, JSON_OF_ALL, Arc::clone(&done)));
            all.spawn(scan(observer, PAGE_OF_ALL, Arc::clone(&done)));
            all.spawn(scan_steps(observer, done));
        }
    }
    all.join_all().await;
    pending().await
}

async fn stream(observer: SocketAddr, done: Arc<AtomicUsize>) {
    loop {
        let mut lines = BufReader::new(ask(observer, "/api/events").await).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            done.fetch_add(usize::from(line.starts_with("event: step")), Ordering::Relaxed);
        }
        // the places of the streams of the last round may not be free yet
        sleep(Duration::from_millis(50)).await;
    }
}

async fn silent(observer: SocketAddr, done: Arc<AtomicUsize>) {
    loop {
        let mut peer = TcpStream::connect(observer).await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
        let _closed = peer.read(&mut [0]).await;
        sleep(Duration::from_secs(1)).await;
    }
}

async fn stalled(observer: SocketAddr, target: &str, done: Arc<AtomicUsize>) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        // little room, so that the observer has to wait
        socket.set_recv_buffer_size(4096).unwrap();
        let mut peer = socket.connect(observer).await.unwrap();
        peer.write_all(request(observer, target).as_bytes()).await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
        // longer than the observer waits
        sleep(Duration::from_secs(6)).await;
    }
}

async fn scan(observer: SocketAddr, target: &str, done: Arc<AtomicUsize>) {
    loop {
        get(observer, target).await;
        done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn scan_steps(observer: SocketAddr, done: Arc<AtomicUsize>) {
    loop {
        for step in steps(observer, JSON_OF_ALL).await {
            let id = step.get("id").and_then(|id| id.as_str()).unwrap();
            get(observer, &format!("/api/steps/{id}")).await;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the steps of an answer of the observer.
pub async fn steps(observer: SocketAddr, target: &str) -> Vec<serde_json::Value> {
    let answer = get(observer, target).await;
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut body: serde_json::Value = serde_json::from_slice(&answer[start..]).unwrap();
    match body["steps"].take() {
        serde_json::Value::Array(steps) => steps,
        other => panic!("no list of steps: {other}"),
    }
}

/// Returns the whole answer with its head.
async fn get(observer: SocketAddr, target: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = async { ask(observer, target).await.read_to_end(&mut answer).await };
    timeout(Duration::from_secs(30), read).await.expect("an answer within 30 s").unwrap();
    answer
}

async fn ask(observer: SocketAddr, target: &str) -> TcpStream {
    let mut peer = TcpStream::connect(observer).await.unwrap();
    peer.write_all(request(observer, target).as_bytes()).await.unwrap();
    peer
}

fn request(observer: SocketAddr, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {observer}\r\n\r\n")
}
