//! Random words that nobody can guess.

/// A word of twice as many hexadecimal digits as it has random bytes.
///
/// # Panics
/// When the operating system has no random bytes, which on Linux happens in the first seconds of a boot at most.
#[must_use]
#[expect(clippy::expect_used, reason = "without random words no call can be proved; systemd restarts us")]
pub fn random<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_is_hexadecimal_and_never_the_same() {
        let words = [super::random::<8>(), super::random::<8>()];
        assert!(words.iter().all(|word| word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_ne!(words[0], words[1]);
    }
}
