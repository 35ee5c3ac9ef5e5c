//! Reasons of UNREACHABLE.

use std::time::Duration;

/// Why a webhook could not be asked, or did not answer to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("the host name of the webhook has no address")]
    Name,
    /// Nobody can be asked for its name.
    #[error("the host name of the url is not one that a name server can be asked for")]
    NameMalformed,
    /// The name servers said nothing of its name.
    #[error("the host name of the webhook could not be looked up. the name servers failed or kept silent")]
    NameServers,
    /// Nothing listens.
    #[error("the webhook refused the connection")]
    Refused,
    /// No way there.
    #[error("there is no route to the webhook")]
    NoRoute,
    /// The certificate is out of date, or not yet in it.
    #[error("the certificate of the webhook is expired or not valid yet")]
    CertificateExpired,
    /// The certificate names another host.
    #[error("the certificate of the webhook is for another host name")]
    CertificateName,
    /// The certificate names no host where names are looked for.
    #[error("the certificate of the webhook has no subjectAltName and its common name does not count")]
    CertificateNameless,
    /// Nobody whom this machine trusts signed it.
    #[error("the certificate of the webhook is from an unknown authority")]
    CertificateIssuer,
    /// The certificate is wrong in another way.
    #[error("the certificate of the webhook is not valid")]
    Certificate,
    /// No common language.
    #[error("the TLS handshake with the webhook failed")]
    Tls,
    /// Versions of TLS that are not safe any more.
    #[error("the webhook offers no TLS version from 1.2 on")]
    TlsVersion,
    /// It speaks something else where TLS was begun.
    #[error("what listens on the port of the webhook does not speak TLS. look for its https port")]
    NotTls,
    /// It closed the connection before a request could be sent.
    #[error("the webhook closed the connection in the TLS handshake. see whether its port speaks TLS")]
    ClosedInHandshake,
    /// It closed the connection too early.
    #[error("the webhook closed the connection before its answer was complete")]
    Closed,
    /// It speaks something else.
    #[error("what the webhook sent is not HTTP")]
    NotHttp,
    /// The head of its answer is longer than the HTTP library reads: 100 lines, 417,792 bytes.
    #[error("the webhook sent too many headers. at most 100 lines and 417792 bytes are read")]
    TooManyHeaders,
    /// Our own machine's limit.
    #[error("this machine has no file descriptors left for a connection to the webhook")]
    Descriptors,
    /// What answers shows an authority's certificate as its own.
    #[error(
        "the certificate of the webhook is one of an authority. only a ca that holds this very certificate trusts it"
    )]
    CertificateOfAuthority,
    /// Something else; the log has it at `debug`.
    #[error("the connection to the webhook failed")]
    Other,
    /// It was not asked, because it has not answered for a while.
    #[error("the webhook did not answer {failures} times in a row and is tried again every {probe:?}")]
    BreakerOpen {
        /// How many requests had no answer.
        failures: u32,
        /// Between two requests that try it again.
        probe: Duration,
    },
}

impl Unreachable {
    /// Whether it may be over at once, so that a second attempt makes sense.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Refused | Self::NoRoute | Self::Closed | Self::ClosedInHandshake | Self::Other => true,
            Self::Name
            | Self::NameMalformed
            | Self::NameServers
            | Self::Tls
            | Self::TlsVersion
            | Self::NotTls
            | Self::CertificateNameless
            | Self::CertificateExpired
            | Self::CertificateName
            | Self::CertificateIssuer
            | Self::Certificate
            | Self::CertificateOfAuthority
            | Self::NotHttp
            | Self::TooManyHeaders
            | Self::Descriptors
            | Self::BreakerOpen { .. } => false,
        }
    }
}
