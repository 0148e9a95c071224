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
        (
            &[0xA3],
            ChannelId {
                exclusive: false,
                d_channel: false,
                interface: None,
                selection: ChannelSelection::Any,
            },
        ),
        (
            &[0xA9, 0x93, 0x80, 0, 0, 1],
            ChannelId {
                exclusive: true,
                d_channel: false,
                interface: None,
                selection: ChannelSelection::Map(0x8000_0001),
            },
        ),
    ] {
        assert_eq!(ChannelId::parse(octets), Some(meaning));
        assert_eq!(meaning.element().body, octets);
    }
    // Explicit interface, three octet map of a T1, basic rate: read, never sent.
    let third = ChannelId::parse(&[0xE9, 0x81, 0x83, 0x83]).unwrap();
    assert_eq!((third.selection, third.interface), (ChannelSelection::Number(3), Some(1)));
    assert_eq!(third.element().body[..], [0xE9, 0x81, 0x83, 0x83]);
    let map = ChannelId { selection: ChannelSelection::Map(0x01_0203), ..ChannelId::channel(1, true) };
    assert_eq!(map.element_with_map(3).body[..], [0xA9, 0x93, 1, 2, 3]);
    // Lists: only the last has the extension bit, or all have.
    assert_eq!(ChannelId::numbers(&[0xA9, 0x83, 0x01, 0x82]), [1, 2]);
    assert_eq!(ChannelId::numbers(&[0xE9, 0x81, 0x83, 0x81, 0x82, 0x9F]), [1, 2, 31]);
    assert_eq!(ChannelId::numbers(&[0xA9, 0x93, 0x80, 0, 0, 1]), [1, 32]);
    assert_eq!((ChannelId::numbers(&[0xAC]), ChannelId::numbers(&[])), (vec![], vec![]));
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

/// Octets of networks and books, and what they say: each reads, and writes the same octets.
#[test]
fn elements_read_and_write_the_same_octets() {
    fn same<T: Repr + PartialEq + std::fmt::Debug>(octets: &[u8]) -> T {
        let read = T::parse(octets).unwrap_or_else(|| panic!("{octets:02x?}"));
        assert_eq!(read.element().body, octets, "{read:?}");
        assert_eq!(read.element().id, T::ID);
        read
    }
    let layer = |bearer: Bearer| bearer.layer1.unwrap();
    assert_eq!(layer(same(&[0x80, 0x90, 0xA2])).protocol, 2);
    assert_eq!(same::<Bearer>(&[0x88, 0x90]).layer1, None);
    assert_eq!(same::<Bearer>(&[0x88, 0x98, 0x86]).multiplier, Some(6));
    assert_eq!(same::<Bearer>(&[0xA8, 0x80]).coding, 1);
    assert_eq!(same::<Bearer>(&[0x88, 0xC0, 0xC2, 0xE6]).layer3, Some(Layer::new(6)));
    // V.110, asynchronous 9600, 1 stop, 8 data, no parity, full duplex V.22.
    let adapted = layer(same(&[0x88, 0x90, 0x21, 0x48, 0x00, 0x3B, 0xC6])).rate_adaption().unwrap();
    assert!(adapted.asynchronous && !adapted.negotiable && adapted.duplex == Some(true));
    assert_eq!((adapted.user_rate, adapted.stop_bits, adapted.data_bits), (8, Some(1), Some(3)));
    assert_eq!((adapted.parity, adapted.modem), (Some(3), Some(6)));
    assert_eq!(same::<LowLayer>(&[0x00, 0xC0, 0x90, 0xA3]).negotiation, Some(0x40));
    assert_eq!(same::<LowLayer>(&[0x88, 0x90, 0xC6, 0xEB,]).bearer.layer2, Some(Layer::new(6)));
    assert_eq!(same::<HighLayer>(&[0x91, 0x81]), HighLayer::TELEPHONY);
    assert_eq!(same::<HighLayer>(&[0x91, 0x5E, 0x81]).extended, Some(1));
    let detail: CauseDetail = same(&[0x81, 0xE4, 0x1E, 0x27]);
    assert_eq!(
        (detail.cause, &detail.diagnostics[..]),
        (Cause { location: 1, value: 100 }, &[0x1E, 0x27][..])
    );
    assert_eq!(same::<CauseDetail>(&[0x01, 0x80, 0x91]).recommendation, Some(0));
    assert_eq!(same::<CallStateValue>(&[0x0A]).state, 10);
    assert_eq!(same::<Display>(b"Alice").0, "Alice");
    assert_eq!(same::<Keypad>(b"*21#").0, "*21#");
    assert_eq!(same::<Signal>(&[0x40]), Signal(64));
    assert_eq!(same::<Notification>(&[0xF9]).description, 121);
    assert_eq!(same::<DateTime>(&[26, 11, 21, 13, 5]).minute, Some(5));
    assert_eq!(same::<DateTime>(&[26, 11, 21]).hour, None);
    assert_eq!(same::<UserUser>(&[4, b'h', b'i']).information[..], *b"hi");
    assert_eq!(same::<RestartIndicator>(&[0x87]), RestartIndicator::AllInterfaces);
    assert_eq!(same::<ChangeStatus>(&[0xC2]), ChangeStatus::OutOfService);
    let redirecting: RedirectingNumber = same(&[0x21, 0x01, 0x8F, b'2', b'0']);
    assert_eq!((redirecting.reason, redirecting.digits.as_str()), (Some(15), "20"));
    assert_eq!(same::<RedirectingNumber>(&[0x21, 0x83, b'2']).reason, None);
    let carrier: TransitNetwork = same(&[0xA1, b'0', b'2', b'8', b'8']);
    assert_eq!((carrier.kind, carrier.plan, carrier.identification.as_str()), (2, 1, "0288"));
    assert_eq!(same::<NetworkFacilities>(&[0x00, 0xE6]).facility[..], [0xE6]);
    assert_eq!(
        same::<NetworkFacilities>(&[0x04, 0xA1, b'2', b'8', b'8', 0x65]).network.unwrap().identification,
        "288"
    );
    let segment: SegmentedMessage = same(&[0x82, 0x05]);
    assert_eq!((segment.first, segment.remaining, segment.kind), (true, 2, MessageType::SETUP));
    let called = Subaddress::parse(&[0x88, 0x50, 0x31]).unwrap();
    assert_eq!((called.kind, called.odd), (0, true));
    assert_eq!(called.element(ie::CALLED_SUBADDRESS).body[..], [0x88, 0x50, 0x31]);
    assert_eq!(congestion_level(15).id, 0xBF);
}

