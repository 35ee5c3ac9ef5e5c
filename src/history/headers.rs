//! The headers of a request or an answer, for people.

use super::masking::Masking;
use super::record::Message;
use super::view::Named;

/// Returns the headers of a message.
pub(super) fn headers(message: &Message, masking: &Masking) -> Vec<Named> {
    let shown = message.headers.iter().map(|(name, value)| Named {
        name: name.to_string(),
        value: shown_header(name.as_str(), &String::from_utf8_lossy(value), masking),
    });
    shown.collect()
}

/// The headers whose digits are never a telephone number.
const IDS: [&str; 5] = ["webhook-id", "webhook-timestamp", "traceparent", "content-length", "date"];

/// Returns the value of a header with masked numbers.
pub(super) fn shown_header(name: &str, value: &str, masking: &Masking) -> String {
    if IDS.contains(&name) { value.to_owned() } else { masking.text(value).into_owned() }
}
