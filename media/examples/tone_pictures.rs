//! `tone_pictures DIR`: one page per locale as SVG, cadence and spectrum of every tone, and an index.
//! `tone_pictures --check DIR`: fails if a page differs from what would be written.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use media::locale::{self, CidAlert, CidScheme, CidWhen, Locale, ToneEntry};
use media::tone::{ToneGenerator, ToneSpec, ToneStep};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (check, dir) = match words.as_slice() {
        ["--check", dir] => (true, Path::new(dir)),
        [dir] => (false, Path::new(dir)),
        _ => return Err("usage: tone_pictures [--check] DIR".into()),
    };
    let mut pages: Vec<(String, String)> =
        locale::all().iter().map(|l| (format!("{}.svg", l.code), page(l))).collect();
    pages.push(("README.md".into(), index()));
    pages.push(("decisions.md".into(), decisions()));
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path = dir.join(&name);
        if !check {
            fs::write(path, text)?;
        } else if fs::read_to_string(path).ok().as_deref() != Some(&text) {
            stale.push(name);
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(format!("out of date: {}", stale.join(" ")).into()) }
}

const WIDTH: u32 = 1040;
const ROW: u32 = 62;
const HEAD: u32 = 118;
const STRIP_X: f64 = 20.0;
const STRIP_W: f64 = 640.0;
const STRIP_H: f64 = 26.0;
const STRIP_MS: f64 = 8000.0;
const SPECTRUM_X: f64 = 690.0;
const SPECTRUM_W: f64 = 320.0;
const SPECTRUM_H: f64 = 40.0;
const LOW_HZ: f64 = 200.0;
const HIGH_HZ: f64 = 3000.0;
const FLOOR_DBM0: f64 = -60.0;

/// The page of one locale.
pub fn page(locale: &'static Locale) -> String {
    let rows: Vec<&ToneEntry> = locale.entries().iter().filter(|e| e.listed).collect();
    let height = HEAD + ROW * rows.len() as u32 + 30;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"20\">{} <tspan fill=\"#777\">cptone {}</tspan></text>\n\
         <text x=\"20\" y=\"50\">ring {} ms, {} Hz · {} · DTMF {:+}/{:+} dBm0 (low/high) · caller ID {}</text>\n",
        escape(locale.name),
        locale.code,
        locale.ring.cadence_ms.iter().map(u32::to_string).collect::<Vec<_>>().join("/"),
        locale.ring.hz,
        locale.law,
        locale.dtmf.low_dbm0,
        locale.dtmf.high_dbm0,
        caller_id(locale),
    );
    ring(&mut out, locale);
    axes(&mut out);
    for (i, entry) in rows.iter().enumerate() {
        row(&mut out, f64::from(HEAD + ROW * i as u32), entry);
    }
    let _ = writeln!(
        out,
        "<text x=\"20\" y=\"{}\" fill=\"#777\">Strip: first 8 s, height is level (-35 to 0 dBm0), colour is \
         frequency. Spectrum: of the samples as rendered, {LOW_HZ} to {HIGH_HZ} Hz, floor {FLOOR_DBM0} dBm0.</text>\n</svg>",
        height - 10
    );
    out
}

fn row(out: &mut String, y: f64, entry: &ToneEntry) {
    let _ = writeln!(
        out,
        "<g><title>{}</title><text x=\"20\" y=\"{}\"><tspan font-weight=\"bold\">{}</tspan> {} \
         <tspan fill=\"#777\">{}</tspan></text>",
        escape(entry.decision.unwrap_or("sources agree, or there is one")),
        y + 12.0,
        entry.kind,
        escape(entry.text),
        entry.status
    );
    strip(out, y + 18.0, &entry.spec);
    spectrum(out, y + 4.0, &entry.spec);
    out.push_str("</g>\n");
}

