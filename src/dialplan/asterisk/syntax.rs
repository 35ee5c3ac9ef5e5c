//! Parses the text of an `extensions.conf`: comments, applications and their arguments.

/// Removes comments line by line, as Asterisk does (`main/config.c`, `config_text_file_load`).
///
/// A `;` begins a comment that ends with the line. A `;--` begins one that ends at `--;`; these can be
/// nested. `\;` is a semicolon.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// The number of `;--` minus the number of `--;`. Asterisk also counts a `--;` outside of a comment: the
    /// depth is -1 then, and Asterisk skips the following lines.
    depth: isize,
}

impl Comments {
    /// Returns the line without its comments.
    pub(super) fn strip(&mut self, line: &str) -> String {
        let (mut kept, mut rest) = (String::new(), line);
        let mut keep = self.depth == 0;
        while let Some((before, behind)) = rest.split_once(';') {
            rest = behind;
            if keep {
                kept.push_str(before);
            }
            if before.ends_with('\\') {
                if keep {
                    kept.pop();
                    kept.push(';');
                }
            } else if let Some(inside) = behind.strip_prefix("--").filter(|inside| !inside.starts_with('-')) {
                self.depth += 1;
                keep = false;
                rest = inside;
            } else if before.ends_with("--") {
                self.depth -= 1;
                if self.depth == 0 {
                    keep = true;
                } else if keep {
                    kept.push(';');
                }
            } else if self.depth == 0 {
                return kept;
            } else if keep {
                kept.push(';');
            }
        }
        if keep {
            kept.push_str(rest);
        }
        kept
    }
}

/// An application with its arguments: `Name(…)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Application<'t> {
    pub(super) name: &'t str,
    /// The text between the parentheses.
    pub(super) arguments: &'t str,
    /// True if it is in the arguments of another application.
    pub(super) nested: bool,
}

/// Returns every `Name(…)` of a line, nested ones included. A function in `${…}` is not an application.
pub(super) fn applications(line: &str) -> Vec<Application<'_>> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices('(') {
        let (before, parenthesis) = line.split_at(at);
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (outside, name) = before.split_at(before.trim_end_matches(is_name).len());
        if name.is_empty() || outside.ends_with("${") {
            continue;
        }
        let Some(arguments) = parenthesized(parenthesis) else { continue };
        let nested = before.matches('(').count() > before.matches(')').count();
        found.push(Application { name, arguments, nested });
    }
    found
}

/// Returns the text between the parenthesis that a text begins with and the one that closes it. Where the
/// parentheses are not balanced, it is the last one.
fn parenthesized(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(1..at);
        }
    }
    text.get(1..text.rfind(')')?)
}

/// Splits arguments at the commas outside of quotes and brackets, and removes quotes and backslashes
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

/// Splits an address into host and port: `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6
/// address without a port (`main/netsock2.c`, `ast_sockaddr_split_hostport`).
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
    fn comments_are_removed_as_asterisk_does() {
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
    fn block_comments_can_be_nested_unclosed_and_begin_behind_a_step() {
        let mut comments = Comments::default();
        let lines = [
            ("AGI(a) ;-- one", "AGI(a) "),
            ("AGI(b) ;-- two", ""),
            ("AGI(c) --; AGI(d)", ""),
            ("AGI(e) --; AGI(f) ; AGI(g)", " AGI(f) "),
            ("AGI(h);--;AGI(i)--;AGI(j)", "AGI(h)AGI(j)"),
            ("AGI(k);-- never closed", "AGI(k)"),
            ("AGI(l)", ""),
            ("; AGI(m)", ""),
        ];
        for (line, kept) in lines {
            assert_eq!(comments.strip(line), kept, "{line}");
        }
    }

    #[test]
    fn the_end_of_a_block_comment_without_a_beginning_hides_the_lines_after_it() {
        let mut comments = Comments::default();
        let lines = [
            ("AGI(a) --; AGI(b)", "AGI(a) --; AGI(b)"),
            ("AGI(c) ; still hidden", ""),
            ("AGI(d) ;-- AGI(e)", ""),
            ("AGI(f)", "AGI(f)"),
        ];
        for (line, kept) in lines {
            assert_eq!(comments.strip(line), kept, "{line}");
        }
    }

    #[test]
    fn an_ipv6_address_with_a_port_is_in_brackets() {
        assert_eq!(host_and_port("pbx.example"), ("pbx.example".to_owned(), None));
        assert_eq!(host_and_port("127.0.0.1:4574"), ("127.0.0.1".to_owned(), Some(4574)));
        assert_eq!(host_and_port("[::1]:4573"), ("::1".to_owned(), Some(4573)));
        assert_eq!(host_and_port("[::1]"), ("::1".to_owned(), None));
        assert_eq!(host_and_port("::1"), ("::1".to_owned(), None));
    }
}
