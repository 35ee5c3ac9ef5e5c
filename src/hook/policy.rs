//! Which step a call means: the hooks that there are, and what an ad hoc step may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use url::Url;

use super::parameters::Asked;
use super::request::url::{NotAUrl, names_a_placeholder};
use super::step::{Step, reserved};
use super::{Hook, RequestFault, UrlTemplate, http_url};
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::variable::VariableName;

/// Which hooks there are, and what an ad hoc step may do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `com_id` where a call has no account code.
    pub company: String,
    /// The configured hooks by name.
    pub hooks: BTreeMap<String, Arc<Hook>>,
    /// Which URLs an ad hoc step may ask.
    pub urls: AllowedUrls,
    /// Bytes of an answer that an ad hoc step takes at most.
    pub longest_answer: usize,
}

/// Which URLs an ad hoc step may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedUrls {
    /// All of them.
    Any,
    /// Those that begin with one of these, both as a URL parser writes them: a host cannot be continued by
    /// another one, nor a path left through `..`.
    Prefixes(Vec<Url>),
}

impl Policy {
    /// The step that a call means.
    #[must_use]
    pub fn step(&self, call: &Call) -> Step {
        let asked = Asked::of(call);
        if call.is_ad_hoc() {
            return self.ad_hoc_step(asked, call.switch);
        }
        let (path, _) = call.path_and_query();
        match std::str::from_utf8(path) {
            Ok(name) => match self.hooks.get(name) {
                Some(hook) => configured_step(name, hook, asked, call),
                None => Step::refused(name, call.switch, asked.variable, RequestFault::NoSuchHook),
            },
            Err(_) => Step::refused("", call.switch, asked.variable, RequestFault::Address),
        }
    }

    fn ad_hoc_step(&self, asked: Asked, switch: SwitchKind) -> Step {
        let variable = asked.variable.clone();
        match self.ad_hoc_hook(asked) {
            Ok(hook) => Step {
                name: AD_HOC.to_owned(),
                switch,
                variable,
                plan: Ok(hook.timeout),
                hook: Some(Arc::new(hook)),
            },
            Err(fault) => Step::refused(AD_HOC, switch, variable, fault),
        }
    }

    fn ad_hoc_hook(&self, asked: Asked) -> Result<Hook, RequestFault> {
        if let Some(fault) = asked.fault.or_else(|| reserved_fault(asked.variable.as_ref())) {
            return Err(fault);
        }
        let url = ad_hoc_url(&asked.url.ok_or(RequestFault::UrlMissing)?)?;
        if !self.urls.allow(&url) {
            return Err(RequestFault::UrlNotAllowed);
        }
        Ok(Hook {
            method: asked
                .method
                .map_or(Some(Method::POST), |text| method(&text))
                .ok_or(RequestFault::Method)?,
            timeout: asked.timeout.unwrap_or_default(),
            variable: asked.variable,
            accept: asked.accept.unwrap_or_default(),
            longest_answer: self.longest_answer,
            ..Hook::new(UrlTemplate::literal(&url))
        })
    }
}

/// The URL of an ad hoc step, unless it says something that nobody can mean.
fn ad_hoc_url(text: &str) -> Result<Url, RequestFault> {
    // a tab or a carriage return would be dropped without a word
    if text.contains(|character: char| character.is_ascii_control()) {
        return Err(RequestFault::Url);
    }
    let url = http_url(text).map_err(|fault| match fault {
        NotAUrl::Fragment => RequestFault::UrlFragment,
        NotAUrl::Scheme | NotAUrl::Unreadable(_) => RequestFault::Url,
    })?;
    if names_a_placeholder(text) { Err(RequestFault::UrlPlaceholder) } else { Ok(url) }
}

fn configured_step(name: &str, hook: &Arc<Hook>, asked: Asked, call: &Call) -> Step {
    let argued = call.parameters.iter().any(|p| !(p.name.is_empty() && p.value.is_empty()))
        && !call.parameters_persist;
    let of_set = |name: &VariableName| hook.set.iter().any(|part| same(&part.name, name, call.switch));
    let fault = match asked {
        _ if argued => Some(RequestFault::Arguments),
        Asked { fault: Some(RequestFault::UnknownParameter(name)), .. } => {
            Some(RequestFault::UnknownChoice(name))
        }
        Asked { fault: Some(RequestFault::UnquotedUrl(_) | RequestFault::UnencodedUrl(_)), .. } => {
            Some(RequestFault::NotForTheCall)
        }
        Asked { fault: Some(fault), .. } => Some(fault),
        Asked { method: Some(_), .. } | Asked { url: Some(_), .. } | Asked { accept: Some(_), .. } => {
            Some(RequestFault::NotForTheCall)
        }
        Asked { variable: Some(ref name), .. } if of_set(name) => Some(RequestFault::VariableOfSet),
        Asked { ref variable, .. } => reserved_fault(variable.as_ref()),
    };
    let variable = asked.variable.filter(|name| !(reserved(name) || of_set(name)));
    let timeout = asked.timeout.unwrap_or(hook.timeout);
    Step {
        name: name.to_owned(),
        switch: call.switch,
        variable: variable.or_else(|| hook.variable.clone()),
        hook: Some(Arc::clone(hook)),
        plan: fault.map_or(Ok(timeout), Err),
    }
}

/// Whether two names mean one variable: to FreeSWITCH also in letters of another case.
fn same(one: &VariableName, other: &VariableName, switch: SwitchKind) -> bool {
    match switch {
        SwitchKind::Asterisk => one.bare() == other.bare(),
        SwitchKind::FreeSwitch => one.bare().eq_ignore_ascii_case(other.bare()),
    }
}

fn reserved_fault(variable: Option<&VariableName>) -> Option<RequestFault> {
    variable.is_some_and(reserved).then_some(RequestFault::ReservedVariable)
}

/// `GET` or `POST`, in letters of either case.
#[must_use]
pub fn method(text: &str) -> Option<Method> {
    [Method::GET, Method::POST].into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text))
}

impl AllowedUrls {
    fn allow(&self, url: &Url) -> bool {
        match self {
            Self::Any => true,
            Self::Prefixes(prefixes) => {
                let begins = |prefix: &Url| url.as_str().starts_with(prefix.as_str());
                !climbs(url) && prefixes.iter().any(begins)
            }
        }
    }
}

/// Whether a server that decodes `%2F` or `%5C`, or takes a `;` for the end of a segment, would find a `..` in the path.
fn climbs(url: &Url) -> bool {
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| segment.starts_with(b".."))
}
