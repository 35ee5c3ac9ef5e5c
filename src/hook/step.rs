//! The webhook step of one call: its hook and timeout, or the fault for which it is refused, and the
//! variables it sets.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Answer, Hook, Identity, Mapping, Outcome, Request, RequestFault, Timeout};
use crate::call::{Call, RequestContext, SwitchKind};
use crate::variable::{Accept, Assignment, CanCarry, FetchName, Value, VariableName};

/// The variables that tell the dialplan how a step ended.
///
/// `WEBHOOK_STATUS` is set last: if the dialplan sees it, all other variables are set.
pub const RESULT_VARIABLES: [&str; 3] = ["WEBHOOK_CODE", "WEBHOOK_REASON", "WEBHOOK_STATUS"];

/// True if a name is one of [`RESULT_VARIABLES`] on any switch. FreeSWITCH ignores the case of letters.
#[must_use]
pub fn is_reserved(name: &VariableName) -> bool {
    RESULT_VARIABLES.iter().any(|own| name.bare().eq_ignore_ascii_case(own))
}

/// The webhook step of one call.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name of the hook, as the address of the call has it.
    pub name: String,
    /// The switch of the call.
    pub(super) switch: SwitchKind,
    /// The variable that receives the whole text of the answer.
    pub(super) variable: Option<VariableName>,
    pub(super) plan: Plan,
}

/// The rules for a text of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub accept: Accept,
    /// The only texts that are accepted; empty if all are that `accept` allows.
    pub answers: Vec<String>,
}

/// A set of positions below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Positions(u64);

impl Positions {
    #[must_use]
    pub fn contains(self, position: usize) -> bool {
        u32::try_from(position)
            .ok()
            .and_then(|position| 1_u64.checked_shl(position))
            .is_some_and(|bit| self.0 & bit != 0)
    }
}

/// Takes the positions of the items that are true. Those from the 65th on are left out.
impl FromIterator<bool> for Positions {
    fn from_iter<I: IntoIterator<Item = bool>>(items: I) -> Self {
        let bits = items.into_iter().take(64).enumerate();
        Self(bits.fold(0, |set, (position, is_in)| set | u64::from(is_in) << position))
    }
}

/// The decision about a step.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    /// The webhook is asked. `can_carry` is the rule of the switch about assignments.
    Ask { hook: Arc<Hook>, timeout: Timeout, can_carry: CanCarry },
    /// No request is made. If the address names a hook, its variables receive their `otherwise`.
    Refuse { hook: Option<Arc<Hook>>, fault: RequestFault },
}

impl Step {
    /// Makes a step that is refused, for which no hook is known. Only `variable` is cleared.
    pub(super) fn refused(
        name: &str,
        switch: SwitchKind,
        variable: Option<VariableName>,
        fault: RequestFault,
    ) -> Self {
        let variable = variable.filter(|name| !is_reserved(name));
        Self { name: name.to_owned(), switch, variable, plan: Plan::Refuse { hook: None, fault } }
    }

    /// Returns the timeout of the step.
    ///
    /// # Errors
    /// Returns the fault if the step is refused.
    pub fn timeout(&self) -> Result<Timeout, RequestFault> {
        match self.plan {
            Plan::Ask { timeout, .. } => Ok(timeout),
            Plan::Refuse { fault, .. } => Err(fault),
        }
    }

