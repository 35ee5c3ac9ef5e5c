//! The sentence that answers "Why did this call go there?" in one line.

use super::text::{short, value};
use super::units;
use crate::history::view::{AnswerOrigin, StepDetail, Variable};

/// A part of the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// True for a name or a value, which stands in another type.
    pub(super) code: bool,
}

/// Longest text of a value in the sentence, in characters.
const LONGEST_VALUE: usize = 60;

/// Variables that the sentence names; the table has all.
const MOST_VARIABLES: usize = 3;

/// Returns the sentence: what the dialplan got, and why.
pub(super) fn headline(detail: &StepDetail) -> Vec<Word> {
    let mut sentence = Sentence(Vec::new());
    sentence.result(detail);
    match &*detail.step.status {
        "OK" => sentence.origin(detail),
        _ => sentence.failure(detail),
    }
    sentence.text(".");
    sentence.0
}

struct Sentence(Vec<Word>);

impl Sentence {
    fn text(&mut self, text: impl Into<String>) {
        self.0.push(Word { text: text.into(), code: false });
    }

    fn code(&mut self, text: impl Into<String>) {
        self.0.push(Word { text: text.into(), code: true });
    }

    /// Says what the dialplan got.
    fn result(&mut self, detail: &StepDetail) {
        let step = &detail.step;
        match &*step.status {
            "CANCELLED" => return self.text("The dialplan got nothing"),
            "REFUSED" => return self.text("The connection was refused"),
            _ => {}
        }
        if step.set.is_empty() {
            self.text("The dialplan got the status ");
            return self.code(&*step.status);
        }
        for (place, variable) in step.set.iter().take(MOST_VARIABLES).enumerate() {
            if place > 0 {
                self.text(", ");
            }
            self.variable(variable);
        }
        if let Some(more @ 1..) = step.set.len().checked_sub(MOST_VARIABLES) {
            self.text(format!(" and {more} more"));
        }
    }

    fn variable(&mut self, variable: &Variable) {
        self.code(short(&variable.name, LONGEST_VALUE));
        match (&variable.value, &*variable.from) {
            (Some(value), _) if value.is_empty() => self.text(" is empty"),
            _ => {
                self.text(" = ");
                self.code(value(variable, LONGEST_VALUE));
            }
        }
        if variable.from == "otherwise" {
            self.text(" (otherwise)");
        }
    }

    /// Says where the answer of an `OK` came from, and what it lacks.
    fn origin(&mut self, detail: &StepDetail) {
        let age = detail.step.age_ms.map(units::age);
        match (detail.step.answer, age) {
            (Some(AnswerOrigin::Fresh), _) => self.text(", from the webhook's answer to this call"),
            (Some(AnswerOrigin::Shared), _) => {
                self.text(", from the webhook's answer to another call at the same time");
            }
            (Some(AnswerOrigin::Cached), Some(age)) => {
                self.text(format!(", from an answer that the cache has for {age}"));
            }
            (Some(AnswerOrigin::Cached), None) => self.text(", from an answer in the cache"),
            (Some(AnswerOrigin::Stale), age) => self.stale(detail, age),
            (None, _) => {}
        }
        self.missing(detail);
    }

    fn stale(&mut self, detail: &StepDetail, age: Option<String>) {
        let age = age.map_or_else(String::new, |age| format!(" of {age} ago"));
        self.text(format!(", from a stale answer{age}"));
        let note = detail.step.note.as_deref().and_then(|note| note.strip_prefix("the answer is stale: "));
        let last = detail.step.attempts.last().map(|attempt| &*attempt.reason);
        match note.or(last) {
            Some(reason) if !reason.is_empty() => self.because(reason),
            _ => self.text(", because the webhook has no good answer now"),
        }
    }

    fn missing(&mut self, detail: &StepDetail) {
        let missing = detail.judgement.iter().flat_map(|judgement| &judgement.missing);
        for (place, source) in missing.take(MOST_VARIABLES).enumerate() {
            self.text(if place == 0 { "; the answer has no " } else { " and no " });
            self.code(short(source, LONGEST_VALUE));
        }
    }

    /// Says why there is no good answer.
    fn failure(&mut self, detail: &StepDetail) {
        let refused = detail.judgement.as_ref().and_then(|judgement| judgement.refused.as_ref());
        let text = refused.and_then(|refused| refused.text.as_ref());
        let Some(text) = text else { return self.because(&detail.step.reason) };
        let answer: String = text.pieces.iter().map(|piece| &*piece.text).collect();
        self.text(", because the webhook answered ");
        self.code(short(&answer.replace('\n', "\\n"), LONGEST_VALUE));
        // "the answer is not one of the configured answers" follows the answer itself
        match detail.step.reason.strip_prefix("the answer ") {
            Some(clause) => self.text(format!(", which {clause}")),
            None => self.text(format!(": {}", detail.step.reason)),
        }
    }

    fn because(&mut self, reason: &str) {
        // a reason of two sentences has no capital letters
        match &*reason.replace(". ", "; ") {
            "" => {}
            // "no hook of this name is configured" is a whole clause
            reason if reason.starts_with("no ") && !reason.starts_with("no hook") => {
                self.text(format!(", because there was {reason}"))
            }
            reason if reason.starts_with("the ") => self.text(format!(", because {reason}")),
            reason => self.text(format!(": {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn said(detail: &StepDetail) -> String {
        headline(detail).iter().map(|word| &*word.text).collect()
    }

    #[test]
    fn the_sentence_says_what_the_dialplan_got_and_why() {
        for (detail, sentence) in [
            (
                samples::refused_answer(),
                "CRM = reception (otherwise), because the webhook answered sales team, \
              which is not one of the configured answers.",
            ),
            (
                samples::stale(),
                "CRM = sales, from a stale answer of 4 min ago, because the webhook refused the \
              connection.",
            ),
            (samples::timeout(), "CRM is empty, because there was no answer within 1s."),
            (
                samples::missing_pointer(),
                "ROUTE is empty, from the webhook's answer to this call; the answer has no \
              /Route.",
            ),
            (samples::cancelled(), "The dialplan got nothing, because the caller hung up."),
        ] {
            assert_eq!(said(&detail), sentence);
        }
    }

    #[test]
    fn a_step_without_variables_says_its_status() {
        let mut detail = samples::timeout();
        detail.step.set.clear();
        assert_eq!(
            said(&detail),
            "The dialplan got the status TIMEOUT, because there was no answer within 1s."
        );
    }
}
