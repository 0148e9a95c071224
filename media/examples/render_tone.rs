//! `render_tone LOCALE KIND SECONDS OUT.wav`: a tone as 8 kHz mono WAV, for other people's decoders.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use media::locale::{self, ToneKind};
use media::tone::ToneGenerator;
use media::wav::WavWriter;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [code, kind, seconds, path] = args.as_slice() else {
        return Err("usage: render_tone LOCALE KIND SECONDS OUT.wav".into());
    };
    let locale = locale::find(code).ok_or_else(|| format!("no locale {code:?}"))?;
    let kind: ToneKind = kind.parse()?;
    let seconds: f64 = seconds.parse()?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(format!("{seconds} seconds, expected 0 to 86400").into());
    }
    let mut generator = ToneGenerator::new(locale.tone(kind));
    let mut writer = WavWriter::new(BufWriter::new(File::create(path)?))?;
    let mut left = (seconds * f64::from(media::SAMPLE_RATE)).round() as usize;
    let mut frame = [0i16; 160];
    while left > 0 {
        let n = left.min(frame.len());
        let (part, _) = frame.split_at_mut(n);
        generator.fill(part);
        writer.write(part)?;
        left -= n;
    }
    writer.finish()?;
    Ok(())
}
