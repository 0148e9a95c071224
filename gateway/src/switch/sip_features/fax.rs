//! T.38 between two SIP telephones.

use super::*;
use crate::media::rtp::{RtpCommand, RtpSettings};

fn image(at: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 {at}\r\ns=-\r\nc=IN IP4 {at}\r\nt=0 0\r\nm=image 4400 udptl t38\r\n\
         a=T38FaxVersion:3\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n{more}"
    )
}

fn last_settings(media: Vec<MediaCommand>, most: usize) -> Vec<RtpSettings> {
    let settings = media.into_iter().rev().filter_map(|command| match command {
        MediaCommand::Rtp { command: RtpCommand::Settings(rtp), .. } => Some(*rtp),
        _ => None,
    });
    settings.take(most).collect()
}

#[test]
fn a_call_becomes_a_fax_and_audio_again() {
    let mut desk = Desk::new(" fax rate 9600\n", "");
    let (mut five, mut six) = desk.talk("", "");
    desk.media();
    desk.request(&mut six, "INVITE", "", image(SIX, ""));
    desk.none(SIX, "200 INVITE");
    // The other end is asked before the first is answered, for no more than its dial peer allows.
    let offer = desk.take(FIVE, "INVITE");
    let body = body_of(&offer);
    assert!(body.contains("m=image 2") && body.contains(" udptl t38\r\n"), "{body}");
    assert!(body.contains("a=T38FaxVersion:0\r\n") && body.contains("a=T38MaxBitRate:9600\r\n"), "{body}");
    desk.reply(&five, &offer, 200, "", &image(FIVE, ""));
    desk.take(FIVE, "ACK");
    let answer = desk.take(SIX, "200 INVITE");
    assert!(body_of(&answer).contains("m=image 2"), "{}", body_of(&answer));
    desk.request(&mut six, "ACK", "", "");
    let settings = last_settings(desk.media(), 2);
    assert!(
        settings.iter().all(|rtp| rtp.udptl && rtp.remote.is_some_and(|to| to.port() == 4400)),
        "{settings:?}"
    );
    // Said again, it is answered at once.
    desk.request(&mut six, "INVITE", "", image(SIX, "a=x\r\n"));
    let again = desk.take(SIX, "200 INVITE");
    assert!(body_of(&again).contains("m=image 2"));
    desk.request(&mut six, "ACK", "", "");
    desk.none(FIVE, "INVITE");
    // The fax is over.
    desk.request(&mut five, "INVITE", "", audio(FIVE));
    let back = desk.take(FIVE, "200 INVITE");
    assert!(body_of(&back).contains("m=audio 2"), "{}", body_of(&back));
    desk.request(&mut five, "ACK", "", "");
    let offer = desk.take(SIX, "INVITE");
    assert!(body_of(&offer).contains("m=audio 2"), "{}", body_of(&offer));
    desk.reply(&six, &offer, 200, "", &audio(SIX));
    desk.take(SIX, "ACK");
    let settings = last_settings(desk.media(), 2);
    assert!(settings.iter().all(|rtp| !rtp.udptl), "{settings:?}");
    desk.hang_up(five, &six);
}

#[test]
fn who_cannot_fax_leaves_the_call_in_audio() {
    let mut desk = Desk::new("", "");
    let (five, mut six) = desk.talk("", "");
    desk.request(&mut six, "INVITE", "", image(SIX, ""));
    let offer = desk.take(FIVE, "INVITE");
    desk.reply(&five, &offer, 488, "", "");
    desk.take(SIX, "488 INVITE");
    desk.request(&mut six, "ACK", "", "");
    // One who takes the offer and refuses its line gets audio back.
    desk.request(&mut six, "INVITE", "", image(SIX, "a=x\r\n"));
    let offer = desk.take(FIVE, "INVITE");
    let refused = image(FIVE, "").replace("m=image 4400", "m=image 0");
    desk.reply(&five, &offer, 200, "", &refused);
    desk.take(SIX, "488 INVITE");
    desk.request(&mut six, "ACK", "", "");
    desk.wait(3000);
    let audio_again = desk.take(FIVE, "INVITE");
    assert!(body_of(&audio_again).contains("m=audio 2"), "{}", body_of(&audio_again));
    desk.reply(&five, &audio_again, 200, "", &audio(FIVE));
    let settings = last_settings(desk.media(), 1);
    assert!(settings.iter().all(|rtp| !rtp.udptl), "{settings:?}");
    desk.hang_up(five, &six);
    // A dial peer forbids it; the other end hears nothing of it.
    for setting in [" fax protocol none\n", " fax protocol pass-through g711ulaw\n", " fax rate disable\n"] {
        let mut desk = Desk::new(setting, "voice service voip\n fax protocol t38 version 0\n!\n");
        let (_, mut six) = desk.talk("", "");
        desk.request(&mut six, "INVITE", "", image(SIX, ""));
        desk.take(SIX, "488 INVITE");
        desk.none(FIVE, "INVITE");
    }
    // A telephone at a port of ours has no T.38.
    let mut desk = Desk::new("", "");
    let mut six = desk.call(SIX, "8000", "", &audio(SIX));
    desk.off_hook(0);
    desk.answered(&mut six);
    desk.request(&mut six, "INVITE", "", image(SIX, ""));
    desk.take(SIX, "488 INVITE");
}
