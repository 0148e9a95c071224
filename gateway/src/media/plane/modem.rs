//! Modems at a stream: heard to answer at the end it is connected with, and heard to have stopped.

use media::modem::{AnswerTone, AnswerToneDetector};

use super::{Joined, Plane, PlaneEvent};
use crate::media::MediaEnd;
use crate::media::rtp::ModemWatch;

/// What is quieter than this, as the largest sample, is no modem: some -46 dBm0.
const QUIET: u16 = 150;
/// Neither end has said anything for so long, in ticks: the modems have hung up, 4 s (Cisco: a modem call goes back to voice after
/// that much silence; from memory).
const OVER: u32 = 200;

/// What is known of a modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModemSign {
    /// The end that the stream is connected with sends an answering tone.
    Answering,
    /// The phase of that tone turns: echo cancellers must go.
    Reversal,
    /// Both ends have been silent for 4 s.
    Silence,
    /// The far end of the stream has sent this named signalling event: 192 upspeed, 193 no echo cancellers, 194 voice again.
    Told(u8),
}

/// What a stream has of modems; nothing, until it is wanted.
#[derive(Debug, Default)]
pub(super) struct Modem {
    ear: Option<Box<AnswerToneDetector>>,
    turned: bool,
    /// Ticks of silence at both ends.
    silence: u32,
}

impl Plane {
    /// Ends that speak are listened to where a modem would be carried.
    pub(super) fn listen_for_modems(&mut self) {
        for (id, stream) in &mut self.streams {
            let watch = stream.rtp.settings.modem;
            if watch == ModemWatch::Nothing || stream.rtp.settings.udptl || stream.relay.is_some() {
                continue;
            }
            let own = MediaEnd::Rtp(*id);
            let Some(Joined::With(other @ (MediaEnd::Line(_) | MediaEnd::Channel { .. }))) =
                self.ends.get(&own).map(|end| end.joined)
            else {
                continue;
            };
            let said = |end| self.ends.get(&end).and_then(|end| end.said());
            let loud = |end| said(end).is_some_and(|said| said.iter().any(|s| s.unsigned_abs() > QUIET));
            let modem = &mut stream.modem;
            let mut tell = |sign| self.events.push_back(PlaneEvent::Modem { stream: *id, sign });
            let speaks = loud(other);
            if speaks && let Some(said) = said(other) {
                let turned = &mut modem.turned;
                modem.ear.get_or_insert_default().hear(said, |sign| match sign {
                    AnswerTone::Heard => {
                        *turned = false;
                        tell(ModemSign::Answering);
                    }
                    AnswerTone::Reversed if !std::mem::replace(turned, true) => tell(ModemSign::Reversal),
                    AnswerTone::Reversed => {}
                });
            } else {
                // The next tone is another one.
                modem.ear = None;
            }
            if watch == ModemWatch::Answer || speaks || loud(own) {
                modem.silence = 0;
                continue;
            }
            modem.silence += 1;
            if modem.silence == OVER {
                tell(ModemSign::Silence);
            }
        }
    }
}
