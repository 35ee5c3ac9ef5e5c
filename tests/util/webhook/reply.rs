//! Owner: the tests. The replies of a fake webhook.

use tokio_util::sync::CancellationToken;

/// The reply to one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, whatever they are; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, and then the other reply.
    Then(Vec<u8>, Box<Reply>),
    /// The other reply, as soon as the gate is open.
    After(Gate, Box<Reply>),
    /// These bytes, and then one `x` after the other.
    Drip(Vec<u8>),
    /// Nothing at all.
    Stall,
    /// The end of the connection.
    Close,
    /// The end of the connection by a reset.
    Reset,
}

/// Delays replies until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(pub(super) CancellationToken);

impl Reply {
    /// A good answer.
    pub fn text(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, body)
    }

    /// An answer with this status.
    pub fn status(code: u16, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {code} Fake\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// A redirect to this location, with a body.
    pub fn redirect(code: u16, location: &str) -> Self {
        Self::with_header(code, &format!("Location: {location}"), "elsewhere")
    }

    /// An answer with this header line.
    pub fn with_header(code: u16, line: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {code} Fake\r\n{line}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// A good answer of JSON.
    pub fn json(body: impl AsRef<[u8]>) -> Self {
        Self::with_header(200, "Content-Type: application/json", body)
    }

    /// The head of a good answer and half of its body; then this.
    pub fn half_and(then: Self) -> Self {
        Self::Then(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsales".to_vec(), Box::new(then))
    }

    /// The same, kept back until the gate is open.
    pub fn after(self, gate: &Gate) -> Self {
        Self::After(gate.clone(), Box::new(self))
    }
}

impl Gate {
    /// Releases all delayed replies, and does not delay later ones.
    pub fn open(&self) {
        self.0.cancel();
    }
}