#[test]
fn elements_that_are_no_such_elements_are_refused() {
    for broken in
        [&[][..], &[0x80], &[0x00, 0x10, 0x90], &[0x80, 0x18], &[0x80, 0x90, 0x21], &[0x80, 0x90, 0xC2, 0xA3]]
    {
        assert_eq!(Bearer::parse(broken), None, "{broken:02x?}");
    }
    for broken in [
        &[26, 13, 1][..],
        &[26, 0, 1],
        &[100, 1, 1],
        &[26, 1, 1, 24],
        &[26, 1, 1, 1, 60],
        &[26, 1],
        &[26, 1, 1, 1, 1, 1, 1],
    ] {
        assert_eq!(DateTime::parse(broken), None, "{broken:02x?}");
    }
    assert_eq!((HighLayer::parse(&[0x91]), HighLayer::parse(&[0x91, 0x01])), (None, None));
    assert_eq!(NetworkFacilities::parse(&[5, 0xA1]), None);
    assert_eq!((SegmentedMessage::parse(&[0x82]), SegmentedMessage::parse(&[])), (None, None));
    assert_eq!((Notification::parse(&[]), Subaddress::parse(&[0x08])), (None, None));
    assert_eq!(RedirectingNumber::parse(&[0x21, 0x01, 0x0F]), None);
    assert_eq!((ChangeStatus::parse(&[]), ChangeStatus::parse(&[0xC3])), (None, None));
}

#[test]
fn faults_are_told_apart() {
    let faults = |kind: u8, elements: &[u8]| {
        let octets = [&[8, 2, 0, 1, kind][..], elements].concat();
        let (message, whole) = Message::parse_checked(&octets).unwrap();
        let faults = message.faults(whole);
        (faults.refusal().map(|(c, d)| (c, d.to_vec())), faults.remark().map(|(c, d)| (c, d.to_vec())))
    };
    let bearer = [0x04, 3, 0x80, 0x90, 0xA3];
    let with = |more: &[u8]| [&bearer[..], more].concat();
    assert_eq!(faults(5, &bearer), (None, None));
    assert_eq!(faults(5, &[]), (Some((96, vec![4])), None), "a mandatory element is missing");
    assert_eq!(faults(5, &[4, 0]), (Some((96, vec![4])), None), "one of length zero is as good as missing");
    assert_eq!(faults(5, &[4, 1, 0x80]), (Some((100, vec![4])), None), "it cannot be read");
    assert_eq!(faults(5, &[4, 9, 0x80]), (Some((100, vec![4])), None), "it was cut off");
    assert_eq!(
        faults(5, &with(&[0x0B, 1, 0])),
        (Some((96, vec![0x0B])), None),
        "0000 xxxx must be understood"
    );
    assert_eq!(faults(5, &with(&[0x3F, 1, 0])), (None, Some((99, vec![0x3F]))), "others need not");
    assert_eq!(
        faults(5, &with(&[0x18, 1, 0xA9])),
        (None, Some((100, vec![0x18]))),
        "optional and unreadable"
    );
    assert_eq!(faults(5, &with(&[0x96, 0x0B, 1, 0])), (None, None), "other codesets are not judged");
    assert_eq!(faults(0x7D, &[0x08, 2, 0x81, 0x9E]), (Some((96, vec![0x14])), None));
    assert_eq!(faults(0x03, &[0x1E, 1, 0x81]), (Some((100, vec![0x1E])), None));
}

proptest! {
    /// Every typed element takes any octets, and what it reads means the same after writing.
    #[test]
    fn any_contents_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..20)) {
        macro_rules! stable {
            ($($t:ty)*) => {$(
                if let Some(read) = <$t as Repr>::parse(&body) {
                    prop_assert_eq!(<$t as Repr>::parse(&Repr::element(&read).body), Some(read));
                }
            )*};
        }
        stable!(Bearer LowLayer HighLayer CauseDetail CallStateValue ProgressIndicator Signal Notification DateTime
            UserUser RestartIndicator ChangeStatus RedirectingNumber TransitNetwork NetworkFacilities SegmentedMessage
            ChannelId Display Keypad);
        ChannelId::numbers(&body);
    }
}
