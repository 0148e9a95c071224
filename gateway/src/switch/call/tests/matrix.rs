//! Every kind of caller with every kind of called party: telephone, PBX, SIP. One table of what may happen to a call; each
//! cell begins with nothing and leaves nothing. A cell without a case fails, unless it is among those that cannot be.

mod cells;

use qsig::SwitchType;

use super::phones::{Manner, SIP};
use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Caller 8000 on line 0, called 8001 on line 1.
    Telephone,
    /// Caller behind trunk 1, called 4711 behind trunk 0.
    Pbx,
    /// Caller 5000, called 5001.
    Sip,
}

const KINDS: [Kind; 3] = [Kind::Telephone, Kind::Pbx, Kind::Sip];

/// A call of one kind to another.
struct Pair {
    sim: Sim,
    from: Kind,
    to: Kind,
    /// Of a SIP caller.
    caller: Option<sip::call::CallId>,
}

impl Kind {
    fn number(self) -> &'static str {
        match self {
            Kind::Telephone => "8001",
            Kind::Pbx => "4711",
            Kind::Sip => "5001",
        }
    }
}

/// The tests of each thing that may happen to a call, each with all nine pairs.
macro_rules! matrix {
    ($($(#[doc = $doc:literal])+ $happening:ident: $($test:ident)+;)+) => {
        /// What may happen to a call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Happening { $($(#[doc = $doc])+ $happening),+ }

        $($(
            #[test]
            fn $test() {
                nine(Happening::$happening, cells::$test);
            }
        )+)+
    };
}

matrix! {
    /// It is answered and ends.
    Answer: answered_and_hung_up_by_either_side what_is_said_is_heard_at_once_as_loud_and_without_a_gap;
    /// The called party speaks already.
    Busy: a_busy_party_is_told_to_the_caller;
    /// The called party does not answer.
    NoAnswer: a_party_who_never_answers_is_given_up;
    /// Nobody has the number.
    UnknownNumber: a_number_nobody_has_is_told_to_the_caller;
    /// The caller hangs up, in every state of the call.
    GivenUp: given_up_by_the_caller_before_and_while_it_rings hung_up_by_the_caller_in_every_later_state;
    /// Either end holds it and takes it back.
    Hold: a_call_is_held_and_taken_back_by_whoever_can;
    /// Either end gives the other away.
    Transfer: either_end_gives_the_other_away;
    /// Either end presses keys.
    Digits: keys_pressed_at_either_end_arrive_once_and_in_order;
    /// Something is heard before the answer.
    EarlyMedia: what_is_heard_before_the_answer_is_heard_by_every_caller;
    /// The called party wants the call elsewhere.
    Redirection: a_redirection_takes_every_caller_along;
    /// The two have no coding in common.
    Mismatch: a_coding_the_two_do_not_share_is_told_to_the_caller;
    /// The way to the called party is down, another is there.
    NextTrunk: a_party_that_cannot_be_reached_is_passed_over_for_the_next;
}

/// What cannot be: between two pairs there is no coding to agree on.
const NEVER: [(Happening, Kind, Kind); 1] = [(Happening::Mismatch, Kind::Telephone, Kind::Telephone)];

/// One cell of the table.
struct Cell {
    from: Kind,
    to: Kind,
    /// Calls that were tried.
    shown: u32,
}

fn nine(happening: Happening, case: impl Fn(&mut Cell)) {
    for from in KINDS {
        for to in KINDS {
            eprintln!("{happening:?}: {from:?} calls {to:?}");
            let mut cell = Cell { from, to, shown: 0 };
            case(&mut cell);
            let never = NEVER.contains(&(happening, from, to));
            assert_eq!(cell.shown == 0, never, "{happening:?}: {from:?} to {to:?} has {} cases", cell.shown);
        }
    }
}

impl Cell {
    /// A call with these lines of configuration more.
    fn with(&mut self, more: &str, case: impl FnOnce(&mut Pair)) {
        self.of(SwitchType::PrimaryQsig, more, case);
    }

    /// The same with PBXs of a switch type.
    fn of(&mut self, switch_type: SwitchType, more: &str, case: impl FnOnce(&mut Pair)) {
        self.shown += 1;
        let config = CONFIG.replace("primary-qsig", &switch_type.to_string());
        let mut sim = Sim::with(&format!("{config}{SIP}{more}")).with_plane();
        if switch_type != SwitchType::PrimaryQsig {
            for pbx in &mut sim.pbx {
                let config = SpanConfig { switch_type, ..pbx.span.config().clone() };
                pbx.span.set_config(sim.now, config);
            }
            sim.wait(5_000);
        }
        let mut pair = Pair { sim, from: self.from, to: self.to, caller: None };
        case(&mut pair);
        pair.all_hang_up();
        pair.sim.wait(400_000);
        assert!(pair.sim.phones.calls.is_empty());
        pair.sim.assert_nothing_left();
        assert_eq!(pair.sim.plane.as_ref().expect("a media plane").counts(), (0, 0));
    }
}

impl Pair {
    fn call(&mut self, number: &str) {
        match self.from {
            Kind::Telephone => self.sim.call(0, number),
            Kind::Pbx => {
                self.sim.pbx_call(1, &CallRequest::new(number));
            }
            Kind::Sip => {
                self.sim.phones.call(self.sim.now, number);
                self.caller = self.sim.phones.calls.first().copied();
                self.sim.settle();
            }
        }
        self.sim.wait(500);
    }

    /// The call of the called SIP telephone.
    fn callee(&self) -> sip::call::CallId {
        *self.sim.phones.calls.iter().find(|call| Some(**call) != self.caller).expect("a called telephone")
    }

    fn rings(&self) -> bool {
        match self.to {
            Kind::Telephone => self.sim.state(1) == State::Ringing,
            Kind::Pbx => !self.sim.pbx_calls(0).is_empty(),
            Kind::Sip => self.sim.phones.calls.iter().any(|call| Some(*call) != self.caller),
        }
    }

    fn answer(&mut self) {
        assert!(self.rings(), "nobody is called");
        match self.to {
            Kind::Telephone => self.sim.off_hook(1),
            Kind::Pbx => self.sim.pbx_answer(0),
            Kind::Sip => {
                let call = self.callee();
                self.sim.phones.answer(self.sim.now, call);
                self.sim.settle();
            }
        }
        self.sim.wait(200);
    }

    fn caller_hangs_up(&mut self) {
        match self.from {
            Kind::Telephone => self.sim.on_hook(0),
            Kind::Pbx => self.sim.pbx_clear(1, 16),
            Kind::Sip => {
                let call = self.caller.expect("a caller");
                self.sim.phones.hang_up(self.sim.now, call);
                self.sim.settle();
            }
        }
        self.sim.wait(2000);
    }

    fn callee_hangs_up(&mut self) {
        match self.to {
            Kind::Telephone => self.sim.on_hook(1),
            Kind::Pbx => self.sim.pbx_clear(0, 16),
            Kind::Sip => {
                let call = self.callee();
                self.sim.phones.hang_up(self.sim.now, call);
                self.sim.settle();
            }
        }
        self.sim.wait(2000);
    }

    /// Where the two are heard: caller and called.
    fn ends(&self) -> (MediaEnd, MediaEnd) {
        let streams: Vec<MediaEnd> = self.sim.wires.streams.iter().map(|s| MediaEnd::Rtp(*s)).collect();
        let from = match self.from {
            Kind::Telephone => line(0),
            Kind::Pbx => self.sim.channel(1),
            Kind::Sip => streams[0],
        };
        let to = match self.to {
            Kind::Telephone => line(1),
            Kind::Pbx => self.sim.channel(0),
            Kind::Sip => *streams.last().expect("a stream"),
        };
        (from, to)
    }

    #[track_caller]
    fn talk(&self) {
        let (from, to) = self.ends();
        self.sim.assert_talk(from, to);
    }

    fn talks_no_more(&self) -> bool {
        self.sim.switch.calls.calls.is_empty()
    }

    /// The caller has been told so: by a tone, a cause, a status.
    #[track_caller]
    fn caller_hears(&self, tone: Tone, cause: u8, status: u16) {
        match self.from {
            Kind::Telephone => assert_eq!(self.sim.tone(0), tone),
            Kind::Pbx => assert_eq!(self.sim.pbx_cause(1), Some(cause)),
            Kind::Sip => assert_eq!(self.sim.phones.failed.last(), Some(&status)),
        }
    }

    fn all_hang_up(&mut self) {
        for at in 0..4 {
            self.sim.on_hook(at);
        }
        for trunk in 0..2 {
            for id in self.sim.pbx_calls(trunk) {
                let _ = self.sim.pbx[trunk].span.clear_call(self.sim.now, id, qsig::q931::Cause::user(16));
            }
        }
        for call in self.sim.phones.calls.clone() {
            self.sim.phones.hang_up(self.sim.now, call);
        }
        self.sim.settle();
    }

    /// Makes the called party refuse what comes: busy.
    fn is_busy(&mut self) {
        match self.to {
            Kind::Telephone => self.sim.off_hook(1),
            Kind::Pbx => self.sim.pbx[0].behaviour = Behaviour::Refuse(17),
            Kind::Sip => self.sim.phones.manner = Manner::Refuse(486),
        }
    }
}
