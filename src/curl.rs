//! A request as a `curl` command for a POSIX shell.
//!
//! Knows shells and curl; does not know which parts are secret. The caller leaves those out.

use std::fmt::Write;

use crate::log::is_unsafe;

/// Returns the `curl` command that sends this request: the same method, URL, headers and body.
///
/// The names of headers get the spelling of dialhook's requests: `X-Api-Key`. The command has no unsafe
/// characters except line feeds, so it can be printed on a terminal and pasted from it.
#[must_use]
pub fn command<'a>(
    method: &str,
    url: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Option<&[u8]>,
) -> String {
    let mut command = format!("curl {OPTIONS}");
    if url.contains(['[', ']', '{', '}']) {
        // curl would expand them into several URLs
        command.push_str(" --globoff");
    }
    if method != if body.is_some() { "POST" } else { "GET" } {
        add(&mut command, &format!("-X {}", quoted(method.as_bytes())));
    }
    for (name, value) in headers {
        add(&mut command, &format!("-H {}", quoted(&header(name, value))));
    }
    let Some(body) = body else {
        add(&mut command, &quoted(url.as_bytes()));
        return command;
    };
    // curl would ask the webhook before it sends a large body
    add(&mut command, "-H 'Expect:'");
    if is_plain(body) {
        add(&mut command, &format!("--data-raw {}", quoted(body)));
        add(&mut command, &quoted(url.as_bytes()));
        return command;
    }
    // an argument cannot hold a NUL, and a shell would change other bytes
    add(&mut command, "--data-binary @-");
    add(&mut command, &quoted(url.as_bytes()));
    format!("printf {} |\n  {command}", printf_format(body))
}

/// Without the user's own settings and without a proxy, as dialhook asks; with the head of the answer.
const OPTIONS: &str = "-q -sS -i --http1.1 --noproxy '*'";

fn add(command: &mut String, argument: &str) {
    command.push_str(" \\\n  ");
    command.push_str(argument);
}

/// Returns the argument for a header. curl sends an empty one only if it ends with `;`.
fn header(name: &str, value: &[u8]) -> Vec<u8> {
    let name = title_case(name);
    if value.is_empty() {
        return format!("{name};").into_bytes();
    }
    [format!("{name}: ").as_bytes(), value].concat()
}

/// Returns the name of a header as HTTP/1.1 requests of dialhook have it.
fn title_case(name: &str) -> String {
    let mut titled = String::with_capacity(name.len());
    let mut begins_word = true;
    for character in name.chars() {
        titled.push(if begins_word { character.to_ascii_uppercase() } else { character });
        begins_word = character == '-';
    }
    titled
}

/// Returns one word of a shell command that is these bytes. They must not have a NUL.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(bytes) => format!("'{}'", text.replace('\'', r"'\''")),
        // the end must not be a line feed: the shell would take it away
        _ => format!("\"$(printf {})\"", printf_format(bytes)),
    }
}

/// True if single quotes are enough: the bytes are a text without unsafe characters except line feeds.
fn is_plain(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| !text.contains(|character| character != '\n' && is_unsafe(character)))
}

/// Returns the quoted format with which `printf` of a shell writes these bytes.
fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::from("'");
    for (at, &byte) in bytes.iter().enumerate() {
        let _infallible = match byte {
            // it would begin an option
            b'-' if at == 0 => write!(format, r"\055"),
            b'%' => write!(format, "%%"),
            b'\\' => write!(format, r"\\"),
            // an interactive shell would replace `!` between double quotes
            b' '..=b'~' if !matches!(byte, b'\'' | b'!') => write!(format, "{}", char::from(byte)),
            // always three digits, because the next byte may be a digit
            _ => write!(format, r"\{byte:03o}"),
        };
    }
    format.push('\'');
    format
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Returns the bytes that a shell makes of a word.
    fn as_sh_reads(word: &str) -> Vec<u8> {
        let script = format!("printf %s {word}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}");
        output.stdout
    }

    /// Returns texts that a shell, `printf` or curl could take for something else.
    fn nasty() -> Vec<Vec<u8>> {
        let mut texts: Vec<Vec<u8>> = [
            "",
            "a b",
            "it's",
            "''",
            "$(id)",
            "`id`",
            "$HOME",
            "\"",
            "\\",
            "\\n",
            "%s %d %%",
            "-n",
            "@file",
            "~",
            "*",
            "a\nb\n\nc",
            "!!",
            "#",
            ";",
            "|",
            "\t",
            "\u{1b}[2J",
            "\u{202e}abc",
            "é☎",
            "\r\nx",
            "\\047",
            "a\\",
        ]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
        texts.extend((1..=255).filter(|byte| *byte != b'\n').map(|byte| vec![b'0', byte, b'1', byte]));
        texts.push((1..=255).collect());
        texts
    }

    #[test]
    fn a_shell_reads_back_every_quoted_text() {
        for text in nasty() {
            assert_eq!(as_sh_reads(&quoted(&text)), text, "{text:?}");
        }
    }

    #[test]
    fn printf_of_a_shell_writes_back_every_body() {
        for body in nasty().into_iter().chain([vec![0], b"a\0b\n".to_vec(), b"line\n".to_vec()]) {
            let script = format!("printf {}", printf_format(&body));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, body, "{script}");
        }
    }

    #[test]
    fn a_command_has_no_character_that_a_terminal_would_obey() {
        for text in nasty() {
            let command = command("POST", "http://h/", [("x-key", text.as_slice())], Some(&text));
            assert!(!command.contains(|c| c != '\n' && is_unsafe(c)), "{command:?}");
        }
    }

    #[test]
    fn a_request_has_its_method_its_headers_in_their_spelling_and_its_body() {
        let headers = [("content-type", &b"application/json"[..]), ("x-api-key", b"it's"), ("x-none", b"")];
        assert_eq!(
            command("POST", "https://h/r?a=1&b=2", headers, Some(b"{\"a\":\"@\n\"}")),
            "curl -q -sS -i --http1.1 --noproxy '*' \\\n  -H 'Content-Type: application/json' \\\n  \
             -H 'X-Api-Key: it'\\''s' \\\n  -H 'X-None;' \\\n  -H 'Expect:' \\\n  --data-raw '{\"a\":\"@\n\"}' \\\n  \
             'https://h/r?a=1&b=2'"
        );
        let none = std::iter::empty::<(&str, &[u8])>;
        assert_eq!(
            command("GET", "http://[::1]/", none(), None),
            "curl -q -sS -i --http1.1 --noproxy '*' --globoff \\\n  'http://[::1]/'"
        );
        assert!(command("POST", "http://h/", none(), Some(b"")).contains(" \\\n  --data-raw '' \\\n"));
        let binary = command("POST", "http://h/", none(), Some(b"a\0'%"));
        assert!(binary.starts_with("printf 'a\\000\\047%%' |\n  curl "), "{binary}");
        assert!(binary.contains("--data-binary @-"), "{binary}");
    }
}
