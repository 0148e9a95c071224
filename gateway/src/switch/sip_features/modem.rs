//! Modem pass-through as SIP peers see it: what stands in descriptions, and who is re-invited.

use media::g711::Law;
use media::rtp::jitter::PlayoutMode;

use super::*;
use crate::media::plane::{ModemSign, PlaneEvent};
use crate::media::rtp::{Codec, DigitRelay, ModemWatch, RtpCommand, RtpSettings};

const EVENTS: &str = "a=rtpmap:97 X-NSE/8000\r\na=fmtp:97 192-194\r\n";

/// A SIP telephone that knows named signalling events, as 97.
fn knows_events(at: &str) -> String {
    format!("{}{EVENTS}", audio(at).replace("RTP/AVP 0 101", "RTP/AVP 0 8 97 101"))
}

fn settings(media: &[MediaCommand]) -> Vec<RtpSettings> {
    let settings = media.iter().filter_map(|command| match command {
        MediaCommand::Rtp { command: RtpCommand::Settings(rtp), .. } => Some((**rtp).clone()),
        _ => None,
    });
    settings.collect()
}

fn signals(media: &[MediaCommand]) -> Vec<u8> {
    let signals = media.iter().filter_map(|command| match command {
        MediaCommand::Rtp { command: RtpCommand::Signal(event), .. } => Some(*event),
        _ => None,
    });
    signals.collect()
}

/// 6000 has called 8000, who has answered; and the stream of the call.
fn telephone(both: &str, sdp: &str) -> (Desk, End, u64) {
    let mut desk = Desk::new(both, "");
    let mut six = desk.call(SIX, "8000", "", sdp);
    desk.off_hook(0);
    desk.answered(&mut six);
    let stream = desk.media().into_iter().find_map(|command| match command {
        MediaCommand::Rtp { stream, .. } => Some(stream),
        _ => None,
    });
    (desk, six, stream.unwrap())
}

fn notice(desk: &mut Desk, stream: u64, sign: ModemSign) {
    let now = desk.bench.now;
    desk.bench.switch.handle_plane(now, &PlaneEvent::Modem { stream, sign });
    desk.bench.settle();
}

fn undisturbed(desk: &mut Desk) -> bool {
    desk.bench.switch.lines[0].audio_mut().is_for_modem()
}

#[test]
fn a_modem_is_announced_by_events_and_carried_as_it_is_until_it_stops() {
    let nse = " modem passthrough nse codec g711alaw\n dtmf-relay rtp-nte\n";
    let (mut desk, mut six, stream) = telephone(nse, &knows_events(SIX));
    notice(&mut desk, stream, ModemSign::Answering);
    let media = desk.media();
    let [now] = &settings(&media)[..] else { panic!("{media:?}") };
    assert_eq!((&now.codec, now.payload_type), (&Codec::G711(Law::A), 8));
    assert_eq!((now.vad, now.playout.mode, now.digits), (false, PlayoutMode::Fixed, DigitRelay::InBand));
    assert_eq!((now.playout.nominal_ms, now.modem), (200, ModemWatch::End));
    assert_eq!((now.signal_payload_type, now.receive_signal_payload_type), (Some(97), Some(97)));
    assert_eq!(signals(&media), [192]);
    assert!(!undisturbed(&mut desk), "the tone does not ask for it");
    notice(&mut desk, stream, ModemSign::Answering);
    assert!(desk.media().is_empty(), "once is enough");
    notice(&mut desk, stream, ModemSign::Reversal);
    assert_eq!(signals(&desk.media()), [193]);
    assert!(undisturbed(&mut desk));
    // A session refresh is no end of it.
    desk.request(&mut six, "INVITE", "", knows_events(SIX));
    desk.take(SIX, "200 INVITE");
    desk.request(&mut six, "ACK", "", "");
    assert!(settings(&desk.media()).iter().all(|rtp| rtp.modem == ModemWatch::End && !rtp.vad));
    notice(&mut desk, stream, ModemSign::Silence);
    let media = desk.media();
    let back = settings(&media).pop().unwrap();
    assert_eq!((&back.codec, back.modem), (&Codec::G711(Law::Mu), ModemWatch::Answer));
    assert_eq!((back.playout.mode, back.digits), (PlayoutMode::Adaptive, DigitRelay::Events));
    assert_eq!(signals(&media), [194]);
    assert!(!undisturbed(&mut desk));
    desk.none(SIX, "INVITE");
}

