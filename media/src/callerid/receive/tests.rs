#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::callerid::plan::{self, Action};
use crate::callerid::player::Player;
use crate::callerid::{etsi_call, etsi_mwi, mdmf_call, mdmf_mwi, ntt_call, sdmf_call, sdmf_mwi};
use crate::locale;
use crate::rtp::noise::NoiseGenerator;

const WHEN: When = When { month: 11, day: 21, hour: 9, minute: 30 };

fn setup(number: Party, name: Party) -> CallSetup {
    CallSetup { when: Some(WHEN), number, name }
}

#[test]
fn what_is_sent_is_read() {
    let parties = [Party::Known("5551234567".into()), Party::Private, Party::Unavailable];
    for number in &parties {
        let nameless = setup(number.clone(), Party::Unavailable);
        assert_eq!(parse(&sdmf_call(&nameless)), Ok(Message::Call(nameless.clone())));
        let dateless = CallSetup { when: None, ..nameless };
        assert_eq!(parse_ntt(&ntt_call(&dateless)), Ok(Message::Call(dateless)));
        for name in [Party::Known("JANE DOE".into()), Party::Private, Party::Unavailable] {
            let call = setup(number.clone(), name);
            assert_eq!(parse(&mdmf_call(&call)), Ok(Message::Call(call.clone())));
            assert_eq!(parse(&etsi_call(&call)), Ok(Message::Call(call)));
        }
    }
    for on in [true, false] {
        assert_eq!(parse(&sdmf_mwi(on)), Ok(Message::Waiting { on, count: None }));
        assert_eq!(parse(&mdmf_mwi(on)), Ok(Message::Waiting { on, count: None }));
        let etsi = etsi_mwi(on, Some(WHEN), Some(7));
        assert_eq!(parse(&etsi), Ok(Message::Waiting { on, count: Some(7) }));
    }
}

#[test]
fn what_is_no_message_is_refused_with_a_name() {
    assert_eq!(parse(&[0x80, 0x00]), Err(ParseError::Length { said: 3, found: 2 }));
    assert_eq!(parse(&[0x80, 0x02, 0x00, 0x7E]), Err(ParseError::Length { said: 2, found: 1 }));
    assert_eq!(parse(&[0x82, 0x03, 0x0B, 0x01, 0xFF, 0x71]), Err(ParseError::Checksum { octets: 6 }));
    assert_eq!(parse(&[0x99, 0x00, 0x67]), Err(ParseError::Type { found: 0x99 }));
    assert_eq!(parse(&[0x80, 0x00, 0x80]), Err(ParseError::Empty { kind: 0x80 }));
    assert_eq!(parse_ntt(b"hello world"), Err(ParseError::Frame));
    let mut frame = ntt_call(&setup(Party::Known("0312345678".into()), Party::Unavailable));
    *frame.last_mut().unwrap() ^= 1;
    assert!(matches!(parse_ntt(&frame), Err(ParseError::Checksum { .. })));
}

#[test]
fn every_form_of_dtmf_is_read() {
    use crate::callerid::{DtmfForm, dtmf_digits};
    let between = |start, stop| DtmfForm::Between { start, stop };
    for form in [DtmfForm::Etsi, DtmfForm::Hash, between('D', 'C'), between('A', '#'), between('D', '#')] {
        for party in [Party::Known("0401234567".into()), Party::Private, Party::Unavailable] {
            if form == between('A', '#') && party != Party::Known("0401234567".into()) {
                continue; // "A10#" is a number of two digits
            }
            assert_eq!(parse_dtmf(&dtmf_digits(form, &party)), Some(party.clone()), "{form:?}");
        }
    }
    assert_eq!(parse_dtmf("A5551234D666B00C"), Some(Party::Known("5551234".into())));
    for none in ["", "5", "A", "A1C", "*21#", "é"] {
        assert_eq!(parse_dtmf(none), None, "{none:?}");
    }
}

/// The whole way: every locale's plan played, received with noise 16 dB below it and at ±6 dB.
#[test]
fn every_locale_hears_its_own_network() {
    let call = setup(Party::Known("0301234567".into()), Party::Known("OTTO".into()));
    let mut seen = Vec::new();
    for locale in locale::all() {
        let cid = locale.caller_id;
        let kind = (cid.scheme, cid.when, cid.alert);
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        for (noise, db) in [(90, 0.0), (33, 0.0), (60, 6.0), (60, -6.0)] {
            let plan = plan::caller_id(locale, &call);
            let actions: Vec<Action> = plan.before_ring.into_iter().chain(plan.in_pause).collect();
            let mut player = Player::new(actions);
            let mut receiver = CallerIdReceiver::new(locale.caller_id.scheme);
            let mut hiss = NoiseGenerator::new(7);
            let mut heard = Vec::new();
            for block in 0..600 {
                let mut audio = [0i16; 160];
                if player.awaits_off_hook() {
                    player.handle_hook(true, |_| {});
                }
                if player.is_over() && block > 30 && !heard.is_empty() {
                    break;
                }
                player.fill(&mut audio, |_| {});
                crate::mix::gain(&mut audio, db);
                let mut under = [0; 160];
                hiss.fill(noise, &mut under);
                crate::mix::add(&mut audio, &under);
                receiver.feed(&audio, |m| heard.push(m));
            }
            let full = matches!(locale.caller_id.scheme, CidScheme::Bell202 | CidScheme::V23);
            let expected = if full {
                call.clone()
            } else {
                CallSetup { when: None, name: Party::Unavailable, ..call.clone() }
            };
            assert_eq!(
                heard,
                [Message::Call(expected)],
                "{} noise {noise} {db} dB {:?}",
                locale.code,
                receiver.refused()
            );
        }
    }
}

#[test]
fn speech_and_noise_are_no_caller() {
    let mut heard = 0;
    for scheme in [CidScheme::Bell202, CidScheme::V23, CidScheme::NttV23] {
        let mut receiver = CallerIdReceiver::new(scheme);
        receiver.feed(&crate::dtmf::tests::speech(99, 20), |_| heard += 1);
        let mut noise = vec![0; 160_000];
        NoiseGenerator::new(3).fill(20, &mut noise);
        receiver.feed(&noise, |_| heard += 1);
    }
    assert_eq!(heard, 0);
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..300), digits in "\\PC{0,40}") {
        let _ = (parse(&octets), parse_ntt(&octets), parse_dtmf(&digits));
        let mut framed = octets.clone();
        let (_, _) = (whole(&mut framed), whole_ntt(&mut framed.clone()));
        prop_assert!(framed.len() <= octets.len());
    }

    #[test]
    fn any_audio_is_harmless(samples in proptest::collection::vec(any::<i16>(), 0..2000)) {
        for scheme in [CidScheme::Bell202, CidScheme::NttV23, CidScheme::Dtmf { start: 'A', stop: 'C' }] {
            CallerIdReceiver::new(scheme).feed(&samples, |_| {});
        }
    }
}
