//! Recognises secrets by the name of a header or parameter, and by their look.

use percent_encoding::percent_decode_str;

/// Segments of a path that a secret follows.
const SECRET_SEGMENTS: [&str; 13] = [
    "token",
    "tokens",
    "key",
    "keys",
    "apikey",
    "api-key",
    "api_key",
    "secret",
    "secrets",
    "password",
    "pwd",
    "signature",
    "sig",
];

/// True if a secret follows this segment of a path.
pub(super) fn is_secret_segment_name(segment: &str) -> bool {
    SECRET_SEGMENTS.contains(&segment.to_ascii_lowercase().as_str())
}

/// True if the value of a query parameter with this name is a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(name) || SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Names of secret query parameters that no header has: `sig` and `code` of Azure, and others of the same
/// use.
const SECRET_PARAMETERS: [&str; 5] = ["sig", "code", "hmac", "hash", "pin"];

/// True if a header or parameter with this name has a secret value, which is not shown and not sent on by a
/// redirect.
///
/// The rule prefers false alarms (`X-Monkey`): a person can look up the value in the file, but a secret that
/// is shown is no longer secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Words that occur in the names of secrets.
pub const SECRET_WORDS: [&str; 12] = [
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "pass",
    "pwd",
    "secret",
    "session",
    "sign",
    "token",
];

/// True if a text looks generated: a UUID, or a long run in which letters and digits alternate.
pub(super) fn is_random(text: &str) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if is_uuid(&decoded) {
        return true;
    }
    let runs = decoded.split(|character: char| !character.is_ascii_alphanumeric());
    runs.into_iter().any(|run| run.len() >= MIN_RANDOM_LENGTH && alternations(run) >= MIN_ALTERNATIONS)
}

/// The characters of the shortest run that looks generated. Names that people choose have shorter runs.
const MIN_RANDOM_LENGTH: usize = 12;

/// The changes between letters and digits in a run that looks generated. `customer2024` has one.
const MIN_ALTERNATIONS: usize = 2;

/// Returns the number of changes between letters and digits.
fn alternations(run: &str) -> usize {
    let digits = run.bytes().map(|byte| byte.is_ascii_digit());
    digits.clone().zip(digits.skip(1)).filter(|(one, next)| one != next).count()
}

fn is_uuid(text: &str) -> bool {
    let groups =
        text.split('-').map(|group| (group.len(), group.bytes().all(|byte| byte.is_ascii_hexdigit())));
    groups.eq([8, 4, 4, 4, 12].map(|length| (length, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_a_secret_word_in_its_name_is_a_secret() {
        for name in
            ["Authorization", "X-Api-Key", "X-SESSION-ID", "x-pwd", "X-JWT-Assertion", "X-User-Credentials"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["X-Site", "X-Tenant", "X-Call-Id", "X-Caller", "X-Queue", "X-Direction", "Accept", "X-Account"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
