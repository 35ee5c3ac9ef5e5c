//! The status and the reason of every outcome.

use std::collections::BTreeSet;

use super::*;
use crate::hook::Coding;

fn every_stage() -> [Stage; 6] {
    use Stage::{Answer, Body, Connection, NameServers, Start, Tls};
    [Start, NameServers, Connection, Tls, Answer, Body]
}

/// Returns every outcome with every fault.
#[expect(clippy::too_many_lines, reason = "a list")]
fn every_outcome() -> Vec<Outcome> {
    use {AnswerFault as A, RequestFault as R, Unreachable as U};
    let waited = Duration::from_millis(1500);
    let mut all = vec![
        Outcome::Ok { code: 200, set: Vec::new(), nothing_found: false },
        Outcome::Detached,
        Outcome::HttpError { code: 503, redirect: None },
        Outcome::HttpError { code: 302, redirect: Some(RedirectFault::NoTarget) },
        Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Host) },
        Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Port) },
        Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Downgrade) },
        Outcome::HttpError { code: 302, redirect: Some(RedirectFault::TooMany) },
        Outcome::Overloaded(Overload::Calls(10_000)),
        Outcome::Overloaded(Overload::CallsOfPeer(100)),
        Outcome::Overloaded(Overload::Detached(1000)),
        Outcome::Overloaded(Overload::OpenFiles(1024)),
    ];
    let unreachable = [
        U::Name,
        U::NameMalformed,
        U::NameServers,
        U::Refused,
        U::NoRoute,
        U::CertificateExpired,
        U::CertificateName,
        U::CertificateNameless,
        U::CertificateIssuer,
        U::Certificate,
        U::Tls,
        U::TlsVersion,
        U::NotTls,
        U::ClosedInHandshake,
        U::Closed,
        U::NotHttp,
        U::TooManyHeaders,
        U::Descriptors,
        U::CertificateOfAuthority,
        U::Other,
        U::BreakerOpen { failures: 5, probe: waited },
    ];
    let answers = [
        A::TooLong,
        A::TextTooLong,
        A::WordTooLong,
        A::NotAWord,
        A::ControlByte,
        A::Layout,
        A::JsonString,
        A::JsonDocument,
        A::NotUtf8,
        A::NotListed,
        A::NotJson,
        A::Charset,
        A::Compressed(Coding::Gzip),
        A::Compressed(Coding::Deflate),
        A::Compressed(Coding::Brotli),
        A::Compressed(Coding::Zstd),
        A::Compressed(Coding::Compress),
        A::Compressed(Coding::Other),
        A::Object("customer.name".to_owned()),
        A::List("customer.name".to_owned()),
        A::Unfit(Unfit::Newline),
        A::Unfit(Unfit::Nul),
        A::Unfit(Unfit::Quote),
        A::Unfit(Unfit::LineFeedAtEnd),
        A::Unfit(Unfit::TooLong),
        A::Unfit(Unfit::Expansion),
        A::Unfit(Unfit::Scope),
        A::Unfit(Unfit::Array),
    ];
    let name = crate::hook::ShownName::new(&[b'x'; 32]);
    let requests = [
        R::NoSuchHook,
        R::Address,
        R::UnknownParameter(name),
        R::UnquotedUrl(name),
        R::UnencodedUrl(name),
        R::UnknownHookParameter(name),
        R::RepeatedParameter,
        R::AdHocOnly,
        R::Arguments,
        R::UrlMissing,
        R::Url,
        R::UrlFragment,
        R::UrlPlaceholder,
        R::UrlNotAllowed,
        R::Method,
        R::Timeout,
        R::Accept,
        R::AcceptAny,
        R::Variable,
        R::ReservedVariable,
        R::VariableOfSet,
        R::DotSegment,
        R::UrlTooLong,
        R::UrlNotExact,
        R::ArgumentsNotWhole,
        R::VariableNotWhole,
        R::TooManyVariables,
    ];
    all.extend(every_stage().map(|stage| Outcome::Timeout { waited, stage }));
    all.extend(unreachable.map(Outcome::Unreachable));
    let name = || "CRM_NAME".parse().ok();
    all.extend(answers.iter().cloned().map(|fault| Outcome::BadAnswer {
        code: 200,
        fault,
        variable: name(),
        place: None,
    }));
    all.extend(answers.map(|fault| Outcome::BadAnswer { code: 200, fault, variable: None, place: None }));
    all.extend(requests.map(Outcome::BadRequest));
    all
}

#[test]
fn the_list_has_every_status() {
    let words: BTreeSet<_> = every_outcome().iter().map(Outcome::status).collect();
    assert_eq!(words, BTreeSet::from(Status::ALL));
}

#[test]
fn every_reason_is_safe_in_any_condition() {
    for outcome in every_outcome() {
        let reason = outcome.to_string();
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_');
        assert!(reason.chars().all(safe), "{reason}");
        assert!(reason.len() < 200, "{reason}");
        assert_eq!(reason.is_empty(), outcome.status() == Status::Ok, "{outcome:?}");
    }
}

#[test]
fn each_stage_of_a_timeout_has_its_own_reason() {
    let waited = Duration::from_secs(2);
    let reasons = every_stage().map(|stage| Outcome::Timeout { waited, stage }.to_string());
    assert_eq!(BTreeSet::from(reasons).len(), every_stage().len());
}

#[test]
fn no_reason_suggests_less_safety() {
    for outcome in every_outcome() {
        let reason = outcome.to_string();
        for word in ["accept is any", "accept any", "accept is text", "insecure"] {
            assert!(!reason.contains(word), "{reason}");
        }
    }
}

#[test]
fn a_lack_of_descriptors_is_not_counted_against_the_webhook() {
    let ours: Vec<_> = every_outcome().into_iter().filter(Outcome::is_local_failure).collect();
    assert_eq!(ours, [Outcome::Unreachable(Unreachable::Descriptors)]);
}

#[test]
fn a_value_that_the_switch_cannot_carry_is_a_bad_answer() {
    let ok = Outcome::Ok { code: 200, set: Vec::new(), nothing_found: false };
    let refused = ok.into_unfit(Unfit::Quote);
    assert_eq!((refused.status(), refused.code()), (Status::BadAnswer, Some(200)));
    assert_eq!(refused.set(), None);
}
