//! A Facility element of any octets: components, extensions and the arguments of every service are read or left alone;
//! what is read is written again and read as the same; a span in a call takes it, and `debug isdn q931` prints it.
#![no_main]

use std::time::Instant;

use qsig::call_completion::CallCompletion;
use qsig::charge::Charge;
use qsig::diversion::{Diversion, Rerouteing};
use qsig::facility::{Facility, Item, Nfe};
use qsig::name::NamedParty;
use qsig::path_replacement::PathReplacement;
use qsig::q931::{CallReference, Element, Message, MessageType, ie};
use qsig::rose::{Component, Invoke};
use qsig::service::Service;
use qsig::transfer::{Transfer, TransferControl};
use qsig::{MwiRequest, Side, Span, SpanConfig, decode};

fuzz::target!(|octets: &[u8]| {
    if let Ok(component) = Component::parse(octets) {
        assert_eq!(Component::parse(&component.to_vec()), Ok(component));
    }
    if let Some(facility) = Facility::parse(octets) {
        for item in &facility.items {
            match item {
                Item::Component(Component::Invoke(invoke)) => services(invoke),
                Item::Nfe(octets) => {
                    if let Some(nfe) = Nfe::parse(octets)
                        && let Ok(Item::Nfe(again)) = nfe.item()
                    {
                        assert_eq!(Nfe::parse(&again), Some(nfe));
                    }
                }
                _ => {}
            }
        }
        let again = Facility::parse(&facility.to_vec());
        assert_eq!(again.as_ref().map(Facility::to_vec), Some(facility.to_vec()));
    }
    in_a_call(octets);
});

/// Every service reads the invoke, or leaves it; what is kept whole by its type comes back from the wire as it was.
fn services(invoke: &Invoke) {
    let _ = NamedParty::read(invoke);
    let _ = Diversion::read(invoke);
    let _ = Rerouteing::read(invoke);
    let _ = Transfer::read(invoke);
    let _ = MwiRequest::read(invoke);
    returns::<PathReplacement>(invoke);
    returns::<TransferControl>(invoke);
    returns::<CallCompletion>(invoke);
    returns::<Charge>(invoke);
}

fn returns<S: Service + PartialEq + std::fmt::Debug>(invoke: &Invoke) {
    if let Some(Ok(read)) = S::read(invoke)
        && let Ok(operation) = read.operation()
    {
        assert_eq!(S::read(&operation.invoke(1)), Some(Ok(read)));
    }
}

/// A span whose peer sends the element in SETUP, in FACILITY and without a call.
fn in_a_call(octets: &[u8]) {
    let now = Instant::now();
    let services = [4, 27, 40].into();
    let config = SpanConfig { side: Side::Network, accept_calls: true, services, ..SpanConfig::default() };
    let mut span = Span::new(config);
    span.handle_link(now, true);
    span.handle_frame(now, &[0x00, 0x01, 0x7F]);
    let element = Element::new(ie::FACILITY, octets.to_vec());
    let number = Element::new(ie::CALLED_NUMBER, vec![0x80, b'8']);
    let bearers: [&[u8]; 2] = [&[0x80, 0x90, 0xA3], &[0xA8, 0x80]];
    let mut messages = Vec::new();
    for (value, bearer) in (1..).zip(bearers) {
        let reference = CallReference::new(value, false);
        let setup = Message::new(reference, MessageType::SETUP)
            .with(Element::new(ie::BEARER_CAPABILITY, bearer.to_vec()))
            .with(element.clone())
            .with(number.clone());
        messages.push(setup);
        messages.push(Message::new(reference, MessageType::FACILITY).with(element.clone()));
    }
    messages.push(Message::new(CallReference::DUMMY, MessageType::FACILITY).with(element));
    for (sequence, message) in (0u8..).zip(messages) {
        let octets = message.to_bytes();
        let _ = decode::q931(&octets, false);
        let mut frame = vec![0x00, 0x01, sequence << 1, 0x00];
        frame.extend_from_slice(&octets);
        span.handle_frame(now, &frame);
        while span.poll_frame().is_some() {}
        while span.poll_event().is_some() {}
    }
    assert!(span.active_calls() <= 2);
}
