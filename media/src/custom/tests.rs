#![allow(clippy::unwrap_used)]
use super::*;
use crate::locale;
use crate::tone::ToneGenerator;

#[test]
fn words_are_those_of_ios() {
    for kind in CustomKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    assert_eq!("dial".parse::<CustomKind>(), Err(CustomError::Kind));
}

#[test]
fn ranges_are_those_of_ios() {
    let pair = || Cadence::pairs(&[(50, 10_000)]).unwrap();
    assert!(tone(&[300, 3600], pair()).is_ok());
    assert_eq!(tone(&[299], pair()), Err(CustomError::Frequency { hz: 299 }));
    assert_eq!(tone(&[300, 3601], pair()), Err(CustomError::Frequency { hz: 3601 }));
    assert_eq!(tone(&[], pair()), Err(CustomError::Frequencies { found: 0 }));
    assert_eq!(tone(&[400; 3], pair()), Err(CustomError::Frequencies { found: 3 }));
    assert_eq!(Cadence::pairs(&[]), Err(CustomError::Pairs { found: 0 }));
    assert_eq!(Cadence::pairs(&[(50, 50); 5]), Err(CustomError::Pairs { found: 5 }));
    assert_eq!(Cadence::pairs(&[(49, 50)]), Err(CustomError::Length { ms: 49 }));
    assert_eq!(Cadence::pairs(&[(50, 10_001)]), Err(CustomError::Length { ms: 10_001 }));
}

#[test]
fn a_custom_tone_sounds_in_place_of_the_locales() {
    let mut tones = ToneSet::new(locale::find("de").unwrap());
    tones.set(CustomKind::Reorder, tone(&[480, 620], Cadence::continuous()).unwrap());
    tones.set(CustomKind::Reorder, tone(&[500], Cadence::pairs(&[(100, 100), (100, 300)]).unwrap()).unwrap());
    tones.set(CustomKind::Disconnect, tone(&[600], Cadence::continuous()).unwrap());
    assert_eq!(tones.tone(ToneKind::Congestion).to_string(), "500 100/100 500 100/300");
    assert_eq!(tones.tone(ToneKind::Busy), tones.locale().tone(ToneKind::Busy));
    assert_eq!(tones.custom(CustomKind::Disconnect).unwrap().to_string(), "600");
    assert!(tones.custom(CustomKind::Busy).is_none());
    let mut audio = vec![0; 4800];
    ToneGenerator::new(tones.tone(ToneKind::Congestion)).fill(&mut audio);
    let bursts: Vec<bool> = audio.chunks(800).map(|c| c.iter().any(|s| *s != 0)).collect();
    assert_eq!(bursts, [true, false, true, false, false, false]);
    assert!((crate::level_dbm0(&audio[..800]) + 10.0).abs() < 0.1);
}
