//! Decides whether a text is a word, or a text for people, before it enters a channel variable.
//!
//! Knows characters; does not know the switch, nor which part of an answer the text is.

use std::ops::Range;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::hook::AnswerFault;

/// The longest word, in bytes.
pub(super) const LONGEST_WORD: usize = 128;

/// The longest text, in bytes. Asterisk cuts an expression at 4,095.
pub(super) const LONGEST_TEXT: usize = 1024;

/// Returns the fault of a text that is not a word: letters and digits of any script, and the signs of
/// [`is_sign`].
///
/// No character of a word separates, quotes, brackets or expands anything on either switch. A word has 0 to
/// 128 bytes.
pub(super) fn word_fault(text: &[u8]) -> Option<AnswerFault> {
    let Ok(characters) = std::str::from_utf8(text) else { return Some(AnswerFault::NotUtf8) };
    match not_of_word(characters) {
        Some((_, character)) if character.is_control() => Some(AnswerFault::ControlByte),
        Some(_) => Some(AnswerFault::NotAWord),
        None => (text.len() > LONGEST_WORD).then_some(AnswerFault::WordTooLong),
    }
}

/// Returns the first character that no word has, or that no word has at its place.
fn not_of_word(text: &str) -> Option<(usize, char)> {
    let mut marks_fit = false;
    for (at, character) in text.char_indices() {
        marks_fit = match Kind::of(character) {
            Kind::Letter => true,
            Kind::Mark if marks_fit => true,
            Kind::Sign => false,
            Kind::Mark | Kind::Other => return Some((at, character)),
        };
    }
    None
}

/// Returns the bytes of the first character that no word has.
pub(super) fn first_not_of_word(text: &str) -> Option<Range<usize>> {
    not_of_word(text).map(|(at, character)| at..at + character.len_utf8())
}

/// Returns the bytes of the first control character.
pub(super) fn first_control(text: &str) -> Option<Range<usize>> {
    first(text, char::is_control)
}

/// Returns the bytes of the first separator of lines or paragraphs, or bidirectional control.
pub(super) fn first_layout_control(text: &str) -> Option<Range<usize>> {
    first(text, is_layout_control)
}

fn first(text: &str, is_sought: fn(char) -> bool) -> Option<Range<usize>> {
    let (at, character) = text.char_indices().find(|&(_, character)| is_sought(character))?;
    Some(at..at + character.len_utf8())
}

/// The kinds of characters in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A letter or a decimal digit.
    Letter,
    /// A combining mark, which belongs to the letter before it: the vowel signs of many scripts, and the
    /// accents of Unicode's decomposed form (NFD).
    Mark,
    /// One of the signs of numbers and names.
    Sign,
    /// Any other character, and every invisible one.
    Other,
}

impl Kind {
    fn of(character: char) -> Self {
        if character.is_ascii() {
            return match character {
                _ if character.is_ascii_alphanumeric() => Self::Letter,
                _ if is_sign(character) => Self::Sign,
                _ => Self::Other,
            };
        }
        if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) {
            return Self::Other;
        }
        match CodePointMapData::<GeneralCategory>::new().get(character) {
            GeneralCategory::DecimalNumber => Self::Letter,
            letter if GeneralCategoryGroup::Letter.contains(letter) => Self::Letter,
            mark if GeneralCategoryGroup::Mark.contains(mark) => Self::Mark,
            _ => Self::Other,
        }
    }
}

/// True for the signs of telephone numbers, queue names and file names.
fn is_sign(character: char) -> bool {
    matches!(character, '.' | '_' | '+' | '-' | '#' | '*')
}

/// Returns the fault of a text that is not a text for people. Each switch has further rules.
#[must_use]
pub fn text_fault(text: &[u8]) -> Option<AnswerFault> {
    if text.len() > LONGEST_TEXT {
        return Some(AnswerFault::TextTooLong);
    }
    match std::str::from_utf8(text) {
        Err(_) => Some(AnswerFault::NotUtf8),
        Ok(text) if text.contains(char::is_control) => Some(AnswerFault::ControlByte),
        Ok(text) if text.contains(is_layout_control) => Some(AnswerFault::Layout),
        Ok(_) => None,
    }
}

/// True for the line and the paragraph separator, and for every bidirectional control (`Bidi_Control` of
/// Unicode).
///
/// They make a text look different from what is compared.
fn is_layout_control(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_letters_and_digits_of_any_script_and_six_signs() {
        for word in [
            "",
            "sales",
            "+31201234567",
            "*21*100#",
            "a.b_c-d",
            "größe",
            "日本",
            "отдел",
            "مبيعات",
            "हिन्दी",
            "ขาย",
            "٣٤",
            "...",
            &"x".repeat(128),
            &"é".repeat(64),
        ] {
            assert_eq!(word_fault(word.as_bytes()), None, "{word:?}");
        }
        for (text, fault) in [
            ("a b", AnswerFault::NotAWord),
            ("a\u{a0}b", AnswerFault::NotAWord),
            ("½", AnswerFault::NotAWord),
            ("☎", AnswerFault::NotAWord),
            ("a\nb", AnswerFault::ControlByte),
            ("a\u{85}b", AnswerFault::ControlByte),
            (&"x".repeat(129), AnswerFault::WordTooLong),
            (&"é".repeat(65), AnswerFault::WordTooLong),
        ] {
            assert_eq!(word_fault(text.as_bytes()), Some(fault), "{text:?}");
        }
        assert_eq!(word_fault(b"caf\xe9"), Some(AnswerFault::NotUtf8));
    }

    #[test]
    fn a_word_may_have_all_ascii_letters_and_digits_and_six_signs() {
        let plain = (0..=127_u8).filter(|byte| word_fault(&[*byte]).is_none()).map(char::from);
        let signs: String = plain.filter(|character| !character.is_ascii_alphanumeric()).collect();
        assert_eq!(signs, "#*+-._");
    }

    #[test]
    fn a_name_is_a_word_in_composed_and_decomposed_form() {
        assert_eq!(word_fault("Jose\u{301}".as_bytes()), None);
        assert_eq!(word_fault("Jos\u{e9}".as_bytes()), None);
    }

    #[test]
    fn a_mark_without_a_letter_and_an_invisible_character_are_refused() {
        for text in [
            "\u{301}a",
            "-\u{301}",
            "a\u{200b}",
            "a\u{200d}b",
            "a\u{fe0f}",
            "a\u{34f}",
            "\u{3164}",
            "\u{feff}a",
        ] {
            assert_eq!(word_fault(text.as_bytes()), Some(AnswerFault::NotAWord), "{text:?}");
        }
    }

    #[test]
    fn a_text_has_no_control_character_of_any_kind() {
        let fault = |character: char| text_fault(format!("a{character}b").as_bytes());
        for control in ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}') {
            assert_eq!(fault(control), Some(AnswerFault::ControlByte), "{control:?}");
        }
        let turning = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for character in turning.chain(['\u{2028}', '\u{2029}', '\u{61c}', '\u{200e}', '\u{200f}']) {
            assert_eq!(fault(character), Some(AnswerFault::Layout), "{character:?}");
        }
        for character in [' ', '\u{a0}', '\u{ad}', '\u{200d}', '☎', 'ש', '\'', ','] {
            assert_eq!(fault(character), None, "{character:?}");
        }
        assert_eq!(text_fault(&[b'x'; 1025]), Some(AnswerFault::TextTooLong));
        assert_eq!(text_fault(&[b'x'; 1024]), None);
        assert_eq!(text_fault(b"caf\xe9"), Some(AnswerFault::NotUtf8));
    }
}
