#![allow(clippy::unwrap_used)]
use super::*;
use crate::callerid::Party;
use crate::callerid::receive::{CallerIdReceiver, Message};
use crate::dtmf::{DtmfDetector, DtmfEvent, sequence};
use crate::locale;

fn call() -> CallSetup {
    CallSetup { when: None, number: Party::Known("5551234".into()), name: Party::Known("OTTO".into()) }
}

/// A set that hears the alert after 80 ms of it and answers 60 ms later for 60 ms, played block by block with a block of delay.
fn talk(code: &str, answer: Option<char>) -> (OffHookPlayer, Vec<i16>) {
    let locale = locale::find(code).unwrap();
    let mut player = OffHookPlayer::new(locale, &call());
    let mut detector = DtmfDetector::default();
    let mut spoken = vec![0i16; 160 * 8];
    if let Some(digit) = answer {
        let mut tone = vec![0; 480];
        ToneGenerator::new(&sequence(&digit.to_string(), locale.dtmf, 60, 1).unwrap()).fill(&mut tone);
        spoken.extend(tone);
    }
    spoken.resize(160 * 100, 0);
    let mut heard = Vec::new();
    for block in spoken.chunks(160) {
        let mut out = [1000i16; 160];
        if player.is_over() {
            break;
        }
        player.fill(&mut out);
        heard.extend(out);
        let mut digits = Vec::new();
        detector.feed(block, |event| {
            if let DtmfEvent::Start { digit, .. } = event {
                digits.push(digit);
            }
        });
        for digit in digits {
            player.handle_digit(digit);
        }
    }
    assert!(player.is_over() && !player.mutes());
    (player, heard)
}

#[test]
fn a_set_that_answers_d_or_a_is_sent_the_data() {
    for code in ["us", "de", "gb", "jp"] {
        for digit in ['D', 'A'] {
            let (player, heard) = talk(code, Some(digit));
            assert!(player.acknowledged(), "{code} {digit}");
            let scheme = match locale::find(code).unwrap().caller_id.scheme {
                locale::CidScheme::NttV23 => locale::CidScheme::V23,
                scheme => scheme,
            };
            let mut read = Vec::new();
            let mut receiver = CallerIdReceiver::new(scheme);
            receiver.feed(&heard, |message| read.push(message));
            receiver.feed(&[0; 800], |message| read.push(message));
            assert_eq!(read, [Message::Call(call())], "{code} {digit}");
        }
    }
}

#[test]
fn a_set_that_does_not_answer_is_left_alone() {
    for answer in [None, Some('5')] {
        let (player, heard) = talk("us", answer);
        assert!(!player.acknowledged());
        // 20 ms, 82 ms of alert, and as long as an answer may take.
        assert_eq!(
            heard.len().div_ceil(160),
            (20u32 + CAS_MS + ACK_WAIT_MS + DETECTION_MS).div_ceil(20) as usize
        );
        assert!(heard.iter().skip(102 * 8 + 1).all(|sample| *sample == 0), "nothing is sent");
    }
}