#[test]
fn a_peer_that_has_heard_a_modem_tells_by_events_and_is_not_told_back() {
    let (mut desk, _, stream) = telephone(" modem passthrough nse codec g711ulaw\n", &knows_events(SIX));
    for (event, watch, without_canceller) in [
        (192, Some(ModemWatch::End), false),
        (192, None, false),
        (193, None, true),
        (194, Some(ModemWatch::Answer), false),
        (200, None, false),
    ] {
        notice(&mut desk, stream, ModemSign::Told(event));
        let media = desk.media();
        assert_eq!(settings(&media).pop().map(|rtp| rtp.modem), watch, "{event}");
        assert!(signals(&media).is_empty());
        assert_eq!(undisturbed(&mut desk), without_canceller, "{event}");
    }
}

#[test]
fn events_are_offered_where_they_are_configured_and_answered_where_both_know_them() {
    let offered = |both: &str| {
        let mut desk = Desk::new(both, "");
        desk.dial(0, "6000");
        body_of(&desk.take(SIX, "INVITE"))
    };
    let lines = ["a=rtpmap:100 X-NSE/8000\r\n", "a=fmtp:100 192-194\r\n"];
    let with = offered(" modem passthrough nse codec g711ulaw\n");
    assert!(lines.iter().all(|line| with.contains(line)), "{with}");
    assert!(
        offered(" modem passthrough nse payload-type 98 codec g711ulaw\n").contains("rtpmap:98 X-NSE/8000")
    );
    for without in ["", " modem passthrough protocol codec g711ulaw\n", " no modem passthrough\n"] {
        assert!(!offered(without).contains("X-NSE"), "{without}");
    }
    let answered = |both: &str, sdp: &str| {
        let mut desk = Desk::new(both, "");
        desk.call(SIX, "8000", "", sdp);
        desk.off_hook(0);
        body_of(&desk.take(SIX, "200 INVITE"))
    };
    let nse = " modem passthrough nse codec g711ulaw\n";
    assert!(answered(nse, &knows_events(SIX)).contains("a=rtpmap:97 X-NSE/8000\r\n"));
    assert!(!answered(nse, &audio(SIX)).contains("X-NSE"));
    assert!(!answered("", &knows_events(SIX)).contains("X-NSE"));
    // Who does not know them is left in voice.
    let (mut desk, _, stream) = telephone(nse, &audio(SIX));
    notice(&mut desk, stream, ModemSign::Answering);
    assert!(desk.media().is_empty());
}

#[test]
fn a_peer_is_re_invited_for_a_modem_and_a_refusal_leaves_the_voice() {
    let protocol = " modem passthrough protocol codec g711alaw\n";
    let (mut desk, six, stream) = telephone(protocol, &audio(SIX));
    notice(&mut desk, stream, ModemSign::Answering);
    let offer = desk.take(SIX, "INVITE");
    let body = body_of(&offer);
    assert!(body.contains(" RTP/AVP 8\r\n") && body.contains("a=silenceSupp:off - - - -\r\n"), "{body}");
    notice(&mut desk, stream, ModemSign::Answering);
    desk.none(SIX, "INVITE");
    desk.reply(&six, &offer, 488, "", "");
    desk.take(SIX, "ACK");
    assert!(settings(&desk.media()).is_empty());
    // Another tone, and this time the peer agrees.
    notice(&mut desk, stream, ModemSign::Answering);
    let offer = desk.take(SIX, "INVITE");
    desk.reply(&six, &offer, 200, "", &audio(SIX).replace("RTP/AVP 0 101", "RTP/AVP 8"));
    desk.take(SIX, "ACK");
    let passed = settings(&desk.media()).pop().unwrap();
    assert_eq!((&passed.codec, passed.vad, passed.modem), (&Codec::G711(Law::A), false, ModemWatch::End));
    assert_eq!(passed.playout.mode, PlayoutMode::Fixed);
    notice(&mut desk, stream, ModemSign::Reversal);
    assert!(undisturbed(&mut desk) && signals(&desk.media()).is_empty());
    notice(&mut desk, stream, ModemSign::Silence);
    assert!(!undisturbed(&mut desk));
    let back = desk.take(SIX, "INVITE");
    assert!(!body_of(&back).contains("silenceSupp") && body_of(&back).contains(" RTP/AVP 0"), "{back:?}");
    desk.reply(&six, &back, 200, "", &audio(SIX));
    desk.take(SIX, "ACK");
    assert_eq!(settings(&desk.media()).pop().map(|rtp| rtp.modem), Some(ModemWatch::Answer));
}

