//! Every kind of caller with every kind of called party: telephone, PBX, SIP. One table of what may happen to a call; each
//! cell begins with nothing and leaves nothing.

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

fn each_pair(more: &str, mut cell: impl FnMut(&mut Pair)) {
    for from in KINDS {
        for to in KINDS {
            eprintln!("{from:?} calls {to:?}");
            let mut pair = Pair { sim: Sim::and(&format!("{SIP}{more}")), from, to, caller: None };
            cell(&mut pair);
            pair.all_hang_up();
            pair.sim.wait(400_000);
            assert!(pair.sim.phones.calls.is_empty());
            pair.sim.assert_nothing_left();
        }
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

#[test]
fn answered_and_hung_up_by_either_side() {
    for caller_first in [true, false] {
        each_pair("", |pair| {
            pair.call(pair.to.number());
            pair.answer();
            pair.talk();
            // It stands for as long as nobody hangs up.
            pair.sim.wait(30_000);
            pair.talk();
            if caller_first {
                pair.caller_hangs_up()
            } else {
                pair.callee_hangs_up()
            }
            assert!(pair.talks_no_more());
            let record = pair.sim.switch.call_records(pair.sim.now).last().unwrap();
            assert_eq!((record.cause, record.connect.is_some(), record.legs.len()), (16, true, 2));
        });
    }
}

#[test]
fn given_up_by_the_caller_before_and_while_it_rings() {
    for rings in [false, true] {
        each_pair("", |pair| {
            if !rings {
                pair.sim.pbx[0].behaviour = Behaviour::Ignore;
                pair.sim.phones.manner = Manner::Ignore;
            }
            pair.call(pair.to.number());
            assert!(pair.rings());
            pair.caller_hangs_up();
            assert!(pair.talks_no_more() && !pair.rings());
        });
    }
}

#[test]
fn a_busy_party_is_told_to_the_caller() {
    each_pair("", |pair| {
        pair.is_busy();
        pair.call(pair.to.number());
        pair.caller_hears(Tone::Busy, 17, 486);
    });
}

#[test]
fn a_number_nobody_has_is_told_to_the_caller() {
    each_pair("", |pair| {
        pair.call("9999");
        pair.caller_hears(Tone::Unobtainable, 1, 404);
    });
}

#[test]
fn a_party_who_never_answers_is_given_up() {
    each_pair("", |pair| {
        pair.call(pair.to.number());
        assert!(pair.rings());
        pair.sim.wait(400_000);
        assert!(pair.talks_no_more() && !pair.rings());
        let record = pair.sim.switch.call_records(pair.sim.now).last().unwrap();
        assert!(matches!(record.cause, 16 | 18 | 19 | 102) && record.connect.is_none(), "{record:?}");
    });
}

#[test]
fn what_is_heard_before_the_answer_is_heard_by_every_caller() {
    each_pair("", |pair| {
        pair.sim.pbx[0].behaviour = Behaviour::InBand;
        pair.sim.phones.manner = Manner::Early;
        pair.call(pair.to.number());
        if pair.to != Kind::Telephone {
            pair.talk();
        }
        pair.answer();
        pair.talk();
    });
}

#[test]
fn a_call_is_held_and_taken_back_by_whoever_can() {
    each_pair("", |pair| {
        pair.call(pair.to.number());
        pair.answer();
        let (from, to) = pair.ends();
        let silent = |pair: &Pair| {
            assert_eq!((pair.sim.wires.hears(from), pair.sim.wires.hears(to)), (vec![], vec![]));
        };
        let telephones = [(pair.from, 0), (pair.to, 1)];
        for (_, at) in telephones.into_iter().filter(|(kind, _)| *kind == Kind::Telephone) {
            pair.sim.flash(at);
            silent(pair);
            pair.sim.flash(at);
            pair.sim.wait(500);
            pair.talk();
        }
        let sip = [(pair.from == Kind::Sip).then_some(pair.caller).flatten()];
        let called = (pair.to == Kind::Sip).then(|| pair.callee());
        for call in sip.into_iter().flatten().chain(called) {
            for on in [true, false] {
                pair.sim.phones.hold(pair.sim.now, call, on);
                pair.sim.settle();
                pair.sim.wait(3000);
                if on {
                    // Whoever holds by SIP may play music, and is sent nothing.
                    assert_eq!(
                        (pair.sim.wires.hears(from), pair.sim.wires.hears(to)),
                        (vec![to], vec![from])
                    );
                    assert_eq!(pair.sim.wires.mute.len(), 1);
                } else {
                    pair.talk();
                    assert!(pair.sim.wires.mute.is_empty());
                }
            }
        }
    });
}

#[test]
fn a_party_that_cannot_be_reached_is_passed_over_for_the_next() {
    let second = "dial-peer voice 81 pots\n destination-pattern 8001\n preference 1\n port 2/2\n\
                  dial-peer voice 471 pots\n destination-pattern 47..\n preference 1\n port 2/2\n no digit-strip\n\
                  dial-peer voice 51 pots\n destination-pattern 5...\n preference 1\n port 2/2\n\
                  voice-port 2/1\n shutdown\n";
    each_pair(second, |pair| {
        pair.sim.link(0, false);
        pair.sim.wait(200);
        pair.sim.phones.manner = Manner::Refuse(503);
        pair.call(pair.to.number());
        assert_eq!(pair.sim.state(2), State::Ringing);
        pair.sim.off_hook(2);
        pair.sim.wait(200);
        let (from, _) = match pair.from {
            Kind::Sip => (MediaEnd::Rtp(*pair.sim.wires.streams.first().unwrap()), ()),
            Kind::Telephone => (line(0), ()),
            Kind::Pbx => (pair.sim.channel(1), ()),
        };
        pair.sim.assert_talk(from, line(2));
        pair.all_hang_up();
        pair.sim.link(0, true);
    });
}

#[test]
fn a_redirection_of_sip_takes_every_caller_along() {
    each_pair("", |pair| {
        if pair.to != Kind::Sip {
            return;
        }
        // The gateway's own numbers are reached by the gateway, as are those of the PBX.
        for to in ["8003@192.0.2.1", "4712@192.0.2.1"] {
            pair.sim.phones.manner = Manner::Redirect(to);
            pair.call("5001");
            let reached = match to {
                "8003@192.0.2.1" => pair.sim.state(3) == State::Ringing,
                _ => !pair.sim.pbx_calls(0).is_empty(),
            };
            assert!(reached, "{to}");
            pair.caller_hangs_up();
        }
    });
}

#[test]
fn either_sip_end_gives_the_other_away() {
    each_pair("", |pair| {
        let ends = [(pair.from, true), (pair.to, false)].into_iter();
        let sip: Vec<bool> = ends.filter(|(kind, _)| *kind == Kind::Sip).map(|(_, caller)| caller).collect();
        for caller in sip {
            pair.call(pair.to.number());
            pair.answer();
            let (from, to) = pair.ends();
            let (who, stays) = if caller { (pair.caller.unwrap(), to) } else { (pair.callee(), from) };
            pair.sim.phones.refer(pair.sim.now, who, "8003");
            pair.sim.settle();
            pair.sim.wait(500);
            assert_eq!(pair.sim.state(3), State::Ringing);
            pair.sim.off_hook(3);
            pair.sim.wait(500);
            assert_eq!(pair.sim.phones.outcomes.last(), Some(&200));
            pair.sim.assert_talk(stays, line(3));
            pair.all_hang_up();
            pair.sim.wait(60_000);
        }
    });
}

#[test]
fn a_codec_nobody_here_speaks_is_refused() {
    const G729: &str = "v=0\r\no=p 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    for to in KINDS {
        let mut sim = Sim::with_sip();
        sim.phones.call_with(sim.now, to.number(), sip::call::Content::sdp(G729));
        sim.settle();
        sim.wait(500);
        assert_eq!(sim.phones.failed.last(), Some(&488), "{to:?}");
        sim.wait(60_000);
        sim.assert_nothing_left();
    }
}
