#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

fn read(octets: &[u8]) -> Vec<Result<FromSwitch, SmdiError>> {
    let mut decoder = Decoder::new();
    decoder.push(octets);
    std::iter::from_fn(|| decoder.poll()).collect()
}

fn call(kind: CallKind, forwarding: &str, calling: &str) -> FromSwitch {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    FromSwitch::Call(Call {
        desk: 1,
        terminal: 23,
        kind,
        forwarding: some(forwarding),
        calling: some(calling),
    })
}

#[test]
fn requests_are_written_as_the_interface_says() {
    assert_eq!(request("5550100", true).unwrap(), b"OP:MWI 5550100!\x04");
    assert_eq!(request("3125550100", false).unwrap(), b"RMV:MWI 3125550100!\x04");
    for number in ["", "12345678901", "+15550100", "555-0100", "55 0100!\x04"] {
        assert!(matches!(request(number, true), Err(SmdiError::Number { .. })), "{number}");
    }
}

#[test]
fn calls_and_refusals_are_read() {
    for (octets, expected) in [
        (&b"\r\nMD0010023N5550100 5550199 \r\n\x19"[..], call(CallKind::NoAnswer, "5550100", "5550199")),
        (b"\r\nMD0010023B3125550100 3125550199 \r\n\x19", call(CallKind::Busy, "3125550100", "3125550199")),
        (b"\r\nMD0010023D 5550199 \r\n\x19", call(CallKind::Direct, "", "5550199")),
        (b"\r\nMD0010023D  5550199\r\n\x19", call(CallKind::Direct, "", "5550199")),
        (b"\r\nMD0010023A5550100  \r\n\x19", call(CallKind::All, "5550100", "")),
        (b"MD0010023U5550100\x19", call(CallKind::Unknown, "5550100", "")),
        (
            b"noise\r\n\0\x7f\r\nMD0010023N5550100 5550199 \r\n\x19",
            call(CallKind::NoAnswer, "5550100", "5550199"),
        ),
        (
            b"\r\nMWI 5550100 INV\r\n\x19",
            FromSwitch::Refused { number: "5550100".into(), reason: Refusal::Invalid },
        ),
        (
            b"\r\nMWI 5550100 BLK\r\n\x19",
            FromSwitch::Refused { number: "5550100".into(), reason: Refusal::Blocked },
        ),
    ] {
        assert_eq!(read(octets), [Ok(expected)], "{:?}", String::from_utf8_lossy(octets));
    }
    // Even parity in the eighth bit.
    let parity: Vec<u8> =
        b"\r\nMWI 5550100 INV\r\n\x19".iter().map(|o| o | (u8::from(o.count_ones() % 2 == 1) << 7)).collect();
    assert_eq!(read(&parity).len(), 1);
    assert!(read(&parity).iter().all(Result::is_ok));
}

#[test]
fn what_is_no_message_is_told_and_the_next_one_read() {
    let good = b"\r\nMWI 5550100 INV\r\n\x19";
    for bad in [
        &b"\x19"[..],
        b"hello\x19",
        b"MD001\x19",
        b"MD0010023X5550100 \x19",
        b"MD00A0023N5550100 \x19",
        b"MD0010023N555010A \x19",
        b"MWI 5550100 NEW\x19",
        b"MWI 5550100\x19",
        b"MWI 55501000000 INV\x19",
    ] {
        let all = read(&[bad, good].concat());
        assert_eq!(all.len(), 2, "{:?}", String::from_utf8_lossy(bad));
        assert!(all[0].is_err() && all[1].is_ok());
    }
    let long = [&[b'x'; 100_000][..], b"\x19", good].concat();
    let all = read(&long);
    assert_eq!(all[0], Err(SmdiError::TooLong));
    assert!(all.len() == 2 && all[1].is_ok());
    let mut decoder = Decoder::new();
    (0..2000).for_each(|_| decoder.push(good));
    assert_eq!(decoder.lost(), 2000 - 1024);
}

#[test]
fn silence_means_success_and_a_refusal_belongs_to_the_latest_request() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut desk = Desk::new(second * 2);
    desk.send(now, "1", false).unwrap();
    desk.send(now + second, "1", true).unwrap();
    desk.handle_octets(b"\r\nMWI 1 BLK\r\n\x19\r\nMWI 7 INV\r\n\x19\r\nMD0010001D 5 \r\n\x19?\x19");
    let refused = |number: &str, reason, on| Event::Refused { number: number.into(), reason, on };
    assert_eq!(desk.poll(now), Some(refused("1", Refusal::Blocked, true)));
    assert_eq!(desk.poll(now), Some(refused("7", Refusal::Invalid, true)));
    assert!(matches!(desk.poll(now), Some(Event::Call(call)) if call.calling.as_deref() == Some("5")));
    assert!(matches!(desk.poll(now), Some(Event::Error(SmdiError::Unknown { .. }))));
    assert_eq!(desk.poll(now + second), None);
    assert_eq!(desk.poll_timeout(), Some(now + second * 2));
    assert_eq!(desk.poll(now + second * 2), Some(Event::Done { number: "1".into(), on: false }));
    assert_eq!((desk.poll(now + second * 9), desk.poll_timeout()), (None, None));
    (0..1024).for_each(|_| assert!(desk.send(now, "1", true).is_ok()));
    assert_eq!(desk.send(now, "1", true), Err(SmdiError::Busy));
    assert_eq!(crate::verdict::sip_status(&Refusal::Invalid.outcome()).status, 404);
    assert_eq!(crate::verdict::sip_status(&Refusal::Blocked.outcome()).status, 503);
}

fn message() -> impl Strategy<Value = FromSwitch> {
    let number = || "[0-9]{1,10}";
    let kind = prop::sample::select(CallKind::SIGNS.to_vec());
    prop_oneof![
        (0_u16..1000, 0_u16..10_000, kind, prop::option::of(number()), prop::option::of(number())).prop_map(
            |(desk, terminal, (kind, _), forwarding, calling)| FromSwitch::Call(Call {
                desk,
                terminal,
                kind,
                forwarding,
                calling
            })
        ),
        (number(), any::<bool>()).prop_map(|(number, invalid)| FromSwitch::Refused {
            number,
            reason: if invalid { Refusal::Invalid } else { Refusal::Blocked },
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_back_however_it_is_cut(messages in prop::collection::vec(message(), 0..6), cut in 1_usize..9) {
        let line: String = messages.iter().map(ToString::to_string).collect();
        let mut decoder = Decoder::new();
        line.as_bytes().chunks(cut).for_each(|chunk| decoder.push(chunk));
        let read: Vec<FromSwitch> = std::iter::from_fn(|| decoder.poll()).map(Result::unwrap).collect();
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"MDWI01N \r\n\x19".to_vec())], 0..300)) {
        for message in read(&octets) {
            prop_assert!(message.map_or(true, |message| read(message.to_string().as_bytes()) == [Ok(message)]));
        }
    }
}
