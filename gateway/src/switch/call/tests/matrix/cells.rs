//! What happens in each test of the table, for one pair.

use qsig::diversion::Rerouteing;
use qsig::facility::Facility;
use qsig::q931::{BearerCapability, Notification, Repr as _, ie};
use qsig::rose::Component;
use qsig::service::{Outcome, Service as _};
use qsig::transfer::{Transfer, TransferKind};
use qsig::{Carrier, PartyNumber, PresentedNumber};

use super::super::sound::{keys, tone};
use super::*;

/// Notification descriptions of EN 300 141: remote hold, remote retrieval.
const TOLD: [u8; 2] = [0xFA, 0xF9];

pub(super) fn answered_and_hung_up_by_either_side(cell: &mut Cell) {
    for caller_first in [true, false] {
        cell.with("", |pair| {
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

pub(super) fn what_is_said_is_heard_at_once_as_loud_and_without_a_gap(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.call(pair.to.number());
        pair.answer();
        let (from, to) = pair.ends();
        let said = tone(2000);
        for (at, other) in [(from, to), (to, from)] {
            pair.sim.pass(at, other, &said).assert_is(&said);
        }
    });
}

pub(super) fn keys_pressed_at_either_end_arrive_once_and_in_order(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.call(pair.to.number());
        pair.answer();
        let (from, to) = pair.ends();
        let calls = [pair.caller, (pair.to == Kind::Sip).then(|| pair.callee())];
        for ((at, other), call) in [(from, to), (to, from)].into_iter().zip(calls) {
            let heard = match at {
                MediaEnd::Rtp(stream) => pair.sim.press(stream, other, "159#"),
                _ => pair.sim.pass(at, other, &keys("159#")),
            };
            assert_eq!(heard.digits(), "159#", "{at:?} to {other:?}");
            // A SIP telephone that sends INFO.
            if let Some(call) = call {
                let key =
                    sip::call::Content::new().body("application/dtmf-relay", "Signal=7\r\nDuration=100\r\n");
                pair.sim.phones.info(pair.sim.now, call, key);
                pair.sim.settle();
                assert_eq!(pair.sim.pass(at, other, &[0; 1600]).digits(), "7", "{at:?} to {other:?}");
                assert_eq!(pair.sim.phones.statuses.last(), Some(&200));
            }
        }
    });
}

pub(super) fn given_up_by_the_caller_before_and_while_it_rings(cell: &mut Cell) {
    for rings in [false, true] {
        cell.with("", |pair| {
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

pub(super) fn hung_up_by_the_caller_in_every_later_state(cell: &mut Cell) {
    // While announcements are heard.
    cell.with("", |pair| {
        pair.sim.pbx[0].behaviour = Behaviour::InBand;
        pair.sim.phones.manner = Manner::Early;
        pair.call(pair.to.number());
        pair.caller_hangs_up();
        assert!(pair.talks_no_more() && !pair.rings());
    });
    // While the other end holds it.
    cell.of(SwitchType::PrimaryNet5, "", |pair| {
        pair.call(pair.to.number());
        pair.answer();
        pair.hold(false, true);
        pair.caller_hangs_up();
        // Whoever holds by a flash hears dial tone meanwhile, and may call somebody else.
        let left: Vec<_> = pair.sim.switch.calls.calls.values().map(|call| call.stage).collect();
        let dialling =
            if pair.to == Kind::Telephone { vec![crate::switch::call::Stage::Collecting] } else { vec![] };
        assert_eq!(left, dialling);
    });
    // While the other end gives it away, and the third telephone rings.
    if cell.to != Kind::Pbx {
        cell.with("", |pair| {
            pair.call(pair.to.number());
            pair.answer();
            pair.give_away(false);
            assert_eq!(pair.sim.state(3), State::Ringing);
            pair.caller_hangs_up();
            assert_eq!(pair.sim.state(3), State::Idle);
        });
    }
}

pub(super) fn a_busy_party_is_told_to_the_caller(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.is_busy();
        pair.call(pair.to.number());
        pair.caller_hears(Tone::Busy, 17, 486);
    });
}

pub(super) fn a_number_nobody_has_is_told_to_the_caller(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.call("9999");
        pair.caller_hears(Tone::Unobtainable, 1, 404);
    });
}

pub(super) fn a_party_who_never_answers_is_given_up(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.call(pair.to.number());
        assert!(pair.rings());
        pair.sim.wait(400_000);
        assert!(pair.talks_no_more() && !pair.rings());
        let record = pair.sim.switch.call_records(pair.sim.now).last().unwrap();
        assert!(matches!(record.cause, 16 | 18 | 19 | 102) && record.connect.is_none(), "{record:?}");
    });
}

