//! The text of an `extensions.conf`: comments, applications and their arguments.

/// Takes comments away, line by line.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// How many `;--` are open.
    depth: usize,
}

impl Comments {
    /// The line without its comments. A `;` begins one, `;--` one that ends at `--;` and may hold others, and `\;` is a
    /// semicolon (`main/config.c`, `config_text_file_load` and `process_text_line`).
    pub(super) fn strip(&mut self, line: &str) -> String {
        let (mut kept, mut rest) = (String::new(), line);
        while let Some((before, behind)) = rest.split_once(';') {
            if self.depth == 0 {
                kept.push_str(before);
            }
            rest = behind;
            if before.ends_with('\\') {
                if self.depth == 0 {
                    kept.pop();
                    kept.push(';');
                }
            } else if let Some(inside) = behind.strip_prefix("--").filter(|inside| !inside.starts_with('-')) {
                self.depth += 1;
                rest = inside;
            } else if self.depth > 0 {
                self.depth -= usize::from(before.ends_with("--"));
            } else {
                return kept;
            }
        }
        if self.depth == 0 {
            kept.push_str(rest);
        }
        kept
    }
}

/// One `Name(…)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Application<'t> {
    pub(super) name: &'t str,
    /// What stands in its parentheses.
    pub(super) arguments: &'t str,
    /// True if it stands in the parentheses of another one.
    pub(super) nested: bool,
}

/// Every `Name(…)` of a line, also those within another one; functions in `${…}` are none.
pub(super) fn applications(line: &str) -> impl Iterator<Item = Application<'_>> {
    line.match_indices('(').filter_map(|(at, _)| {
        let before = line.get(..at)?;
        let start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let name = before.get(start..).filter(|name| !name.is_empty())?;
        let is_function = before.get(..start)?.ends_with("${");
        let arguments = line.get(at + 1..closing_parenthesis(line, at + 1)?)?;
        let nested = before.matches('(').count() > before.matches(')').count();
        (!is_function).then_some(Application { name, arguments, nested })
    })
}

/// The parenthesis that closes the one before `from`; the last one where they are not balanced.
fn closing_parenthesis(text: &str, from: usize) -> Option<usize> {
    let mut depth = 1_usize;
    let balanced = text.char_indices().skip_while(|(at, _)| *at < from).find(|(_, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    balanced.map(|(at, _)| at).or_else(|| text.rfind(')').filter(|last| *last >= from))
}

/// Splits at commas outside quotes and brackets, then takes quotes and backslashes away
/// (`main/app.c`, `__ast_app_separate_args`).
pub(super) fn split_arguments(text: &str) -> Vec<String> {
    let (mut all, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0_usize, false, false);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !quoted => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(argument) = all.last_mut() {
            argument.push(character);
        }
    }
    all
}

/// Host and port of an address: `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6 address alone, which has no
/// port then (`main/netsock2.c`, `ast_sockaddr_split_hostport`).
pub(super) fn host_and_port(text: &str) -> (String, Option<u16>) {
    if let Some((address, behind)) = text.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        return (address.to_owned(), behind.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host.to_owned(), port.parse().ok()),
        Some(_) | None => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_taken_away_as_asterisk_does() {
        let mut comments = Comments::default();
        let lines = [
            ("a ; b", "a "),
            ("a\\;b", "a;b"),
            ("a;--b--;c", "ac"),
            ("a ;--- b --;c", "a "),
            ("a;-- b", "a"),
            ("AGI(x) ; still", ""),
            (";-- inner --; still \\; in", ""),
            ("--;c;d", "c"),
        ];
        for (line, kept) in lines {
            assert_eq!(comments.strip(line), kept, "{line}");
        }
    }

    #[test]
    fn a_host_of_ipv6_stands_in_brackets_where_it_has_a_port() {
        let host = |text: &str| host_and_port(text);
        assert_eq!(host("pbx.example"), ("pbx.example".to_owned(), None));
        assert_eq!(host("127.0.0.1:4574"), ("127.0.0.1".to_owned(), Some(4574)));
        assert_eq!(host("[::1]:4573"), ("::1".to_owned(), Some(4573)));
        assert_eq!(host("[::1]"), ("::1".to_owned(), None));
        assert_eq!(host("::1"), ("::1".to_owned(), None));
    }
}
