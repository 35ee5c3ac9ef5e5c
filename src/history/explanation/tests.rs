//! Every reason has a row in the document, and every row has a reason.
//!
//! The successor of each variant stands in a `match`, so that a new variant does not compile without one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter::successors;
use std::time::Duration;

use super::*;
use crate::hook::{
    AnswerFault, Coding, Outcome, Overload, RedirectFault, RequestFault, ShownName, Stage, Unreachable,
};
use crate::switch::SwitchError;
use crate::variable::Unfit;

fn after_stage(stage: Stage) -> Option<Stage> {
    Some(match stage {
        Stage::Start => Stage::NameServers,
        Stage::NameServers => Stage::Connection,
        Stage::Connection => Stage::Tls,
        Stage::Tls => Stage::Answer,
        Stage::Answer => Stage::Body,
        Stage::Body => return None,
    })
}

fn after_redirect(fault: RedirectFault) -> Option<RedirectFault> {
    Some(match fault {
        RedirectFault::NoTarget => RedirectFault::Host,
        RedirectFault::Host => RedirectFault::Port,
        RedirectFault::Port => RedirectFault::Downgrade,
        RedirectFault::Downgrade => RedirectFault::TooMany,
        RedirectFault::TooMany => return None,
    })
}

fn after_unreachable(fault: Unreachable) -> Option<Unreachable> {
    use Unreachable as U;
    Some(match fault {
        U::Name => U::NameMalformed,
        U::NameMalformed => U::NameServers,
        U::NameServers => U::Refused,
        U::Refused => U::NoRoute,
        U::NoRoute => U::CertificateExpired,
        U::CertificateExpired => U::CertificateName,
        U::CertificateName => U::CertificateNameless,
        U::CertificateNameless => U::CertificateIssuer,
        U::CertificateIssuer => U::Certificate,
        U::Certificate => U::Tls,
        U::Tls => U::TlsVersion,
        U::TlsVersion => U::NotTls,
        U::NotTls => U::ClosedInHandshake,
        U::ClosedInHandshake => U::Closed,
        U::Closed => U::NotHttp,
        U::NotHttp => U::TooManyHeaders,
        U::TooManyHeaders => U::Descriptors,
        U::Descriptors => U::CertificateOfAuthority,
        U::CertificateOfAuthority => U::Other,
        U::Other => U::BreakerOpen { failures: 5, probe: Duration::from_secs(10) },
        U::BreakerOpen { .. } => return None,
    })
}

fn after_unfit(unfit: Unfit) -> Option<Unfit> {
    Some(match unfit {
        Unfit::Newline => Unfit::Nul,
        Unfit::Nul => Unfit::Quote,
        Unfit::Quote => Unfit::LineFeedAtEnd,
        Unfit::LineFeedAtEnd => Unfit::TooLong,
        Unfit::TooLong => Unfit::Expansion,
        Unfit::Expansion => Unfit::Scope,
        Unfit::Scope => Unfit::Array,
        Unfit::Array => return None,
    })
}

fn after_answer(fault: &AnswerFault) -> Option<AnswerFault> {
    use AnswerFault as A;
    Some(match fault {
        A::TooLong => A::TextTooLong,
        A::TextTooLong => A::WordTooLong,
        A::WordTooLong => A::NotAWord,
        A::NotAWord => A::ControlByte,
        A::ControlByte => A::Layout,
        A::Layout => A::JsonString,
        A::JsonString => A::JsonDocument,
        A::JsonDocument => A::NotUtf8,
        A::NotUtf8 => A::NotListed,
        A::NotListed => A::NotJson,
        A::NotJson => A::Charset,
        A::Charset => A::Compressed(Coding::Gzip),
        A::Compressed(_) => A::Object("customer.name".to_owned()),
        A::Object(pointer) => A::List(pointer.clone()),
        A::List(_) => A::Unfit(Unfit::Newline),
        A::Unfit(unfit) => A::Unfit(after_unfit(*unfit)?),
    })
}

