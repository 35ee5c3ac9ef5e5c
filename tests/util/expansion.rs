//! Owner: the tests. One pass in which FreeSWITCH expands the variables in a text.
//!
//! After `src/switch_channel.c`, `switch_channel_expand_variables_check`, and `src/include/switch_utils.h`.
//! Nothing is expanded: the result says if something would be. Knows nothing of the daemon; `fuzz/` uses this
//! file too.

/// The text that would be expanded, from its `$` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion(pub Vec<u8>);

/// One pass over a text.
///
/// # Errors
/// Returns the text that would be expanded.
pub fn pass(text: &[u8]) -> Result<Vec<u8>, Expansion> {
    if !(is_reference(text) || has_escape(text)) {
        return Ok(text.to_vec());
    }
    let (mut kept, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = text.get(at) {
        let (next, behind_next) = (text.get(at + 1), text.get(at + 2));
        let taken = match (byte, next) {
            // both are removed
            (b'\\', Some(b'\'')) => 2,
            (b'\\', Some(b'\\')) => {
                kept.push(b'\\');
                2
            }
            // this dollar sign is not expanded in this pass, whatever follows
            (b'\\', Some(b'$')) => {
                kept.push(b'$');
                if behind_next == Some(&b'$') { 3 } else { 2 }
            }
            (b'$', _) => {
                let dollars = if next == Some(&b'$') { 2 } else { 1 };
                if text.get(at + dollars) == Some(&b'{') {
                    return Err(Expansion(text[at..].to_vec()));
                }
                kept.push(b'$');
                dollars
            }
            (other, _) => {
                kept.push(other);
                1
            }
        };
        at += taken;
    }
    Ok(kept)
}

/// `switch_string_var_check_const`.
fn is_reference(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"${")
}

/// `switch_string_has_escaped_data`.
fn has_escape(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair[0] == b'\\' && b"\\nst'".contains(&pair[1]))
}

/// The value that `set copy=…` stores of an argument: one pass by the core, unless it is switched off, and
/// one by the application.
///
/// # Errors
/// Returns the text that one of them would expand.
pub fn stored(argument: &[u8], core_expands: bool) -> Result<Vec<u8>, Expansion> {
    let once = if core_expands { pass(argument)? } else { argument.to_vec() };
    let value = once.splitn(2, |&byte| byte == b'=').nth(1).unwrap_or_default();
    pass(value)
}

/// The value that `set copy=${one}${other}` stores: the core expands each variable by itself, then the
/// application expands the whole text.
///
/// # Errors
/// Returns the text that one of them would expand.
pub fn copied(values: &[&[u8]]) -> Result<Vec<u8>, Expansion> {
    let mut argument = Vec::new();
    for value in values {
        argument.extend(pass(value)?);
    }
    pass(&argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_expansion_gives_the_results_of_a_real_freeswitch() {
        // as a real FreeSWITCH was seen to do
        for (text, expected) in [
            (&b"a\\\\b"[..], &b"a\\b"[..]),
            (b"a\\'b", b"ab"),
            (b"$$\\\\", b"$\\"),
            (b"\\$\\\\{x}", b"$\\{x}"),
            (b"cost $5 $$", b"cost $5 $$"),
            (b"a\\b", b"a\\b"),
            (b"$\\{x}", b"$\\{x}"),
            (b"$ {x}", b"$ {x}"),
            (b"\\${x}", b"${x}"),
            (b"\\$${x}", b"${x}"),
        ] {
            assert_eq!(pass(text).as_deref(), Ok(expected), "{}", text.escape_ascii());
        }
        for text in [&b"${x}"[..], b"$${x}", b"a $$${x}", b"\\\\${x}", b"\\n$$$${"] {
            assert!(pass(text).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn three_backslashes_protect_through_two_passes_and_one_does_not() {
        assert!(stored(b"x=\\${y}", true).is_err());
        assert_eq!(stored(b"x=\\\\\\${y}", true).unwrap(), b"${y}");
    }
}
