//! The reasons why the daemon gave no good answer, each with what would be right.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::log::escape;

/// The daemon cannot be asked, or refuses to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DaemonError {
    /// The configuration turns the observer off.
    Off {
        file: Option<PathBuf>,
    },
    /// The configuration lets the system choose the port.
    AnyPort {
        file: Option<PathBuf>,
    },
    /// The file with the token is no good.
    Token {
        file: PathBuf,
        error: String,
    },
    NoClient {
        error: String,
    },
    /// There is no connection.
    Unreachable {
        url: String,
        cause: String,
    },
    /// The connection ended before a complete answer.
    Closed {
        url: String,
        cause: String,
    },
    /// No complete answer came in time.
    Silent {
        url: String,
    },
    /// The answer has another status than 2xx.
    Refused {
        url: String,
        path: String,
        code: u16,
        text: String,
        token: bool,
    },
    /// Something else answers there, or another version.
    NotDialhook {
        url: String,
    },
}

impl DaemonError {
    pub(super) fn of_transport(url: &str, error: &reqwest::Error) -> Self {
        let (url, cause) = (url.to_owned(), cause(error));
        match error.is_connect() || error.is_timeout() {
            true => Self::Unreachable { url, cause },
            false => Self::Closed { url, cause },
        }
    }

    /// True if the configuration or the command line is wrong.
    pub(crate) fn is_own_fault(&self) -> bool {
        matches!(self, Self::Token { .. })
    }

    /// True if the daemon answered 404.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. }) && !self.is_old_daemon()
    }

    /// True if the daemon is from before the history: it names the paths that it knows.
    fn is_old_daemon(&self) -> bool {
        let Self::Refused { code: 404, path, text, .. } = self else { return false };
        text.contains("serves /metrics, /health/live and /health/ready")
            || path == "/api/steps" && text.is_empty()
    }
}

/// Returns the innermost cause of an error, which names the system's reason.
fn cause(error: &reqwest::Error) -> String {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    let mut text = String::new();
    while let Some(error) = source {
        text = match error.downcast_ref::<io::Error>() {
            Some(system) if system.kind() == io::ErrorKind::ConnectionRefused => {
                "connection refused".to_owned()
            }
            _ => error.to_string(),
        };
        source = error.source();
    }
    text
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |file: &Option<PathBuf>| match file {
            Some(file) => format!(" in {}", file.display()),
            None => String::new(),
        };
        match self {
            Self::Off { file } => write!(
                f,
                "listen.observer is false{}, so the daemon cannot be asked; write an address such as \
                 \"127.0.0.1:9573\", and reload it (systemctl reload dialhook)",
                of(file)
            ),
            Self::AnyPort { file } => write!(
                f,
                "listen.observer{} lets the system choose the port; name the address of the daemon with --url",
                of(file)
            ),
            Self::Token { file, error } => write!(f, "cannot read the token in {}: {error}", file.display()),
            Self::NoClient { error } => write!(f, "cannot ask the daemon: {error}"),
            Self::Unreachable { url, cause } => write!(
                f,
                "no connection to {url} ({}); check with `systemctl status dialhook` that the daemon runs. \
                 For another address write --config FILE or --url URL",
                escape(cause)
            ),
            Self::Closed { url, cause } => write!(
                f,
                "{url} closed the connection without an answer ({}); if the observer is not on loopback, \
                 listen.allow of the daemon must name the address of this machine",
                escape(cause)
            ),
            Self::Silent { url } => write!(
                f,
                "{url} gave no answer within 10s; look at `systemctl status dialhook` and at the load of the machine"
            ),
            Self::Refused { url, path, code, text, token } => {
                f.write_str(&self.refused(url, path, *code, text, *token))
            }
            Self::NotDialhook { url } => write!(
                f,
                "the answer of {url} is not one that this dialhook ({}) can read: either the daemon has another \
                 version (restart it after an upgrade: systemctl restart dialhook), or another program listens there",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

impl DaemonError {
    fn refused(&self, url: &str, path: &str, code: u16, text: &str, token: bool) -> String {
        let said = if text.is_empty() { String::new() } else { format!(": {}", escape(text)) };
        match code {
            401 if token => {
                format!("{url} does not accept the token{said}; use the one in the file of [observer] token")
            }
            401 => format!(
                "{url} asks for a token{said}; it is the one in the file of [observer] token: name the file with \
                 --token-file, or run this as a user who may read it"
            ),
            421 => format!(
                "{url} is none of the observer's names{said}; use the address of listen.observer, or a name in hosts of \
                 [observer]"
            ),
            403 => format!("{url} refuses the request (403){said}"),
            404 if self.is_old_daemon() => format!(
                "{url} has no {path}: the daemon is older than this program; restart it (systemctl restart dialhook)"
            ),
            _ => format!("{url} answered {code} to {path}{said}"),
        }
    }
}
