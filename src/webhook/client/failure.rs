//! Why a request failed, in our own words: found in the chain of causes that reqwest hands out.

use std::error::Error;
use std::io;

use hickory_resolver::net::NetError;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::dns::ResolveError;
use crate::hook::Unreachable;

/// The cause that tells an administrator where to look.
pub(in crate::webhook) fn cause(error: &reqwest::Error) -> Unreachable {
    let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |error| beneath(*error));
    match causes().find_map(telling) {
        // nothing is sent before it, and nothing closed while TCP itself is connecting
        Some(Unreachable::Closed) if error.is_connect() => Unreachable::ClosedInHandshake,
        Some(why) => why,
        None if causes().any(too_long) => Unreachable::TooManyHeaders,
        None if causes().any(malformed) => Unreachable::NotHttp,
        None if error.is_connect() => Unreachable::Other,
        None if error.is_request() || error.is_body() || error.is_decode() => Unreachable::Closed,
        None => Unreachable::Other,
    }
}

/// The whole chain for the log, without the URL, which can hold secrets.
pub(in crate::webhook) fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| beneath(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The next cause. An `io::Error` hides the one that it was made of: `source` skips it.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

fn telling(cause: &(dyn Error + 'static)) -> Option<Unreachable> {
    if let Some(no_address) = cause.downcast_ref::<ResolveError>() {
        return Some(of_name(no_address));
    }
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(tls));
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

/// True if the head of the answer is longer than hyper reads: 100 lines (`proto/h1/role.rs`, `DEFAULT_MAX_HEADERS`), 417,792
/// bytes (`proto/h1/io.rs`, `DEFAULT_MAX_BUFFER_SIZE`).
fn too_long(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
}

/// Whether hyper could not make sense of a head (a parse error of its own) or of a chunk (an `io::Error`).
fn malformed(cause: &(dyn Error + 'static)) -> bool {
    let head = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    head || matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

/// Linux's numbers for "too many open files", in the system and in the process (`errno(3)`).
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

fn lacks_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

fn of_name(no_address: &ResolveError) -> Unreachable {
    match no_address {
        ResolveError::Malformed => Unreachable::NameMalformed,
        ResolveError::Unknown(_) => Unreachable::Name,
        ResolveError::Unanswered(NetError::Io(error)) if lacks_descriptors(error) => Unreachable::Descriptors,
        ResolveError::Unanswered(_) => Unreachable::NameServers,
    }
}

fn of_tls(error: &rustls::Error) -> Unreachable {
    match error {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate),
        // an alert, or a ServerHello of such a version
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            Unreachable::TlsVersion
        }
        // the first byte is none that a TLS record can have: the H of an HTTP answer, for one
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Unreachable::NotTls,
        _ => Unreachable::Tls,
    }
}

fn of_certificate(error: &CertificateError) -> Unreachable {
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
        // webpki's own error, which rustls hands on as it is: a self-signed one made by `openssl req -x509`
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            Unreachable::CertificateOfAuthority
        }
        _ => Unreachable::Certificate,
    }
}
