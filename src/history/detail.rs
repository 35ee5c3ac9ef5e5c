//! A record as a whole: its attempts, messages, judgement and timeline.

use super::Record;
use super::attempts::{UNFINISHED, attempt};
use super::commands::{curl_command, try_command};
use super::explanation::explain;
use super::headers::headers;
use super::masking::Masking;
use super::message::{self, Marked};
use super::record::{Message, ReceivedAnswer, SentRequest};
use super::summary::{part_name, whole_ms};
use super::timeline;
use super::view::{
    AnswerOrigin, Detached, Judgement, MarkKind, Named, Refused, Request, Response, StepDetail,
};
use crate::call::AD_HOC;
use crate::hook::{AnswerFault, Outcome, Policy, Region, Rules, json_place};
use crate::log::TelephoneNumbers;
use crate::redact::{self, is_secret_name};
use crate::variable::{Accept, AnswerPart, ValueSource};
use crate::webhook;

impl Record {
    /// Returns the whole step. `policy` is the present one: the step cannot be repeated if its hook is gone.
    #[must_use]
    pub fn detail(&self, numbers: TelephoneNumbers, policy: &Policy) -> StepDetail {
        let step = self.step(numbers);
        let masking = &Masking::of(self, numbers);
        let call = self.call.as_deref();
        let name = |value: &crate::variable::Value| masking.name(&value.lossy()).into_owned();
        let lacks_a_part = step.set.iter().any(|variable| variable.missing);
        let explained = match (step.reason.as_str(), step.answer) {
            // the note only says why
            ("", Some(AnswerOrigin::Stale)) => "",
            ("", _) if lacks_a_part => NONE_OF_THE_PARTS,
            ("", _) => step.note.as_deref().unwrap_or_default(),
            (reason, _) => reason,
        };
        let explanation = explain(&step.status, explained, step.answer, step.code);
        StepDetail {
            caller_name: call.map(|call| name(&call.caller_name)).unwrap_or_default(),
            peer: self.peer.map(|peer| peer.to_string()),
            trace: self.traceparent.as_deref().and_then(|text| text.split('-').nth(1)).map(str::to_owned),
            timeout_ms: self.timeout.map(whole_ms),
            fetched: self.fetched(masking),
            request: self.request.as_ref().map(|request| shown_request(request, masking)),
            response: self.last_answer().map(|answer| self.response(answer, masking)),
            judgement: self.judgement(masking),
            timeline: timeline::events(self, masking),
            explanation,
            detached: self.shown_detached(),
            repeatable: self.is_repeatable(policy),
            curl: self.request.as_ref().and_then(|request| curl_command(request, masking)),
            try_command: try_command(self, masking),
            step: step
                .with_attempts(self.every_attempt().iter().map(|made| attempt(made, masking)).collect()),
        }
    }

    /// Returns the attempts of the step, or those of its detached request.
    fn every_attempt(&self) -> &[webhook::Attempt] {
        match self.detached.as_ref().and_then(|end| end.get()) {
            Some(end) => &end.attempts,
            None => &self.attempts,
        }
    }

    /// Returns the answer of the step, or that of its detached request.
    fn last_answer(&self) -> Option<&ReceivedAnswer> {
        let end = self.detached.as_ref().and_then(|end| end.get());
        self.answer.as_ref().or(end.and_then(|end| end.answer.as_ref()))
    }

    /// True if the hook still exists and the record has the data of an authenticated call.
    #[must_use]
    pub fn is_repeatable(&self, policy: &Policy) -> bool {
        self.times.authenticated.is_some()
            && self.hook != AD_HOC
            && !matches!(self.outcome(), Some(Outcome::BadRequest(_)))
            && policy.hooks.contains_key(&self.hook)
    }

    fn fetched(&self, masking: &Masking) -> Vec<Named> {
        let variables = self.call.iter().flat_map(|call| &call.variables);
        let shown = variables.map(|(name, value)| Named {
            name: name.to_string(),
            value: match is_secret_name(name.as_str()) {
                true => "…".to_owned(),
                false => masking.text(&redact::urls_in(&value.lossy())).into_owned(),
            },
        });
        shown.collect()
    }

    fn response(&self, answer: &ReceivedAnswer, masking: &Masking) -> Response {
        let marks = answer.message.as_ref().map(|message| self.marks(message)).unwrap_or_default();
        let headers = answer.message.as_ref().map(|message| headers(message, masking));
        let content_type = answer.content_type.as_ref();
        Response {
            code: answer.code,
            content_type: content_type
                .map(|value| masking.text(&String::from_utf8_lossy(value)).into_owned()),
            length: answer.length,
            headers: headers.unwrap_or_default(),
            body: message::body(answer.message.as_ref(), answer.length, masking, marks),
        }
    }

