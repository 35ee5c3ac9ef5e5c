//! Lines under titles: the layout in which `try` and `calls --id` show one step.

use std::fmt::Write;

use crate::log::escape;

/// The columns of a title and the space behind it.
pub(crate) const INDENT: usize = 10;

/// Writes the lines of a text under a title. Unsafe characters of a peer never reach the terminal.
pub(crate) fn write_titled(text: &mut String, title: &str, content: &str) {
    let mut title = title;
    for line in content.split('\n') {
        // a tab moves the cursor by an unknown width
        let line = line.trim_end_matches('\r').replace('\t', "    ");
        write_line(text, title, &escape(&line));
        title = "";
    }
}

/// Writes a line that is safe already.
pub(crate) fn write_line(text: &mut String, title: &str, line: &str) {
    let _infallible = writeln!(text, "{}", format!("{title:<9} {line}").trim_end());
}
