//! What lies between a signal and its ears: companding, noise, gain; and how files are judged side by side.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use media::g711::{self, Law};
use media::rtp::noise::NoiseGenerator;
use media::wav::WavWriter;

/// A way a signal is carried to the decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Channel {
    /// As it was made.
    Clean,
    /// Through a codec and back.
    Companded(Law),
    /// White noise of -30 dBm0 added.
    Noise,
    /// Louder or softer, dB.
    Gain(f64),
}

impl Channel {
    pub(crate) const ALL: [Channel; 6] = [
        Channel::Clean,
        Channel::Companded(Law::Mu),
        Channel::Companded(Law::A),
        Channel::Noise,
        Channel::Gain(6.0),
        Channel::Gain(-6.0),
    ];

    pub(crate) fn carry(self, audio: &[i16]) -> Vec<i16> {
        let mut out = audio.to_vec();
        match self {
            Channel::Clean => {}
            Channel::Companded(law) => {
                for sample in &mut out {
                    *sample = g711::decode_sample(law, g711::encode_sample(law, *sample));
                }
            }
            Channel::Noise => {
                let mut noise = vec![0; out.len()];
                // 33 dB below overload at 3.14 dBm0 is -30 dBm0
                NoiseGenerator::new(4711).fill(33, &mut noise);
                media::mix::add(&mut out, &noise);
            }
            Channel::Gain(db) => media::mix::gain(&mut out, db),
        }
        out
    }
}

/// Writes an 8 kHz mono WAV.
pub(crate) fn write(path: &Path, audio: &[i16]) {
    let mut wav = WavWriter::new(std::io::BufWriter::new(std::fs::File::create(path).unwrap())).unwrap();
    wav.write(audio).unwrap();
    wav.finish().unwrap();
}

/// Judges every item on all processors; gives what was wrong, in the order of the items.
pub(crate) fn judge<T: Sync>(
    items: &[T],
    each: impl Fn(usize, &T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    if let Err(why) = each(at, item) {
                        wrong.lock().unwrap().push((at, why));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    wrong.into_iter().map(|(_, why)| why).collect()
}
