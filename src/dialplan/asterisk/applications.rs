//! The applications and functions of Asterisk that give a text a meaning, or make it harmless.

use super::Reference;

/// Applications that use an argument as a destination, an application or a command.
pub(super) const INTERPRETING_APPLICATIONS: [&str; 24] = [
    "BLINDTRANSFER",
    "CHANNELREDIRECT",
    "DIAL",
    "EXEC",
    "EXECIF",
    "EXECIFTIME",
    "GOSUB",
    "GOSUBIF",
    "GOTO",
    "GOTOIF",
    "GOTOIFTIME",
    "MACRO",
    "MACROEXCLUSIVE",
    "MACROIF",
    "MIXMONITOR",
    "MONITOR",
    "MSET",
    "ORIGINATE",
    "PAGE",
    "QUEUE",
    "SYSTEM",
    "TRANSFER",
    "TRYEXEC",
    "TRYSYSTEM",
];

/// Functions that execute their argument.
pub(super) const EVALUATING_FUNCTIONS: [&str; 2] = ["EVAL", "SHELL"];

/// Functions whose result has no text of their argument, or only harmless characters.
pub(super) const ENCODING_FUNCTIONS: [&str; 9] =
    ["URIENCODE", "FILTER", "LEN", "MD5", "SHA1", "ISNULL", "EXISTS", "REGEX", "BASE64_ENCODE"];

/// Functions that take the name of a variable and return a part of its text.
pub(super) const FUNCTIONS_BY_NAME: [&str; 7] =
    ["CUT", "JSON_DECODE", "LISTFILTER", "POP", "REPLACE", "SHIFT", "STRREPLACE"];

/// True if the caller, or the network before the switch, chooses the value.
pub(super) fn is_caller_chosen(reference: &Reference<'_>) -> bool {
    let arguments = reference.arguments.unwrap_or_default().to_ascii_lowercase();
    match reference.name {
        "CALLERID" | "CONNECTEDLINE" | "REDIRECTING" => {
            !["pres", "ton", "tns", "ani2", "reason"].iter().any(|harmless| arguments.contains(harmless))
        }
        "CDR" => ["clid", "src", "dst", "callerid"].iter().any(|field| arguments.starts_with(field)),
        "CHANNEL" => arguments.starts_with("pjsip"),
        "PJSIP_HEADER" | "PJSIP_HEADER_PARAM" | "SIP_HEADER" | "PJSIP_PARSE_URI" => true,
        "SIPDOMAIN" | "SIPURI" | "SIPCALLID" => true,
        _ => false,
    }
}
