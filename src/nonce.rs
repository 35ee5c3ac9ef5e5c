//! Nonces: random words that nobody can guess.

/// Returns random bytes as hexadecimal digits, two for each byte.
///
/// # Panics
/// Panics if the operating system has no random bytes. On Linux this can happen only in the first seconds
/// after boot.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "without random bytes no call can be authenticated; systemd restarts us"
)]
pub fn random<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_nonce_is_hexadecimal_and_never_the_same() {
        let nonces = [super::random::<8>(), super::random::<8>()];
        assert!(nonces.iter().all(|nonce| nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_ne!(nonces[0], nonces[1]);
    }
}
