//! A peer and an owner that do anything in any order: nothing panics, and when the line falls silent and the owner hangs up,
//! no call reference, no channel and no timer is left.
#![no_main]

use std::time::{Duration, Instant};

use fuzz::Choices;
use qsig::lapd::{Indication, Link, Parameters};
use qsig::q931::Cause;
use qsig::{
    BChannel, CallDetail, CallEvent, CallId, CallRequest, Event, MwiAnswer, RestartTarget, ServiceState,
    Side, Span, SpanConfig, SwitchType,
};

fuzz::target!(|octets: &[u8]| {
    let mut choices = Choices::new(octets);
    let mut now = Instant::now();
    let switch_type = choices.pick(&SwitchType::ALL);
    let report_faults = choices.octet() & 1 != 0;
    let mut span =
        Span::new(SpanConfig { switch_type, accept_calls: true, report_faults, ..SpanConfig::default() });
    let mut peer = Link::new(Side::Network, Parameters::default());
    span.handle_link(now, true);
    peer.handle_link(now, true);
    let mut calls = Vec::new();
    carry(now, &mut span, &mut peer, &mut calls);
    while !choices.is_empty() {
        fuzz::timed(64, || {
            let what = choices.octet();
            let call = calls.get(usize::from(what >> 4) % calls.len().max(1)).copied();
            match (what & 15, call) {
                (0..=6, _) => {
                    // A layer 3 message, up to the next FF; one may be repeated by the next choice.
                    let _ = peer.send(choices.until(0xFF).to_vec().into());
                }
                (7, _) => calls.extend(span.start_call(now, &CallRequest::new("4711"))),
                (8, Some(id)) => drop(span.acknowledge_call(now, id, &CallDetail::default())),
                (9, Some(id)) => drop(span.alert_call(now, id, &CallDetail::default())),
                (10, Some(id)) => drop(span.answer_call(now, id, &CallDetail::default())),
                (11, Some(id)) => drop(span.clear_call(now, id, Cause::private(16))),
                (12, _) => span.restart(now, RestartTarget::Channel(1 + what % 31)),
                (13, _) => {
                    span.set_service(
                        now,
                        BChannel { interface: 0, slot: what % 32 },
                        ServiceState::Maintenance,
                    );
                    span.audit_calls(now);
                }
                (14, _) => {
                    span.handle_link(now, what & 16 != 0);
                    span.handle_link(now, true);
                }
                _ => {
                    now += Duration::from_millis(1 << (what >> 4));
                    span.handle_timeout(now);
                    peer.handle_timeout(now);
                }
            }
            carry(now, &mut span, &mut peer, &mut calls);
            calls.truncate(64);
        });
    }
    // The owner hangs up, the line is silent.
    let left: Vec<CallId> = span.calls().map(|call| call.id).collect();
    for id in left {
        let _ = span.clear_call(now, id, Cause::private(16));
    }
    for _ in 0..4096 {
        if span.active_calls() == 0 {
            break;
        }
        let Some(at) = span.poll_timeout() else { break };
        now = now.max(at);
        span.handle_timeout(now);
        while span.poll_frame().is_some() {}
        while span.poll_event().is_some() {}
    }
    assert_eq!((span.active_calls(), span.channels_in_use(), span.calls().count()), (0, 0, 0));
});

fn carry(now: Instant, span: &mut Span, peer: &mut Link, calls: &mut Vec<CallId>) {
    loop {
        let mut idle = true;
        peer.flush(now);
        while let Some(frame) = span.poll_frame() {
            idle = false;
            peer.handle_frame(now, &frame);
        }
        while let Some(indication) = peer.poll_indication() {
            if let Indication::Data(octets) = indication {
                assert!(octets.len() <= 260, "longer than N201");
            }
        }
        peer.flush(now);
        while let Some(frame) = peer.poll_frame() {
            idle = false;
            span.handle_frame(now, &frame);
        }
        while let Some(event) = span.poll_event() {
            match event {
                Event::Call { id, event: CallEvent::Incoming { .. } } => calls.push(id),
                Event::Call { id, event: CallEvent::Released { .. } } => calls.retain(|call| *call != id),
                Event::MwiIndication { id, .. } => span.answer_mwi(now, id, MwiAnswer::Result),
                _ => {}
            }
        }
        if idle {
            return;
        }
    }
}
