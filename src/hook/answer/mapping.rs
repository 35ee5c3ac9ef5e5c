//! An entry of `set`: a channel variable, and the part of the answer that it receives.

use http::HeaderName;

use super::Pointer;
use crate::variable::{Accept, AnswerPart, Value, ValueSource, VariableName};

/// A channel variable that receives a part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub name: VariableName,
    pub source: Source,
    /// The texts that it accepts, if it differs from the hook.
    pub accept: Option<Accept>,
    /// The only texts that it accepts. If empty, those of the hook.
    pub answers: Vec<String>,
    /// Its value without such a part or without a good answer, if it differs from the hook.
    pub otherwise: Option<Value>,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The value at this pointer of a JSON answer.
    Json(Pointer),
    /// The first header of this name.
    Header(HeaderName),
    /// The HTTP status.
    Status,
}

impl Source {
    /// Returns the part of the answer; none for the status, which every answer has.
    pub(super) fn part(&self) -> Option<AnswerPart> {
        match self {
            Self::Json(pointer) => Some(AnswerPart::Json(pointer.shared())),
            Self::Header(name) => Some(AnswerPart::Header(name.clone())),
            Self::Status => None,
        }
    }

    /// Returns the source of a value that was found.
    pub(super) fn of_value(&self) -> ValueSource {
        self.part().map_or(ValueSource::Status, ValueSource::Part)
    }

    /// Returns the path of a JSON pointer.
    pub(super) fn json_path(&self) -> Option<&[String]> {
        match self {
            Self::Json(pointer) => Some(pointer.path()),
            Self::Header(_) | Self::Status => None,
        }
    }
}
