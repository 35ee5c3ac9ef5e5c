//! The page of the configuration, and the pages of the documentation.

use askama::Template;

use super::{Section, Shell, render, units};
use crate::history::view::ConfigurationReport;

/// The data of the page of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Configuration<'a> {
    pub try_allowed: bool,
    pub report: &'a ConfigurationReport,
}

/// A page of the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    pub try_allowed: bool,
    pub title: &'a str,
    /// The text in HTML. It comes from the program itself and is not escaped.
    pub html: &'a str,
    /// The pages of the documentation: path and title.
    pub pages: &'a [(String, String)],
    /// The path of this page.
    pub path: &'a str,
}

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage<'a> {
    shell: Shell,
    report: &'a ConfigurationReport,
}

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentPage<'a> {
    shell: Shell,
    data: Document<'a>,
}

/// Returns the page of the configuration.
#[must_use]
pub fn configuration(data: Configuration<'_>) -> String {
    let shell = Shell { section: Section::Configuration, try_allowed: data.try_allowed };
    render(&ConfigurationPage { shell, report: data.report })
}

/// Returns a page of the documentation.
#[must_use]
pub fn document(data: Document<'_>) -> String {
    let shell = Shell { section: Section::Other, try_allowed: data.try_allowed };
    render(&DocumentPage { shell, data })
}
