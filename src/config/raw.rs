//! The TOML of a configuration, read key by key, so that every fault is found with its line.
//!
//! Knows TOML and collects faults; does not know what a key means. (serde would stop at the first fault.)
//! Text that is not TOML is repaired in `repair`, so that the rest can be read.

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

/// The text of a configuration, and the faults and notices found so far.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: Cow<'t, str>,
    faults: RefCell<Vec<Fault>>,
    notices: RefCell<Vec<String>>,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (text, repairs) = repaired(text);
        let document = Self { text, faults: RefCell::default(), notices: RefCell::default() };
        for (at, fault) in repairs {
            document.fault(at..at, "", format!("not TOML: {fault}"));
        }
        document
    }

    /// Parses the outermost table. Text that is not TOML becomes a fault, and the rest is read.
    pub(super) fn root(&self) -> Table<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let span = error.span().unwrap_or_default();
            self.fault(span, "", format!("not TOML: {}", message(&error, &self.text)));
        }
        Table::new(self, String::new(), 0..0, root.into_inner())
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.notices.borrow().clone()
    }

    /// Returns every fault, in the order of the lines.
    pub(super) fn faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    fn fault(&self, span: Range<usize>, key: &str, text: impl Into<String>) {
        let line = 1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
        let fault = Fault { line, key: key.to_owned(), text: text.into() };
        let mut faults = self.faults.borrow_mut();
        // two checks can find the same fault
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
}

/// The key and the position of an entry or a table, for faults that are found after its value was taken.
#[derive(Debug, Clone)]
pub(super) struct Position<'d> {
    document: &'d Document<'d>,
    key: String,
    span: Range<usize>,
}

impl Position<'_> {
    pub(super) fn fault(&self, text: impl Into<String>) {
        self.document.fault(self.span.clone(), &self.key, text);
    }

    /// Returns the value, or adds the faults.
    pub(super) fn value_or_faults<T>(&self, result: Result<T, Vec<String>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                for fault in faults {
                    self.fault(fault);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
