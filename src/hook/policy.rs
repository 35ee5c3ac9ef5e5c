//! Finds the step that a call means: a configured hook, or an ad hoc step that brings its URL itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use url::Url;

use super::parameters::CallParameters;
use super::request::http_url::NotAUrl;
use super::request::url_template::names_a_placeholder;
use super::step::{Plan, Step, is_reserved};
use super::{Hook, RequestFault, UrlTemplate, http_url};
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::variable::{CanCarry, VariableName};

/// The configured hooks, and the permissions of ad hoc steps.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The `com_id` of calls without an account code.
    pub company: String,
    /// The configured hooks by name.
    pub hooks: BTreeMap<String, Arc<Hook>>,
    /// The URLs that an ad hoc step may ask.
    pub urls: AllowedUrls,
    /// The largest answer that an ad hoc step accepts, in bytes.
    pub longest_answer: usize,
}

/// The URLs that an ad hoc step may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedUrls {
    /// Every URL.
    Any,
    /// URLs that begin with one of these.
    ///
    /// Both are compared as the URL parser writes them. A prefix includes at least the `/` after its host, so
    /// that `https://crm.example` does not allow `https://crm.example.evil.net`. A path with `..` is not
    /// allowed.
    Prefixes(Vec<Url>),
}

impl Policy {
    /// Returns the step that a call means. `can_carry` is the rule of the call's switch about assignments.
    #[must_use]
    pub fn step(&self, call: &Call, can_carry: CanCarry) -> Step {
        let parameters = CallParameters::read(call);
        if call.is_ad_hoc() {
            return self.ad_hoc_step(parameters, call.switch, can_carry);
        }
        let (path, _) = call.path_and_query();
        let Ok(name) = std::str::from_utf8(path) else {
            return Step::refused("", call.switch, parameters.variable, RequestFault::Address);
        };
        let Some(hook) = self.hooks.get(name) else {
            return Step::refused(name, call.switch, parameters.variable, RequestFault::NoSuchHook);
        };
        configured_step(name, hook, parameters, call, can_carry)
    }

    fn ad_hoc_step(&self, parameters: CallParameters, switch: SwitchKind, can_carry: CanCarry) -> Step {
        let variable = parameters.variable.clone();
        match self.ad_hoc_hook(parameters) {
            Ok(hook) => {
                let plan = Plan::Ask { timeout: hook.timeout, hook: Arc::new(hook), can_carry };
                Step { name: AD_HOC.to_owned(), switch, variable, plan }
            }
            Err(fault) => Step::refused(AD_HOC, switch, variable, fault),
        }
    }

    fn ad_hoc_hook(&self, parameters: CallParameters) -> Result<Hook, RequestFault> {
        if let Some(fault) = parameters.fault {
            return Err(fault);
        }
        if parameters.variable.as_ref().is_some_and(is_reserved) {
            return Err(RequestFault::ReservedVariable);
        }
        let url = ad_hoc_url(&parameters.url.ok_or(RequestFault::UrlMissing)?)?;
        if !self.urls.allow(&url) {
            return Err(RequestFault::UrlNotAllowed);
        }
        let method = match parameters.method {
            Some(text) => method(&text).ok_or(RequestFault::Method)?,
            None => Method::POST,
        };
        Ok(Hook {
            method,
            timeout: parameters.timeout.unwrap_or_default(),
            variable: parameters.variable,
            accept: parameters.accept.unwrap_or_default(),
            longest_answer: self.longest_answer,
            ..Hook::new(UrlTemplate::literal(&url))
        })
    }
}

/// Reads the URL of an ad hoc step.
fn ad_hoc_url(text: &str) -> Result<Url, RequestFault> {
    // the URL parser would silently remove a tab or a carriage return
    if text.contains(|character: char| character.is_ascii_control()) {
        return Err(RequestFault::Url);
    }
    let url = http_url(text).map_err(|fault| match fault {
        NotAUrl::Fragment => RequestFault::UrlFragment,
        NotAUrl::Scheme | NotAUrl::Unreadable(_) => RequestFault::Url,
    })?;
    if names_a_placeholder(text) {
        return Err(RequestFault::UrlPlaceholder);
    }
    Ok(url)
}

fn configured_step(
    name: &str,
    hook: &Arc<Hook>,
    parameters: CallParameters,
    call: &Call,
    can_carry: CanCarry,
) -> Step {
    let fault = configured_fault(hook, &parameters, call);
    let own = |name: &VariableName| !is_reserved(name) && !is_in_set(name, hook, call.switch);
    let variable = parameters.variable.filter(own).or_else(|| hook.variable.clone());
    let hook = Arc::clone(hook);
    let plan = match fault {
        Some(fault) => Plan::Refuse { hook: Some(hook), fault },
        None => Plan::Ask { timeout: parameters.timeout.unwrap_or(hook.timeout), hook, can_carry },
    };
    Step { name: name.to_owned(), switch: call.switch, variable, plan }
}

/// Returns the fault of a call that may not use a configured hook in this way.
fn configured_fault(hook: &Hook, parameters: &CallParameters, call: &Call) -> Option<RequestFault> {
    let is_empty = call.parameters.iter().all(|it| it.name.is_empty() && it.value.is_empty());
    if !is_empty && !call.parameters_persist {
        return Some(RequestFault::Arguments);
    }
    match parameters.fault {
        Some(RequestFault::UnknownParameter(name)) => return Some(RequestFault::UnknownHookParameter(name)),
        Some(RequestFault::UnquotedUrl(_) | RequestFault::UnencodedUrl(_)) => {
            return Some(RequestFault::AdHocOnly);
        }
        Some(fault) => return Some(fault),
        None => {}
    }
    if parameters.method.is_some() || parameters.url.is_some() || parameters.accept.is_some() {
        return Some(RequestFault::AdHocOnly);
    }
    let variable = parameters.variable.as_ref()?;
    if is_in_set(variable, hook, call.switch) {
        return Some(RequestFault::VariableOfSet);
    }
    is_reserved(variable).then_some(RequestFault::ReservedVariable)
}

/// True if the hook's `set` names this variable.
fn is_in_set(name: &VariableName, hook: &Hook, switch: SwitchKind) -> bool {
    hook.set.iter().any(|mapping| is_same(&mapping.name, name, switch))
}

/// True if two names mean one variable. FreeSWITCH ignores the case of letters.
fn is_same(one: &VariableName, other: &VariableName, switch: SwitchKind) -> bool {
    match switch {
        SwitchKind::Asterisk => one.bare() == other.bare(),
        SwitchKind::FreeSwitch => one.bare().eq_ignore_ascii_case(other.bare()),
    }
}

/// Reads `GET` or `POST`, in upper or lower case.
#[must_use]
pub fn method(text: &str) -> Option<Method> {
    [Method::GET, Method::POST].into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text))
}

impl AllowedUrls {
    fn allow(&self, url: &Url) -> bool {
        match self {
            Self::Any => true,
            Self::Prefixes(prefixes) => {
                !has_parent_segment(url)
                    && prefixes.iter().any(|prefix| url.as_str().starts_with(prefix.as_str()))
            }
        }
    }
}

/// True if a server may find a `..` in the path: some decode `%2F` or `%5C`, some end a segment at `;`.
fn has_parent_segment(url: &Url) -> bool {
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| segment.starts_with(b".."))
}
