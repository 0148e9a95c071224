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
    if message.faults().is_empty() {
        fuzz::timed(octets.len(), || edits(&message));
    }
    fuzz::timed(octets.len(), || {
        if message.is_request() {
            let refused = validate::check_request(&message, &EndpointConfig::default());
            assert!(refused.err().is_none_or(|reply| reply.status().as_u16() >= 400));
        }
    });
});

/// Edits of every kind: the result is read again and has what was asked for.
fn edits(message: &Message) {
    assert_eq!(message.edit().to_bytes().get(..message.head().len()), Some(message.head()));
    let edited = message
        .edit()
        .prepend(Header::Via, "SIP/2.0/UDP fuzz;branch=z9hG4bK1")
        .remove_first(Header::Route)
        .replace_first(Header::RecordRoute, "<sip:fuzz;lr>")
        .set(Header::Subject, "fuzz")
        .remove(Header::Contact)
        .body("application/x-q931", vec![8, 2, 0, 0])
        .finish()
        .expect("a message is still one");
    assert_eq!(edited.body(), [8, 2, 0, 0]);
    assert_eq!(edited.top_via().map(|via| via.host), Ok("fuzz"));
    assert_eq!(
        edited.headers(Header::Subject).map(|value| value.to_str().into_owned()).collect::<Vec<_>>(),
        ["fuzz"]
    );
    assert!(edited.header(Header::Contact).is_none());
    assert!(edited.list(Header::Route).count() <= message.list(Header::Route).count());
}

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
    let _ = (message.replaces(), message.session_expires(), message.refer_to(), message.referred_by());
    let _ = (message.retry_after(), message.timestamp(), message.date(), message.cisco_guid());
    let _ = (message.reasons().count(), message.diversions().count(), message.history().count());
    let _ = (message.remote_parties().count(), message.privacy().count(), message.warnings().count());
    for value in message.user_to_user() {
        let _ = value.octets();
    }
    for part in message.parts().unwrap_or_default() {
        let _ = (part.parts().map(|parts| parts.len()), part.is_optional());
    }
    for (name, value) in message.all_headers() {
        let _ = (message.header(HeaderName::from(name)), value.to_str());
    }
}
