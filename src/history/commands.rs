//! Commands that repeat the request of a step in a shell: `curl`, and `dialhook try`.
//!
//! They hold no secrets, and the masked numbers of the record.

use super::Record;
use super::masking::Masking;
use super::record::SentRequest;
use crate::call::{AD_HOC, SwitchKind};
use crate::curl;
use crate::redact;
use crate::variable::Value;

/// Returns the request as a `curl` command. Values of secret headers are `…`: the reader must fill them in.
/// None if the record does not have the whole body.
pub(super) fn curl_command(request: &SentRequest, masking: &Masking) -> Option<String> {
    let message = request.message.as_ref().filter(|message| message.body.len() == message.length)?;
    let shown = |text: &[u8]| masking.text(&String::from_utf8_lossy(text)).into_owned();
    let url = shown(redact::url(request.urls.first()?).as_bytes());
    let headers: Vec<_> = message.headers.iter().map(|(name, value)| (name.as_str(), shown(value))).collect();
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let body = (message.length > 0).then(|| shown(&message.body));
    Some(curl::command(request.method.as_str(), &url, headers, body.as_deref().map(str::as_bytes)))
}

/// Returns the command `dialhook try` with the data of the call. None for an ad hoc step.
pub(super) fn try_command(record: &Record, masking: &Masking) -> Option<String> {
    let call = record.call.as_deref()?;
    if record.hook == AD_HOC || !record.is_known {
        return None;
    }
    let shown = |value: &Value| curl::quoted(masking.name(&value.lossy()).as_bytes());
    let mut command = format!("dialhook try {}", curl::quoted(call.address.as_bytes()));
    for (option, value) in
        [("--caller", &call.caller_number), ("--name", &call.caller_name), ("--callee", call.callee())]
    {
        if !value.is_empty() {
            command.push_str(&format!(" {option} {}", shown(value)));
        }
    }
    if call.switch == SwitchKind::FreeSwitch {
        command.push_str(" --switch freeswitch");
    }
    Some(command)
}
