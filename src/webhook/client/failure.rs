//! Finds the reason of a failed request in the chain of errors that reqwest returns.

use std::error::Error;
use std::io;

use hickory_resolver::net::NetError;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::dns::ResolveError;
use crate::hook::Unreachable;

/// Returns the cause that tells an administrator where to look.
pub(in crate::webhook) fn cause(error: &reqwest::Error) -> Unreachable {
    let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |error| source(*error));
    match causes().find_map(known_cause) {
        // a connection can be closed before the request is sent only in the TLS handshake
        Some(Unreachable::Closed) if error.is_connect() => Unreachable::ClosedInHandshake,
        Some(why) => why,
        None if causes().any(is_too_long) => Unreachable::TooManyHeaders,
        None if causes().any(is_malformed) => Unreachable::NotHttp,
        None if error.is_connect() => Unreachable::Other,
        None if error.is_request() || error.is_body() || error.is_decode() => Unreachable::Closed,
        None => Unreachable::Other,
    }
}

/// Returns the whole chain for the log, without the URL, which can hold secrets.
pub(in crate::webhook) fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Returns the next error of the chain. An `io::Error` hides the error that it was made of: its `source`
/// skips it.
fn source<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

fn known_cause(cause: &(dyn Error + 'static)) -> Option<Unreachable> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(resolve_cause(error));
    }
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls_cause(tls));
    }
    let error = cause.downcast_ref::<io::Error>()?;
    if lacks_descriptors(error) {
        return Some(Unreachable::Descriptors);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Unreachable::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::TimedOut => {
            Some(Unreachable::NoRoute)
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(Unreachable::Closed),
        _ => None,
    }
}

/// True if the head of the answer is longer than hyper reads: 100 lines (`proto/h1/role.rs`,
/// `DEFAULT_MAX_HEADERS`), 417,792 bytes (`proto/h1/io.rs`, `DEFAULT_MAX_BUFFER_SIZE`).
fn is_too_long(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
}

/// True if hyper could not parse a head (an error of its own) or a chunk (an `io::Error`).
fn is_malformed(cause: &(dyn Error + 'static)) -> bool {
    let head = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    head || matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

/// Linux's error numbers for too many open files in the system and in the process (`errno(3)`).
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

fn lacks_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

fn resolve_cause(error: &ResolveError) -> Unreachable {
    match error {
        ResolveError::MalformedName => Unreachable::NameMalformed,
        ResolveError::NoAddress(_) => Unreachable::Name,
        ResolveError::NoAnswer(NetError::Io(error)) if lacks_descriptors(error) => Unreachable::Descriptors,
        ResolveError::NoAnswer(_) => Unreachable::NameServers,
    }
}

fn tls_cause(error: &rustls::Error) -> Unreachable {
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_cause(certificate),
        // the server refuses our versions by an alert, or chooses an old one in its ServerHello
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            Unreachable::TlsVersion
        }
        // no TLS record begins with such a byte; it may be the H of an HTTP answer
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Unreachable::NotTls,
        _ => Unreachable::Tls,
    }
}

fn certificate_cause(error: &CertificateError) -> Unreachable {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Unreachable::CertificateExpired,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            Unreachable::CertificateNameless
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Unreachable::CertificateName
        }
        CertificateError::UnknownIssuer => Unreachable::CertificateIssuer,
        // an error of webpki that rustls passes on: a self-signed certificate made by `openssl req -x509`
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            Unreachable::CertificateOfAuthority
        }
        _ => Unreachable::Certificate,
    }
}
