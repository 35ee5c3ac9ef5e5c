//! What the configuration file says, entry by entry, with the line of each: tables are read key by key, and what
//! is left over is unknown.
//!
//! Knows TOML and collects faults; does not know what a key means. (serde would stop at the first fault.) What is no TOML is
//! repaired in `repair`, so that the rest can be read.

mod entry;
mod repair;
mod table;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use toml::de::DeTable;

pub(super) use self::entry::Entry;
use self::repair::{message, repaired};
pub(super) use self::table::Table;
use super::Fault;

/// The text of a configuration, and what was found in it so far.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: Cow<'t, str>,
    faults: RefCell<Vec<Fault>>,
    notices: RefCell<Vec<String>>,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (text, missing) = repaired(text);
        let document = Self { text, faults: RefCell::default(), notices: RefCell::default() };
        for (at, what) in missing {
            document.fault(at..at, "", format!("not TOML: {what}"));
        }
        document
    }

    /// The outermost table. What is no TOML is a fault, and the rest is read even so.
    pub(super) fn root(&self) -> Table<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let at = error.span().unwrap_or_default();
            self.fault(at, "", format!("not TOML: {}", message(&error, &self.text)));
        }
        Table::new(self, String::new(), 0..0, root.into_inner())
    }

    /// What is right, but does nothing, or not what one may think.
    pub(super) fn notices(&self) -> Vec<String> {
        self.notices.borrow().clone()
    }

    /// Every fault, in the order of the lines.
    pub(super) fn faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    fn fault(&self, span: Range<usize>, key: &str, what: impl Into<String>) {
        let line = 1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
        let fault = Fault { line, key: key.to_owned(), what: what.into() };
        let mut faults = self.faults.borrow_mut();
        // the same words a second time help nobody
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
}

/// Where an entry stands, for faults that are found when its value has been taken.
#[derive(Debug, Clone)]
pub(super) struct Position<'d> {
    document: &'d Document<'d>,
    key: String,
    span: Range<usize>,
}

impl Position<'_> {
    /// A fault of the entry.
    pub(super) fn fault(&self, what: impl Into<String>) {
        self.document.fault(self.span.clone(), &self.key, what);
    }

    /// What was made of the entry; each reason why nothing could be made of it is a fault.
    pub(super) fn value_or_faults<T>(&self, made: Result<T, Vec<String>>) -> Option<T> {
        made.map_err(|faults| faults.into_iter().for_each(|fault| self.fault(fault))).ok()
    }
}

#[cfg(test)]
mod tests;
