//! Reads the variables that are set before a `socket`: they are the parameters of an ad hoc step.

use roxmltree::Node;

use super::super::parameter;
use super::{application_of, data_of, is_action};
use crate::call::Parameter;

/// Returns the variables that the same condition sets before a socket, the last assignment first.
pub(super) fn variables_set_before<'a>(socket: Node<'a, '_>) -> Vec<(&'a str, &'a str)> {
    let mut set = Vec::new();
    for node in socket.prev_siblings() {
        if node != socket && is_action(node) && matches!(application_of(node), "set" | "export") {
            set.extend(data_of(node).split_once('='));
        }
    }
    set
}

/// True if `socket_resume` is set. With a static socket it leaves the call in `CS_RESET` for ever
/// (`mod_event_socket.c`, `listener_run`).
pub(super) fn resumes(set: &[(&str, &str)]) -> bool {
    let last = set.iter().find(|(name, _)| *name == "socket_resume");
    last.is_some_and(|(_, value)| *value == "true")
}

/// Returns the parameters of an ad hoc step.
pub(super) fn parameters(set: &[(&str, &str)]) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for name in ["method", "url", "variable", "timeout", "accept"] {
        if let Some((_, value)) = set.iter().find(|(set, _)| set.strip_prefix("webhook_") == Some(name)) {
            parameters.push(parameter(&format!("{name}={value}")));
        }
    }
    parameters
}