    /// Returns scheme, host and port of the webhook, for the log. Path and query may hold secrets.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.hook_to_ask()?.urls.first().map(|url| url.origin())
    }

    /// Returns the name of the hook if it does not verify certificates.
    #[must_use]
    pub fn insecure_hook(&self) -> Option<&str> {
        self.hook_to_ask()?.is_insecure().then_some(self.name.as_str())
    }

    /// True if the dialplan goes on without waiting for the answer.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.hook_to_ask().is_some_and(|hook| hook.delivery.detach)
    }

    /// Returns the positions, among the assignments, of the variables whose text the configuration lists in
    /// `answers`.
    #[must_use]
    pub fn listed(&self) -> Positions {
        let Some(hook) = self.hook() else { return Positions::default() };
        let whole = self.variable.iter().map(|_| !hook.answers.is_empty());
        let is_listed = |mapping: &Mapping| !mapping.answers.is_empty() || !hook.answers.is_empty();
        whole.chain(hook.set.iter().map(is_listed)).collect()
    }

    /// Returns the rules for the text that was refused; none if the outcome is another one.
    #[must_use]
    pub fn broken_rules(&self, outcome: &Outcome) -> Option<Rules> {
        let Outcome::BadAnswer { variable, .. } = outcome else { return None };
        let hook = self.hook()?;
        let mapping = hook.set.iter().find(|mapping| Some(&mapping.name) == variable.as_ref());
        let answers = mapping.map(|mapping| &mapping.answers).filter(|answers| !answers.is_empty());
        Some(Rules {
            accept: mapping.and_then(|mapping| mapping.accept).unwrap_or(hook.accept),
            answers: answers.unwrap_or(&hook.answers).clone(),
        })
    }

    /// Returns the names of the channel variables that the request needs.
    #[must_use]
    pub fn needed_variables(&self) -> Vec<FetchName> {
        self.hook_to_ask().map(Hook::needed_variables).unwrap_or_default()
    }

    /// Makes the request for this call. `company` is the `com_id` of calls without an account code.
    ///
    /// # Errors
    /// Returns the fault if the step is refused, or if the data of the call do not fit into the URL.
    pub fn request(
        &self,
        call: &Call,
        company: &str,
        now: SystemTime,
        identity: &Identity,
    ) -> Result<Request, RequestFault> {
        match &self.plan {
            Plan::Ask { hook, .. } => {
                Request::new(hook, &RequestContext { call, company, now, fetched: &hook.fetch }, identity)
            }
            Plan::Refuse { fault, .. } => Err(*fault),
        }
    }

    /// Returns the final outcome of the step with this answer. The switch can carry every assignment of a
    /// good outcome.
    #[must_use]
    pub fn judge(&self, answer: &Answer) -> Outcome {
        match &self.plan {
            Plan::Refuse { fault, .. } => Outcome::BadRequest(*fault),
            Plan::Ask { hook, can_carry, .. } if (200..300).contains(&answer.code) => {
                hook.judge(answer, self.variable.as_ref(), *can_carry)
            }
            Plan::Ask { .. } => Outcome::HttpError { code: answer.code, redirect: None },
        }
    }

    /// Returns the assignments that follow from an outcome, in the order in which they are made.
    #[must_use]
    pub fn assignments(&self, outcome: &Outcome) -> Vec<Assignment> {
        let mut assignments = match outcome.set() {
            Some(set) => set.to_vec(),
            None => self.otherwise(),
        };
        let code = outcome.code().map(|code| code.to_string()).unwrap_or_default();
        let results = [code, outcome.to_string(), outcome.status().as_str().to_owned()];
        let names = RESULT_VARIABLES.map(|name| match self.switch {
            SwitchKind::Asterisk => name.to_owned(),
            // FreeSWITCH ignores case in names, and shows these in lower case
            SwitchKind::FreeSwitch => name.to_ascii_lowercase(),
        });
        let names = names.into_iter().filter_map(|name| name.parse().ok());
        assignments.extend(names.zip(results).map(|(name, text)| Assignment::own(name, Value::from(text))));
        assignments
    }

    /// Returns the assignments of a step without a good answer.
    fn otherwise(&self) -> Vec<Assignment> {
        let Some(hook) = self.hook() else {
            return self
                .variable
                .iter()
                .map(|name| Assignment::otherwise(name.clone(), Value::default(), None))
                .collect();
        };
        let whole = self
            .variable
            .iter()
            .map(|name| Assignment::otherwise(name.clone(), hook.otherwise.clone(), None));
        whole.chain(hook.set.iter().map(|mapping| hook.otherwise(mapping, None))).collect()
    }

    /// Returns the hook that the address names, also if the step is refused.
    pub(super) fn hook(&self) -> Option<&Hook> {
        match &self.plan {
            Plan::Ask { hook, .. } => Some(hook),
            Plan::Refuse { hook, .. } => hook.as_deref(),
        }
    }

    /// Returns the hook if its webhook is asked.
    fn hook_to_ask(&self) -> Option<&Hook> {
        match &self.plan {
            Plan::Ask { hook, .. } => Some(hook),
            Plan::Refuse { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