/// Bursts on a line of 8 s.
fn strip(out: &mut String, y: f64, spec: &ToneSpec) {
    let _ = writeln!(
        out,
        "<rect x=\"{STRIP_X}\" y=\"{y}\" width=\"{STRIP_W}\" height=\"{STRIP_H}\" fill=\"#f3f3f3\"/>"
    );
    let mut at = 0.0;
    let mut steps = spec.intro().iter().chain(spec.repeat().iter().cycle());
    while at < STRIP_MS {
        let Some(step) = steps.next() else { break };
        let on = step.on_ms().map_or(STRIP_MS, f64::from).min(STRIP_MS - at);
        if !step.components().is_empty() {
            block(out, y, at, on, step);
        }
        at += on + f64::from(step.off_ms());
    }
}

fn block(out: &mut String, y: f64, at: f64, on: f64, step: &ToneStep) {
    let part = ((step.level_dbm0() + 35.0) / 35.0).clamp(0.1, 1.0);
    let (h, scale) = ((STRIP_H * part).round(), STRIP_W / STRIP_MS);
    let hz = step.components().first().map_or(0.0, |c| c.hz);
    let hue = (210.0 + (hz - 300.0) / 6.0).round();
    let _ = writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{h}\" fill=\"hsl({hue},55%,50%)\"/>",
        STRIP_X + at * scale,
        y + STRIP_H - h,
        (on * scale).max(0.3)
    );
}

/// Mean power of up to five sounding pieces of 200 ms under a Hann window, every 10 Hz.
fn spectrum(out: &mut String, y: f64, spec: &ToneSpec) {
    let mut audio = vec![0i16; STRIP_MS as usize * 8];
    ToneGenerator::new(spec).fill(&mut audio);
    let pieces: Vec<&[i16]> =
        audio.chunks_exact(1600).filter(|p| media::level_dbm0(p) > -40.0).take(5).collect();
    let _ = writeln!(
        out,
        "<rect x=\"{SPECTRUM_X}\" y=\"{y}\" width=\"{SPECTRUM_W}\" height=\"{SPECTRUM_H}\" fill=\"#f3f3f3\"/>"
    );
    let mut points: Vec<(i64, i64)> = Vec::new();
    let mut hz = LOW_HZ;
    while hz <= HIGH_HZ {
        let power = pieces.iter().map(|p| power(p, hz)).sum::<f64>() / pieces.len().max(1) as f64;
        let dbm0 = (10.0 * power.max(1e-12).log10() + media::FULL_SCALE_DBM0).clamp(FLOOR_DBM0, 0.0);
        let x = SPECTRUM_X + (hz - LOW_HZ) / (HIGH_HZ - LOW_HZ) * SPECTRUM_W;
        let point = (x.round() as i64, (y + SPECTRUM_H * dbm0 / FLOOR_DBM0).round() as i64);
        // Of a level stretch only the ends are drawn.
        if let [.., (_, a), (_, b)] = points.as_slice()
            && *a == point.1
            && *b == point.1
        {
            points.pop();
        }
        points.push(point);
        hz += 10.0;
    }
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let path = format!("M{}", path.join("L"));
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"#246\"/>");
}

/// Power of a component at `hz`, 1 for a full-scale sine (Goertzel's recurrence under a Hann window).
fn power(piece: &[i16], hz: f64) -> f64 {
    let coefficient = 2.0 * (std::f64::consts::TAU * hz / 8000.0).cos();
    let n = piece.len() as f64;
    let (mut before, mut now) = (0.0, 0.0);
    for (i, &s) in piece.iter().enumerate() {
        let hann = 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / n).cos();
        let next = f64::from(s) / 32767.0 * hann + coefficient * now - before;
        before = now;
        now = next;
    }
    (now * now + before * before - coefficient * now * before) / (n / 4.0).powi(2)
}

fn ring(out: &mut String, locale: &Locale) {
    let y = 60.0;
    let _ =
        writeln!(out, "<rect x=\"{STRIP_X}\" y=\"{y}\" width=\"{STRIP_W}\" height=\"12\" fill=\"#f3f3f3\"/>");
    let mut at = 0.0;
    for (i, ms) in locale.ring.cadence_ms.iter().cycle().enumerate() {
        if at >= STRIP_MS {
            break;
        }
        let len = f64::from(*ms).min(STRIP_MS - at);
        if i % 2 == 0 {
            let scale = STRIP_W / STRIP_MS;
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"12\" fill=\"#c60\"/>",
                STRIP_X + at * scale,
                len * scale
            );
        }
        at += len;
    }
    let _ = writeln!(out, "<text x=\"{}\" y=\"70\">ringing</text>", STRIP_X + STRIP_W + 6.0);
}

