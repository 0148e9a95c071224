//! `hear_dtmf [--no-dial-tone] FILE.wav…`: the digits in 8 kHz recordings, one line per digit.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;

use media::dtmf::{DtmfDetector, DtmfEvent};
use media::wav;

fn main() -> Result<(), Box<dyn Error>> {
    let mut dial_tone = true;
    for arg in std::env::args().skip(1) {
        if arg == "--no-dial-tone" {
            dial_tone = false;
            continue;
        }
        let audio = wav::read(&mut BufReader::new(File::open(&arg)?))?;
        if audio.sample_rate != media::SAMPLE_RATE {
            return Err(format!("{arg}: {} samples a second, expected 8000", audio.sample_rate).into());
        }
        let mut detector = DtmfDetector::default();
        detector.set_dial_tone(dial_tone);
        detector.feed(&audio.samples, |event| {
            if let DtmfEvent::End { digit, at, samples } = event {
                println!("{arg} {digit} at {} ms for {} ms", (at - samples) / 8, samples / 8);
            }
        });
    }
    Ok(())
}