#[test]
fn a_peer_that_re_invites_for_a_modem_gets_one_and_voice_again() {
    let (mut desk, mut six, _) = telephone(" modem passthrough protocol codec g711ulaw\n", &audio(SIX));
    let modem = format!("{}a=silenceSupp:off - - - -\r\n", audio(SIX).replace(" 0 101", " 0"));
    for (sdp, passes) in [(modem, true), (audio(SIX), false)] {
        desk.request(&mut six, "INVITE", "", &sdp);
        let answer = body_of(&desk.take(SIX, "200 INVITE"));
        assert_eq!(answer.contains("a=silenceSupp:off - - - -\r\n"), passes, "{answer}");
        desk.request(&mut six, "ACK", "", "");
        let now = settings(&desk.media()).pop().unwrap();
        assert_eq!(now.modem == ModemWatch::End, passes, "{now:?}");
        assert_eq!(undisturbed(&mut desk), passes);
    }
}

#[test]
fn between_two_sip_ends_events_pass_and_one_way_becomes_the_other() {
    // Both know events: each is described to the other, and the gateway keeps out of it.
    let mut desk = Desk::new(" modem passthrough nse codec g711ulaw\n", "");
    let mut five = desk.call(FIVE, "6000", "", &knows_events(FIVE));
    let six = desk.called(SIX);
    let invite = six.invite.clone().unwrap();
    assert!(body_of(&invite).contains("X-NSE"), "{}", body_of(&invite));
    desk.reply(&six, &invite, 200, "", &knows_events(SIX));
    desk.take(SIX, "ACK");
    let ok = desk.answered(&mut five);
    assert!(body_of(&ok).contains("a=rtpmap:97 X-NSE/8000\r\n"), "{}", body_of(&ok));
    let both = settings(&desk.media());
    assert!(both.iter().rev().take(2).all(|rtp| rtp.signal_payload_type == Some(97)), "{both:?}");
    desk.hang_up(five, &six);
    // 5000 knows events, 6000 is re-invited.
    let other = "dial-peer voice 6 voip\n modem passthrough protocol codec g711ulaw\n!\n";
    let mut desk = Desk::new(" modem passthrough nse codec g711ulaw\n", other);
    let mut five = desk.call(FIVE, "6000", "", &knows_events(FIVE));
    let six = desk.called(SIX);
    desk.answer(&six, "");
    desk.answered(&mut five);
    desk.media();
    notice(&mut desk, 1, ModemSign::Told(192));
    let offer = desk.take(SIX, "INVITE");
    assert!(body_of(&offer).contains("a=silenceSupp:off"), "{}", body_of(&offer));
    desk.reply(&six, &offer, 200, "", &audio(SIX).replace(" 0 101", " 0"));
    desk.take(SIX, "ACK");
    let passed = settings(&desk.media());
    assert_eq!(passed.iter().filter(|rtp| rtp.modem == ModemWatch::End).count(), 2, "{passed:?}");
    // 6000 says it is over: 5000 is told by an event.
    let mut six = six;
    desk.request(&mut six, "INVITE", "", audio(SIX));
    desk.take(SIX, "200 INVITE");
    desk.request(&mut six, "ACK", "", "");
    let media = desk.media();
    assert_eq!(signals(&media), [194]);
    assert!(settings(&media).iter().all(|rtp| rtp.modem == ModemWatch::Answer), "{media:?}");
    desk.hang_up(five, &six);
}
