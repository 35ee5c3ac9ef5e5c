//! What a person should know of how a step ended besides its status and its reason, for the log and `try`.

use super::{AnswerFault, Mapping, Outcome, Source, Step};
use crate::call::AD_HOC;

impl Step {
    /// Returns a sentence about the outcome, with an example where there is something to write. It is made of the
    /// configuration's words, never of a stranger's text.
    #[must_use]
    pub fn note(&self, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Ok { nothing_found: true, .. } => {
                let parts = self.hook.as_ref().map(|hook| named(&hook.set)).unwrap_or_default();
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

    /// Says how this step would read a JSON answer.
    fn example(&self, pointer: &str) -> String {
        let variable = self.variable.as_ref().map_or("NAME", |name| name.as_str());
        let set = format!("set = {{ {variable} = \"{pointer}\" }}");
        match self.name == AD_HOC {
            true => format!("configure a hook with {set} in the place of this ad hoc step"),
            false => format!("write {set} in the place of variable"),
        }
    }
}

/// So many parts are named.
const MOST_NAMED: usize = 5;

/// The parts of the answer that have a place of their own, as the configuration names them.
fn named(mappings: &[Mapping]) -> String {
    let name = |mapping: &Mapping| match &mapping.source {
        Source::Json(pointer) if pointer.as_str().is_empty() => Some("the whole JSON".to_owned()),
        Source::Json(pointer) => Some(pointer.as_str().to_owned()),
        Source::Header(name) => Some(format!("the header {name}")),
        Source::Status => None,
    };
    let mut names: Vec<_> = mappings.iter().filter_map(name).collect();
    if names.len() > MOST_NAMED {
        names.truncate(MOST_NAMED);
        names.push("…".to_owned());
    }
    names.join(", ")
}
