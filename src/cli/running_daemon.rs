//! The running daemon, asked over the HTTP of its observer.
//!
//! Finds its address, sends one request, and says what is wrong if no good answer comes.

mod error;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use url::Url;

pub(crate) use self::error::DaemonError;
use super::ConfigFile;
use crate::config::{Config, ConfigError, Token};
use crate::files;
use crate::hook::http_url;
use crate::tls;

/// The options that find the daemon.
#[derive(Debug, Args)]
pub(crate) struct DaemonAddress {
    #[command(flatten)]
    config: ConfigFile,
    /// The observer of the daemon, such as http://pbx:9573 [default: listen.observer of the configuration]
    #[arg(long, value_name = "URL", value_parser = observer_url)]
    url: Option<Url>,
    /// A file with the token of the observer
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

fn observer_url(text: &str) -> Result<Url, String> {
    let url = http_url(text).map_err(|fault| fault.to_string())?;
    match (url.path(), url.query()) {
        ("/", None) => Ok(url),
        _ => Err("write scheme, host and port only, such as http://pbx:9573".to_owned()),
    }
}

/// The observer of a running daemon.
#[derive(Debug)]
pub(crate) struct RunningDaemon {
    /// Scheme, host and port.
    url: Url,
    has_token: bool,
    client: Client,
}

/// The reason why no daemon can be asked.
#[derive(Debug)]
pub(crate) enum NotFound {
    Config(ConfigError),
    Daemon(DaemonError),
}

impl From<DaemonError> for NotFound {
    fn from(error: DaemonError) -> Self {
        Self::Daemon(error)
    }
}

/// The time until there is a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time until an answer is complete. The events of `--follow` have no such limit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: more than all records together have.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The largest file with a token, in bytes.
const LARGEST_TOKEN: usize = 4096;

impl DaemonAddress {
    /// Finds the daemon. A token of the configuration is sent to its own daemon only.
    pub(crate) fn find(&self) -> Result<RunningDaemon, NotFound> {
        let bearer = self.token_file.as_deref().map(read_token).transpose()?;
        if let Some(url) = &self.url {
            return Ok(RunningDaemon::at(url.clone(), bearer, CONNECT_TIMEOUT)?);
        }
        let config = self.config.load_listen().map_err(NotFound::Config)?;
        Ok(RunningDaemon::of(&config, bearer, CONNECT_TIMEOUT)?)
    }
}

/// Reads the token of a file as the value of `Authorization`.
fn read_token(file: &Path) -> Result<HeaderValue, DaemonError> {
    let fault = |error: String| DaemonError::Token { file: file.to_owned(), error };
    let bytes = files::read_any(file, LARGEST_TOKEN).map_err(|error| fault(error.to_string()))?;
    let token = String::from_utf8(bytes).unwrap_or_default();
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok();
    let bearer = bearer.filter(|_| !token.trim().is_empty());
    bearer.ok_or_else(|| fault("it has no token; write the token into its only line".to_owned()))
}

impl RunningDaemon {
    /// Returns the daemon that this configuration describes. `bearer` replaces its token.
    pub(crate) fn of(
        config: &Config,
        bearer: Option<HeaderValue>,
        connect: Duration,
    ) -> Result<Self, DaemonError> {
        let file = config.file.clone();
        let address = config.listen.observer.ok_or(DaemonError::Off { file: file.clone() })?;
        if address.port() == 0 {
            return Err(DaemonError::AnyPort { file });
        }
        let bearer = bearer.or_else(|| config.observer.token.as_ref().map(Token::bearer));
        let url = Url::parse(&format!("http://{}/", reachable(address)));
        Self::at(url.map_err(|error| DaemonError::NoClient { error: error.to_string() })?, bearer, connect)
    }

    fn at(url: Url, bearer: Option<HeaderValue>, connect: Duration) -> Result<Self, DaemonError> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let has_token = bearer.is_some();
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        tls::install_cryptography();
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(connect)
            .tcp_keepalive(Duration::from_secs(10))
            .default_headers(headers);
        // reading the authorities of the machine takes milliseconds
        let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let client = builder.build().map_err(|error| DaemonError::NoClient { error: error.to_string() })?;
        Ok(Self { url, has_token, client })
    }

    /// Returns the address for people, without a `/` at its end.
    pub(crate) fn shown(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Returns the JSON of a path.
    pub(crate) async fn json(&self, path: &str, query: &[(&str, String)]) -> Result<Value, DaemonError> {
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let mut response = self.response(path, query).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
                body.extend_from_slice(&chunk);
                if body.len() > LARGEST_ANSWER {
                    return Err(DaemonError::NotDialhook { url: self.shown().to_owned() });
                }
            }
            serde_json::from_slice(&body)
                .map_err(|_| DaemonError::NotDialhook { url: self.shown().to_owned() })
        });
        asked.await.unwrap_or_else(|_| Err(DaemonError::Silent { url: self.shown().to_owned() }))
    }

    /// Returns the answer of a path as soon as its head is there.
    pub(crate) async fn open(&self, path: &str, query: &[(&str, String)]) -> Result<Response, DaemonError> {
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, self.response(path, query));
        asked.await.unwrap_or_else(|_| Err(DaemonError::Silent { url: self.shown().to_owned() }))
    }

    async fn response(&self, path: &str, query: &[(&str, String)]) -> Result<Response, DaemonError> {
        let mut url = self.url.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let response = self.client.get(url).send().await.map_err(|error| self.broken(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let text = reason(response).await;
        Err(DaemonError::Refused {
            url: self.shown().to_owned(),
            path: path.to_owned(),
            code,
            text,
            token: self.has_token,
        })
    }

    /// Returns the error of a request without a complete answer.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> DaemonError {
        DaemonError::of_transport(self.shown(), error)
    }
}

/// Returns the address at which a listener on all addresses can be reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Returns the beginning of the reason in a refusal: the first line of a text, or `error` of a JSON object.
async fn reason(mut response: Response) -> String {
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let chunk = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = match content_type.as_ref().map(HeaderValue::as_bytes) {
        Some(text) if text.starts_with(b"text/plain") => String::from_utf8_lossy(&chunk).into_owned(),
        Some(json) if json.starts_with(b"application/json") => {
            let refusal: Option<Value> = serde_json::from_slice(&chunk).ok();
            let error = refusal.as_ref().and_then(|refusal| refusal.get("error")?.as_str());
            error.unwrap_or_default().to_owned()
        }
        Some(_) | None => String::new(),
    };
    text.lines().next().unwrap_or_default().chars().take(LONGEST_REASON).collect()
}

/// The longest reason of a daemon that is shown, in characters.
const LONGEST_REASON: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        for (listens, reached) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.1.0.5:1", "10.1.0.5:1")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[test]
    fn the_url_of_an_observer_has_no_path() {
        assert_eq!(observer_url("http://pbx:9573").unwrap().as_str(), "http://pbx:9573/");
        for text in ["pbx:9573", "http://pbx:9573/api", "http://pbx/?a=b", "ftp://pbx"] {
            assert!(observer_url(text).is_err(), "{text}");
        }
    }
}
