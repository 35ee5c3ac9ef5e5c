//! What is said to Asterisk: the question, and the farewell.
//!
//! Knows quoting and the longest line; does not know why a variable is set.

use percent_encoding::percent_decode;

use crate::switch::FetchFault;
use crate::variable::{Accept, Assignment, Unfit, Value};

/// The longest command line, without its line feed, that every Asterisk reads whole. Up to 2025 it read a
/// command into 2,048 bytes (later into 8,192) and took the rest for further commands (`res/res_agi.c`,
/// `run_agi`).
pub(super) const LONGEST_LINE: usize = 2046;

/// The commands that set variables, in their order, whole lines.
pub(super) fn set_variables(assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
    let mut lines = Vec::with_capacity(64 * assignments.len());
    for assignment in assignments {
        lines.extend(set_variable(assignment)?);
        lines.push(b'\n');
    }
    Ok(lines)
}

/// ```text
/// command = "SET VARIABLE " name " " quoted
/// quoted  = DQUOTE *( byte / "\" byte ) DQUOTE
/// ```
/// Within quotes a backslash makes the next byte literal, whatever it is (`res/res_agi.c`, `parse_args`), so that
/// every byte arrives but LF, which ends the command, and NUL, which ends the string.
fn set_variable(assignment: &Assignment) -> Result<Vec<u8>, Unfit> {
    let mut line = format!("SET VARIABLE {} \"", assignment.name).into_bytes();
    for &byte in assignment.value.as_bytes() {
        match (byte, assignment.accept) {
            (b'\n', _) => return Err(Unfit::Newline),
            (0, _) => return Err(Unfit::Nul),
            // it would end the quotes of `$["${ROUTE}" = "sales"]`
            (b'"', Accept::Word | Accept::Text) => return Err(Unfit::Quote),
            (b'"' | b'\\', _) => line.extend([b'\\', byte]),
            _ => line.push(byte),
        }
    }
    line.push(b'"');
    if line.len() <= LONGEST_LINE { Ok(line) } else { Err(Unfit::TooLong) }
}

/// The question, a whole line: Asterisk expands each expression and hands all of them back behind the word.
///
/// ```text
/// question = "GET FULL VARIABLE " DQUOTE word *( "|" expression ) DQUOTE LF
/// ```
pub(super) fn challenge(nonce: &str, expressions: &[String]) -> Result<Vec<u8>, FetchFault> {
    let mut line = format!("GET FULL VARIABLE \"{nonce}");
    for expression in expressions {
        line.push('|');
        line.push_str(expression);
    }
    line.push('"');
    if line.len() > LONGEST_LINE {
        return Err(FetchFault::TooManyNames);
    }
    line.push('\n');
    Ok(line.into_bytes())
}

/// An expression that gives what `${name}` holds so that it can be seen to be whole: percent-encoded, between
/// open parentheses and the word.
///
/// Asterisk looks for `:offset:length` behind the function's closing parenthesis only after it has put the value
/// in (`main/pbx_variables.c`, `parse_variable_name`), so that a value such as `a):1` closes it early and cuts
/// the result. The parentheses take up eight such. What is cut even so, as a value over 4,095 bytes is, has
/// lost the word, and no value can bring it along.
pub(super) fn guarded(name: &str, nonce: &str) -> String {
    format!("${{URIENCODE({GUARD}${{{name}}}{nonce})}}")
}

/// What a guarded value holds; nothing where it is not whole, or where `URIENCODE` is not loaded.
///
/// ```text
/// guarded = GUARD *( unreserved / "%" 2HEXDIG ) word
/// ```
pub(super) fn unguarded(text: &[u8], nonce: &str) -> Option<Value> {
    let encoded = text.strip_prefix(GUARD.as_bytes())?.strip_suffix(nonce.as_bytes())?;
    Some(Value::from(percent_decode(encoded).collect::<Vec<u8>>()))
}

const GUARD: &str = "((((((((";

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(name: &str, value: &[u8], accept: Accept) -> Assignment {
        Assignment { name: name.parse().unwrap(), value: Value::from(value), accept }
    }

    #[test]
    fn what_would_be_a_second_command_is_refused() {
        for accept in [Accept::Word, Accept::Text, Accept::Any] {
            let set = |value: &[u8]| {
                set_variables(&[assignment("A", b"x", accept), assignment("B", value, accept)])
            };
            assert_eq!(set(b"sales\nSET VARIABLE EVIL yes"), Err(Unfit::Newline));
            assert_eq!(set(b"\0"), Err(Unfit::Nul));
        }
    }

    #[test]
    fn a_double_quote_is_refused_unless_its_own_variable_accepts_anything() {
        let [word, text, any] =
            [Accept::Word, Accept::Text, Accept::Any].map(|accept| assignment("R", b"x\"", accept));
        assert_eq!(set_variable(&word), Err(Unfit::Quote));
        assert_eq!(set_variables(&[any.clone(), text]), Err(Unfit::Quote));
        assert_eq!(set_variable(&any).unwrap(), b"SET VARIABLE R \"x\\\"\"");
    }

    #[test]
    fn no_line_is_longer_than_the_oldest_asterisk_reads() {
        let room = LONGEST_LINE - "SET VARIABLE ROUTE \"\"".len();
        let any = |value: &[u8]| assignment("ROUTE", value, Accept::Any);
        assert_eq!(set_variable(&any(&vec![b'x'; room])).unwrap().len(), 2046);
        for value in [vec![b'x'; room + 1], vec![b'\\'; room / 2 + 1]] {
            assert_eq!(set_variable(&any(&value)), Err(Unfit::TooLong));
        }
        let longest_name = "V".repeat(256);
        assert!(set_variable(&assignment(&longest_name, &[b'x'; 1024], Accept::Text)).is_ok());
    }

    #[test]
    fn a_question_that_is_too_long_is_not_asked() {
        let asked = |count: usize| {
            challenge("0123456789abcdef", &vec![guarded("ACCOUNT", "0123456789abcdef"); count])
        };
        assert!(asked(36).is_ok_and(|line| line.len() <= LONGEST_LINE + 1));
        assert_eq!(asked(50), Err(FetchFault::TooManyNames));
    }

    #[test]
    fn a_value_that_is_not_whole_is_no_value() {
        let unguarded = |text: &[u8]| unguarded(text, "w0rd");
        assert_eq!(unguarded(b"((((((((a%7C%29%3a%zzw0rd"), Some(Value::from("a|):%zz")));
        assert_eq!(unguarded(b"((((((((w0rd"), Some(Value::default()));
        for cut in [&b""[..], b"((((((((a", b"(((((((aw0rd", b"((((((((aw0r", b"((((((((a%7C"] {
            assert_eq!(unguarded(cut), None);
        }
    }
}
