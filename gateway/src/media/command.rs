//! What the switch tells the media plane: which ends hear each other. It knows nothing of packets and samples.

use media::locale::ToneKind;

use super::rtp::RtpCommand;

/// Where audio goes in and out of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaEnd {
    /// An analogue line, by its index.
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
    /// Digits are sent toward an end as tones of 100 ms, or as events where the end does so. 0-9, `*`, `#`, A-D, and `,`
    /// for a pause of 1 s.
    Dtmf {
        /// Who hears them.
        end: MediaEnd,
        /// The digits.
        digits: String,
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
            Self::Disconnect { end } | Self::Tone { end, .. } | Self::Dtmf { end, .. } => vec![*end],
        }
    }
}
