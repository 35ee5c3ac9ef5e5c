//! Reasons of BAD_REQUEST.

use crate::hook::ShownName;

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
