//! Owner: the tests. A fake name server on UDP, for tests in a network namespace.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

/// Answers questions for addresses on 127.0.0.1, port 53.
#[derive(Debug)]
pub struct NameServer {
    shared: Arc<Mutex<Shared>>,
    _answering: AbortOnDropHandle<()>,
}

struct Shared {
    reply: Box<Script>,
    asked: Vec<Question>,
}

/// Makes the answer for a name, a record type, and the number of earlier queries for the same.
type Script = dyn Fn(&str, &str, usize) -> NameServerReply + Send;

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// A question: the name without the dot at its end, in lower case, and the record type, `A` or `AAAA`.
type Question = (String, &'static str);

/// The answer to a query.
#[derive(Debug, Clone)]
pub enum NameServerReply {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The name has no records of this type.
    NoRecords,
    /// There is no such name.
    NoSuchName,
    /// SERVFAIL.
    Fails,
    /// Nothing.
    Nothing,
}

impl NameServerReply {
    /// One address.
    pub fn address(text: &str) -> Self {
        Self::Addresses(vec![text.parse().expect("an address")])
    }
}

impl NameServer {
    /// Starts a name server that is silent so far.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.expect("a network of one's own");
        let shared = Arc::new(Mutex::new(Shared {
            reply: Box::new(|_, _, _| NameServerReply::Nothing),
            asked: Vec::new(),
        }));
        let answering = Arc::clone(&shared);
        let answering = tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((length, asker)) = socket.recv_from(&mut query).await {
                let (question, end) = question(&query[..length]);
                let reply = answering.lock().expect("never poisoned").reply_to(question);
                if let Some(answer) = answer(&query[..end], &reply) {
                    let _unheard = socket.send_to(&answer, asker).await;
                }
            }
        });
        Self { shared, _answering: AbortOnDropHandle::new(answering) }
    }

    /// Changes the answers, and forgets the earlier queries.
    pub fn answer_with(&self, reply: impl Fn(&str, &str, usize) -> NameServerReply + Send + 'static) {
        *self.shared.lock().expect("never poisoned") = Shared { reply: Box::new(reply), asked: Vec::new() };
    }

    /// Answers these two for every name from now on.
    pub fn answer_addresses(&self, ipv4: NameServerReply, ipv6: NameServerReply) {
        self.answer_with(move |_, kind, _| if kind == "A" { ipv4.clone() } else { ipv6.clone() });
    }

    /// The names in the queries, in order, each once.
    pub fn asked(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, _) in &self.shared.lock().expect("never poisoned").asked {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// The record types in the queries for this name, sorted.
    pub fn types(&self, name: &str) -> Vec<&'static str> {
        let shared = self.shared.lock().expect("never poisoned");
        let asked = shared.asked.iter().filter(|question| question.0 == name);
        let mut types: Vec<_> = asked.map(|question| question.1).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}

impl Shared {
    fn reply_to(&mut self, question: Question) -> NameServerReply {
        let before = self.asked.iter().filter(|other| **other == question).count();
        let reply = (self.reply)(&question.0, question.1, before);
        self.asked.push(question);
        reply
    }
}

/// The question of a query, and the offset of its end (RFC 1035, section 4.1).
fn question(query: &[u8]) -> (Question, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let kind = match query[at + 2] {
        1 => "A",
        28 => "AAAA",
        other => panic!("a question for records of type {other}"),
    };
    ((labels.join("."), kind), at + 5)
}

fn answer(query: &[u8], reply: &NameServerReply) -> Option<Vec<u8>> {
    let (code, addresses) = match reply {
        NameServerReply::Addresses(addresses) => (0, addresses.as_slice()),
        NameServerReply::NoRecords => (0, &[][..]),
        NameServerReply::Fails => (2, &[][..]),
        NameServerReply::NoSuchName => (3, &[][..]),
        NameServerReply::Nothing => return None,
    };
    let head = [0x81, 0x80 | code, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0];
    let mut answer = [&query[..2], &head, &query[12..]].concat();
    for address in addresses {
        let (kind, bytes) = match address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        // of the name in the question, of the Internet, for 0 s
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, bytes.len() as u8]);
        answer.extend(bytes);
    }
    Some(answer)
}
