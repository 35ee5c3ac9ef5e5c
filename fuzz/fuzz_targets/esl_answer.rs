//! Any two answers for FreeSWITCH: a value that the dialect accepts is stored exactly and never expands,
//! alone or beside the other.

#![no_main]

#[path = "../../tests/util/expansion.rs"]
mod expansion;

use bytes::BytesMut;
use dialhook::switch::Dialect;
use dialhook::switch::esl::Esl;
use dialhook::variable::{Accept, Assignment, Value, ValueSource};
use expansion::{copied, stored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let core_expands = first % 2 == 0;
    let (one, other) = text.split_at(usize::from(*first).min(text.len()));
    let esl = esl(core_expands);
    let accepted: Vec<&[u8]> =
        [one, other].into_iter().filter(|value| is_stored_exactly(&esl, value, core_expands)).collect();
    for values in
        [&accepted[..], accepted.get(..1).unwrap_or_default(), accepted.get(1..).unwrap_or_default()]
    {
        let mut copy = copied(values).expect("no expansion");
        for _ in 1..6 {
            copy = copied(&[&copy]).expect("no expansion");
        }
    }
});

/// Returns a session in which the core expands, or does not.
fn esl(core_expands: bool) -> Esl {
    let disabled = if core_expands { "false" } else { "true" };
    let data = format!(
        "Event-Name: CHANNEL_DATA\nvariable_app_disable_expand_variables: {disabled}\nSocket-Mode: static\n\n"
    );
    let mut esl = Esl::new(8084);
    esl.greeting(BytesMut::from(data.as_bytes())).expect("channel data");
    esl
}

/// True if the dialect accepts the answer. Panics if it is then not stored as it is.
fn is_stored_exactly(esl: &Esl, value: &[u8], core_expands: bool) -> bool {
    let name = "v".parse().expect("a name");
    let assignment =
        Assignment { name, value: Value::from(value), accept: Accept::Any, source: ValueSource::Answer };
    let Ok(commands) = esl.farewell(&[assignment]) else {
        return false;
    };
    let begin = commands.windows(2).position(|pair| pair == b"\n\n").expect("an empty line") + 2;
    assert_eq!(stored(&commands[begin..], core_expands).expect("no expansion"), value);
    true
}
