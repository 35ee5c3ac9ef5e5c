//! The source of the value of an assignment.

use std::sync::Arc;

use http::HeaderName;

/// The source of the value of an assignment. A clone makes no copy of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// The whole text of the answer.
    Answer,
    /// A part of the answer.
    Part(AnswerPart),
    /// The HTTP status of the answer.
    Status,
    /// `otherwise` of the configuration. The part is the one that a good answer does not have; none if there
    /// is no good answer.
    Otherwise(Option<AnswerPart>),
    /// Nothing: there is no value, and no `otherwise`. The part has the same meaning as above.
    Empty(Option<AnswerPart>),
    /// dialhook itself.
    Own,
}

/// A part of an answer that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPart {
    /// The value at this JSON pointer.
    Json(Arc<str>),
    /// The first header of this name.
    Header(HeaderName),
}

impl ValueSource {
    /// Returns the word for this source in machine-readable output.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Part(AnswerPart::Json(_)) => "json",
            Self::Part(AnswerPart::Header(_)) => "header",
            Self::Status => "status",
            Self::Otherwise(_) => "otherwise",
            Self::Empty(_) => "empty",
            Self::Own => "own",
        }
    }

    /// True if the value is a text of the webhook.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Answer | Self::Part(_) => true,
            Self::Status | Self::Otherwise(_) | Self::Empty(_) | Self::Own => false,
        }
    }

    /// Returns the part that was sought in a good answer and not found.
    #[must_use]
    pub fn missing(&self) -> Option<&AnswerPart> {
        match self {
            Self::Otherwise(missing) | Self::Empty(missing) => missing.as_ref(),
            Self::Answer | Self::Part(_) | Self::Status | Self::Own => None,
        }
    }
}
