//! The pages of the observer: pure functions from view data to HTML.
//!
//! Knows no clock, no socket and no record. The template engine escapes every text with [`Visible`].

pub mod assets;
mod calls;
mod documents;
mod filters;
mod headline;
mod hooks;
mod messages;
#[cfg(test)]
mod samples;
mod step;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod try_hook;
mod units;
mod visible;

pub use self::calls::{Calls, Kept, calls};
pub use self::documents::{Configuration, Document, configuration, document};
pub use self::filters::Filters;
pub use self::hooks::{Hooks, hooks};
pub use self::messages::{Message, message};
pub use self::step::{StepPage, step};
pub use self::try_hook::{TryInput, TryPage, try_hook};
pub use self::visible::Visible;

use askama::Template;

/// The parts that all pages share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shell {
    pub section: Section,
    /// True if `[observer] try` allows requests.
    pub try_allowed: bool,
}

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Calls,
    Hooks,
    Configuration,
    Try,
    /// A page that is not in the navigation.
    Other,
}

impl Section {
    /// The pages of the navigation: section, path, text.
    const NAVIGATION: [(Self, &str, &str); 4] = [
        (Self::Calls, "/", "Calls"),
        (Self::Hooks, "/hooks", "Hooks"),
        (Self::Configuration, "/configuration", "Configuration"),
        (Self::Try, "/try", "Try"),
    ];
}

/// Returns the page of a template.
fn render(template: &impl Template) -> String {
    // a template fails only if a value refuses to be formatted, and no value of ours does
    template.render().unwrap_or_else(|fault| format!("this page could not be made: {fault}"))
}
