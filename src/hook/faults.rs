//! What can go wrong with a step, each in the clause that the dialplan hears.
//!
//! Made of letters, digits, spaces, `.` and `_` only; a test of `outcome` holds every one of them to that.

use std::time::Duration;

use super::ShownName;
use crate::variable::Unfit;

/// Why a webhook could not be asked, or did not answer to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("the host name of the webhook has no address")]
    Name,
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
    /// Nobody whom this machine trusts signed it.
    #[error("the certificate of the webhook is from an unknown authority")]
    CertificateIssuer,
    /// The certificate is wrong in another way.
    #[error("the certificate of the webhook is not valid")]
    Certificate,
    /// No common language.
    #[error("the TLS handshake with the webhook failed")]
    Tls,
    /// It closed the connection too early.
    #[error("the webhook closed the connection before its answer was complete")]
    Closed,
    /// It speaks something else.
    #[error("what the webhook sent is not HTTP")]
    NotHttp,
    /// Our own machine's limit.
    #[error("this machine has no file descriptors left for a connection to the webhook")]
    Descriptors,
    /// What answers shows an authority's certificate as its own.
    #[error("the certificate of the webhook is one of an authority and not of a server")]
    CertificateOfAuthority,
    /// Something else; the log has it at `debug`.
    #[error("the connection to the webhook failed")]
    Other,
    /// It was not asked, because it has not answered for a while.
    #[error("the webhook did not answer {failures} times in a row and is tried again every {probe:?}")]
    Resting {
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
            Self::Refused | Self::NoRoute | Self::Closed | Self::Other => true,
            Self::Name
            | Self::Tls
            | Self::CertificateExpired
            | Self::CertificateName
            | Self::CertificateIssuer
            | Self::Certificate
            | Self::CertificateOfAuthority
            | Self::NotHttp
            | Self::Descriptors
            | Self::Resting { .. } => false,
        }
    }
}

/// Why a 2xx answer must not enter the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// More than is read at all.
    #[error("the answer is longer than limits.answer allows")]
    TooLong,
    /// More than `accept = "safe"` lets in.
    #[error("the answer is longer than 1024 bytes")]
    TooLongToBeSafe,
    /// A control byte, which `accept = "safe"` keeps out.
    #[error("the answer holds a line break or another control byte")]
    ControlByte,
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
    #[error("unknown parameter{0}. the parameters are method url variable and timeout")]
    UnknownParameter(ShownName),
    /// The same behind a url in the arguments of `AGI()`, where a comma may have cut it.
    #[error(
        "unknown parameter{0}. the parameters are method url variable and timeout. quote the url if a comma split it"
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
    /// A configured hook's URL or method is not the call's to choose.
    #[error("a configured hook has its own url and method. the call may choose variable and timeout")]
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
    /// A URL that `[calls] urls` does not allow.
    #[error("the url is not one that calls.urls of the configuration allows")]
    UrlNotAllowed,
    /// Another method.
    #[error("method is neither GET nor POST")]
    Method,
    /// A timeout out of range.
    #[error("timeout is not within 1s to 10s")]
    Timeout,
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
