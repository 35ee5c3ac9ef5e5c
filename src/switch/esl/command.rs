//! What is said to FreeSWITCH: `connect`, `set` with its value in the body, `resume` and `exit`.
//!
//! Knows what expands, and the two passes that a value goes through; does not know why a variable is set.

use crate::variable::{Accept, Assignment, Unfit};

/// Asks for the channel data.
pub(super) const CONNECT: &[u8] = b"connect\n\n";

/// Ends the conversation.
pub(super) const EXIT: &[u8] = b"exit\n\n";

/// Lets a parked call go on. In static mode it would leave the call in `CS_RESET` for ever.
pub(super) const RESUME: &[u8] = b"resume\n\n";

/// How often a value is expanded until it is stored: once by the core (`src/switch_core_session.c`,
/// `switch_core_session_exec`; not where `app_disable_expand_variables` is true), once by the application
/// (`mod_dptools.c`, `base_set`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Passes {
    /// The application's alone.
    One,
    /// Both.
    #[default]
    Two,
}

/// ```text
/// set = "sendmsg" LF "call-command: execute" LF "execute-app-name: set" LF
///       "content-type: text/plain" LF "content-length: " count LF LF name "=" value
/// ```
/// The body is read by its length, so that nothing in it can be a command; the type must be exactly this one
/// (`mod_event_socket.c`, `read_packet`; `src/switch_ivr.c`, `switch_ivr_parse_event`). An empty value removes the
/// variable.
pub(super) fn set(assignment: &Assignment, passes: Passes) -> Result<Vec<u8>, Unfit> {
    let value = assignment.value.as_bytes();
    refuse(value, assignment.accept)?;
    let mut body = format!("{}=", assignment.name).into_bytes();
    body.extend(protected(value, passes));
    let mut command = format!(
        "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\ncontent-length: {}\n\n",
        body.len()
    )
    .into_bytes();
    command.extend(body);
    Ok(command)
}

/// Says why a value must not become a channel variable.
///
/// Stored text is expanded again whenever the dialplan uses it, in any number of passes. Each drops backslashes
/// (`\\`, `\$`), `\'` and one `$` of two (`src/switch_channel.c`, `switch_channel_expand_variables_check`), nothing
/// else. So a `$` can come to stand before a `{` only across a run of these three; and before the `{` of a
/// neighbour, only if the run ends the value.
fn refuse(value: &[u8], accept: Accept) -> Result<(), Unfit> {
    if value.contains(&0) {
        return Err(Unfit::Nul);
    }
    if begins_as_array(value) {
        return Err(Unfit::Array);
    }
    if accept != Accept::Any && sets_scope(value) {
        return Err(Unfit::Scope);
    }
    if ends_in_line_feed(value) {
        return Err(Unfit::LineFeedAtEnd);
    }
    let mut dollar = false;
    for byte in value {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return Err(Unfit::Expansion),
            b'\\' | b'\'' => {}
            _ => dollar = false,
        }
    }
    if dollar { Err(Unfit::Expansion) } else { Ok(()) }
}

/// True if the value ends in a line feed when the dialplan uses it: the `$` of a regular expression matches before one
/// (`pcre2pattern(3)`), so that `^sales$` would be true for another text. What a pass drops does not hide it.
fn ends_in_line_feed(value: &[u8]) -> bool {
    value.iter().rev().find(|byte| !matches!(byte, b'\\' | b'\'')) == Some(&b'\n')
}

/// True if a value begins as an array, also behind what a pass drops.
fn begins_as_array(value: &[u8]) -> bool {
    let seen = value.iter().filter(|byte| !matches!(byte, b'\\' | b'\''));
    seen.take(ARRAY.len()).eq(ARRAY)
}

const ARRAY: &[u8] = b"ARRAY::";

/// Whether an application whose whole argument this is would take its beginning for variables:
///
/// ```text
/// scope = "%" [ delimiter ] "[" …        ; src/switch_core_session.c, switch_core_session_exec
/// ```
/// What a pass drops does not hide it.
fn sets_scope(value: &[u8]) -> bool {
    let mut seen = value.iter().filter(|byte| !matches!(byte, b'\\' | b'\''));
    seen.next() == Some(&b'%') && seen.take(2).any(|byte| *byte == b'[')
}

/// The value as it must be sent to be stored as it is. A pass touches only a text with an escape in it
/// (`src/include/switch_utils.h`, `switch_string_has_escaped_data`), and then halves every run of `\` and of `$`.
fn protected(value: &[u8], passes: Passes) -> Vec<u8> {
    if !value.contains(&b'\\') {
        return value.to_vec();
    }
    let times = match passes {
        Passes::One => 2,
        Passes::Two => 4,
    };
    let sent = |byte: &u8| std::iter::repeat_n(*byte, if matches!(byte, b'\\' | b'$') { times } else { 1 });
    value.iter().flat_map(sent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variable::Value;

    #[test]
    fn an_array_is_seen_behind_what_a_pass_drops() {
        for value in [&b"ARRAY::a|:b"[..], b"\\'ARRAY::a|:b", b"'ARR\\'AY::a"] {
            let set =
                Assignment { name: "v".parse().unwrap(), value: Value::from(value), accept: Accept::Any };
            assert_eq!(super::set(&set, Passes::Two), Err(Unfit::Array), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_would_set_variables_of_an_application_is_refused() {
        for value in [&b"%[a=b]user/1"[..], b"%,[a=b]", b"\\'%[a=b]", b"%\\'[a=b]"] {
            assert_eq!(refuse(value, Accept::Text), Err(Unfit::Scope));
            assert_eq!(refuse(value, Accept::Any), Ok(()));
        }
        for value in [&b"100% [sic]"[..], b"%", b"50%[", b"%ab[", b""] {
            assert_eq!(refuse(value, Accept::Text), Ok(()));
        }
    }

    #[test]
    fn what_a_regular_expression_would_take_for_another_text_is_refused() {
        for value in [&b"sales\n"[..], b"sales\n\\'", b"sales\n\\\\'\\'", b"\n"] {
            assert_eq!(refuse(value, Accept::Any), Err(Unfit::LineFeedAtEnd));
        }
        for value in [&b"{\n\"a\": 1\n}"[..], b"sales\nx", b"'", b""] {
            assert_eq!(refuse(value, Accept::Any), Ok(()));
        }
    }
}
