//! A remark about an outcome for the administrator, besides status and reason. The log and `try` show it.

use super::{AnswerFault, Mapping, Outcome, Source, Step};
use crate::call::AD_HOC;

impl Step {
    /// Returns a sentence about the outcome, with an example if the configuration should be changed.
    ///
    /// It quotes the configuration, never the answer.
    #[must_use]
    pub fn note(&self, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Ok { nothing_found: true, .. } => {
                let parts = self.hook().map(|hook| named(&hook.set)).unwrap_or_default();
                Some(format!("the answer has none of the parts that set names: {parts}"))
            }
            Outcome::BadAnswer { fault: AnswerFault::JsonString, .. } => {
                Some(format!("{}; the empty pointer names the whole answer", self.example("")))
            }
            Outcome::BadAnswer { fault: AnswerFault::JsonDocument, .. } => {
                Some(format!("{}; a JSON pointer names a part of the answer", self.example("/NAME")))
            }
            Outcome::Ok { .. }
            | Outcome::Detached
            | Outcome::HttpError { .. }
            | Outcome::Timeout { .. }
            | Outcome::Unreachable(_)
            | Outcome::BadAnswer { .. }
            | Outcome::BadRequest(_)
            | Outcome::Overloaded(_) => None,
        }
    }

    /// Returns the instruction to read this pointer of a JSON answer.
    fn example(&self, pointer: &str) -> String {
        let variable = self.variable.as_ref().map_or("NAME", |name| name.as_str());
        let set = format!("set = {{ {variable} = \"{pointer}\" }}");
        match self.name == AD_HOC {
            true => format!("replace this ad hoc step by a configured hook with {set}"),
            false => format!("write {set} instead of variable"),
        }
    }
}

/// The largest number of parts that a sentence names.
const MOST_NAMED: usize = 5;

/// Returns the parts of the answer that `set` reads, as the configuration names them.
fn named(set: &[Mapping]) -> String {
    let mut names = Vec::new();
    for mapping in set {
        match &mapping.source {
            Source::Json(pointer) if pointer.as_str().is_empty() => names.push("the whole JSON".to_owned()),
            Source::Json(pointer) => names.push(pointer.as_str().to_owned()),
            Source::Header(name) => names.push(format!("the header {name}")),
            Source::Status => {}
        }
    }
    if names.len() > MOST_NAMED {
        names.truncate(MOST_NAMED);
        names.push("…".to_owned());
    }
    names.join(", ")
}
