//! Turns `tones.toml` into Rust statics, and refuses data that would not play.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    meta: Meta,
    source: BTreeMap<String, toml::Value>,
    sit_coded: SitCoded,
    locale: BTreeMap<String, LocaleRow>,
}

#[derive(Deserialize)]
struct Meta {
    locales: usize,
    default_locale: String,
    am_depth_default: f64,
    default_level_dbm0: f64,
    dtmf_tx_default: DtmfRow,
}

#[derive(Deserialize)]
struct SitCoded {
    intercept: Vec<[f64; 2]>,
    vacant_code: Vec<[f64; 2]>,
    reorder: Vec<[f64; 2]>,
    no_circuit: Vec<[f64; 2]>,
    reorder_toll: Vec<[f64; 2]>,
    no_circuit_toll: Vec<[f64; 2]>,
    level_dbm0: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocaleRow {
    name: String,
    full: bool,
    law: String,
    ring: RingRow,
    dtmf_tx: Option<DtmfRow>,
    cid: CidRow,
    tone: BTreeMap<String, ToneRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields for readers of the data are checked to be well formed, not used")]
struct RingRow {
    cadence_ms: Vec<u32>,
    hz: u32,
    hz_status: String,
    source: Vec<String>,
    #[serde(default)]
    conflict: Vec<String>,
    decision: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
struct DtmfRow {
    high_db: f64,
    low_db: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields for readers of the data are checked to be well formed, not used")]
struct CidRow {
    scheme: String,
    when: String,
    alert: String,
    source: Vec<String>,
    status: String,
    start: Option<char>,
    stop: Option<char>,
    timing: Option<String>,
    alt: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields for readers of the data are checked to be well formed, not used")]
struct ToneRow {
    text: String,
    #[serde(default)]
    intro: Vec<StepRow>,
    #[serde(default, rename = "loop")]
    repeat: Vec<StepRow>,
    status: String,
    source: Vec<String>,
    #[serde(default)]
    conflict: Vec<String>,
    decision: Option<String>,
    #[serde(default)]
    variant: Vec<String>,
    note: Option<String>,
    #[serde(default)]
    is_special_dial: bool,
    level_dbm0: Option<Level>,
    level_source: Option<String>,
    am_depth: Option<f64>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Level {
    Each(f64),
    PerComponent(Vec<f64>),
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct StepRow {
    hz: Vec<f64>,
    #[serde(rename = "mod")]
    modulation: Option<f64>,
    on: Option<u32>,
    off: Option<u32>,
    n: Option<usize>,
    db: Option<f64>,
}

/// Data name, Rust name, and the tone a locale without its own row plays.
const KINDS: [(&str, &str, Option<&str>); 17] = [
    ("dial", "Dial", None),
    ("stutter_mwi", "Stutter", None),
    ("special_dial", "SpecialDial", Some("stutter_mwi")),
    ("recall", "Recall", None),
    ("secondary_dial", "SecondaryDial", Some("dial")),
    ("ringback", "Ringback", None),
    ("busy", "Busy", None),
    ("congestion", "Congestion", None),
    ("unobtainable", "Unobtainable", None),
    ("sit", "Sit", None),
    ("call_waiting", "CallWaiting", None),
    ("confirmation", "Confirmation", None),
    ("howler", "Howler", None),
    ("route", "Route", Some("ringback")),
    ("line_lockout", "LineLockout", Some("howler")),
    ("refusal", "Refusal", Some("congestion")),
    ("hold", "Hold", Some("call_waiting")),
];

fn main() {
    println!("cargo:rerun-if-changed=tones.toml");
    println!("cargo:rerun-if-changed=build.rs");
    let text = std::fs::read_to_string("tones.toml").expect("tones.toml stands beside build.rs");
    let document: Document = toml::from_str(&text).unwrap_or_else(|e| fail("tones.toml", &e.to_string()));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("tones.rs");
    std::fs::write(out, generate(&document)).expect("OUT_DIR is writable");
}

fn fail(place: &str, why: &str) -> ! {
    println!("cargo:error=tones.toml: {place}: {why}");
    std::process::exit(1)
}

fn ensure(condition: bool, place: &str, why: &str) {
    if !condition {
        fail(place, why);
    }
}

fn generate(document: &Document) -> String {
    let meta = &document.meta;
    ensure(document.locale.len() == meta.locales, "meta.locales", "differs from the number of rows");
    ensure(document.locale.contains_key(&meta.default_locale), "meta.default_locale", "has no row");
    let mut out = String::new();
    let _ = writeln!(out, "static LOCALES: [Locale; {}] = [", meta.locales);
    for (code, row) in &document.locale {
        locale(&mut out, document, code, row);
    }
    out.push_str("];\n");
    sit(&mut out, &document.sit_coded);
    out
}

fn locale(out: &mut String, document: &Document, code: &str, row: &LocaleRow) {
    let meta = &document.meta;
    let sources = |place: &str, list: &[String]| {
        for source in list {
            let id = source.split(' ').next().unwrap_or_default();
            ensure(document.source.contains_key(id), place, &format!("unknown source {id:?}"));
        }
    };
    ensure(
        code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
        code,
        "expected a two letter code",
    );
    let ring = &row.ring;
    let place = format!("{code}.ring");
    ensure(
        !ring.cadence_ms.is_empty() && ring.cadence_ms.len().is_multiple_of(2),
        &place,
        "needs on/off pairs",
    );
    ensure(ring.cadence_ms.iter().all(|&ms| ms > 0 && ms <= 10_000), &place, "expected 1 to 10000 ms");
    ensure([16, 20, 25, 30, 50].contains(&ring.hz), &place, "expected 16, 20, 25, 30 or 50 Hz");
    ensure(ring.conflict.is_empty() || ring.decision.is_some(), &place, "a conflict needs a decision");
    sources(&place, &ring.source);
    sources(&format!("{code}.cid"), &row.cid.source);

    let law = match row.law.as_str() {
        "mu" => "Law::Mu",
        "a" => "Law::A",
        other => fail(code, &format!("law {other:?}, expected mu or a")),
    };
    let dtmf = row.dtmf_tx.unwrap_or(meta.dtmf_tx_default);
    let _ = writeln!(
        out,
        "Locale {{ code: {code:?}, name: {:?}, full: {}, law: {law},\n\
         ring: RingCadence {{ cadence_ms: &{:?}, hz: {} }},\n ring_decision: {:?},\n\
         dtmf: DtmfLevels {{ low_dbm0: {:?}, high_dbm0: {:?} }},\n caller_id: {},\n tones: [",
        row.name,
        row.full,
        ring.cadence_ms,
        ring.hz,
        ring.decision,
        dtmf.low_db,
        dtmf.high_db,
        caller_id(code, &row.cid)
    );
    for name in row.tone.keys() {
        ensure(KINDS.iter().any(|k| k.0 == name), code, &format!("unknown tone {name:?}"));
    }
    for (name, rust, fallback) in KINDS {
        let place = format!("{code}.{name}");
        let own = row.tone.get(name);
        let borrowed = || fallback.and_then(|f| row.tone.get(f)).cloned().map(|t| borrow(name, t));
        let Some(tone) = own.cloned().or_else(borrowed) else { fail(&place, "missing") };
        sources(&place, &tone.source);
        ensure(tone.conflict.is_empty() || tone.decision.is_some(), &place, "a conflict needs a decision");
        let status = match tone.status.as_str() {
            "national" => "National",
            "e180" => "E180",
            "impl" => "Implementation",
            "derived" => "Derived",
            "assumed" => "Assumed",
            other => fail(&place, &format!("unknown status {other:?}")),
        };
        let _ = writeln!(
            out,
            "ToneEntry {{ kind: ToneKind::{rust}, listed: {}, text: {:?}, status: Status::{status}, \
             decision: {:?}, spec: {} }},",
            own.is_some(),
            tone.text,
            tone.decision,
            spec(&place, meta, &tone)
        );
    }
    out.push_str("] },\n");
}

/// A tone that stands in for one the locale does not list.
fn borrow(name: &str, mut tone: ToneRow) -> ToneRow {
    tone.status = "derived".into();
    if name == "hold" {
        let first = tone.intro.drain(..).chain(tone.repeat.drain(..)).next();
        if let Some(mut step) = first {
            step.on = Some(200);
            step.off = Some(9800);
            step.n = None;
            step.db = None;
            let mut f = step.hz.iter().map(f64::to_string).collect::<Vec<_>>().join("+");
            if let Some(m) = step.modulation {
                let _ = write!(f, "*{m}");
            }
            tone.text = format!("{f} 200/9800");
            tone.repeat = vec![step];
        }
    }
    tone
}

fn caller_id(code: &str, cid: &CidRow) -> String {
    let place = format!("{code}.cid");
    let scheme = match (cid.scheme.as_str(), cid.start, cid.stop) {
        ("fsk-bell202", None, None) => "CidScheme::Bell202".to_owned(),
        ("fsk-v23", None, None) => "CidScheme::V23".to_owned(),
        ("ntt-v23", None, None) => "CidScheme::NttV23".to_owned(),
        ("dtmf", Some(start), Some(stop)) if "ABCD#*".contains(start) && "ABCD#*".contains(stop) => {
            format!("CidScheme::Dtmf {{ start: {start:?}, stop: {stop:?} }}")
        }
        _ => fail(&place, "unknown scheme, or start and stop digits where they don't belong"),
    };
    let when = match cid.when.as_str() {
        "after-first-ring" => "AfterFirstRing",
        "during-ringing" => "DuringRinging",
        "before-ring" => "BeforeRing",
        other => fail(&place, &format!("unknown when {other:?}")),
    };
    let alert = match cid.alert.as_str() {
        "none" => "None",
        "line-reversal" => "LineReversal",
        "line-reversal+car" => "LineReversalCar",
        "dtas" => "DtAs",
        "line-reversal+dtas" => "LineReversalDtAs",
        other => fail(&place, &format!("unknown alert {other:?}")),
    };
    format!(
        "CallerIdDefaults {{ scheme: {scheme}, when: CidWhen::{when}, alert: CidAlert::{alert}, \
         assumed: {} }}",
        cid.status == "assumed"
    )
}

fn spec(place: &str, meta: &Meta, tone: &ToneRow) -> String {
    ensure(!tone.intro.is_empty() || !tone.repeat.is_empty(), place, "has no step");
    let last = tone.intro.len() + tone.repeat.len() - 1;
    for (i, step) in tone.intro.iter().chain(&tone.repeat).enumerate() {
        ensure(step.on.is_some() == step.off.is_some(), place, "a step needs both on and off, or neither");
        ensure(step.on.is_some() || i == last, place, "only the last step may be steady");
        ensure(step.on != Some(0), place, "on must be 1 ms or more");
    }
    let part = |steps: &[StepRow]| {
        let mut s = String::from("Cow::Borrowed(&[");
        for row in steps {
            let one = step(place, meta, tone, row);
            for _ in 0..row.n.unwrap_or(1) {
                s.push_str(&one);
            }
        }
        s.push_str("])");
        s
    };
    format!("ToneSpec {{ intro: {}, repeat: {} }}", part(&tone.intro), part(&tone.repeat))
}

fn step(place: &str, meta: &Meta, tone: &ToneRow, row: &StepRow) -> String {
    ensure((1..=4).contains(&row.hz.len()), place, "expected 1 to 4 components");
    ensure(row.hz.iter().all(|f| (200.0..=3400.0).contains(f)), place, "expected 200 to 3400 Hz");
    ensure(row.modulation.is_none() || row.hz.len() == 1, place, "AM needs exactly one carrier");
    let levels = match &tone.level_dbm0 {
        None => {
            vec![meta.default_level_dbm0 - 10.0 * (row.hz.len() as f64).log10(); row.hz.len()]
        }
        Some(Level::Each(level)) => vec![*level; row.hz.len()],
        Some(Level::PerComponent(levels)) => levels.clone(),
    };
    ensure(levels.len() == row.hz.len(), place, "one level per component expected");
    ensure(levels.iter().all(|l| (-40.0..=3.0).contains(l)), place, "expected -40 to +3 dBm0");
    let depth = tone.am_depth.unwrap_or(meta.am_depth_default);
    ensure((0.0..=1.0).contains(&depth), place, "AM depth 0 to 1 expected");
    let components = row
        .hz
        .iter()
        .zip(&levels)
        .map(|(hz, level)| format!("Component {{ hz: {hz:?}, dbm0: {:?} }},", level + row.db.unwrap_or(0.0)))
        .collect::<String>();
    let modulation = match row.modulation {
        Some(hz) => format!("Some(Modulation {{ hz: {hz:?}, depth: {depth:?} }})"),
        None => "None".into(),
    };
    format!(
        "ToneStep {{ components: Cow::Borrowed(&[{components}]), modulation: {modulation}, \
         on_ms: {:?}, off_ms: {} }},",
        row.on,
        row.off.unwrap_or(0)
    )
}

fn sit(out: &mut String, sit: &SitCoded) {
    let _ = writeln!(out, "static SIT_CODED: [ToneSpec; 6] = [");
    for row in [
        &sit.intercept,
        &sit.vacant_code,
        &sit.reorder,
        &sit.no_circuit,
        &sit.reorder_toll,
        &sit.no_circuit_toll,
    ] {
        ensure(row.len() == 3, "sit_coded", "expected three segments");
        out.push_str("ToneSpec { intro: Cow::Borrowed(&[");
        for [hz, ms] in row {
            ensure((900.0..=1900.0).contains(hz) && *ms == ms.trunc(), "sit_coded", "frequency or length");
            let _ = write!(
                out,
                "ToneStep {{ components: Cow::Borrowed(&[Component {{ hz: {hz:?}, dbm0: {:?} }}]), \
                 modulation: None, on_ms: Some({}), off_ms: 0 }},",
                sit.level_dbm0, *ms as u32
            );
        }
        out.push_str("]), repeat: Cow::Borrowed(&[]) },\n");
    }
    out.push_str("];\n");
}
