//! The reasons of the status UNREACHABLE.

use std::time::Duration;

/// The fault of a request without a complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    #[error("the host name of the webhook has no address")]
    Name,
    /// The host name has an empty or too long label, or a character that no host name has.
    #[error("the host name of the url is not valid. no name server was asked")]
    NameMalformed,
    #[error("the host name of the webhook could not be looked up. the name servers failed or did not answer")]
    NameServers,
    #[error("the webhook refused the connection")]
    Refused,
    #[error("there is no route to the webhook")]
    NoRoute,
    #[error("the certificate of the webhook is expired or not valid yet")]
    CertificateExpired,
    #[error("the certificate of the webhook is for another host name")]
    CertificateName,
    /// The certificate names the host in its common name only.
    #[error("the certificate of the webhook has no subjectAltName. its common name is not used")]
    CertificateNameless,
    #[error("the certificate of the webhook is from an unknown authority")]
    CertificateIssuer,
    /// The certificate has another fault.
    #[error("the certificate of the webhook is not valid")]
    Certificate,
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake with the webhook failed")]
    Tls,
    /// The webhook offers TLS 1.0 or 1.1 only.
    #[error("the webhook offers neither TLS 1.2 nor TLS 1.3")]
    TlsVersion,
    /// The answer to the TLS handshake is not TLS.
    #[error("the port of the webhook does not speak TLS. use its https port")]
    NotTls,
    #[error("the webhook closed the connection in the TLS handshake. check that its port speaks TLS")]
    ClosedInHandshake,
    #[error("the webhook closed the connection before its answer was complete")]
    Closed,
    #[error("the answer of the webhook is not HTTP")]
    NotHttp,
    /// The head of the answer is longer than the HTTP library reads: 100 lines, 417,792 bytes.
    #[error("the webhook sent too many headers. at most 100 lines and 417792 bytes are read")]
    TooManyHeaders,
    /// This process has reached its limit of open files. The webhook is not at fault.
    #[error("this machine has no file descriptors left for a connection to the webhook")]
    Descriptors,
    /// The webhook shows a CA certificate as its own, and `ca` does not have it.
    #[error(
        "the certificate of the webhook is a CA certificate. it is trusted only if ca has this same certificate"
    )]
    CertificateOfAuthority,
    /// Any other fault. The log has it at `debug`.
    #[error("the connection to the webhook failed")]
    Other,
    /// No request was made, because the circuit breaker of the endpoint is open.
    #[error(
        "the circuit breaker is open. the webhook did not answer {failures} times in a row and is probed every {probe:?}"
    )]
    BreakerOpen {
        /// The number of requests in a row without an answer.
        failures: u32,
        /// The time between two probes.
        probe: Duration,
    },
}

impl Unreachable {
    /// True if a retry at once may succeed.
    #[must_use]
    pub fn is_transient(self) -> bool {
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
