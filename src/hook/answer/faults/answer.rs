//! The reasons of the status BAD_ANSWER.

use crate::variable::Unfit;

/// The fault of a 2xx answer that must not enter the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// The answer, or a header that `set` reads, is too long.
    #[error("the answer is longer than limits.answer allows")]
    TooLong,
    /// The answer is too long for `accept = "text"`.
    #[error("the answer is longer than the 1024 bytes of a text")]
    TextTooLong,
    /// The answer is too long for `accept = "word"`.
    #[error("the answer is longer than the 128 bytes of a word")]
    WordTooLong,
    /// The answer has a character that no word has.
    #[error("the answer is not a word. a word has letters digits . _ plus minus hash star and no spaces")]
    NotAWord,
    /// The answer has a control byte, which only `accept = "any"` allows.
    #[error("the answer holds a line break or another control byte")]
    ControlByte,
    /// The answer has a separator of lines or paragraphs, or a bidirectional control.
    #[error("the answer holds a line separator or a control of the text direction")]
    Layout,
    /// The answer is a text in the quotes of JSON, where a plain text is expected.
    #[error("the answer is a JSON string. use set to read JSON. an empty pointer reads the whole answer")]
    JsonString,
    /// The answer is a JSON object or list, where a plain text is expected.
    #[error("the answer is a JSON document. use set to read JSON. a pointer reads a part of the answer")]
    JsonDocument,
    #[error("the answer is not UTF 8")]
    NotUtf8,
    /// The answer is not listed in `answers`.
    #[error("the answer is not one of the configured answers")]
    NotListed,
    #[error("the answer is not JSON")]
    NotJson,
    /// The answer has a charset that is not supported.
    #[error("the charset of the answer is not UTF 8 or ISO 8859 1 or Windows 1252")]
    Charset,
    /// The answer has a content coding, which no request allows.
    #[error("the answer is compressed with {0}. the webhook must send it uncompressed")]
    Compressed(Coding),
    /// The value at this pointer is an object.
    #[error("the value at {0} of the answer is an object")]
    Object(String),
    /// The value at this pointer is a list.
    #[error("the value at {0} of the answer is a list")]
    List(String),
    /// The switch cannot carry the value.
    #[error("the switch cannot carry the answer. {0}")]
    Unfit(Unfit),
}

impl AnswerFault {
    /// Returns the rule that refuses the answer: the key of the configuration, the header, or the switch.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLong => "limits.answer",
            Self::WordTooLong | Self::NotAWord => "accept = \"word\"",
            Self::TextTooLong | Self::Layout => "accept = \"text\"",
            Self::ControlByte | Self::JsonString | Self::JsonDocument | Self::NotUtf8 => "accept",
            Self::NotListed => "answers",
            Self::NotJson | Self::Object(_) | Self::List(_) => "set",
            Self::Charset => "Content-Type",
            Self::Compressed(_) => "Content-Encoding",
            Self::Unfit(_) => "the switch",
        }
    }
}

/// A content coding (RFC 9110, section 8.4.1), as a reason names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Coding {
    /// Also as `x-gzip`.
    #[error("gzip")]
    Gzip,
    /// As zlib writes it.
    #[error("deflate")]
    Deflate,
    /// RFC 7932.
    #[error("br")]
    Brotli,
    /// RFC 8878.
    #[error("zstd")]
    Zstd,
    /// Also as `x-compress`.
    #[error("compress")]
    Compress,
    /// Another coding. Its name is not shown, because the webhook chose it.
    #[error("an unknown coding")]
    Other,
}

impl Coding {
    /// Returns the first coding of a `Content-Encoding`, or none if it is `identity` only.
    #[must_use]
    pub fn named_by(value: &[u8]) -> Option<Self> {
        let names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let mut codings = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"));
        let name = codings.next()?.to_ascii_lowercase();
        Some(match &*name {
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            b"br" => Self::Brotli,
            b"zstd" => Self::Zstd,
            b"compress" | b"x-compress" => Self::Compress,
            _ => Self::Other,
        })
    }
}