fn axes(out: &mut String) {
    let y = f64::from(HEAD) - 10.0;
    for second in 0..=8 {
        let x = STRIP_X + f64::from(second) * 1000.0 * STRIP_W / STRIP_MS;
        let _ =
            writeln!(out, "<text x=\"{x}\" y=\"{y}\" fill=\"#777\" text-anchor=\"middle\">{second} s</text>");
    }
    for hz in [500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0] {
        let x = SPECTRUM_X + (hz - LOW_HZ) / (HIGH_HZ - LOW_HZ) * SPECTRUM_W;
        let _ =
            writeln!(out, "<text x=\"{x:.0}\" y=\"{y}\" fill=\"#777\" text-anchor=\"middle\">{hz}</text>");
    }
}

fn caller_id(locale: &Locale) -> String {
    let cid = &locale.caller_id;
    let scheme = match cid.scheme {
        CidScheme::Bell202 => "FSK Bell 202".to_owned(),
        CidScheme::V23 => "FSK V.23".to_owned(),
        CidScheme::NttV23 => "NTT".to_owned(),
        CidScheme::Dtmf { start, stop } => format!("DTMF {start}..{stop}"),
    };
    let when = match cid.when {
        CidWhen::AfterFirstRing => "after the first ring",
        CidWhen::DuringRinging => "during ringing",
        CidWhen::BeforeRing => "before ringing",
    };
    let alert = match cid.alert {
        CidAlert::None => "",
        CidAlert::LineReversal => ", line reversal",
        CidAlert::LineReversalCar => ", line reversal and alerting ring",
        CidAlert::RingPulse => ", ring pulse",
        CidAlert::DtAs => ", DT-AS",
        CidAlert::LineReversalDtAs => ", line reversal and DT-AS",
    };
    format!("{scheme} {when}{alert}{}", if cid.assumed { " (assumed)" } else { "" })
}

/// The list of pages.
pub fn index() -> String {
    let mut out = String::from(
        "# Tones of the cptone locales\n\n\
         Written by `cargo run -p media --release --example tone_pictures docs/tones` from `media/tones.toml`;\n\
         don't edit. A page shows every tone the locale lists; hovering over one shows why its value was\n\
         chosen, [decisions](decisions.md) lists all such choices.\n\n\
         | cptone | country | dial | message waiting | ringback | busy | congestion |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for locale in locale::all() {
        use media::locale::ToneKind::{Busy, Congestion, Dial, Ringback, Stutter};
        let cells = [Dial, Stutter, Ringback, Busy, Congestion]
            .map(|kind| locale.entry(kind).text.replace('|', "then").replace('*', "\\*"))
            .join(" | ");
        let _ = writeln!(out, "| [{0}]({0}.svg) | {1} | {cells} |", locale.code, locale.name);
    }
    out
}

/// What was decided where sources disagree.
pub fn decisions() -> String {
    let mut out = String::from(
        "# What was decided where sources disagree\n\n\
         Written by the same program as the pictures, from the `decision` fields of `media/tones.toml`, which also\n\
         has every source and every other value.\n\n\
         | cptone | tone | played | why |\n|---|---|---|---|\n",
    );
    let cell = |text: &str| text.replace('|', "then").replace('*', "\\*");
    for locale in locale::all() {
        if let Some(why) = locale.ring_decision {
            let cadence = locale.ring.cadence_ms.iter().map(u32::to_string).collect::<Vec<_>>().join("/");
            let _ = writeln!(out, "| {} | ringing | {cadence} | {} |", locale.code, cell(why));
        }
        for entry in locale.entries().iter().filter(|e| e.listed) {
            if let Some(why) = entry.decision {
                let _ = writeln!(
                    out,
                    "| {} | {} | {} | {} |",
                    locale.code,
                    entry.kind,
                    cell(entry.text),
                    cell(why)
                );
            }
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