fn after_request(fault: RequestFault) -> Option<RequestFault> {
    use RequestFault as R;
    let name = ShownName::new(b"tiemout");
    Some(match fault {
        R::NoSuchHook => R::Address,
        R::Address => R::UnknownParameter(name),
        R::UnknownParameter(_) => R::UnquotedUrl(name),
        R::UnquotedUrl(_) => R::UnencodedUrl(name),
        R::UnencodedUrl(_) => R::UnknownHookParameter(name),
        R::UnknownHookParameter(_) => R::RepeatedParameter,
        R::RepeatedParameter => R::AdHocOnly,
        R::AdHocOnly => R::Arguments,
        R::Arguments => R::UrlMissing,
        R::UrlMissing => R::Url,
        R::Url => R::UrlFragment,
        R::UrlFragment => R::UrlPlaceholder,
        R::UrlPlaceholder => R::UrlNotAllowed,
        R::UrlNotAllowed => R::Method,
        R::Method => R::Timeout,
        R::Timeout => R::Accept,
        R::Accept => R::AcceptAny,
        R::AcceptAny => R::Variable,
        R::Variable => R::ReservedVariable,
        R::ReservedVariable => R::VariableOfSet,
        R::VariableOfSet => R::DotSegment,
        R::DotSegment => R::UrlTooLong,
        R::UrlTooLong => R::UrlNotExact,
        R::UrlNotExact => R::ArgumentsNotWhole,
        R::ArgumentsNotWhole => R::VariableNotWhole,
        R::VariableNotWhole => R::TooManyVariables,
        R::TooManyVariables => return None,
    })
}

fn after_overload(load: Overload) -> Option<Overload> {
    Some(match load {
        Overload::Calls(_) => Overload::CallsOfPeer(100),
        Overload::CallsOfPeer(_) => Overload::Detached(1000),
        Overload::Detached(_) => Overload::OpenFiles(1024),
        Overload::OpenFiles(_) => return None,
    })
}

fn after_end(error: &SwitchError) -> Option<SwitchError> {
    use SwitchError as E;
    Some(match error {
        E::HungUp => E::Moved,
        E::Moved => E::Closed,
        E::Closed => E::Broken(io::ErrorKind::ConnectionReset.into()),
        E::Broken(_) => E::HungUpUnauthenticated,
        E::HungUpUnauthenticated => E::TooLong,
        E::TooLong => E::Silent(Duration::from_secs(5)),
        E::Silent(_) => E::Evicted(Duration::from_millis(250)),
        E::Evicted(_) => E::Forged("the environment is not what Asterisk writes: its lines are out of order"),
        E::Forged(_) => return None,
    })
}

/// The status under which the document explains the end of a session.
fn status_of(end: &SwitchError) -> &'static str {
    match end {
        SwitchError::HungUp | SwitchError::Moved | SwitchError::Closed | SwitchError::Broken(_) => {
            "CANCELLED"
        }
        SwitchError::HungUpUnauthenticated
        | SwitchError::TooLong
        | SwitchError::Silent(_)
        | SwitchError::Evicted(_)
        | SwitchError::Forged(_) => "REFUSED",
    }
}

fn after_origin(origin: AnswerOrigin) -> Option<AnswerOrigin> {
    Some(match origin {
        AnswerOrigin::Fresh => AnswerOrigin::Cached,
        AnswerOrigin::Cached => AnswerOrigin::Shared,
        AnswerOrigin::Shared => AnswerOrigin::Stale,
        AnswerOrigin::Stale => return None,
    })
}

