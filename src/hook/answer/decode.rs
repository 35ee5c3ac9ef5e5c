//! The text of an answer, by its charset.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Answer;
use crate::hook::{AnswerFault, Coding};

impl Answer {
    /// The body without white space at its ends, in UTF-8 if its charset is known: what `Content-Type` names, by the
    /// labels of the WHATWG's Encoding standard (in which ISO-8859-1 is Windows-1252).
    pub(super) fn text(&self) -> Result<Cow<'_, [u8]>, AnswerFault> {
        if self.body.trim_ascii().is_empty() {
            return Ok(Cow::default());
        }
        let codings = self.headers.get_all(CONTENT_ENCODING).into_iter();
        if let Some(coding) = codings.filter_map(|value| Coding::named_by(value.as_bytes())).next() {
            return Err(AnswerFault::Compressed(coding));
        }
        let encoding = match self.charset() {
            None => UTF_8,
            Some(label) => Encoding::for_label(label.as_bytes()).ok_or(AnswerFault::Charset)?,
        };
        if encoding == UTF_8 {
            // a byte order mark says that UTF-8 follows; it is not part of the text
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

    /// The parameter `charset` of `Content-Type`.
    fn charset(&self) -> Option<Cow<'_, str>> {
        let content_type = String::from_utf8_lossy(self.headers.get(CONTENT_TYPE)?.as_bytes());
        let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charsets.next().map(|(_, label)| Cow::Owned(label.trim().trim_matches('"').to_owned()))
    }
}
