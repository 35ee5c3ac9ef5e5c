//! Reasons of BAD_ANSWER.

use crate::variable::Unfit;

/// Why a 2xx answer must not enter the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// More than is read at all.
    #[error("the answer is longer than limits.answer allows")]
    TooLong,
    /// More than `accept = "text"` lets in.
    #[error("the answer is longer than 1024 bytes")]
    TextTooLong,
    /// More than `accept = "word"` lets in.
    #[error("the answer is longer than the 128 bytes of a word")]
    WordTooLong,
    /// Something that separates, quotes or means anything else.
    #[error("the answer is not a word. a word has letters digits . _ plus minus hash star and no spaces")]
    NotAWord,
    /// A control byte, which only `accept = "any"` lets in.
    #[error("the answer holds a line break or another control byte")]
    ControlByte,
    /// A separator of lines or paragraphs, or a bidirectional control.
    #[error("the answer holds a line separator or a control of the direction of text")]
    Layout,
    /// A text in the quotes of JSON, where the plain text was meant.
    #[error("the answer is a JSON string. set reads JSON and an empty pointer there names the whole of it")]
    JsonString,
    /// An object or a list, where a plain text was meant.
    #[error("the answer is a JSON document. set reads JSON and a pointer there names a part of it")]
    JsonDocument,
    /// Not a text.
    #[error("the answer is not UTF 8")]
    NotUtf8,
    /// None of the words that the hook names.
    #[error("the answer is not one of the configured answers")]
    NotOneOfTheAnswers,
    /// Not JSON, though variables are set from places in it.
    #[error("the answer is not JSON")]
    NotJson,
    /// An encoding that is not read.
    #[error("the charset of the answer is not UTF 8 or ISO 8859 1 or Windows 1252")]
    Charset,
    /// A content coding, which no request asks for.
    #[error("the answer is compressed with {0}. the webhook must send it uncompressed")]
    Compressed(Coding),
    /// No text but an object; the words are the pointer's.
    #[error("what stands at {0} of the answer is an object")]
    Object(String),
    /// No text but a list.
    #[error("what stands at {0} of the answer is a list")]
    List(String),
    /// The switch's wire cannot carry it.
    #[error("the answer does not fit. {0}")]
    Unfit(Unfit),
}

/// A content coding (RFC 9110, 8.4.1), in the letters of a reason.
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
    /// A name that is not shown, because a stranger chose it.
    #[error("an unknown coding")]
    Other,
}

impl Coding {
    /// The first coding of a `Content-Encoding`; none where it names no other than `identity`.
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
