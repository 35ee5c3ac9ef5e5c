//! An entry of `set`: a channel variable, and the part of the answer that it receives.

use http::HeaderName;

use super::Pointer;
use crate::variable::{Accept, Value, VariableName};

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
    /// Returns the path of a JSON pointer.
    pub(super) fn json_path(&self) -> Option<&[String]> {
        match self {
            Self::Json(pointer) => Some(pointer.path()),
            Self::Header(_) | Self::Status => None,
        }
    }
}
