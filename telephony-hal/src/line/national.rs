//! What differs from country to country in a line's timing, and the cadences that have names.
//!
//! Trust, as in the project's signalling notes: flash windows of Finland are seen in a vendor's manual; Europe's 80 ms
//! minimum is a design decision (its 100 ms button is shorter than IOS's 150 ms minimum); New Zealand's and Sweden's dials,
//! the Bellcore distinctive cadences and IOS's `ring cadence patternNN` are general knowledge, not re-read.

use std::time::Duration;

use super::{LineConfig, PulseRule, RingPattern};

/// Countries whose hook button makes a timed break of about 100 ms.
const TIMED_BREAK: [&str; 31] = [
    "at", "be", "ch", "cy", "cz", "de", "dk", "es", "fi", "fr", "gb", "gr", "hu", "ie", "is", "it", "lu",
    "mt", "nl", "no", "pl", "pt", "ru", "se", "si", "sk", "tr", "au", "za", "in", "sg",
];

impl LineConfig {
    /// The defaults of a country: a `cptone` code in either case. Unknown codes get IOS's defaults.
    ///
    /// `timing hookflash-in` of the configuration goes over what this sets.
    ///
    /// ```
    /// use telephony_hal::line::{LineConfig, PulseRule};
    /// assert_eq!(LineConfig::for_cptone("us"), LineConfig::default());
    /// assert_eq!(LineConfig::for_cptone("SE").pulse_rule, PulseRule::PlusOne);
    /// assert_eq!(LineConfig::for_cptone("de").hookflash_min.as_millis(), 80);
    /// ```
    pub fn for_cptone(code: &str) -> Self {
        let code = code.to_ascii_lowercase();
        let mut config = Self::default();
        if TIMED_BREAK.contains(&code.as_str()) {
            config.hookflash_min = Duration::from_millis(80);
        }
        match code.as_str() {
            "fi" => {
                config.hookflash_min = Duration::from_millis(90);
                config.hookflash_max = Duration::from_millis(500);
            }
            "nz" => config.pulse_rule = PulseRule::Reverse,
            "se" => config.pulse_rule = PulseRule::PlusOne,
            _ => {}
        }
        config
    }
}

/// IOS `ring cadence pattern01` to `pattern12`.
const IOS: [&[(u32, u32)]; 12] = [
    &[(2000, 4000)],
    &[(1000, 4000)],
    &[(1500, 3500)],
    &[(1000, 2000)],
    &[(1000, 5000)],
    &[(1000, 3000)],
    &[(800, 3200)],
    &[(1500, 3000)],
    &[(1200, 3700)],
    &[(1200, 4700)],
    &[(400, 200), (400, 2000)],
    &[(400, 200), (400, 2600)],
];

/// Bellcore distinctive ringing 1 to 4.
const BELLCORE: [&[(u32, u32)]; 4] = [
    &[(2000, 4000)],
    &[(800, 400), (800, 4000)],
    &[(400, 200), (400, 200), (800, 4000)],
    &[(300, 200), (1000, 200), (300, 4000)],
];

impl RingPattern {
    /// The cadence of IOS's `ring cadence patternNN`, 1 to 12.
    pub fn ios(number: usize) -> Option<Self> {
        IOS.get(number.checked_sub(1)?).copied().and_then(Self::new)
    }

    /// The distinctive cadence that an `Alert-Info` header asks for: `Bellcore-dr1` to `Bellcore-dr4` anywhere in its value, in
    /// either case. `None` for all else: ring as the country does.
    ///
    /// ```
    /// use telephony_hal::line::RingPattern;
    /// let pattern = RingPattern::for_alert_info("<http://127.0.0.1/Bellcore-dr3>").unwrap();
    /// assert_eq!(pattern.steps().len(), 3);
    /// assert!(RingPattern::for_alert_info("<urn:alert:source:internal>").is_none());
    /// ```
    pub fn for_alert_info(value: &str) -> Option<Self> {
        const NAME: &[u8] = b"bellcore-dr";
        let after = value
            .as_bytes()
            .windows(NAME.len() + 1)
            .find(|window| window.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?
            .last()?;
        let number = usize::from(after.checked_sub(b'1')?);
        BELLCORE.get(number).copied().and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_named_cadence_is_a_pattern() {
        assert_eq!(RingPattern::ios(1), Some(RingPattern::default()));
        assert!((1..=12).all(|number| RingPattern::ios(number).is_some()));
        assert!(RingPattern::ios(0).is_none() && RingPattern::ios(13).is_none());
        for (number, steps) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
            let value = format!("<http://example.net/BELLCORE-DR{number}>;info=x");
            assert_eq!(RingPattern::for_alert_info(&value).unwrap().steps().len(), steps);
        }
        for value in ["", "Bellcore-dr", "Bellcore-dr0", "Bellcore-dr5", "Bellcore-drx", "bellcore"] {
            assert_eq!(RingPattern::for_alert_info(value), None, "{value}");
        }
    }

    #[test]
    fn no_country_has_an_empty_flash_window_or_flashes_that_are_pulses_only() {
        for code in TIMED_BREAK.iter().chain(&["us", "nz", "jp", "xx", ""]) {
            let config = LineConfig::for_cptone(code);
            assert!(config.hookflash_min < config.hookflash_max, "{code}");
            assert!(config.hookflash_max > config.pulse_break.1, "{code}");
        }
    }

    proptest! {
        #[test]
        fn any_alert_info_is_read(value in "\\PC*") {
            let _ = RingPattern::for_alert_info(&value);
        }
    }
}
