#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;

#[test]
fn every_cptone_of_ios_is_found_in_any_case() {
    let codes = "ar au at be br ca cl cn co c1 c2 cy cz dk eg fi fr de gh gr hk hu is in id ie il it jp jo ke kr kw \
                 lb lu my mt mx np nl nz ng no om pk pa pe ph pl pt ru sa sg sk si za es se ch tw th tr ae gb us ve zw";
    let mut n = 0;
    for code in codes.split_whitespace() {
        let locale = find(code).unwrap_or_else(|| panic!("{code}"));
        assert_eq!(locale.code, code);
        assert!(std::ptr::eq(find(&code.to_uppercase()).unwrap(), locale));
        n += 1;
    }
    assert_eq!((n, all().len()), (67, 67));
    assert!(find("zz").is_none() && find("").is_none() && find("usa").is_none());
    assert_eq!(default().code, "us");
}

#[test]
fn entries_stand_in_the_order_of_their_kind() {
    for locale in all() {
        for (entry, kind) in locale.entries().iter().zip(ToneKind::ALL) {
            assert_eq!(entry.kind, kind);
            assert_eq!(locale.entry(kind).kind, kind);
        }
    }
}

#[test]
fn names_of_tones_are_read_back() {
    for kind in ToneKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    assert_eq!("reorder".parse(), Ok(ToneKind::Congestion));
    assert!("dialtone".parse::<ToneKind>().is_err());
}

/// The `text` of the data and its steps were written separately; they must say the same.
#[test]
fn text_and_steps_of_every_tone_agree() {
    let mut seen = 0;
    for locale in all() {
        for entry in locale.entries() {
            let expanded = |s: &str| expand(s);
            let text = entry.text.split('@').map(|s| s.trim_start_matches("-10")).collect::<String>();
            assert_eq!(expanded(&text), expanded(&entry.spec.to_string()), "{} {}", locale.code, entry.kind);
            seen += 1;
        }
    }
    assert_eq!(seen, 67 * 17);
}

/// "2x(425 100/100) 425 100/0" in the longest form, one burst after another.
fn expand(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some((count, tail)) = rest.split_once("x(").filter(|(c, _)| c.parse::<u32>().is_ok()) {
            let (inner, tail) = tail.split_once(')').unwrap();
            for _ in 0..count.parse::<u32>().unwrap() {
                out.push(inner.trim().to_owned());
            }
            rest = tail.trim();
        } else {
            let (word, tail) = rest.split_once(' ').unwrap_or((rest, ""));
            out.push(word.to_owned());
            rest = tail.trim();
        }
    }
    out.join(" ")
}

#[test]
fn levels_lie_within_what_the_data_says() {
    for locale in all() {
        for entry in locale.entries() {
            for step in entry.spec.intro().iter().chain(entry.spec.repeat()) {
                let level = step.level_dbm0();
                let limit = if entry.text.starts_with("1400+2060") { -2.9 } else { -5.0 };
                assert!((-30.0..=limit).contains(&level), "{} {} {level}", locale.code, entry.kind);
            }
        }
    }
    let us = find("us").unwrap().tone(ToneKind::Dial).repeat().first().unwrap().components().to_vec();
    assert_eq!(us, [Component { hz: 350.0, dbm0: -13.0 }, Component { hz: 440.0, dbm0: -13.0 }]);
}

#[test]
fn decided_conflicts_carry_their_reason() {
    let decided = all().iter().flat_map(|l| l.entries()).filter(|e| e.listed && e.decision.is_some()).count();
    assert!(decided >= 157, "{decided}");
    assert_eq!(find("eg").unwrap().tone(ToneKind::Ringback).to_string(), "425*50 1000/4000");
}

#[test]
fn coded_information_tones_are_told_apart() {
    let kinds = [
        SitKind::Intercept,
        SitKind::VacantCode,
        SitKind::Reorder,
        SitKind::NoCircuit,
        SitKind::ReorderToll,
        SitKind::NoCircuitToll,
    ];
    for (i, a) in kinds.iter().enumerate() {
        assert_eq!(sit(*a).intro().len(), 3);
        assert!(sit(*a).duration_ms().unwrap() > 900);
        for b in kinds.iter().skip(i + 1) {
            assert_ne!(sit(*a), sit(*b));
        }
    }
}
