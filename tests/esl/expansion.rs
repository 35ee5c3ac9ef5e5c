//! Owner: switch/esl. Values that FreeSWITCH must store as they are and never expand.

use dialhook::switch::Dialect;
use dialhook::switch::esl::Esl;
use dialhook::variable::{Accept, Assignment, Unfit, Value, ValueSource};

use crate::util::ChannelData;
use crate::util::SocketMode;
use crate::util::expansion::{copied, stored};

/// Pseudo-random numbers, the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    /// A short text of characters with a meaning for FreeSWITCH.
    fn text(&mut self) -> Vec<u8> {
        const LETTERS: &[u8] = b"$$$$\\\\\\\\''''{{}nsta:%|[";
        let length = 1 + self.roll(12);
        (0..length).map(|_| LETTERS[self.roll(LETTERS.len())]).collect()
    }

    /// The same, but mostly texts that the daemon should accept.
    fn tame_text(&mut self) -> Vec<u8> {
        let mut text = self.text();
        text.retain(|byte| *byte != b'{');
        text.push(b'x');
        text
    }
}

/// The dialect of a session that knows if the core expands.
fn esl(core_expands: bool) -> Esl {
    let mut esl = Esl::new(8084);
    let disabled = if core_expands { "false" } else { "true" };
    let data = ChannelData::new(SocketMode::None, "127.0.0.1:8084/crm");
    let block = data.variable("app_disable_expand_variables", disabled).bytes();
    esl.greeting(block.as_slice().into()).expect("channel data");
    esl
}

/// The argument of the one `set` in the final commands.
fn argument(esl: &Esl, value: &[u8]) -> Result<Vec<u8>, Unfit> {
    let assignment = Assignment {
        name: "v".parse().unwrap(),
        value: Value::from(value),
        accept: Accept::Any,
        source: ValueSource::Answer,
    };
    let words = esl.farewell(&[assignment])?;
    let begin = words.windows(2).position(|pair| pair == b"\n\n").expect("an empty line") + 2;
    Ok(words[begin..].to_vec())
}

/// The number of times that a value is copied from variable to variable.
const GENERATIONS: usize = 6;

/// Sets `copy=${v}`, then `copy=${copy}` and so on.
fn handed_on(values: &[&[u8]]) {
    let shown = || values.iter().map(|value| value.escape_ascii().to_string()).collect::<Vec<_>>();
    let mut copy = copied(values).unwrap_or_else(|what| panic!("{:?}: {what:?}", shown()));
    for _ in 1..GENERATIONS {
        copy = copied(&[&copy]).unwrap_or_else(|what| panic!("{:?}: {what:?}", shown()));
    }
}

#[test]
fn every_value_that_is_accepted_is_stored_exactly_and_never_expands() {
    for core_expands in [true, false] {
        let (esl, mut random, mut accepted) = (esl(core_expands), Random(0x9E37_79B9_7F4A_7C15), 0);
        let mut before = Vec::new();
        for round in 0..40_000 {
            let value = if round % 2 == 0 { random.text() } else { random.tame_text() };
            let Ok(argument) = argument(&esl, &value) else { continue };
            accepted += 1;
            let shown = value.escape_ascii();
            let stored = stored(&argument, core_expands).unwrap_or_else(|what| panic!("{shown}: {what:?}"));
            assert_eq!(stored.escape_ascii().to_string(), shown.to_string());
            handed_on(&[&value]);
            handed_on(&[&before, &value]);
            handed_on(&[&value, &value, &before]);
            before = value;
        }
        assert!(accepted > 20_000, "{accepted}");
    }
}

#[test]
fn no_value_is_refused_without_a_reason() {
    let esl = esl(true);
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let mut refused = 0;
    for _ in 0..40_000 {
        let value = random.text();
        match argument(&esl, &value) {
            Ok(_) => {}
            Err(unfit) => {
                refused += 1;
                // a dollar from which only dollars, backslashes and quotes lead to a brace or the end
                let mut open = value.split(|byte| *byte == b'$').skip(1);
                let leads = |rest: &[u8], last: bool| {
                    let behind = rest.iter().find(|byte| !b"\\'".contains(byte));
                    behind == Some(&b'{') || behind.is_none() && last
                };
                let parts = value.iter().filter(|byte| **byte == b'$').count();
                let found = (1..=parts).any(|part| leads(open.next().unwrap(), part == parts));
                assert!(unfit == Unfit::Expansion && found, "{}", value.escape_ascii());
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn ordinary_texts_are_accepted() {
    let esl = esl(true);
    for value in [
        "$5",
        "C:\\new",
        "a$b",
        "cost $5 and $6",
        "\\",
        "'",
        "$a'",
        "{\"price\":\"$5\"}",
        "{}",
        "\\n",
        "%41",
        "^^:a",
        "it's {fine}",
        "a$ {b}",
        "\\\\$x\\\\",
        "",
        "ARRAY:",
        "x ARRAY::y",
    ] {
        let argument = argument(&esl, value.as_bytes()).unwrap_or_else(|unfit| panic!("{value}: {unfit}"));
        assert_eq!(stored(&argument, true).unwrap(), value.as_bytes(), "{value}");
    }
}

#[test]
fn an_accepted_value_before_a_brace_opens_no_expansion() {
    let esl = esl(true);
    let braces: &[&[u8]] = &[b"{", b"{x}", b"'{x}", b"\\{x}", b"\\'{x}", b"\\\\{system(x)}"];
    let mut random = Random(0xDEAD_BEEF_CAFE_F00D);
    for _ in 0..20_000 {
        let value = random.text();
        if argument(&esl, &value).is_ok() {
            for brace in braces {
                assert!(argument(&esl, brace).is_ok());
                handed_on(&[&value, brace]);
            }
        }
    }
}

/// The core's passes may have been switched off where the channel data does not show it (a global variable):
/// then the value is not exact, but never expands.
#[test]
fn a_value_quoted_for_two_passes_does_not_expand_in_one() {
    let esl = esl(true);
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    for _ in 0..20_000 {
        let value = random.text();
        if let Ok(argument) = argument(&esl, &value) {
            let stored =
                stored(&argument, false).unwrap_or_else(|what| panic!("{}: {what:?}", value.escape_ascii()));
            handed_on(&[&stored]);
        }
    }
}
