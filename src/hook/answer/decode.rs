//! Decodes the body of an answer by its charset.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Answer;
use crate::hook::{AnswerFault, Coding};

impl Answer {
    /// Returns the body without white space at its ends.
    ///
    /// It is in UTF-8, unless it claims to be and is not. `Content-Type` names the charset by the labels of
    /// the WHATWG Encoding standard, in which ISO-8859-1 is Windows-1252.
    pub(super) fn text(&self) -> Result<Cow<'_, [u8]>, AnswerFault> {
        if self.body.trim_ascii().is_empty() {
            return Ok(Cow::default());
        }
        if let Some(coding) = self.coding() {
            return Err(AnswerFault::Compressed(coding));
        }
        let encoding = match self.charset() {
            None => UTF_8,
            Some(label) => Encoding::for_label(label.as_bytes()).ok_or(AnswerFault::Charset)?,
        };
        if encoding == UTF_8 {
            // a byte order mark is not part of the text
            let body = self.body.trim_ascii_start();
            let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
            Ok(Cow::Borrowed(body.trim_ascii()))
        } else if encoding == WINDOWS_1252 {
            let (text, _had_errors) = encoding.decode_without_bom_handling(self.body.trim_ascii());
            Ok(Cow::Owned(text.into_owned().into_bytes()))
        } else {
            Err(AnswerFault::Charset)
        }
    }

    /// Returns the first content coding of the body.
    fn coding(&self) -> Option<Coding> {
        self.headers
            .get_all(CONTENT_ENCODING)
            .into_iter()
            .find_map(|value| Coding::named_by(value.as_bytes()))
    }

    /// Returns the parameter `charset` of `Content-Type`.
    fn charset(&self) -> Option<String> {
        let content_type = String::from_utf8_lossy(self.headers.get(CONTENT_TYPE)?.as_bytes());
        for parameter in content_type.split(';').skip(1) {
            if let Some((name, label)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("charset")
            {
                return Some(label.trim().trim_matches('"').to_owned());
            }
        }
        None
    }
}
