//! The memory that a record takes, which bounds the history in bytes.

use std::mem::size_of;

use super::Record;
use super::record::{Message, ReceivedAnswer};
use crate::call::Call;
use crate::webhook::Attempt;

/// Bytes that the allocator adds to each allocation, about.
const OVERHEAD: usize = 16;

/// Returns about how many bytes a record takes. What a detached request adds later is counted in advance.
pub(super) fn of(record: &Record) -> usize {
    let call = record.call.as_deref().map_or(0, call);
    let request = record.request.as_ref().map_or(0, |request| {
        request.urls.iter().map(|url| heap(url.len())).sum::<usize>()
            + request.message.as_ref().map_or(0, message)
    });
    let answer = record.answer.as_ref().map_or(0, answer);
    let texts = [&record.note, &record.traceparent].into_iter().flatten();
    let set = record
        .set
        .iter()
        .map(|set| size_of_val(set) + heap(set.name.as_str().len()) + heap(set.value.as_bytes().len()));
    let rules = record
        .rules
        .as_ref()
        .map_or(0, |rules| rules.answers.iter().map(|answer| size_of_val(answer) + heap(answer.len())).sum());
    let detached = if record.detached.is_some() { DETACHED } else { 0 };
    size_of::<Record>()
        + heap(record.hook.len())
        + call
        + request
        + answer
        + detached
        + record.attempts.iter().map(attempt).sum::<usize>()
        + rules
        + texts.map(|text| heap(text.len())).sum::<usize>()
        + set.sum::<usize>()
}

/// Bytes of the end of a detached request with a whole answer.
const DETACHED: usize = 8 * 1024;

fn attempt(attempt: &Attempt) -> usize {
    let redirects = attempt.redirects.iter().map(|redirect| size_of_val(redirect) + heap(redirect.to.len()));
    size_of::<Attempt>() + OVERHEAD + redirects.sum::<usize>()
}

fn heap(length: usize) -> usize {
    length + OVERHEAD
}

fn call(call: &Call) -> usize {
    let fields = [
        &call.address,
        &call.account_code,
        &call.context,
        &call.extension,
        &call.dialled,
        &call.caller_number,
        &call.caller_name,
        &call.unique_id,
        &call.linked_id,
        &call.sip_call_id,
        &call.channel,
    ];
    let variables = call
        .variables
        .iter()
        .map(|(name, value)| 4 * OVERHEAD + heap(name.as_str().len()) + heap(value.as_bytes().len()));
    let parameters =
        call.parameters.iter().map(|it| heap(it.name.as_bytes().len()) + heap(it.value.as_bytes().len()));
    size_of::<Call>()
        + fields.into_iter().map(|field| heap(field.as_bytes().len())).sum::<usize>()
        + variables.sum::<usize>()
        + parameters.sum::<usize>()
}

fn answer(answer: &ReceivedAnswer) -> usize {
    let content_type = answer.content_type.as_ref().map_or(0, |text| heap(text.len()));
    content_type + answer.message.as_ref().map_or(0, message)
}

fn message(message: &Message) -> usize {
    let headers = message.headers.iter().map(|(_, value)| 64 + heap(value.len()));
    headers.sum::<usize>() + heap(message.body.len())
}