/// Returns an outcome for each row of the statuses that a dialplan gets, except `OK`.
fn every_failure() -> Vec<Outcome> {
    let waited = Duration::from_millis(1500);
    let stages = successors(Some(Stage::Start), |stage| after_stage(*stage));
    let redirects = successors(Some(RedirectFault::NoTarget), |fault| after_redirect(*fault));
    let unreachable = successors(Some(Unreachable::Name), |fault| after_unreachable(*fault));
    let answers = successors(Some(AnswerFault::TooLong), after_answer);
    let requests = successors(Some(RequestFault::NoSuchHook), |fault| after_request(*fault));
    let loads = successors(Some(Overload::Calls(10_000)), |load| after_overload(*load));
    let codes = [301, 401, 404, 405, 408, 429, 400, 503];
    let mut all = codes.map(|code| Outcome::HttpError { code, redirect: None }).to_vec();
    all.extend(redirects.map(|fault| Outcome::HttpError { code: 302, redirect: Some(fault) }));
    all.extend(stages.map(|stage| Outcome::Timeout { waited, stage }));
    all.extend(unreachable.map(Outcome::Unreachable));
    all.extend(answers.map(|fault| Outcome::BadAnswer { code: 200, fault, variable: None, place: None }));
    all.extend(requests.map(Outcome::BadRequest));
    all.extend(loads.map(Outcome::Overloaded));
    all
}

/// Returns each status with a text that has a row of its own there.
fn every_text() -> Vec<(&'static str, String)> {
    let failures = every_failure().into_iter();
    let mut all: Vec<_> = failures.map(|failure| (failure.status().as_str(), failure.to_string())).collect();
    for end in successors(Some(SwitchError::HungUp), after_end) {
        all.push((status_of(&end), end.to_string()));
    }
    for text in forged_texts() {
        match text {
            "the environment is not what Asterisk writes: its lines are out of order" => {}
            // a call that is authenticated has begun
            "Asterisk sent a message that is no reply to a command" => {
                all.push(("CANCELLED", text.to_owned()))
            }
            _ => all.push(("REFUSED", text.to_owned())),
        }
    }
    for text in ["listen.allow does not name this peer", "a step panicked"] {
        assert!(LOG_LINES.contains(text), "{text}");
        all.push(("REFUSED", text.to_owned()));
    }
    let origins = successors(Some(AnswerOrigin::Fresh), |origin| after_origin(*origin));
    all.extend(origins.map(|origin| ("OK", log_words(Some(origin), Some(200)).to_owned())));
    all.push(("OK", log_words(None, None).to_owned()));
    all.push(("OK", "the answer has none of the parts that set names: /route".to_owned()));
    all
}

/// The sources of the log lines about connections that are refused.
const LOG_LINES: &str = concat!(include_str!("../../server/acceptor.rs"), include_str!("../../session.rs"));

/// The sources that make [`SwitchError::Forged`].
const DIALECTS: &str = concat!(
    include_str!("../../switch/agi.rs"),
    include_str!("../../switch/agi/missing.rs"),
    include_str!("../../switch/esl.rs"),
    include_str!("../../switch/esl/codec.rs"),
);

/// Returns the text of each [`SwitchError::Forged`] in the dialects.
fn forged_texts() -> BTreeSet<&'static str> {
    let made = DIALECTS.split("SwitchError::Forged(").skip(1);
    let texts: BTreeSet<_> =
        made.filter_map(|code| code.trim_start().strip_prefix('"')?.split('"').next()).collect();
    assert_eq!(texts.len(), 6, "{texts:?}");
    texts
}

fn section(status: &str) -> &'static Section {
    SECTIONS.iter().find(|section| section.status == status).unwrap_or_else(|| panic!("no heading {status}"))
}

fn rows() -> impl Iterator<Item = (&'static str, &'static Row)> {
    let statuses = Status::ALL.map(Status::as_str).into_iter().chain(["CANCELLED", "REFUSED"]);
    statuses.flat_map(|status| section(status).rows.iter().map(move |row| (status, row)))
}

#[test]
fn every_reason_has_a_row_of_its_own() {
    let mut owners = BTreeMap::new();
    for (status, text) in every_text() {
        let row = section(status).row(&text).unwrap();
        assert!(!row.beginnings.is_empty(), "{status}: no row for {text}");
        let other = owners.insert((status, &row.beginnings), text.clone());
        assert_eq!(other, None, "{status}: one row for two reasons, also for {text}");
    }
}

#[test]
fn every_beginning_in_a_row_is_that_of_a_reason() {
    let mut texts = every_text();
    texts.push(("HTTP_ERROR", "the webhook answered 403".to_owned()));
    for (status, row) in rows() {
        for beginning in &row.beginnings {
            let is_used =
                texts.iter().any(|(of, text)| *of == status && literal_length(beginning, text).is_some());
            assert!(is_used, "{status}: no reason begins with {beginning}");
        }
    }
    let own = rows().filter(|(_, row)| !row.beginnings.is_empty()).count();
    assert_eq!(own, every_text().len(), "a row has no reason");
}

