#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::fsk::tests::{demodulate, render};
use crate::fsk::{FskBurst, Modem};

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|o| u8::from_str_radix(o, 16).unwrap()).collect()
}

fn call(when: Option<When>, number: Party, name: Party) -> CallSetup {
    CallSetup { when, number, name }
}

fn known(text: &str) -> Party {
    Party::Known(text.into())
}

const JANUARY: When = When { month: 1, day: 2, hour: 3, minute: 4 };
const NOVEMBER: When = When { month: 11, day: 21, hour: 9, minute: 30 };

/// Frames that spandsp, minimodem and multimon-ng read (our notes, FXS-SIGNALLING section 2 and 5).
#[test]
fn golden_frames() {
    let cases = [
        (
            sdmf_call(&call(Some(JANUARY), known("5551234567"), Party::Unavailable)),
            "04 12 30 31 30 32 30 33 30 34 35 35 35 31 32 33 34 35 36 37 55",
        ),
        (
            sdmf_call(&call(Some(JANUARY), Party::Private, Party::Unavailable)),
            "04 09 30 31 30 32 30 33 30 34 50 19",
        ),
        (
            mdmf_call(&call(Some(NOVEMBER), known("5551234567"), known("JANE DOE"))),
            "80 20 01 08 31 31 32 31 30 39 33 30 02 0a 35 35 35 31 32 33 34 35 36 37 \
             07 08 4a 41 4e 45 20 44 4f 45 8a",
        ),
        (
            mdmf_call(&call(Some(NOVEMBER), Party::Private, Party::Unavailable)),
            "80 10 01 08 31 31 32 31 30 39 33 30 04 01 50 08 01 4f 29",
        ),
        (sdmf_mwi(true), "06 03 42 42 42 31"),
        (sdmf_mwi(false), "06 03 6f 6f 6f aa"),
        (mdmf_mwi(true), "82 03 0b 01 ff 70"),
        (mdmf_mwi(false), "82 03 0b 01 00 6f"),
        (etsi_mwi(true, Some(NOVEMBER), Some(3)), "82 10 01 08 31 31 32 31 30 39 33 30 0b 01 ff 13 01 03 b2"),
        (
            ntt_call(&call(None, known("0312345678"), Party::Unavailable)),
            "90 81 87 90 82 c0 0f 82 0a 30 33 b1 b2 33 b4 35 36 b7 b8 21 81 c0 90 03 69 24",
        ),
    ];
    for (made, golden) in cases {
        assert_eq!(made, hex(golden));
    }
}

#[test]
fn month_and_day_stand_in_order() {
    assert_eq!(&NOVEMBER.digits(), b"11210930");
}

#[test]
fn number_and_name_are_cleaned_and_cut() {
    let long = "+49 (30) 1234-5678 9012 3456 7890 1234";
    let octets = mdmf_call(&call(None, known(long), known("Jürgen Müßig-Großmann")));
    assert_eq!(octets[2..4], [0x02, 20]);
    assert_eq!(&octets[4..24], b"+4930123456789012345");
    assert_eq!(octets[24..26], [0x07, 15]);
    assert_eq!(&octets[26..41], b"Jurgen Musig-Gr");
    let empty = mdmf_call(&call(None, known("sip:"), known("  ")));
    assert_eq!(empty[2..8], [0x04, 1, b'O', 0x08, 1, b'O']);
}

#[test]
fn no_length_of_a_japanese_number_needs_an_octet_sent_twice() {
    for n in 1..=20 {
        let number = Party::Known("0901234567890123456789".chars().take(n).collect());
        let frame = ntt_call(&call(None, number, Party::Unavailable));
        let inner = &frame[5..frame.len() - 4];
        assert!(inner.iter().all(|o| o & 0x7F != 0x10), "{n}: {inner:02x?}");
        assert_eq!(usize::from(inner[1] & 0x7F), inner.len() - 2);
    }
}

#[test]
fn dtmf_forms_by_country() {
    let number = known("0123456789");
    assert_eq!(dtmf_digits(DtmfForm::Etsi, &number), "A0123456789C");
    assert_eq!(dtmf_digits(DtmfForm::Etsi, &Party::Unavailable), "B00C");
    assert_eq!(dtmf_digits(DtmfForm::Hash, &number), "A0123456789#");
    assert_eq!(dtmf_digits(DtmfForm::Hash, &Party::Unavailable), "D3#");
    let between = DtmfForm::Between { start: 'D', stop: 'C' };
    assert_eq!(dtmf_digits(between, &number), "D0123456789C");
    assert_eq!(dtmf_digits(between, &Party::Private), "D10C");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_message_is_sound_and_survives_its_modem(
        number in prop_oneof![Just(Party::Private), Just(Party::Unavailable), "\\PC{0,40}".prop_map(Party::Known), "[0-9]{1,20}".prop_map(Party::Known)],
        name in prop_oneof![Just(Party::Private), "\\PC{0,80}".prop_map(Party::Known)],
        month in any::<u8>(), day in any::<u8>(), timed in any::<bool>()
    ) {
        let when = timed.then_some(When { month, day, hour: 23, minute: 59 });
        let call = call(when, number, name);
        for octets in [sdmf_call(&call), mdmf_call(&call), etsi_call(&call)] {
            prop_assert!(checksum_ok(&octets));
            prop_assert_eq!(usize::from(octets[1]), octets.len() - 3);
            prop_assert!(octets[2..octets.len() - 1].iter().all(|o| *o < 0x80));
        }
        let ntt = ntt_call(&call);
        prop_assert!(ntt[..ntt.len() - 2].iter().all(|o| o.count_ones() % 2 == 0));
        let octets = etsi_call(&call);
        let (found, bad) = demodulate(&render(&FskBurst::on_hook(Modem::V23, octets.clone())), Modem::V23);
        prop_assert_eq!(found, octets);
        prop_assert_eq!(bad, 0);
    }
}
