//! Any bytes in place of Asterisk's, through the codec and the dialect: no panic, and nothing but whole messages.

#![no_main]

use bytes::BytesMut;
use dialhook::switch::agi::Agi;
use dialhook::switch::{Dialect, Greeting};
use dialhook::variable::FetchName;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let mut agi = Agi::new("0123456789abcdef".to_owned());
    let (mut codec, mut stream) = (agi.codec(), BytesMut::from(bytes));
    let wanted: Vec<FetchName> = ["A", "B_2"].iter().filter_map(|name| name.parse().ok()).collect();

    let Ok(Some(environment)) = codec.decode(&mut stream) else { return };
    let Ok(Greeting::Call(mut call)) = agi.greeting(environment) else { return };
    if agi.challenge(&wanted).is_err() {
        return;
    }
    while let Ok(Some(message)) = codec.decode(&mut stream) {
        // whatever they mean, it must be said without a panic
        let _told = agi.read_challenge_reply(&message, &mut call, &wanted);
        let _gone = agi.session_end(&message);
        let _well = agi.is_confirmation(&message);
    }
});