pub(super) fn what_is_heard_before_the_answer_is_heard_by_every_caller(cell: &mut Cell) {
    cell.with("", |pair| {
        pair.sim.pbx[0].behaviour = Behaviour::InBand;
        pair.sim.phones.manner = Manner::Early;
        pair.call(pair.to.number());
        match (pair.to, pair.from) {
            // A telephone says nothing before the answer: the caller hears it ring.
            (Kind::Telephone, Kind::Telephone) => assert_eq!(pair.sim.tone(0), Tone::Ringback),
            (Kind::Telephone, Kind::Pbx) => {
                let channel = pair.sim.channel(1);
                assert_eq!(pair.sim.wires.tones.get(&channel), Some(&ToneKind::Ringback));
            }
            (Kind::Telephone, Kind::Sip) => assert_eq!(pair.sim.phones.provisional.last(), Some(&180)),
            _ => {
                pair.talk();
                let (from, to) = pair.ends();
                let said = tone(500);
                pair.sim.pass(to, from, &said).assert_is(&said);
            }
        }
        if pair.from == Kind::Sip && pair.to != Kind::Telephone {
            assert_eq!(pair.sim.phones.provisional.last(), Some(&183));
        }
        pair.answer();
        pair.talk();
    });
}

pub(super) fn a_call_is_held_and_taken_back_by_whoever_can(cell: &mut Cell) {
    for by_caller in [true, false] {
        // Only the networks have a HOLD; an exchange that speaks QSIG holds by itself, and ours tells it of others.
        let public = cell.holder(by_caller) == Kind::Pbx;
        let switch_type = if public { SwitchType::PrimaryNet5 } else { SwitchType::PrimaryQsig };
        cell.of(switch_type, "", |pair| {
            pair.call(pair.to.number());
            pair.answer();
            let (from, to) = pair.ends();
            for on in [true, false] {
                pair.hold(by_caller, on);
                pair.far_is_told(by_caller, on);
                match (on, pair.holder(by_caller)) {
                    (false, _) => {
                        pair.talk();
                        assert!(pair.sim.wires.mute.is_empty());
                    }
                    (true, Kind::Sip) => {
                        // Whoever holds by SIP may play music, and is sent nothing.
                        let heard = (pair.sim.wires.hears(from), pair.sim.wires.hears(to));
                        assert_eq!(heard, (vec![to], vec![from]));
                        assert_eq!(pair.sim.wires.mute.len(), 1);
                    }
                    (true, _) => {
                        assert_eq!((pair.sim.wires.hears(from), pair.sim.wires.hears(to)), (vec![], vec![]));
                    }
                }
            }
        });
        if public {
            cell.with("", |pair| {
                pair.call(pair.to.number());
                pair.answer();
                let (trunk, id) = pair.pbx_call(by_caller);
                pair.sim.pbx[trunk].span.hold_call(pair.sim.now, id).unwrap_err();
                pair.talk();
            });
        }
    }
}

pub(super) fn either_end_gives_the_other_away(cell: &mut Cell) {
    for by_caller in [true, false] {
        cell.with("", |pair| {
            pair.call(pair.to.number());
            pair.answer();
            let (from, to) = pair.ends();
            let stays = if by_caller { to } else { from };
            if pair.holder(by_caller) == Kind::Pbx {
                return pair.exchange_transfers(by_caller);
            }
            pair.give_away(by_caller);
            assert_eq!(pair.sim.state(3), State::Ringing);
            pair.sim.off_hook(3);
            pair.sim.wait(500);
            if pair.holder(by_caller) == Kind::Sip {
                assert_eq!(pair.sim.phones.outcomes.last(), Some(&200));
            }
            pair.sim.assert_talk(stays, line(3));
        });
    }
}

