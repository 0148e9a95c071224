//! Comfort noise (RFC 3389) and the voice activity detector that decides when to send it.

use crate::{FULL_SCALE_DBM0, level_dbm0};

/// Static payload type of comfort noise at 8 kHz.
pub const PAYLOAD_TYPE: u8 = 13;

/// How long after the last voice speech is still assumed: 200 ms.
const HANGOVER: u32 = 1600;
/// How far above the noise voice is, dB.
const ABOVE_NOISE: f64 = 8.0;
/// Quieter than this is never voice.
const NEVER_DBM0: f64 = -58.0;

/// `music-threshold` where nothing is said: louder than this is never a pause, dBm0.
pub const MUSIC_DBM0: i8 = -38;

/// Tells voice from background noise, which it learns.
#[derive(Clone, Debug)]
pub struct VoiceDetector {
    noise_dbm0: f64,
    since_voice: u32,
    always_dbm0: f64,
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self::new(MUSIC_DBM0)
    }
}

impl VoiceDetector {
    /// A detector to which everything louder than `music_dbm0` (`music-threshold`, -70 to -30) is voice, be it as steady as noise.
    #[must_use]
    pub fn new(music_dbm0: i8) -> Self {
        Self { noise_dbm0: -50.0, since_voice: 0, always_dbm0: music_dbm0.into() }
    }

    /// Whether this packet of audio should be sent. Follows noise down at once and up by 3 dB a second.
    pub fn voice(&mut self, samples: &[i16]) -> bool {
        let level = level_dbm0(samples).max(-90.0);
        let rise = 3.0 * samples.len() as f64 / f64::from(crate::SAMPLE_RATE);
        self.noise_dbm0 =
            if level < self.noise_dbm0 { level } else { self.noise_dbm0 + rise.min(level - self.noise_dbm0) };
        let now = level > self.always_dbm0 || (level > NEVER_DBM0 && level > self.noise_dbm0 + ABOVE_NOISE);
        self.since_voice = if now { 0 } else { self.since_voice.saturating_add(samples.len() as u32) };
        self.since_voice < HANGOVER
    }

    /// The noise learned, as the octet of RFC 3389: level below overload in dB, 0 to 127.
    #[must_use]
    pub fn noise_level(&self) -> u8 {
        (FULL_SCALE_DBM0 - self.noise_dbm0).round().clamp(0.0, 127.0) as u8
    }
}

/// Makes white noise of a level, the same for the same seed.
#[derive(Clone, Debug)]
pub struct NoiseGenerator {
    state: u32,
}

impl NoiseGenerator {
    /// A generator with a seed.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { state: seed | 1 }
    }

    /// Fills `out` with noise `level` dB below overload (0 to 127, RFC 3389).
    pub fn fill(&mut self, level: u8, out: &mut [i16]) {
        let rms =
            crate::amplitude(FULL_SCALE_DBM0 - f64::from(level & 0x7F)) * std::f64::consts::FRAC_1_SQRT_2;
        // Even distribution from -peak to peak has an effective value of peak / sqrt 3.
        let peak = (rms * 3f64.sqrt()).min(32767.0);
        for sample in out {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            *sample = (f64::from(self.state.cast_signed()) / 2_147_483_648.0 * peak).round() as i16;
        }
    }
}

#[cfg(test)]
mod tests;
