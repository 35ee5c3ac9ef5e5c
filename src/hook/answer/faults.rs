//! What can go wrong with a step, each in the clause that the dialplan hears.
//!
//! Made of letters, digits, spaces, `.` and `_` only; a test of `outcome` holds every one of them to that.

use std::time::Duration;

use crate::hook::ShownName;
use crate::variable::Unfit;

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// It does not say where to.
    #[error("names no http or https URL to redirect to")]
    NoTarget,
    /// Another host, which the hook does not list.
    #[error("redirects to a host that redirect_hosts does not list")]
    Host,
    /// Another port or scheme of the same host, which the hook does not list.
    #[error("redirects to another port or scheme of its host that redirect_hosts does not list")]
    Port,
    /// What was confidential would not be any more.
    #[error("redirects from https to http")]
    Downgrade,
    /// There would be no end to it.
    #[error("redirects more often than the hook allows")]
    TooMany,
}

/// Why a webhook could not be asked, or did not answer to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("the host name of the webhook has no address")]
    Name,
    /// Nobody can be asked for its name.
    #[error("the host name of the url is not one that a name server can be asked for")]
    NameMalformed,
    /// The name servers said nothing of its name.
    #[error("the host name of the webhook could not be looked up. the name servers failed or kept silent")]
    NameServers,
    /// Nothing listens.
    #[error("the webhook refused the connection")]
    Refused,
    /// No way there.
    #[error("there is no route to the webhook")]
    NoRoute,
    /// The certificate is out of date, or not yet in it.
    #[error("the certificate of the webhook is expired or not valid yet")]
    CertificateExpired,
    /// The certificate names another host.
    #[error("the certificate of the webhook is for another host name")]
    CertificateName,
    /// The certificate names no host where names are looked for.
    #[error("the certificate of the webhook has no subjectAltName and its common name does not count")]
    CertificateNameless,
    /// Nobody whom this machine trusts signed it.
    #[error("the certificate of the webhook is from an unknown authority")]
    CertificateIssuer,
    /// The certificate is wrong in another way.
    #[error("the certificate of the webhook is not valid")]
    Certificate,
    /// No common language.
    #[error("the TLS handshake with the webhook failed")]
    Tls,
    /// Versions of TLS that are not safe any more.
    #[error("the webhook offers no TLS version from 1.2 on")]
    TlsVersion,
    /// It speaks something else where TLS was begun.
    #[error("what listens on the port of the webhook does not speak TLS. look for its https port")]
    NotTls,
    /// It closed the connection before a request could be sent.
    #[error("the webhook closed the connection in the TLS handshake. see whether its port speaks TLS")]
    ClosedInHandshake,
    /// It closed the connection too early.
    #[error("the webhook closed the connection before its answer was complete")]
    Closed,
    /// It speaks something else.
    #[error("what the webhook sent is not HTTP")]
    NotHttp,
    /// The head of its answer is longer than the HTTP library reads: 100 lines, 417,792 bytes.
    #[error("the webhook sent too many headers. at most 100 lines and 417792 bytes are read")]
    TooManyHeaders,
    /// Our own machine's limit.
    #[error("this machine has no file descriptors left for a connection to the webhook")]
    Descriptors,
    /// What answers shows an authority's certificate as its own.
    #[error(
        "the certificate of the webhook is one of an authority. only a ca that holds this very certificate trusts it"
    )]
    CertificateOfAuthority,
    /// Something else; the log has it at `debug`.
    #[error("the connection to the webhook failed")]
    Other,
    /// It was not asked, because it has not answered for a while.
    #[error("the webhook did not answer {failures} times in a row and is tried again every {probe:?}")]
    BreakerOpen {
        /// How many requests had no answer.
        failures: u32,
        /// Between two requests that try it again.
        probe: Duration,
    },
}

impl Unreachable {
    /// Whether it may be over at once, so that a second attempt makes sense.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Refused | Self::NoRoute | Self::Closed | Self::ClosedInHandshake | Self::Other => true,
            Self::Name
            | Self::NameMalformed
            | Self::NameServers
            | Self::Tls
            | Self::TlsVersion
            | Self::NotTls
            | Self::CertificateNameless
            | Self::CertificateExpired
            | Self::CertificateName
            | Self::CertificateIssuer
            | Self::Certificate
            | Self::CertificateOfAuthority
            | Self::NotHttp
            | Self::TooManyHeaders
            | Self::Descriptors
            | Self::BreakerOpen { .. } => false,
        }
    }
}

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