pub(super) fn a_redirection_takes_every_caller_along(cell: &mut Cell) {
    match cell.to {
        Kind::Sip => {
            // The gateway's own numbers are reached by the gateway, as are those of the PBX.
            for to in ["8003@192.0.2.1", "4712@192.0.2.1"] {
                cell.with("", |pair| {
                    pair.sim.phones.manner = Manner::Redirect(to);
                    pair.call("5001");
                    let reached = match to {
                        "8003@192.0.2.1" => pair.sim.state(3) == State::Ringing,
                        _ => !pair.sim.pbx_calls(0).is_empty(),
                    };
                    assert!(reached, "{to}");
                });
            }
        }
        Kind::Telephone => cell.with("voice-port 2/1\n tipring call-forward all 8003\n", |pair| {
            pair.call("8001");
            assert_eq!((pair.sim.state(1), pair.sim.state(3)), (State::Idle, State::Ringing));
        }),
        Kind::Pbx => cell.with("", |pair| {
            pair.call("4711");
            pair.exchange_reroutes("8003");
            if pair.from == Kind::Pbx {
                // What is said between two exchanges is theirs: the caller's may do it.
                let asked = pair.sim.pbx[1].events.iter().any(|(_, event)| {
                    matches!(event, CallEvent::Facility(message) if asks_for_rerouteing(message))
                });
                assert!(asked, "{:?}", pair.sim.pbx[1].events);
            } else {
                assert_eq!(pair.sim.state(3), State::Ringing);
                assert_eq!(pair.sim.pbx_calls(0), []);
                assert!(matches!(pair.sim.pbx[0].done.last(), Some(Outcome::Result(_))));
                pair.sim.off_hook(3);
                let (from, _) = pair.ends_with(line(3));
                pair.sim.assert_talk(from, line(3));
            }
        }),
    }
}

pub(super) fn a_coding_the_two_do_not_share_is_told_to_the_caller(cell: &mut Cell) {
    const G729: &str = "v=0\r\no=p 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    match (cell.from, cell.to) {
        (Kind::Sip, _) => cell.with("", |pair| {
            let offer = sip::call::Content::sdp(G729);
            pair.sim.phones.call_with(pair.sim.now, pair.to.number(), offer);
            pair.sim.settle();
            pair.sim.wait(500);
            assert_eq!(pair.sim.phones.failed.last(), Some(&488));
        }),
        (_, Kind::Sip) => cell.with("", |pair| {
            pair.sim.phones.manner = Manner::Refuse(488);
            pair.call("5001");
            // IOS's table: a status without a cause of its own is interworking.
            pair.caller_hears(Tone::Congestion, 127, 488);
        }),
        (Kind::Telephone, Kind::Pbx) => cell.with("", |pair| {
            pair.sim.pbx[0].behaviour = Behaviour::Refuse(65);
            pair.call("4711");
            pair.caller_hears(Tone::Congestion, 65, 488);
        }),
        // Unrestricted digital information is nothing to be heard.
        (Kind::Pbx, _) => cell.with("", |pair| {
            let bearer = BearerCapability(bytes::Bytes::from_static(&[0x88, 0x90]));
            pair.sim.pbx_call(1, &CallRequest { bearer, ..CallRequest::new(pair.to.number()) });
            pair.sim.wait(500);
            pair.caller_hears(Tone::Congestion, 65, 488);
            assert!(!pair.rings());
        }),
        (Kind::Telephone, Kind::Telephone) => {}
    }
}

pub(super) fn a_party_that_cannot_be_reached_is_passed_over_for_the_next(cell: &mut Cell) {
    let second = "dial-peer voice 81 pots\n destination-pattern 8001\n preference 1\n port 2/2\n\
                  dial-peer voice 471 pots\n destination-pattern 47..\n preference 1\n port 2/2\n no digit-strip\n\
                  dial-peer voice 51 pots\n destination-pattern 5...\n preference 1\n port 2/2\n\
                  voice-port 2/1\n shutdown\n";
    cell.with(second, |pair| {
        pair.sim.link(0, false);
        pair.sim.wait(200);
        pair.sim.phones.manner = Manner::Refuse(503);
        pair.call(pair.to.number());
        assert_eq!(pair.sim.state(2), State::Ringing);
        pair.sim.off_hook(2);
        pair.sim.wait(200);
        let (from, to) = pair.ends_with(line(2));
        pair.sim.assert_talk(from, to);
        pair.all_hang_up();
        pair.sim.link(0, true);
    });
}

fn asks_for_rerouteing(message: &qsig::q931::Message) -> bool {
    let facilities = message.all(ie::FACILITY).filter_map(|body| Facility::parse(body));
    facilities.flat_map(|facility| facility.components().cloned().collect::<Vec<_>>()).any(
        |component| matches!(component, Component::Invoke(invoke) if Rerouteing::read(&invoke).is_some()),
    )
}

impl Cell {
    fn holder(&self, caller: bool) -> Kind {
        if caller { self.from } else { self.to }
    }
}

impl Pair {
    fn holder(&self, caller: bool) -> Kind {
        if caller { self.from } else { self.to }
    }

