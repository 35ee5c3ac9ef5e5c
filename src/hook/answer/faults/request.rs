//! The reasons of the status BAD_REQUEST.

use crate::hook::ShownName;

/// The fault of a call, or of its hook, for which no request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    #[error("no hook of this name is configured. correct the address or add the hook")]
    NoSuchHook,
    /// The path of the address is not UTF-8.
    #[error("the address is not UTF 8. write the name of a hook and a query")]
    Address,
    /// A name that no parameter has.
    #[error("unknown parameter{0}. the parameters are method url variable timeout and accept")]
    UnknownParameter(ShownName),
    /// An unknown name after a `url` in the arguments of `AGI()`, which a comma may have split.
    #[error(
        "unknown parameter{0}. the parameters are method url variable timeout and accept. quote the url if a comma split it"
    )]
    UnquotedUrl(ShownName),
    /// An unknown name after a `url` in the query of the address, which an ampersand has split.
    #[error("unknown parameter{0}. an ampersand split the url. quote the url with percent encoding")]
    UnencodedUrl(ShownName),
    /// A name that no parameter of a configured hook has.
    #[error("unknown parameter{0}. the call may choose variable and timeout")]
    UnknownHookParameter(ShownName),
    #[error("a parameter is given more than once")]
    RepeatedParameter,
    /// A parameter that only an ad hoc step takes.
    #[error("a configured hook has its own url method and accept. the call may choose variable and timeout")]
    AdHocOnly,
    #[error("a configured hook takes variable and timeout in the query of its address and no arguments")]
    Arguments,
    #[error("url is missing. an ad hoc step needs one")]
    UrlMissing,
    #[error("url is not an http or https URL")]
    Url,
    #[error("a hash sign in the url begins a fragment that is never sent. write it as percent 23")]
    UrlFragment,
    /// A placeholder in an ad hoc URL, which would be sent as it is written.
    #[error("placeholders in braces need a configured hook. let the dialplan put the value into the url")]
    UrlPlaceholder,
    #[error("the url is not allowed by calls.urls of the configuration")]
    UrlNotAllowed,
    #[error("method is neither GET nor POST")]
    Method,
    #[error("timeout is not within 1s to 10s")]
    Timeout,
    #[error("accept is neither word nor text. the former safe is now text")]
    Accept,
    /// `accept=any`, which only the configuration may choose.
    #[error("an ad hoc step accepts a word or a text. for JSON configure a hook with set")]
    AcceptAny,
    #[error("variable is not a name of letters digits and _")]
    Variable,
    /// One of [`RESULT_VARIABLES`](crate::hook::RESULT_VARIABLES).
    #[error("variable must not be one of WEBHOOK_STATUS WEBHOOK_CODE and WEBHOOK_REASON")]
    ReservedVariable,
    /// One of the names in the hook's `set`.
    #[error("variable is one that the hook sets from a part of the answer. choose another name")]
    VariableOfSet,
    #[error("a placeholder in the path of the URL holds . or .. and would lead to another path")]
    DotSegment,
    /// With the values of its placeholders the URL is too long for a request.
    #[error("the URL with the values of the call is longer than 65534 bytes")]
    UrlTooLong,
    /// A URL that FreeSWITCH does not return exactly.
    #[error(
        "the url is over 511 bytes or has a line feed and cannot be read exactly. name it in the configuration"
    )]
    UrlNotExact,
    /// Arguments of `AGI()` that Asterisk does not return whole, so that forged ones would not be found.
    #[error(
        "the arguments of AGI are over 4000 bytes and cannot be checked. name the url in the configuration"
    )]
    ArgumentsNotWhole,
    /// A channel variable that the switch does not return whole.
    #[error(
        "a channel variable of the hook cannot be read whole. it is over 4000 bytes or func_uri is not loaded"
    )]
    VariableNotWhole,
    #[error("the hook fetches more channel variables than fit in one command to the switch. leave some out")]
    TooManyVariables,
}
