//! Pages that have one message only.

use askama::Template;

use super::{Section, Shell, render};

/// One message, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// There is no page at this path.
    NotFound,
    /// The step is not in memory.
    StepGone { id: &'a str },
    /// `[observer] try` is off.
    TryIsOff,
    /// There is no such page of the documentation.
    NoSuchDocument,
    /// A step cannot be repeated.
    NotRepeatable { reason: &'a str },
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    shell: Shell,
    message: Message<'a>,
}

/// Returns the page of a message.
#[must_use]
pub fn message(message: Message<'_>, try_allowed: bool) -> String {
    let section = match message {
        Message::TryIsOff => Section::Try,
        Message::StepGone { .. } => Section::Calls,
        Message::NotFound | Message::NoSuchDocument | Message::NotRepeatable { .. } => Section::Other,
    };
    render(&Page { shell: Shell { section, try_allowed }, message })
}

impl Message<'_> {
    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is no such page",
            Self::StepGone { .. } => "This step is not in memory",
            Self::TryIsOff => "Try is off",
            Self::NoSuchDocument => "There is no such page of the documentation",
            Self::NotRepeatable { .. } => "This step cannot be repeated",
        }
    }
}
