//! Owner: session. A panic in the dialect of FreeSWITCH: the call goes on.

use std::time::Duration;

use bytes::BytesMut;
use dialhook::call::Call;
use dialhook::switch::esl::Esl;
use dialhook::switch::esl::codec::EslCodec;
use dialhook::switch::{Dialect, Greeting, Location, Switch, SwitchError, Told, Untold};
use dialhook::variable::{Assignment, FetchName, Unfit};
use tokio::io::duplex;

use crate::util::{CallState, ChannelData, FakeFreeSwitch, GivenBack, Sessions, SocketMode};

/// The method in which the dialect panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Question,
    Answer,
    Farewell,
}

/// FreeSWITCH's dialect with a fault in it.
#[derive(Debug, Clone)]
struct Panicking(Esl, Place);

impl Panicking {
    fn at(&self, place: Place) {
        assert_ne!(self.1, place, "this panic is wanted");
    }
}

impl Dialect for Panicking {
    type Codec = EslCodec;

    fn codec(&self) -> EslCodec {
        self.0.codec()
    }

    fn opening(&self) -> &'static [u8] {
        self.0.opening()
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        self.0.greeting(message)
    }

    fn question(&mut self, wanted: &[FetchName]) -> Result<Vec<u8>, Untold> {
        self.at(Place::Question);
        self.0.question(wanted)
    }

    fn answer(&self, message: &[u8], call: &mut Call, wanted: &[FetchName]) -> Result<Told, SwitchError> {
        self.at(Place::Answer);
        self.0.answer(message, call, wanted)
    }

    fn interruption(&self, message: &[u8]) -> Option<SwitchError> {
        self.0.interruption(message)
    }

    fn location_question(&self) -> &'static [u8] {
        self.0.location_question()
    }

    fn location(&mut self, message: &[u8]) -> Location {
        self.0.location(message)
    }

    fn end_is_harmless(&self) -> bool {
        self.0.end_is_harmless()
    }

    fn disarming(&self) -> Vec<u8> {
        self.0.disarming()
    }

    fn first_question(&self) -> Option<Duration> {
        self.0.first_question()
    }

    fn shortest_wait(&self) -> Duration {
        self.0.shortest_wait()
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        self.at(Place::Farewell);
        self.0.farewell(assignments)
    }

    fn refusal(&self) -> Vec<u8> {
        self.0.refusal()
    }

    fn release(&self) -> Vec<u8> {
        self.0.release()
    }

    fn proves_end(&self) -> bool {
        self.0.proves_end()
    }

    fn proof_is_due(&self) -> bool {
        self.0.proof_is_due()
    }

    fn end_is_proved(&self) -> bool {
        self.0.end_is_proved()
    }

    fn half_closes(&self) -> bool {
        self.0.half_closes()
    }

    fn confirms(&self, message: &[u8]) -> bool {
        self.0.confirms(message)
    }
}

async fn with_a_panic(mode: SocketMode, place: Place) -> GivenBack {
    let (here, there) = duplex(64 * 1024);
    let switch = Switch::new(there, Panicking(Esl::new(8084), place));
    let end = Sessions::under("").start(switch);
    let call = ChannelData::new(mode, "127.0.0.1:8084").variable("socket_resume", "true");
    let given_back = FakeFreeSwitch::over(here, call).converse().await;
    end.await.unwrap();
    given_back
}

#[tokio::test]
async fn a_call_whose_step_panics_goes_on() {
    for mode in SocketMode::ALL {
        for place in [Place::Question, Place::Answer, Place::Farewell] {
            let given_back = with_a_panic(mode, place).await;
            assert_eq!(given_back.state, CallState::GoesOn, "{mode:?} {place:?}");
            assert_eq!(given_back.status(), "");
        }
    }
}
