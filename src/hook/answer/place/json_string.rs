//! Finds a part of a JSON string's text in the string as it is written, with its escapes.

use std::ops::Range;

/// Returns the range of a written JSON string in which this range of its text stands.
///
/// ```text
/// string = DQUOTE *( unescaped / "\" ( one character / "u" 4HEXDIG ) ) DQUOTE
/// ```
pub(super) fn as_written(json: &str, text: Range<usize>) -> Range<usize> {
    let (mut written, mut read) = (1, 0);
    let mut start = None;
    while let Some((length, in_text)) = json.get(written..).and_then(first_unit) {
        if read >= text.end && start.is_some() {
            break;
        }
        if read + in_text > text.start && start.is_none() {
            start = Some(written);
        }
        (written, read) = (written + length, read + in_text);
    }
    start.unwrap_or(written)..written
}

/// Returns the length of the first character or escape as it is written, and in the text. None at the end of
/// the string.
fn first_unit(rest: &str) -> Option<(usize, usize)> {
    let first = rest.chars().next().filter(|first| *first != '"')?;
    if first != '\\' {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    let Some(unit) = utf16(rest) else { return Some((2, 1)) };
    match char::from_u32(unit) {
        Some(character) => Some((6, character.len_utf8())),
        // one half of a pair of escapes for a character beyond U+FFFF
        None => Some((12, 4)),
    }
}

/// Returns the number in `\uXXXX`.
fn utf16(rest: &str) -> Option<u32> {
    u32::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_text_is_found_between_escapes() {
        let json = r#""a\n\u00e9\ud83d\ude00é b""#;
        let text: String = serde_json::from_str(json).unwrap();
        for (character, written) in
            [('a', "a"), ('\n', r"\n"), ('\u{1f600}', r"\ud83d\ude00"), (' ', " "), ('b', "b")]
        {
            let start = text.find(character).unwrap();
            let range = as_written(json, start..start + character.len_utf8());
            assert_eq!(&json[range], written, "{character:?}");
        }
        assert_eq!(&json[as_written(json, 0..text.len())], &json[1..json.len() - 1]);
        assert_eq!(as_written("\"\"", 0..0), 1..1);
    }
}