/// Why no request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// The path names no hook.
    #[error("no hook of this name is configured. correct the address or add the hook")]
    NoSuchHook,
    /// The address cannot be read.
    #[error("the address is not a path and a query")]
    Address,
    /// A name that no parameter has.
    #[error("unknown parameter{0}. the parameters are method url variable timeout and accept")]
    UnknownParameter(ShownName),
    /// The same behind a url in the arguments of `AGI()`, where a comma may have cut it.
    #[error(
        "unknown parameter{0}. the parameters are method url variable timeout and accept. quote the url if a comma split it"
    )]
    UnquotedUrl(ShownName),
    /// The same behind a url in the query of the address, where an ampersand has cut it.
    #[error("unknown parameter{0}. an ampersand split the url. quote the url with percent encoding")]
    UnencodedUrl(ShownName),
    /// A name that no parameter of a configured hook has.
    #[error("unknown parameter{0}. the call may choose variable and timeout")]
    UnknownChoice(ShownName),
    /// The same parameter twice.
    #[error("a parameter is given more than once")]
    RepeatedParameter,
    /// A configured hook's URL, method and way to accept are not the call's to choose.
    #[error("a configured hook has its own url method and accept. the call may choose variable and timeout")]
    NotForTheCall,
    /// A configured hook has no arguments.
    #[error("a configured hook takes variable and timeout in the query of its address and no arguments")]
    Arguments,
    /// An ad hoc step without its URL.
    #[error("url is missing. an ad hoc step needs one")]
    UrlMissing,
    /// A URL that does not parse.
    #[error("url is not an http or https URL")]
    Url,
    /// What is behind a `#` would not be sent.
    #[error("a hash sign in the url begins a fragment that is never sent. write it as percent 23")]
    UrlFragment,
    /// `{caller_number}` would be sent as it stands there.
    #[error("placeholders in braces need a configured hook. let the dialplan put the value into the url")]
    UrlPlaceholder,
    /// A URL that `[calls] urls` does not allow.
    #[error("the url is not one that calls.urls of the configuration allows")]
    UrlNotAllowed,
    /// Another method.
    #[error("method is neither GET nor POST")]
    Method,
    /// A timeout out of range.
    #[error("timeout is not within 1s to 10s")]
    Timeout,
    /// Another way to accept.
    #[error("accept is neither word nor text. text is what safe was")]
    Accept,
    /// What only a configured hook may do, which the dialplan answers for.
    #[error("an ad hoc step accepts a word or a text. for JSON configure a hook with set")]
    AcceptAny,
    /// No name for a variable.
    #[error("variable is not a name of letters digits and _")]
    Variable,
    /// One of the names that report on the step.
    #[error("variable must not be one of WEBHOOK_STATUS WEBHOOK_CODE and WEBHOOK_REASON")]
    ReservedVariable,
    /// One of the names under the hook's `set`.
    #[error("variable is one that the hook sets from a part of the answer. choose another name")]
    VariableOfSet,
    /// A placeholder's value would turn the path into another one.
    #[error("a placeholder in the path of the URL holds . or .. and would lead to another path")]
    PathDots,
    /// What the call holds makes the URL longer than any request can have.
    #[error("with what the call holds the URL is longer than 65534 bytes")]
    UrlTooLong,
    /// A URL of which FreeSWITCH does not tell what is encoded in it and what is not.
    #[error(
        "the url is over 511 bytes or has a line feed. too long to be read exactly. name it in the configuration"
    )]
    UrlNotExact,
    /// Arguments of `AGI()` that Asterisk does not hand out whole, so that forged ones would not be seen.
    #[error(
        "the arguments of AGI are over 4000 bytes. too long to be checked. name the url in the configuration"
    )]
    ArgumentsNotWhole,
    /// A channel variable that the switch does not hand out whole.
    #[error(
        "a channel variable of the hook cannot be read whole. it is over 4000 bytes or func_uri is not loaded"
    )]
    VariableNotWhole,
    /// More names than one question holds.
    #[error("the hook asks for more channel variables than fit in one question to the switch")]
    TooManyVariables,
}
