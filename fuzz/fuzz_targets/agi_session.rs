//! Any bytes in place of Asterisk's, through codec and dialect: no panic, whatever the messages are.

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
        let _fetched = agi.read_challenge_reply(Some(&message), &mut call, &wanted);
        let _end = agi.session_end(&message);
        let _confirmed = agi.is_confirmation(&message);
    }
});
