//! What a webhook gets, and what each kind of answer leads to: through the real listener.

/// What comes back, and what the dialplan hears of it.
mod answers;
/// Whom TLS lets in.
mod https;
/// What the webhook gets.
mod requests;
/// What leads to no request at all.
mod unasked;

use crate::util::{Daemon, FakeWebhook};

/// A daemon with the hook `crm` for this webhook, and what else the hook says.
async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n{more}", webhook.url("/"))).await
}
