//! The applications, functions and variables of FreeSWITCH that give a text a meaning, or make it harmless.

/// Applications that use an argument as a destination, an application or a command.
pub(super) const INTERPRETING_APPLICATIONS: [&str; 25] = [
    "att_xfer",
    "bgapi",
    "bgsystem",
    "bind_digit_action",
    "bind_meta_app",
    "bridge",
    "conference",
    "conference_set_auto_outcall",
    "deflect",
    "enterprise_originate",
    "eval",
    "execute_extension",
    "javascript",
    "lua",
    "multiset",
    "originate",
    "perl",
    "python",
    "redirect",
    "sched_broadcast",
    "sched_transfer",
    "spawn",
    "system",
    "transfer",
    "v8",
];

/// The beginnings of the names of variables whose value FreeSWITCH runs or dials later.
pub(super) const DEFERRED_VARIABLES: [&str; 6] =
    ["api_", "execute_on_", "exec_after_", "bridge_pre_execute_", "transfer_", "bridge_terminate_key"];

/// Functions whose result has no text of their argument, or only harmless characters.
pub(super) const ENCODING_FUNCTIONS: [&str; 4] = ["url_encode", "strlen", "md5", "sha1"];

/// Functions that execute nothing.
pub(super) const HARMLESS_FUNCTIONS: [&str; 13] = [
    "cond",
    "echo",
    "escape",
    "expr",
    "md5",
    "regex",
    "replace",
    "sha1",
    "strlen",
    "tolower",
    "toupper",
    "url_decode",
    "url_encode",
];

/// True if the caller, or the network before the switch, chooses the value of this variable.
pub(super) fn is_caller_chosen(name: &str) -> bool {
    let beginnings = ["caller_id_", "effective_caller_id_", "callee_id_", "sip_"];
    beginnings.iter().any(|beginning| name.starts_with(beginning))
        || ["ani", "aniii", "destination_number", "rdnis", "username"].contains(&name)
}
