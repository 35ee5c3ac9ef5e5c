//! The commands to Asterisk: `GET FULL VARIABLE` as the challenge, and `SET VARIABLE`.
//!
//! Knows quoting and the longest line; does not know why a variable is set.

use percent_encoding::percent_decode;

use crate::switch::FetchFault;
use crate::variable::{Accept, Assignment, Unfit, Value};

/// Bytes of the longest command line that every Asterisk reads whole, without its line feed. Up to 2025
/// Asterisk read a command into 2,048 bytes (later into 8,192) and took the rest for further commands
/// (`res/res_agi.c`, `run_agi`).
pub(super) const LONGEST_LINE: usize = 2046;

/// Writes a command that sets a variable, as a whole line.
///
/// ```text
/// line   = "SET VARIABLE " name " " quoted LF
/// quoted = DQUOTE *( byte / "\" byte ) DQUOTE
/// ```
/// Within quotes a backslash makes the next byte literal, whatever it is (`res/res_agi.c`, `parse_args`). So
/// every byte arrives except LF, which ends the command, and NUL, which ends the string.
pub(super) fn set_variable(assignment: &Assignment) -> Result<Vec<u8>, Unfit> {
    judge(assignment)?;
    let mut line = format!("SET VARIABLE {} \"", assignment.name).into_bytes();
    for &byte in assignment.value.as_bytes() {
        if matches!(byte, b'"' | b'\\') {
            line.push(b'\\');
        }
        line.push(byte);
    }
    line.extend(b"\"\n");
    Ok(line)
}

/// Returns the reason if a value does not fit into a command, or must not become a channel variable.
pub(super) fn judge(assignment: &Assignment) -> Result<(), Unfit> {
    let mut length = "SET VARIABLE  \"\"".len() + assignment.name.as_str().len();
    for &byte in assignment.value.as_bytes() {
        match (byte, assignment.accept) {
            (b'\n', _) => return Err(Unfit::Newline),
            (0, _) => return Err(Unfit::Nul),
            // it would end the quotes of `$["${ROUTE}" = "sales"]`
            (b'"', Accept::Word | Accept::Text) => return Err(Unfit::Quote),
            (b'"' | b'\\', _) => length += 2,
            _ => length += 1,
        }
    }
    if length > LONGEST_LINE { Err(Unfit::TooLong) } else { Ok(()) }
}

/// Writes the challenge, as a whole line. Asterisk expands each expression and returns all of them after the
/// nonce.
///
/// ```text
/// line = "GET FULL VARIABLE " DQUOTE nonce *( "|" expression ) DQUOTE LF
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

/// Writes an expression whose result is the value of `${name}`, percent-encoded, between open parentheses and
/// the nonce. So a value that was cut can be distinguished from a whole one.
///
/// Asterisk first puts the value in. Then it looks for `:offset:length` after the closing parenthesis of the
/// function (`main/pbx_variables.c`, `parse_variable_name`). So a value such as `a):1` closes the parenthesis
/// early and cuts the result. The open parentheses take up eight closing ones. A value that is cut even so,
/// as every value over 4,095 bytes is, has lost the nonce, and no value can bring the nonce along.
pub(super) fn guarded(name: &str, nonce: &str) -> String {
    format!("${{URIENCODE({GUARD}${{{name}}}{nonce})}}")
}

/// Reads the result of a guarded expression. Returns `None` if the value is not whole, or if Asterisk has no
/// `URIENCODE`.
///
/// ```text
/// guarded = GUARD *( unreserved / "%" 2HEXDIG ) nonce
/// ```
pub(super) fn unguarded(text: &[u8], nonce: &str) -> Option<Value> {
    let encoded = text.strip_prefix(GUARD.as_bytes())?.strip_suffix(nonce.as_bytes())?;
    Some(Value::from(percent_decode(encoded).collect::<Vec<u8>>()))
}

const GUARD: &str = "((((((((";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variable::ValueSource;

    const NONCE: &str = "0123456789abcdef";

    fn assignment(name: &str, value: &[u8], accept: Accept) -> Assignment {
        Assignment {
            name: name.parse().unwrap(),
            value: Value::from(value),
            accept,
            source: ValueSource::Answer,
        }
    }

    #[test]
    fn a_value_that_would_be_a_second_command_is_refused() {
        for accept in [Accept::Word, Accept::Text, Accept::Any] {
            let set = |value: &[u8]| set_variable(&assignment("B", value, accept));
            assert_eq!(set(b"sales\nSET VARIABLE EVIL yes"), Err(Unfit::Newline));
            assert_eq!(set(b"\0"), Err(Unfit::Nul));
        }
    }

    #[test]
    fn a_double_quote_is_refused_unless_its_own_variable_accepts_anything() {
        let set = |accept| set_variable(&assignment("R", b"x\"", accept));
        assert_eq!([set(Accept::Word), set(Accept::Text)], [Err(Unfit::Quote), Err(Unfit::Quote)]);
        assert_eq!(set(Accept::Any).unwrap(), b"SET VARIABLE R \"x\\\"\"\n");
    }

    #[test]
    fn no_line_is_longer_than_the_oldest_asterisk_reads() {
        let room = LONGEST_LINE - "SET VARIABLE ROUTE \"\"".len();
        let any = |value: &[u8]| assignment("ROUTE", value, Accept::Any);
        assert_eq!(set_variable(&any(&vec![b'x'; room])).unwrap().len(), 2046 + 1);
        for value in [vec![b'x'; room + 1], vec![b'\\'; room / 2 + 1]] {
            assert_eq!(set_variable(&any(&value)), Err(Unfit::TooLong));
        }
        let longest_name = "V".repeat(256);
        assert!(set_variable(&assignment(&longest_name, &[b'x'; 1024], Accept::Text)).is_ok());
    }

    #[test]
    fn a_challenge_that_is_too_long_is_not_written() {
        let challenge = |count: usize| challenge(NONCE, &vec![guarded("ACCOUNT", NONCE); count]);
        assert!(challenge(36).is_ok_and(|line| line.len() <= LONGEST_LINE + 1));
        assert_eq!(challenge(50), Err(FetchFault::TooManyNames));
    }

    #[test]
    fn a_value_that_was_cut_is_no_value() {
        let unguarded = |text: &[u8]| unguarded(text, "n0nce");
        assert_eq!(unguarded(b"((((((((a%7C%29%3a%zzn0nce"), Some(Value::from("a|):%zz")));
        assert_eq!(unguarded(b"((((((((n0nce"), Some(Value::default()));
        for cut in [&b""[..], b"((((((((a", b"(((((((an0nce", b"((((((((an0nc", b"((((((((a%7C"] {
            assert_eq!(unguarded(cut), None);
        }
    }
}
