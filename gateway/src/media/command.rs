//! What the switch tells the media plane: which ends hear each other. It knows nothing of packets and samples.

use media::locale::ToneKind;

use super::rtp::RtpCommand;

/// Where audio goes in and out of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaEnd {
    /// An analogue pair, by its number: FXS ports first, then FXO ports.
    Line(usize),
    /// A B channel.
    Channel {
        /// Index of the trunk.
        trunk: usize,
        /// Timeslot, 1 to 31.
        timeslot: u8,
    },
    /// An RTP stream, by the number its leg gave it.
    Rtp(u64),
}

/// Length of digits that are sent (`timing digit`, `timing inter-digit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitTiming {
    /// Tone, ms, 20 to 1000.
    pub on_ms: u32,
    /// Pause after it, ms, 20 to 1000.
    pub off_ms: u32,
}

impl Default for DigitTiming {
    /// 100 ms and 100 ms, as in IOS.
    fn default() -> Self {
        Self { on_ms: 100, off_ms: 100 }
    }
}

/// A change of what is connected. Commands are carried out in the order they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaCommand {
    /// The two hear each other from now on, and nobody else. Whatever each was connected with before is no more; a tone
    /// toward either of them ends.
    Connect {
        /// One end.
        a: MediaEnd,
        /// The other.
        b: MediaEnd,
    },
    /// Each of the three hears the sum of the other two.
    Conference {
        /// The ends.
        ends: [MediaEnd; 3],
    },
    /// The end hears nobody and is heard by nobody; a tone toward it ends. Who was connected with it hears silence.
    Disconnect {
        /// The end.
        end: MediaEnd,
    },
    /// A tone toward an end that has nobody to listen to (a caller on a trunk or over SIP who waits), until the next
    /// command that names the end. Lines have tones of their own, this is never for them.
    Tone {
        /// Who hears it.
        end: MediaEnd,
        /// Which.
        tone: ToneKind,
        /// Country whose tone it is, as `cptone` has it: `us`, `gb`.
        cptone: String,
    },
    /// Digits are sent toward an end as tones, or as events where the end does so. 0-9, `*`, `#`, A-D, `,`
    /// for a pause of 1 s, and `!` for a hook flash, which has no tone.
    Dtmf {
        /// Who hears them.
        end: MediaEnd,
        /// The digits.
        digits: String,
        /// Length of each, and of the pause after it, taken to the next 20 ms.
        timing: DigitTiming,
    },
    /// Signalling bits of a permanent call, toward an RTP stream that takes events.
    Signal {
        /// Who is told.
        end: MediaEnd,
        /// A, B, C, D; A the highest of four bits.
        abcd: u8,
    },
    /// Something about a stream's ports and packets, from the leg it belongs to.
    Rtp {
        /// The stream.
        stream: u64,
        /// What.
        command: RtpCommand,
    },
}

impl MediaCommand {
    /// The ends the command names.
    #[must_use]
    pub fn ends(&self) -> Vec<MediaEnd> {
        match self {
            Self::Connect { a, b } => vec![*a, *b],
            Self::Conference { ends } => ends.to_vec(),
            Self::Rtp { stream, .. } => vec![MediaEnd::Rtp(*stream)],
            Self::Disconnect { end }
            | Self::Tone { end, .. }
            | Self::Dtmf { end, .. }
            | Self::Signal { end, .. } => vec![*end],
        }
    }
}
