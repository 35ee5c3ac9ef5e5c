//! `dialhook try --curl`: the request as a command, with its signature and its secrets.

use crate::cli::print_error;
use crate::curl;
use crate::hook::Request;

/// The headers that the HTTP client adds to every request that does not have them.
const OF_CLIENT: [(&str, &str); 2] = [("accept", "*/*"), ("accept-encoding", "identity")];

/// Returns the command. A remark about what it leaves out goes to standard error.
pub(super) fn as_curl(request: &Request) -> String {
    let added = OF_CLIENT.iter().filter(|(name, _)| !request.headers.contains_key(*name));
    let added = added.map(|(name, value)| (*name, value.as_bytes()));
    let own = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let url = request.targets.first().map(|target| target.url.as_str()).unwrap_or_default();
    if request.targets.len() > 1 {
        print_error(&format!(
            "the hook has {} urls; this is the request for the first one",
            request.targets.len()
        ));
    }
    if request.hook.delivery.tls.as_ref().is_some_and(|tls| !tls.is_insecure()) {
        print_error(
            "the hook has a ca or a certificate of its own; add --cacert FILE, or --cert FILE --key FILE",
        );
    }
    let command = curl::command(request.method.as_str(), url, own.chain(added), request.body.as_deref());
    format!("{command}\n")
}
