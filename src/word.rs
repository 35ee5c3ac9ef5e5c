//! Random words that nobody can guess.

use std::fmt::Write;

/// A word of twice as many hexadecimal digits as it has random bytes.
///
/// # Panics
/// When the operating system has no random bytes, which on Linux happens in the first seconds of a boot at most.
#[must_use]
#[expect(clippy::expect_used, reason = "without random words no call can be proved; systemd restarts us")]
pub fn random<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes.iter().fold(String::with_capacity(2 * BYTES), |mut word, byte| {
        let _infallible = write!(word, "{byte:02x}");
        word
    })
}
