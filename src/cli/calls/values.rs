//! Short texts for the parts of a step: variables with their origin, answers, ages, numbers.
//!
//! Every text of a peer is safe for a terminal here.

use crate::history::view::{AnswerOrigin, Variable};
use crate::log::escape;

/// Returns a number, or `-` if it is withheld. The masked digits are one `…`.
pub(super) fn number(number: &str) -> String {
    match number.trim_start_matches('+').trim_start_matches('*') {
        "" => "-".to_owned(),
        visible if is_masked(number) => format!("…{}", escape(visible)),
        _ => escape(number).into_owned(),
    }
}

/// True if the first digits of a number are masked.
fn is_masked(number: &str) -> bool {
    number.trim_start_matches('+').starts_with('*')
}

/// Returns the origin of an answer with its age.
pub(super) fn answer(origin: Option<AnswerOrigin>, age_ms: Option<u64>) -> String {
    let origin = match origin {
        Some(AnswerOrigin::Fresh) => "fresh",
        Some(AnswerOrigin::Cached) => "cached",
        Some(AnswerOrigin::Shared) => "shared",
        Some(AnswerOrigin::Stale) => "stale",
        None => "-",
    };
    match age_ms {
        Some(age) => format!("{origin} {}", age_text(age)),
        None => origin.to_owned(),
    }
}

/// Returns an age in its largest unit: `340ms`, `3s`, `12m`, `2h`.
fn age_text(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        0 => format!("{milliseconds}ms"),
        seconds @ 1..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

/// Returns a variable as `CRM="sales"`, with its origin behind it if that is not the whole answer.
pub(super) fn variable(variable: &Variable) -> String {
    let value = value(variable);
    match origin(variable) {
        Some(origin) => format!("{}={value} ({origin})", escape(&variable.name)),
        None => format!("{}={value}", escape(&variable.name)),
    }
}

/// Returns the value in quotation marks, or its length if the value is not kept.
pub(super) fn value(variable: &Variable) -> String {
    match &variable.value {
        Some(value) => format!("\"{}\"", escape(value)),
        None if variable.bytes == 1 => "1 byte".to_owned(),
        None => format!("{} bytes", variable.bytes),
    }
}

/// Returns the origin of a value, if it is not the whole answer.
pub(super) fn origin(variable: &Variable) -> Option<String> {
    let source = variable.source.as_deref().map(source);
    let from = match (variable.from.as_str(), &source) {
        ("answer", _) => return None,
        ("json" | "header", Some(source)) => source.clone(),
        ("status", _) => "the HTTP status".to_owned(),
        (other, _) => escape(other).into_owned(),
    };
    match source {
        Some(source) if variable.missing => Some(format!("{from}: the answer has no {source}")),
        _ => Some(from),
    }
}

/// Returns a JSON pointer or the name of a header, as `set` reads it.
fn source(source: &str) -> String {
    match source {
        "" => "whole JSON".to_owned(),
        pointer if pointer.starts_with('/') => escape(pointer).into_owned(),
        header => format!("header {}", escape(header)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::history::view::Step;

    /// Returns a step with a refused answer.
    pub(in crate::cli::calls) fn step() -> Step {
        Step {
            id: "4f1c09ab".into(),
            time: "2026-06-30T11:05:03.123Z".into(),
            switch: "asterisk".into(),
            call_id: "1795416038.2".into(),
            linked_id: "1795416038.1".into(),
            channel: "PJSIP/trunk-0000001a".into(),
            caller: "********678".into(),
            callee: "100".into(),
            hook: "crm".into(),
            status: "BAD_ANSWER".into(),
            code: Some(200),
            reason: "the answer is not a word".into(),
            ms: 120,
            answer: Some(AnswerOrigin::Fresh),
            age_ms: None,
            attempts: 2,
            set: vec![named("CRM", "reception", "otherwise")],
            note: None,
        }
    }

    pub(in crate::cli::calls) fn named(name: &str, value: &str, from: &str) -> Variable {
        Variable {
            name: name.into(),
            value: Some(value.into()),
            bytes: value.len(),
            from: from.into(),
            source: None,
            missing: false,
        }
    }

    #[test]
    fn a_variable_says_where_its_value_is_from() {
        let from = |source: &str, variable| Variable { source: Some(source.into()), ..variable };
        for (given, text) in [
            (named("CRM", "sales", "answer"), "CRM=\"sales\""),
            (named("CRM", "reception", "otherwise"), "CRM=\"reception\" (otherwise)"),
            (from("/queue/0", named("Q", "a\u{1b}[2J", "json")), "Q=\"a\\u{1b}[2J\" (/queue/0)"),
            (from("x-queue", named("Q", "a", "header")), "Q=\"a\" (header x-queue)"),
            (named("Q", "204", "status"), "Q=\"204\" (the HTTP status)"),
            (
                Variable { missing: true, ..from("/queue", named("Q", "", "empty")) },
                "Q=\"\" (empty: the answer has no /queue)",
            ),
            (Variable { value: None, ..named("Q", "secret", "answer") }, "Q=6 bytes"),
        ] {
            assert_eq!(variable(&given), text);
        }
    }

    #[test]
    fn a_masked_number_is_short_and_a_withheld_one_has_a_sign() {
        let shown = ["********678", "+*******678", "+31100", "", "a*b"].map(number);
        assert_eq!(shown, ["…678", "…678", "+31100", "-", "a*b"]);
    }

    #[test]
    fn an_age_is_in_its_largest_unit() {
        for (age, text) in [(340, "340ms"), (3_999, "3s"), (720_000, "12m"), (7_200_000, "2h")] {
            assert_eq!(answer(Some(AnswerOrigin::Stale), Some(age)), format!("stale {text}"));
        }
        assert_eq!(answer(None, None), "-");
    }
}
