//! Owner: session. A panic in the dialect of FreeSWITCH: the call goes on.

use std::time::Duration;

use bytes::BytesMut;
use dialhook::call::{Call, SwitchKind};
use dialhook::switch::esl::Esl;
use dialhook::switch::esl::codec::EslCodec;
use dialhook::switch::{Dialect, FetchFault, Fetched, Greeting, Location, Switch, SwitchError};
use dialhook::variable::{Assignment, FetchName, Unfit};
use tokio::io::duplex;

use crate::util::{CallState, ChannelData, FakeFreeSwitch, GivenBack, Sessions, SocketMode};

/// The method that panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Challenge,
    ReadChallengeReply,
    Farewell,
}

/// FreeSWITCH's dialect with a fault in it.
#[derive(Debug, Clone)]
struct Panicking(Esl, Method);

impl Panicking {
    fn in_method(&self, method: Method) {
        assert_ne!(self.1, method, "this panic is wanted");
    }
}

impl Dialect for Panicking {
    const SWITCH: SwitchKind = Esl::SWITCH;

    type Codec = EslCodec;

    fn codec(&self) -> EslCodec {
        self.0.codec()
    }

    fn opening(&self) -> Option<&'static [u8]> {
        self.0.opening()
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        self.0.greeting(message)
    }

    fn challenge(&self, wanted: &[FetchName]) -> Result<Option<Vec<u8>>, FetchFault> {
        self.in_method(Method::Challenge);
        self.0.challenge(wanted)
    }

    fn read_challenge_reply(
        &self,
        reply: Option<&[u8]>,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        self.in_method(Method::ReadChallengeReply);
        self.0.read_challenge_reply(reply, call, wanted)
    }

    fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
        self.0.session_end(message)
    }

    fn location_query(&self) -> Option<&'static [u8]> {
        self.0.location_query()
    }

    fn read_location_reply(&mut self, message: &[u8]) -> Location {
        self.0.read_location_reply(message)
    }

    fn is_safe_to_close(&self) -> bool {
        self.0.is_safe_to_close()
    }

    fn close_preparation(&self) -> Option<Vec<u8>> {
        self.0.close_preparation()
    }

    fn first_location_query(&self) -> Option<Duration> {
        self.0.first_location_query()
    }

    fn earliest_close(&self) -> Duration {
        self.0.earliest_close()
    }

    fn can_carry(assignment: &Assignment) -> Result<(), Unfit> {
        Esl::can_carry(assignment)
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        self.in_method(Method::Farewell);
        self.0.farewell(assignments)
    }

    fn refusal(&self) -> Vec<u8> {
        self.0.refusal()
    }

    fn release(&self) -> Vec<u8> {
        self.0.release()
    }

    fn confirms_execution(&self) -> bool {
        self.0.confirms_execution()
    }

    fn execution_is_pending(&self) -> bool {
        self.0.execution_is_pending()
    }

    fn ends_with_half_close(&self) -> bool {
        self.0.ends_with_half_close()
    }

    fn is_confirmation(&self, message: &[u8]) -> bool {
        self.0.is_confirmation(message)
    }
}

async fn with_a_panic(mode: SocketMode, method: Method) -> GivenBack {
    let (here, there) = duplex(64 * 1024);
    let switch = Switch::new(there, Panicking(Esl::new(8084), method));
    let end = Sessions::under("").start(switch);
    let call = ChannelData::new(mode, "127.0.0.1:8084").variable("socket_resume", "true");
    let given_back = FakeFreeSwitch::over(here, call).run().await;
    end.await.unwrap();
    given_back
}

#[tokio::test]
async fn a_call_whose_step_panics_goes_on() {
    for mode in SocketMode::ALL {
        for method in [Method::Challenge, Method::ReadChallengeReply, Method::Farewell] {
            let given_back = with_a_panic(mode, method).await;
            assert_eq!(given_back.state, CallState::GoesOn, "{mode:?} {method:?}");
            assert_eq!(given_back.status(), "");
        }
    }
}
