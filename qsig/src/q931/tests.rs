#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[test]
fn shifts_give_each_element_its_codeset() {
    // Non-locking to 4 for one element, locking to 5, a locking shift back is ignored, non-locking to 0.
    let octets = [
        8, 2, 0, 1, 5, 0x9C, 0x31, 1, 3, 0x08, 2, 0x80, 0x90, 0x95, 0x32, 1, 0x81, 0x94, 0x08, 1, 7, 0x98,
        0x14, 1, 1,
    ];
    let message = Message::parse(&octets).unwrap();
    let found: Vec<_> =
        message.elements.iter().filter(|e| !e.is_shift()).map(|e| (e.codeset, e.id)).collect();
    assert_eq!(found, [(4, 0x31), (0, 0x08), (5, 0x32), (5, 0x08), (0, 0x14)]);
    assert_eq!(message.cause(), Some(Cause { location: 0, value: 16 }), "the one of codeset 0");
    assert_eq!(message.call_state(), Some(1));
    assert_eq!(message.to_bytes(), octets[..]);
}

#[test]
fn call_references_of_every_length() {
    for (octets, value, flag, length) in [
        (&[8, 0, 0x62][..], 0, false, 0),
        (&[8, 1, 0x81, 0x62], 1, true, 1),
        (&[8, 2, 0xFF, 0xFF, 0x62], 0x7FFF, true, 2),
        (&[8, 2, 0x00, 0x01, 0x62], 1, false, 2),
    ] {
        let message = Message::parse(octets).unwrap();
        assert_eq!(message.call_reference, CallReference { value, flag, octets: length });
        assert_eq!(message.to_bytes(), octets);
        assert_eq!(message.len(), octets.len());
    }
    assert_eq!(Message::parse(&[8, 3, 0, 0, 0, 5]), Err(ParseError::CallReference(3)));
    assert_eq!(Message::parse(&[8, 2, 0, 1]), Err(ParseError::TooShort(4)));
    assert_eq!(Message::parse(&[3, 2, 0, 1, 5]), Err(ParseError::Discriminator(3)));
}

#[test]
fn channel_identification_in_every_form() {
    for (octets, meaning) in [
        (&[0xA9, 0x83, 0x81][..], ChannelId::channel(1, true)),
        (&[0xA1, 0x83, 0x9F], ChannelId::channel(31, false)),
        (&[0xAC], ChannelId::CALL_INDEPENDENT),
        (&[0xA3], ChannelId { exclusive: false, d_channel: false, selection: ChannelSelection::Any }),
        (
            &[0xA9, 0x93, 0x80, 0, 0, 1],
            ChannelId { exclusive: true, d_channel: false, selection: ChannelSelection::Map(0x8000_0001) },
        ),
    ] {
        assert_eq!(ChannelId::parse(octets), Some(meaning));
        assert_eq!(meaning.element().body, octets);
    }
    // Explicit interface, three octet map of a T1, basic rate: read, never sent.
    let third = ChannelId::parse(&[0xE9, 0x81, 0x83, 0x83]).unwrap();
    assert_eq!(third.selection, ChannelSelection::Number(3));
    assert_eq!(ChannelId::parse(&[0xA9, 0x93, 1, 2, 3]).unwrap().selection, ChannelSelection::Map(0x01_0203));
    assert_eq!(ChannelId::parse(&[0x89]).unwrap().selection, ChannelSelection::Number(1));
    for broken in [&[][..], &[0xA9], &[0xA9, 0x83], &[0xA9, 0x93, 1], &[0xE9, 0x01], &[0xAA, 0x83, 0x81]] {
        assert_eq!(ChannelId::parse(broken), None, "{broken:02x?}");
    }
}

#[test]
fn causes_numbers_and_progress() {
    assert_eq!(Cause::parse(&[0x81, 0xC5, 1, 2]), Some(Cause { location: 1, value: 69 }));
    assert_eq!(Cause::parse(&[0x01, 0x80, 0x91]), Some(Cause { location: 1, value: 17 }));
    assert_eq!((Cause::parse(&[]), Cause::parse(&[0x81])), (None, None));
    let number = Number::parse(&[0x00, 0xA3, b'8', b'0']).unwrap();
    assert_eq!((number.presentation, number.digits.as_str()), (Some(0xA3), "80"));
    assert_eq!(
        Number::parse(&[0xC9, b'4', b'*', b'#']).unwrap().plan,
        NumberPlan { type_of_number: 4, plan: 9 }
    );
    assert_eq!((Number::parse(&[]), Number::parse(&[0x00]), Number::parse(&[0x80, 7])), (None, None, None));
    let progress = ProgressIndicator::parse(&[0xA0, 0x90]).unwrap();
    assert_eq!(progress, ProgressIndicator { coding: 1, location: 0, description: 16 });
    assert_eq!(progress.element().body[..], [0xA0, 0x90]);
    assert_eq!(RestartIndicator::parse(&[0x81]), None);
    assert!(BearerCapability(Bytes::from_static(&[0xA8, 0x80])).is_call_independent());
    assert!(!BearerCapability::SPEECH_ALAW.is_call_independent());
}

#[test]
fn an_element_that_runs_over_the_end_is_left_out_and_told() {
    let (message, whole) =
        Message::parse_checked(&[8, 2, 0, 1, 0x5A, 8, 2, 0x81, 0x90, 0x1C, 9, 0x9F]).unwrap();
    assert_eq!((message.elements.len(), whole), (1, false));
    let (message, whole) = Message::parse_checked(&[8, 2, 0, 1, 0x5A, 8]).unwrap();
    assert_eq!((message.elements.len(), whole), (0, false));
}

proptest! {
    /// Whatever reads as a whole message writes the same octets, known elements or not.
    #[test]
    fn whole_messages_write_the_same_octets(body in proptest::collection::vec(any::<u8>(), 0..80), kind: u8) {
        let octets = [&[8, 2, 0x12, 0x34, kind][..], &body].concat();
        let (message, whole) = Message::parse_checked(&octets).unwrap();
        let again = message.to_bytes();
        prop_assert_eq!(message.len(), again.len());
        if whole {
            prop_assert_eq!(again, octets);
        } else {
            prop_assert!(octets.starts_with(&again));
        }
    }
}