    /// Returns the marks on an answer: the parts that variables got, and the fault.
    fn marks(&self, message: &Message) -> Vec<Marked> {
        let mut marks = Vec::new();
        for set in &self.set {
            let bytes = match &set.source {
                ValueSource::Part(AnswerPart::Json(pointer)) => json_place(&message.body, pointer),
                ValueSource::Answer => Some(0..message.body.len()),
                ValueSource::Part(AnswerPart::Header(_))
                | ValueSource::Status
                | ValueSource::Otherwise(_)
                | ValueSource::Empty(_)
                | ValueSource::Own => None,
            };
            let label = set.name.to_string();
            marks.extend(bytes.map(|bytes| Marked { bytes, kind: MarkKind::Used, label }));
        }
        if let Some(Outcome::BadAnswer { fault, place: Some(place), .. }) = self.outcome()
            && place.region == Region::Body
        {
            let bytes = place.bytes.clone();
            marks.push(Marked { bytes, kind: MarkKind::Fault, label: fault.to_string() });
        }
        marks
    }

    fn judgement(&self, masking: &Masking) -> Option<Judgement> {
        let outcome = self.outcome()?;
        self.answer.as_ref()?;
        let missing = outcome.missing().map(|(_, part)| part_name(part)).collect();
        let accept = match &self.rules {
            Some(rules) => accept_word(rules.accept),
            None => self
                .set
                .iter()
                .find(|set| set.source == ValueSource::Answer)
                .map_or("", |set| accept_word(set.accept)),
        };
        let answers = self.rules.as_ref().map(|rules| rules.answers.clone()).unwrap_or_default();
        Some(Judgement { accept: accept.to_owned(), answers, refused: self.refused_part(masking), missing })
    }

    /// Returns the part of the answer that was refused, with its fault marked.
    fn refused_part(&self, masking: &Masking) -> Option<Refused> {
        let Some(Outcome::BadAnswer { fault, variable, place, .. }) = self.outcome() else { return None };
        let message = self.answer.as_ref().and_then(|answer| answer.message.as_ref());
        let text = place.as_ref().zip(message).and_then(|(place, message)| {
            let bytes: &[u8] = match &place.region {
                Region::Body => &message.body,
                Region::Header(name) => &message.headers.iter().find(|(header, _)| header == name)?.1,
            };
            let mark = Marked { bytes: place.bytes.clone(), kind: MarkKind::Fault, label: fault.to_string() };
            Some(message::text(bytes, message.cut && place.region == Region::Body, masking, vec![mark]))
        });
        let rule = self.rules.as_ref().map(|rules| rule_text(fault, rules)).unwrap_or_default();
        let variable = variable.as_ref().map(ToString::to_string);
        Some(Refused { variable, rule, fault: fault.to_string(), text })
    }

    fn shown_detached(&self) -> Option<Detached> {
        let Some(end) = self.detached.as_ref()?.get() else {
            return Some(Detached {
                status: UNFINISHED.to_owned(),
                reason: String::new(),
                code: None,
                ms: 0,
            });
        };
        Some(Detached {
            status: end.outcome.status().as_str().to_owned(),
            reason: end.outcome.to_string(),
            code: end.outcome.code(),
            ms: whole_ms(end.took),
        })
    }
}

/// The note that has a row of its own in the documentation. One missing part means the same as all.
const NONE_OF_THE_PARTS: &str = "the answer has none of the parts that set names";

fn accept_word(accept: Accept) -> &'static str {
    match accept {
        Accept::Word => "word",
        Accept::Text => "text",
        Accept::Any => "any",
    }
}

/// Returns the rule that an answer broke, as the configuration writes it.
fn rule_text(fault: &AnswerFault, rules: &Rules) -> String {
    match fault.rule() {
        "answers" => format!("answers = [{}]", quoted(&rules.answers)),
        "accept" => format!("accept = \"{}\"", accept_word(rules.accept)),
        rule => rule.to_owned(),
    }
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}

fn shown_request(request: &SentRequest, masking: &Masking) -> Request {
    let url = request.urls.first().map(|url| redact::url(url)).unwrap_or_default();
    let message = request.message.as_ref();
    Request {
        method: request.method.to_string(),
        url: masking.text(&url).into_owned(),
        headers: message.map(|message| headers(message, masking)).unwrap_or_default(),
        body: message::body(message, request.body_length, masking, Vec::new()),
    }
}
