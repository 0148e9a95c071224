//! Signals of the telephone network as 8 kHz samples.
//!
//! | module | what |
//! |---|---|
//! | [`locale`] | tones, ringing, caller-ID defaults and law of the 67 `cptone` locales |
//! | [`tone`], [`custom`] | what a tone is and its samples; `voice class custom-cptone` |
//! | [`dtmf`] | digits out, digits in (Q.23, Q.24) |
//! | [`fsk`], [`callerid`] | Bell 202 and V.23, caller ID and VMWI messages, what happens on the line when |
//! | [`echo`] | taking the hybrid's echo out of what a telephone says (G.168) |
//! | [`supervision`] | hearing call-progress tones (`supervisory disconnect`) |
//! | [`rtp`] | packets, telephone events, jitter buffer, comfort noise, RTCP, a whole audio stream |
//! | [`modem`] | hearing the answering tone of modems (V.25, V.8) |
//! | [`t38`] | fax between a pair and T.38, by libspandsp where it is present |
//! | [`g711`], [`mix`], [`wav`] | companding; gain and conference; files |
//!
//! **Law of use.** Sample in, sample out. Nothing here reads a clock, opens a socket or starts a thread;
//! time is the number of samples asked for or given. Audio is 8 kHz, mono, 16 bit signed. Levels are dBm0,
//! where a sine that just reaches full scale has [`FULL_SCALE_DBM0`].
//!
//! ```
//! use media::locale::{self, ToneKind};
//! use media::tone::ToneGenerator;
//!
//! // What a telephone in the United States hears off hook with a message waiting:
//! let us = locale::find("us").expect("the default locale exists");
//! let mut generator = ToneGenerator::new(us.tone(ToneKind::Stutter));
//! let mut frame = [0i16; 160]; // 20 ms
//! let mut audio = Vec::new();
//! for _ in 0..125 {
//!     generator.fill(&mut frame);
//!     audio.extend_from_slice(&frame);
//! }
//! // Ten bursts of 100 ms, then steady dial tone.
//! assert!(audio[850..1550].iter().all(|&s| s == 0));
//! assert!(audio[16_000..].iter().any(|&s| s > 5_000));
//! assert!(!generator.finished());
//!
//! // On the wire of an RTP stream or a B channel:
//! let mut octets = [0u8; 160];
//! media::g711::encode(us.law, &frame, &mut octets);
//! ```
#![deny(unsafe_code)]

pub mod callerid;
pub mod custom;
pub mod dtmf;
pub mod echo;
pub mod fsk;
pub mod g711;
pub mod locale;
pub mod mix;
pub mod modem;
pub mod rtp;
pub mod supervision;
pub mod t38;
pub mod tone;
pub mod wav;

/// Samples a second of all audio in this crate.
pub const SAMPLE_RATE: u32 = 8000;

/// Level in dBm0 of a sine whose peaks just reach full scale (ITU-T G.711: T max = 3.14 dBm0 for A-law).
#[expect(clippy::approx_constant, reason = "a level, not pi")]
pub const FULL_SCALE_DBM0: f64 = 3.14;

/// Peak amplitude, in sample units, of a sine of `dbm0`.
///
/// ```
/// assert_eq!(media::amplitude(media::FULL_SCALE_DBM0).round(), 32767.0);
/// ```
#[must_use]
pub fn amplitude(dbm0: f64) -> f64 {
    32767.0 * 10f64.powf((dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// Level in dBm0 of `samples`, taken as their mean power; silence is minus infinity.
///
/// ```
/// assert_eq!(media::level_dbm0(&[0; 160]), f64::NEG_INFINITY);
/// ```
#[must_use]
pub fn level_dbm0(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return f64::NEG_INFINITY;
    }
    let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * (power * 2.0 / (32767.0f64 * 32767.0)).log10() + FULL_SCALE_DBM0
}
