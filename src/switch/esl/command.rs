//! The commands to FreeSWITCH: `connect`, `set` with its value in the body, `resume` and `exit`.
//!
//! Knows which values expand, and the two passes that a value goes through; does not know why a variable is
//! set.

use crate::variable::{Accept, Assignment, Unfit};

/// Asks for the channel data.
pub(super) const CONNECT: &[u8] = b"connect\n\n";

/// Ends the session.
pub(super) const EXIT: &[u8] = b"exit\n\n";

/// Lets a parked call go on. In static mode the call would stay in `CS_RESET` for ever.
pub(super) const RESUME: &[u8] = b"resume\n\n";

/// The passes of expansion through which a value goes until it is stored: one by the core
/// (`src/switch_core_session.c`, `switch_core_session_exec`; not if `app_disable_expand_variables` is true),
/// one by the application (`mod_dptools.c`, `base_set`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Passes {
    /// The application expands.
    One,
    /// The core and the application expand.
    #[default]
    Two,
}

/// Writes a command that sets a variable. An empty value removes the variable.
///
/// ```text
/// set = "sendmsg" LF "call-command: execute" LF "execute-app-name: set" LF
///       "content-type: text/plain" LF "content-length: " count LF LF name "=" value
/// ```
/// FreeSWITCH reads the body by its length, so that nothing in it can be a command. The type must be exactly
/// this one (`mod_event_socket.c`, `read_packet`; `src/switch_ivr.c`, `switch_ivr_parse_event`).
pub(super) fn set(name: &str, value: &[u8], passes: Passes) -> Vec<u8> {
    let mut body = format!("{name}=").into_bytes();
    body.extend(protected(value, passes));
    let mut command = format!(
        "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\ncontent-length: {}\n\n",
        body.len()
    )
    .into_bytes();
    command.extend(body);
    command
}

/// Returns the reason if a value must not become a channel variable.
///
/// FreeSWITCH expands a stored text again whenever the dialplan uses it, in any number of passes. Each pass
/// drops backslashes (`\\`, `\$`), `\'` and one `$` of two (`src/switch_channel.c`,
/// `switch_channel_expand_variables_check`), nothing else. So a `$` can come to stand before a `{` only
/// across a run of these three. It can come to stand before the `{` of a neighbour only if the run ends the
/// value.
pub(super) fn judge(assignment: &Assignment) -> Result<(), Unfit> {
    let value = assignment.value.as_bytes();
    if value.contains(&0) {
        return Err(Unfit::Nul);
    }
    if begins_as_array(value) {
        return Err(Unfit::Array);
    }
    if assignment.accept != Accept::Any && begins_as_scope(value) {
        return Err(Unfit::Scope);
    }
    if ends_in_line_feed(value) {
        return Err(Unfit::LineFeedAtEnd);
    }
    if may_expand(value) {
        return Err(Unfit::Expansion);
    }
    Ok(())
}

/// True if a `$` can come to stand before a `{`, in this value or after it.
fn may_expand(value: &[u8]) -> bool {
    let mut dollar = false;
    for byte in value {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return true,
            b'\\' | b'\'' => {}
            _ => dollar = false,
        }
    }
    dollar
}

/// The bytes of a value without those that a pass can drop from its beginning or end.
fn kept(value: &[u8]) -> impl DoubleEndedIterator<Item = &u8> {
    value.iter().filter(|byte| !matches!(byte, b'\\' | b'\''))
}

/// True if the value may end in a line feed when the dialplan uses it. The `$` of a regular expression
/// matches before such a line feed (`pcre2pattern(3)`), so that `^sales$` would be true for another text.
fn ends_in_line_feed(value: &[u8]) -> bool {
    kept(value).next_back() == Some(&b'\n')
}

/// True if the value may be taken for an array when it is stored (`src/switch_event.c`,
/// `switch_event_add_array`).
fn begins_as_array(value: &[u8]) -> bool {
    kept(value).take(ARRAY.len()).eq(ARRAY)
}

const ARRAY: &[u8] = b"ARRAY::";

/// True if FreeSWITCH would take the beginning of the value for scoped variables, if the value is the whole
/// argument of an application.
///
/// ```text
/// scope = "%" [ delimiter ] "[" …        ; src/switch_core_session.c, switch_core_session_exec
/// ```
fn begins_as_scope(value: &[u8]) -> bool {
    let mut kept = kept(value);
    kept.next() == Some(&b'%') && kept.take(2).any(|byte| *byte == b'[')
}

/// Returns the bytes that must be sent so that FreeSWITCH stores this value. A pass changes only a text with
/// an escape in it (`src/include/switch_utils.h`, `switch_string_has_escaped_data`), and then halves every
/// run of `\` and of `$`.
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
    use crate::variable::{Value, ValueSource};

    fn judged(value: &[u8], accept: Accept) -> Result<(), Unfit> {
        judge(&Assignment {
            name: "v".parse().unwrap(),
            value: Value::from(value),
            accept,
            source: ValueSource::Answer,
        })
    }

    #[test]
    fn an_array_is_recognised_behind_bytes_that_a_pass_drops() {
        for value in [&b"ARRAY::a|:b"[..], b"\\'ARRAY::a|:b", b"'ARR\\'AY::a"] {
            assert_eq!(judged(value, Accept::Any), Err(Unfit::Array), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_text_that_would_set_scoped_variables_is_refused() {
        for value in [&b"%[a=b]user/1"[..], b"%,[a=b]", b"\\'%[a=b]", b"%\\'[a=b]"] {
            assert_eq!(judged(value, Accept::Text), Err(Unfit::Scope));
            assert_eq!(judged(value, Accept::Any), Ok(()));
        }
        for value in [&b"100% [sic]"[..], b"%", b"50%[", b"%ab[", b""] {
            assert_eq!(judged(value, Accept::Text), Ok(()));
        }
    }

    #[test]
    fn a_value_that_a_regular_expression_would_take_for_another_text_is_refused() {
        for value in [&b"sales\n"[..], b"sales\n\\'", b"sales\n\\\\'\\'", b"\n"] {
            assert_eq!(judged(value, Accept::Any), Err(Unfit::LineFeedAtEnd));
        }
        for value in [&b"{\n\"a\": 1\n}"[..], b"sales\nx", b"'", b""] {
            assert_eq!(judged(value, Accept::Any), Ok(()));
        }
    }
}
