//! Caller ID, VMWI and DTMF as 8 kHz mono WAV, for other people's decoders.
//!
//! `render_signal callerid LOCALE NUMBER NAME OUT.wav` · `render_signal vmwi FORM ALERT on|off OUT.wav` ·
//! `render_signal cas LOCALE NUMBER NAME OUT.wav` · `render_signal dtmf DIGITS OUT.wav`
//! with FORM `sdmf|mdmf|etsi`, ALERT `none|osi|dtas|lr|rp`; NUMBER `P` is private, `O` unavailable.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use media::callerid::plan::{self, Action, VmwiAlert, VmwiForm};
use media::callerid::{CallSetup, Party, When};
use media::dtmf;
use media::fsk::{FskBurst, FskGenerator};
use media::locale;
use media::tone::{ToneGenerator, ToneSpec};
use media::wav::WavWriter;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (actions, path) = match words.as_slice() {
        ["callerid", code, number, name, path] => {
            let plan = plan::caller_id(find(code)?, &call(number, name));
            (plan.before_ring.into_iter().chain(plan.in_pause).collect(), path)
        }
        ["cas", code, number, name, path] => {
            let (cas, burst) = plan::call_waiting(find(code)?, &call(number, name));
            (vec![Action::Tone(cas), Action::Wait { ms: 100 }, Action::Fsk(burst)], path)
        }
        ["vmwi", form, alert, state, path] => {
            let form = match *form {
                "sdmf" => VmwiForm::Sdmf,
                "mdmf" => VmwiForm::Mdmf,
                "etsi" => VmwiForm::Etsi,
                other => return Err(format!("no form {other:?}").into()),
            };
            let alert = match *alert {
                "none" => VmwiAlert::None,
                "osi" => VmwiAlert::OpenSwitch,
                "dtas" => VmwiAlert::DtAs,
                "lr" => VmwiAlert::LineReversalDtAs,
                "rp" => VmwiAlert::RingPulse,
                other => return Err(format!("no alert {other:?}").into()),
            };
            (plan::vmwi(form, alert, *state == "on", Some(3)), path)
        }
        ["dtmf", digits, path] => {
            let levels = locale::default().dtmf;
            (vec![Action::Tone(dtmf::sequence(digits, levels, 70, 70)?)], path)
        }
        _ => return Err("usage: see the head of render_signal.rs".into()),
    };
    let mut out = WavWriter::new(BufWriter::new(File::create(path)?))?;
    silence(&mut out, 300)?;
    for action in &actions {
        play(&mut out, action)?;
    }
    silence(&mut out, 300)?;
    out.finish()?;
    Ok(())
}

fn find(code: &str) -> Result<&'static locale::Locale, Box<dyn Error>> {
    locale::find(code).ok_or_else(|| format!("no locale {code:?}").into())
}

fn call(number: &str, name: &str) -> CallSetup {
    let party = |text: &str| match text {
        "P" => Party::Private,
        "O" => Party::Unavailable,
        other => Party::Known(other.into()),
    };
    let when = Some(When { month: 11, day: 21, hour: 9, minute: 30 });
    CallSetup { when, number: party(number), name: party(name) }
}

fn play<W: Write + Seek>(out: &mut WavWriter<W>, action: &Action) -> std::io::Result<()> {
    match action {
        Action::Wait { ms } | Action::Open { ms } | Action::RingPulse { ms } => silence(out, *ms),
        Action::Tone(spec) => tone(out, spec),
        Action::Fsk(burst) => fsk(out, burst),
        Action::RingUntilOffHook { on_ms, off_ms, .. } => silence(out, on_ms + off_ms),
        Action::Reverse | Action::Normal | Action::AwaitOnHook { .. } => Ok(()),
    }
}

fn tone<W: Write + Seek>(out: &mut WavWriter<W>, spec: &ToneSpec) -> std::io::Result<()> {
    let mut audio = vec![0; spec.duration_ms().unwrap_or(0) as usize * 8];
    ToneGenerator::new(spec).fill(&mut audio);
    out.write(&audio)
}

fn fsk<W: Write + Seek>(out: &mut WavWriter<W>, burst: &FskBurst) -> std::io::Result<()> {
    let mut audio = vec![0; burst.duration_ms() as usize * 8];
    FskGenerator::new(burst).fill(&mut audio);
    out.write(&audio)
}

fn silence<W: Write + Seek>(out: &mut WavWriter<W>, ms: u32) -> std::io::Result<()> {
    out.write(&vec![0; ms as usize * 8])
}
