//! The tones of a port: those of its country, with those of its custom class over them.

use cli::config::{Config, Node, ToneDisconnect, VoicePort};
use media::custom::{self, Cadence, CustomKind, ToneSet};
use media::supervision::{DetectParams, Rhythm, ToneDetector};

use super::fxs::locale;

/// The tones of a `voice-port`: `supervisory custom-cptone NAME`, or `cptone c1|c2` with a class of that name, lays
/// `voice class custom-cptone NAME` over the country's. A tone of the class whose frequencies or cadence are not complete, or out of
/// range, is the country's.
#[must_use]
pub fn tone_set(config: &Config, port: Option<&VoicePort>) -> ToneSet {
    let mut set = ToneSet::new(locale(port));
    let Some(port) = port else { return set };
    let by_code = Some(&port.cptone).filter(|code| matches!(code.as_str(), "c1" | "c2"));
    let Some(name) = port.line.custom_cptone.as_ref().or(by_code) else { return set };
    let mut classes = config.tree().beginning("voice class custom-cptone ");
    let class = classes.find(|node| {
        node.line.split_whitespace().nth(3).is_some_and(|known| known.eq_ignore_ascii_case(name))
    });
    for kind in CustomKind::ALL {
        let tone = class.and_then(|class| class.subsection(&format!("dualtone {kind}")));
        let Some(tone) = tone else { continue };
        let hz: Vec<u16> = tone
            .value("frequency ")
            .unwrap_or("")
            .split_whitespace()
            .filter_map(|hz| hz.parse().ok())
            .collect();
        let spec = cadence(tone.value("cadence ")).and_then(|cadence| custom::tone(&hz, cadence).ok());
        if let Some(spec) = spec {
            set.set(kind, spec);
        }
    }
    set
}

/// What classes say about the tones that end a call on an exchange line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Supervision {
    /// `supervisory dualtone-detect-params`.
    pub params: Option<DetectParams>,
    /// `supervisory disconnect dualtone voice-class`: the frequencies of each tone, Hz.
    tones: Vec<Vec<f64>>,
    /// When they sound, and how exact they must be.
    rhythm: Option<(Rhythm, DetectParams)>,
}

impl Supervision {
    /// What the classes say that a `voice-port` names.
    #[must_use]
    pub fn new(config: &Config, port: Option<&VoicePort>) -> Self {
        let mut new = Self::default();
        let Some(line) = port.map(|port| &port.line) else { return new };
        let class = |kind: &str, tag: u32| config.tree().section(&format!("voice class {kind} {tag}"));
        if let Some(class) = line.detect_params.and_then(|tag| class("dualtone-detect-params", tag)) {
            new.params = Some(limits(class));
        }
        let Some(ToneDisconnect::Class(tag)) = line.tone_disconnect else { return new };
        let Some(class) = class("dualtone", tag) else { return new };
        new.tones = numbers(class, "freq-pair ")
            .map(|pair| pair.skip(1).filter(|hz| *hz > 0).map(f64::from).collect())
            .collect();
        let cadences: Vec<Vec<(u32, u32)>> = numbers(class, "cadence-list ")
            .map(|times| {
                let times: Vec<u32> = times.skip(1).map(|units| units * 10).collect();
                times.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect()
            })
            .collect();
        let bound = |words: &str| {
            class.value(words).and_then(|rest| rest.trim().parse::<u32>().ok()).unwrap_or(0) * 10
        };
        let rhythm = if cadences.is_empty() {
            Rhythm::Bounds { min_on: bound("cadence-min-on-time "), max_off: bound("cadence-max-off-time ") }
        } else {
            Rhythm::Cadences(cadences)
        };
        new.rhythm = Some((rhythm, limits(class)));
        new
    }

    /// A detector for each tone of the class.
    pub fn detectors(&self) -> impl Iterator<Item = ToneDetector> + '_ {
        self.rhythm.iter().flat_map(|(rhythm, params)| {
            // A tone that cannot be told from speech cannot end a call.
            self.tones.iter().filter_map(|hz| ToneDetector::of_class(hz, rhythm, *params).ok())
        })
    }
}

/// The numbers of every line of a class that begins so.
fn numbers<'a>(class: &'a Node, words: &'a str) -> impl Iterator<Item = impl Iterator<Item = u32> + 'a> + 'a {
    let lines = class.lines().filter_map(move |line| line.strip_prefix(words));
    lines.map(|rest| rest.split_whitespace().filter_map(|word| word.parse().ok()))
}

/// `freq-…` and `cadence-variation` of a class; powers may have a minus sign or not.
fn limits(class: &Node) -> DetectParams {
    let default = DetectParams::default();
    let number = |words: &str, default: u32| {
        let rest =
            class.value(words).map(str::trim).and_then(|rest| rest.trim_start_matches('-').parse().ok());
        rest.unwrap_or(default)
    };
    DetectParams {
        max_deviation_hz: number("freq-max-deviation ", default.max_deviation_hz),
        max_power: number("freq-max-power ", default.max_power),
        min_power: number("freq-min-power ", default.min_power),
        twist: number("freq-power-twist ", default.twist),
        cadence_variation: number("cadence-variation ", default.cadence_variation),
    }
}

fn cadence(words: Option<&str>) -> Option<Cadence> {
    let words = words.unwrap_or("continuous");
    if words == "continuous" {
        return Some(Cadence::continuous());
    }
    let ms: Vec<u32> = words.split_whitespace().map_while(|ms| ms.parse().ok()).collect();
    let pairs: Vec<(u32, u32)> =
        ms.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
    Cadence::pairs(&pairs).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use media::locale::ToneKind;

    const CLASS: &str = "voice class custom-cptone Plant\n dualtone busy\n  frequency 450 500\n  cadence 300 300 100 100\n \
                         dualtone disconnect\n  frequency 425\n  cadence continuous\n dualtone ringback\n  frequency 400\n  cadence 20\n";

    #[test]
    fn a_class_lays_its_tones_over_the_countrys() {
        let parsed = Config::parse(&format!(
            "{CLASS}voice-port 2/0\n cptone DE\n supervisory custom-cptone plant\nvoice-port 2/1\n"
        ));
        let port = |name| tone_set(&parsed.config, parsed.config.voice_port(name));
        let custom = port("2/0");
        let germany = media::locale::find("de").unwrap();
        let busy = custom.tone(ToneKind::Busy);
        assert_ne!(busy, germany.tone(ToneKind::Busy));
        let steps: Vec<_> = busy.repeat().iter().map(|step| (step.on_ms(), step.off_ms())).collect();
        assert_eq!(steps, [(Some(300), 300), (Some(100), 100)]);
        assert!(custom.custom(CustomKind::Disconnect).is_some());
        // Half a cadence is none.
        assert_eq!(custom.tone(ToneKind::Ringback), germany.tone(ToneKind::Ringback));
        assert_eq!(custom.tone(ToneKind::Dial), germany.tone(ToneKind::Dial));
        let plain = port("2/1");
        assert_eq!(plain.tone(ToneKind::Busy), media::locale::default().tone(ToneKind::Busy));
        let c1 = Config::parse(&format!("{}voice-port 2/0\n cptone C1\n", CLASS.replace("Plant", "c1")));
        assert_eq!(tone_set(&c1.config, c1.config.voice_port("2/0")).tone(ToneKind::Busy), busy);
    }
}