#[test]
fn every_table_begins_with_the_row_for_all_other_reasons() {
    for status in Status::ALL.map(Status::as_str).into_iter().chain(["CANCELLED", "REFUSED"]) {
        let general = section(status).rows.iter().position(|row| row.beginnings.is_empty());
        assert_eq!(general, Some(0), "{status}");
        let count = section(status).rows.iter().filter(|row| row.beginnings.is_empty()).count();
        assert_eq!(count, 1, "{status}");
        let explanation = explain(status, "something new", None, None);
        assert_eq!(explanation.meaning, section(status).rows[0].meaning);
        assert_eq!(explanation.page, format!("/docs/reading-the-log#{}", status.to_lowercase()));
    }
}

#[test]
fn every_cell_is_a_sentence_and_no_remedy_switches_a_protection_off() {
    for (status, row) in rows() {
        for cell in [&row.meaning, &row.remedy] {
            assert!(cell.ends_with('.') && !cell.contains('`') && !cell.contains("]("), "{status}: {cell}");
        }
        for word in ["insecure", "breaker = false", "\"any\"", "0.0.0.0", "limits.patience"] {
            assert!(!row.remedy.contains(word), "{status}: {}", row.remedy);
        }
    }
}

#[test]
fn an_ok_is_explained_by_its_note_or_by_the_origin_of_its_answer() {
    for note in ["", "the answer is stale: the webhook refused the connection"] {
        let stale = explain("OK", note, Some(AnswerOrigin::Stale), Some(200));
        assert!(stale.meaning.contains("stale_if_error") && stale.remedy.starts_with("Repair the webhook"));
    }
    let note = "the answer has none of the parts that set names: /Route";
    let nothing = explain("OK", note, Some(AnswerOrigin::Fresh), Some(200));
    assert!(nothing.meaning.starts_with("The pointers and headers of set found nothing"));
    assert!(explain("OK", "", None, None).meaning.starts_with("The hook is detached"));
    assert_eq!(nothing.page, "/docs/reading-the-log#ok");
}

#[test]
fn a_code_or_the_name_of_a_variable_does_not_change_the_row_of_a_reason() {
    let meaning = |status, reason: &str| explain(status, reason, None, None).meaning;
    let http = |code: u16| meaning("HTTP_ERROR", &format!("the webhook answered {code}"));
    assert_eq!(http(403), http(401));
    assert_eq!(http(422), http(400));
    assert_ne!(http(404), http(400));
    let plain = "the answer is not one of the configured answers";
    assert_eq!(meaning("BAD_ANSWER", &format!("{plain}. it was for ROUTE")), meaning("BAD_ANSWER", plain));
    let unnamed = RequestFault::UnknownParameter(ShownName::new(b"")).to_string();
    let named = RequestFault::UnknownParameter(ShownName::new(b"x")).to_string();
    assert_eq!(meaning("BAD_REQUEST", &unnamed), meaning("BAD_REQUEST", &named));
}

#[test]
fn a_cell_becomes_plain_text() {
    let cell = "Write `%[` or `[hook.NAME]`: see [text](answer.md#a), [that](b), and [this].";
    assert_eq!(plain(cell), "Write %[ or [hook.NAME]: see text, that, and [this].");
}

#[test]
fn only_three_cells_are_a_row() {
    assert!(row("| `a` | b | c |").is_some_and(|row| row.beginnings == ["a"]));
    for line in ["|---|---|---|", "| a | b |", "| a | b | c | d |", "a | b | c", ""] {
        assert!(row(line).is_none(), "{line}");
    }
}

#[test]
fn an_unknown_status_has_no_meaning() {
    let explanation = explain("NO_SUCH", "x", None, None);
    assert_eq!((&*explanation.meaning, &*explanation.page), ("", "/docs/reading-the-log"));
}
