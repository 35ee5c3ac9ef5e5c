//! Which part of an answer a channel variable receives.

use http::HeaderName;

use super::Pointer;
use crate::variable::{Accept, Value, VariableName};

/// A channel variable that receives a part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Which variable.
    pub name: VariableName,
    /// Which part.
    pub source: Source,
    /// How much of a stranger's text it takes; the hook's where there is none.
    pub accept: Option<Accept>,
    /// The only values that are accepted; empty: those of the hook.
    pub answers: Vec<String>,
    /// What it holds when there is no such part, or no good answer; the hook's where there is none.
    pub otherwise: Option<Value>,
}

/// Which part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// What stands at this place of a JSON answer.
    Json(Pointer),
    /// The first header of this name.
    Header(HeaderName),
    /// The HTTP status.
    Status,
}

impl Source {
    /// Where it stands in a JSON answer.
    pub(super) fn way(&self) -> Option<&[String]> {
        match self {
            Self::Json(pointer) => Some(pointer.names()),
            Self::Header(_) | Self::Status => None,
        }
    }
}