    /// The caller, and another end than the called party's.
    fn ends_with(&self, to: MediaEnd) -> (MediaEnd, MediaEnd) {
        let from = match self.from {
            Kind::Telephone => line(0),
            Kind::Pbx => self.sim.channel(1),
            Kind::Sip => MediaEnd::Rtp(*self.sim.wires.streams.first().expect("a stream")),
        };
        (from, to)
    }

    fn sip_call(&self, caller: bool) -> sip::call::CallId {
        if caller { self.caller.expect("a SIP caller") } else { self.callee() }
    }

    /// The trunk and call of the PBX at one end.
    fn pbx_call(&self, caller: bool) -> (usize, qsig::CallId) {
        let trunk = usize::from(caller);
        (trunk, *self.sim.pbx_calls(trunk).last().expect("a call on the trunk"))
    }

    /// One end holds the call, or takes it back.
    fn hold(&mut self, caller: bool, on: bool) {
        let now = self.sim.now;
        match self.holder(caller) {
            Kind::Telephone => self.sim.flash(usize::from(!caller)),
            Kind::Sip => {
                let call = self.sip_call(caller);
                self.sim.phones.hold(now, call, on);
                self.sim.settle();
                self.sim.wait(3000);
            }
            Kind::Pbx => {
                let (trunk, id) = self.pbx_call(caller);
                let span = &mut self.sim.pbx[trunk].span;
                if on {
                    span.hold_call(now, id).unwrap()
                } else {
                    span.retrieve_call(now, id).unwrap()
                }
                self.sim.settle();
            }
        }
        self.sim.wait(500);
    }

    /// The other end knows it.
    #[track_caller]
    fn far_is_told(&self, by_caller: bool, on: bool) {
        match self.holder(!by_caller) {
            // A telephone hears it.
            Kind::Telephone => {}
            Kind::Pbx => {
                let (trunk, _) = self.pbx_call(!by_caller);
                let told = self.sim.pbx[trunk].events.iter().rev().find_map(|(_, event)| match event {
                    CallEvent::Notify(message) => message.read::<Notification>(),
                    _ => None,
                });
                let told = told.expect("NOTIFY").element().body.first().copied();
                assert_eq!(told, Some(TOLD[usize::from(on)]));
            }
            Kind::Sip => {
                let offer = self.sim.phones.offers.last().expect("an offer");
                let silent = offer.contains("a=sendonly") || offer.contains("a=inactive");
                assert_eq!(silent, on, "{offer}");
            }
        }
    }

    /// One end, a telephone of ours or one of SIP, gives the other to 8003.
    fn give_away(&mut self, caller: bool) {
        match self.holder(caller) {
            Kind::Telephone => {
                let at = usize::from(!caller);
                self.sim.flash(at);
                self.sim.dial(at, "8003");
                self.sim.on_hook(at);
            }
            Kind::Sip => {
                let call = self.sip_call(caller);
                self.sim.phones.refer(self.sim.now, call, "8003");
                self.sim.settle();
            }
            Kind::Pbx => panic!("an exchange does that by itself"),
        }
        self.sim.wait(500);
    }

    /// The exchange at one end has put 4799 in the place of its party: the other end learns it, and nothing else changes.
    fn exchange_transfers(&mut self, caller: bool) {
        let (trunk, id) = self.pbx_call(caller);
        let transfer = Transfer {
            kind: TransferKind::Complete { end: 1, alerting: false },
            number: PresentedNumber::Allowed(PartyNumber::Unknown("4799".into())),
            name: None,
        };
        let now = self.sim.now;
        let operation = transfer.operation().unwrap();
        self.sim.pbx[trunk].span.invoke(now, Carrier::Call(id), &operation).unwrap();
        self.sim.settle();
        self.sim.wait(500);
        self.talk();
        if self.holder(!caller) == Kind::Pbx {
            let (trunk, _) = self.pbx_call(!caller);
            let told = self.sim.pbx[trunk].events.iter().find_map(|(_, event)| match event {
                CallEvent::Facility(message) => Transfer::find(message),
                _ => None,
            });
            assert_eq!(
                told.and_then(|told| Some(told.number.shown()?.digits().to_owned())),
                Some("4799".into())
            );
        } else {
            let legs = &self.sim.switch.calls.legs;
            assert!(legs.values().any(|leg| leg.party.number == "4799"), "{legs:?}");
        }
    }

    /// The exchange of the called party wants it called at another number.
    fn exchange_reroutes(&mut self, to: &str) {
        let (trunk, id) = self.pbx_call(false);
        self.sim.pbx_reroutes(trunk, id, to).unwrap();
        self.sim.wait(500);
    }
}
