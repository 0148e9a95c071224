//! Any octets as a message: read or refused, printed as they came, every view a value or an error, and the
//! refusal that is owed can be named.
#![no_main]

use bytes::Bytes;
use sip::{EndpointConfig, Header, HeaderName, Message, ParseError, validate};

fuzz::target!(|octets: &[u8]| {
    let octets = Bytes::copy_from_slice(octets);
    let message = match fuzz::timed(octets.len(), || Message::parse(octets.clone())) {
        Ok(message) => message,
        Err(ParseError::Empty { .. }) => {
            assert!(octets.iter().all(|octet| matches!(octet, b'\r' | b'\n')));
            return;
        }
        Err(_) => return,
    };
    let at = octets.len() - octets.iter().skip_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    assert!(octets.get(at..).is_some_and(|rest| rest.starts_with(message.as_bytes())));
    assert_eq!([message.head(), message.body()].concat(), message.as_bytes()[..]);
    fuzz::timed(octets.len(), || views(&message));
    fuzz::timed(octets.len(), || {
        if message.is_request() {
            let refused = validate::check_request(&message, &EndpointConfig::default());
            assert!(refused.err().is_none_or(|reply| reply.status().as_u16() >= 400));
        }
    });
});

fn views(message: &Message) {
    let _ = (message.uri(), message.reason(), message.version(), message.top_via(), message.from());
    let _ = (message.to(), message.call_id(), message.cseq(), message.contacts(), message.max_forwards());
    let _ = (message.event(), message.subscription_state(), message.rack(), message.rseq());
    for via in message.vias().flatten() {
        let _ = (via.branch(), via.rport(), via.received(), via.maddr(), via.has_cookie());
    }
    for header in [Header::Contact, Header::RecordRoute, Header::Diversion, Header::RemotePartyId] {
        for address in message.addresses(header).flatten() {
            assert!(address.q() <= 1000);
            let _ = (address.display(), address.uri(), address.tag(), address.params().iter().count());
        }
    }
    for (name, value) in message.all_headers() {
        let _ = (message.header(HeaderName::from(name)), value.to_str());
    }
}
