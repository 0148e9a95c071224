//! T.38 between two SIP telephones, and between one and a telephone of ours.

use super::*;
use crate::media::plane::PlaneEvent;
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

/// A telephone of ours in a call with a SIP telephone, with modems in the gateway; and the stream of the call.
fn telephone_with_modems(both: &str) -> (Desk, End, u64) {
    let mut desk = Desk::new(both, "");
    desk.bench.switch.set_fax_gateway(true);
    let mut six = desk.call(SIX, "8000", "", &audio(SIX));
    desk.off_hook(0);
    desk.answered(&mut six);
    let stream = desk.media().into_iter().find_map(|command| match command {
        MediaCommand::Rtp { stream, .. } => Some(stream),
        _ => None,
    });
    (desk, six, stream.unwrap())
}

#[test]
fn modems_of_ours_agree_to_what_a_sip_telephone_wants() {
    let settings = " fax rate 9600\n fax protocol t38 version 0 ls-redundancy 4 hs-redundancy 1 fallback none\n fax-relay ecm disable\n";
    let (mut desk, mut six, _) = telephone_with_modems(settings);
    desk.request(&mut six, "INVITE", "", image(SIX, "a=T38FaxMaxDatagram:250\r\n"));
    let agreed = body_of(&desk.take(SIX, "200 INVITE"));
    for line in
        ["T38FaxVersion:0", "T38MaxBitRate:9600", "T38FaxMaxDatagram:320", "T38FaxUdpEC:t38UDPRedundancy"]
    {
        assert!(agreed.contains(&format!("a={line}\r\n")), "{agreed}");
    }
    desk.request(&mut six, "ACK", "", "");
    let settings = last_settings(desk.media(), 1).remove(0);
    assert!(settings.udptl && settings.remote.is_some_and(|to| to.port() == 4400), "{settings:?}");
    let fax = settings.fax;
    assert_eq!((fax.max_bit_rate, fax.max_datagram), (9600, 250));
    assert_eq!((fax.low_speed_redundancy, fax.high_speed_redundancy, fax.ecm), (4, 1, false));
    // Modems are not disturbed by an echo canceller; the next call has one again.
    let pair = |desk: &mut Desk| desk.bench.switch.lines[0].audio_mut().is_for_modem();
    assert!(pair(&mut desk));
    desk.request(&mut six, "BYE", "", "");
    desk.take(SIX, "200 BYE");
    desk.on_hook(0);
    assert!(!pair(&mut desk));
    desk.assert_nothing_left();
}

#[test]
fn a_fax_heard_at_a_telephone_is_offered_once_and_a_refusal_leaves_the_audio() {
    let (mut desk, six, stream) = telephone_with_modems("");
    let heard = |desk: &mut Desk| {
        let now = desk.bench.now;
        desk.bench.switch.handle_plane(now, &PlaneEvent::Fax { stream });
        desk.bench.settle();
    };
    heard(&mut desk);
    let offer = desk.take(SIX, "INVITE");
    assert!(body_of(&offer).contains("m=image 2") && body_of(&offer).contains(" udptl t38\r\n"));
    // Heard again meanwhile, it is the same fax.
    heard(&mut desk);
    desk.none(SIX, "INVITE");
    desk.reply(&six, &offer, 488, "", "");
    desk.take(SIX, "ACK");
    desk.none(SIX, "INVITE");
    assert!(last_settings(desk.media(), 1).iter().all(|rtp| !rtp.udptl));
    // Agreed to, it is carried; and audio again when the peer says so.
    heard(&mut desk);
    let offer = desk.take(SIX, "INVITE");
    desk.reply(&six, &offer, 200, "", &image(SIX, ""));
    desk.take(SIX, "ACK");
    assert!(last_settings(desk.media(), 1)[0].udptl);
    assert!(desk.bench.switch.lines[0].audio_mut().is_for_modem());
    let mut six = six;
    desk.request(&mut six, "INVITE", "", audio(SIX));
    desk.take(SIX, "200 INVITE");
    desk.request(&mut six, "ACK", "", "");
    assert!(!last_settings(desk.media(), 1)[0].udptl);
    assert!(!desk.bench.switch.lines[0].audio_mut().is_for_modem());
    // Where the dial peer wants none, a fax is tones.
    let (mut desk, _, stream) = telephone_with_modems(" fax protocol none\n");
    let now = desk.bench.now;
    desk.bench.switch.handle_plane(now, &PlaneEvent::Fax { stream });
    desk.bench.settle();
    desk.none(SIX, "INVITE");
}
