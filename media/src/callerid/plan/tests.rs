#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::callerid::checksum_ok;
use crate::locale;

fn call(name: &str) -> CallSetup {
    CallSetup { when: None, number: Party::Known("0301234567".into()), name: Party::Known(name.into()) }
}

fn actions(plan: &CallerIdPlan) -> Vec<&Action> {
    plan.before_ring.iter().chain(&plan.in_pause).collect()
}

#[test]
fn every_locale_sends_exactly_one_message_and_leaves_polarity_normal() {
    for locale in locale::all() {
        let plan = caller_id(locale, &call("A NAME OF 15 CH"));
        let mut reversed = false;
        let mut sent = 0;
        for action in actions(&plan) {
            match action {
                Action::Reverse => reversed = true,
                Action::Normal => reversed = false,
                Action::Fsk(burst) => {
                    sent += 1;
                    let ntt = locale.caller_id.scheme == CidScheme::NttV23;
                    assert!(ntt || checksum_ok(&burst.octets), "{}", locale.code);
                }
                Action::Tone(spec) if spec.intro().len() > 1 => sent += 1,
                _ => {}
            }
        }
        assert!(!reversed, "{}", locale.code);
        assert_eq!(sent, 1, "{}: {plan:?}", locale.code);
    }
}

#[test]
fn data_in_a_pause_ends_200_ms_before_the_next_ring() {
    for locale in locale::all() {
        let plan = caller_id(locale, &call(&"W".repeat(50)));
        if plan.in_pause.is_empty() {
            continue;
        }
        let ms: u32 = plan
            .in_pause
            .iter()
            .map(|a| match a {
                Action::Wait { ms } => *ms,
                Action::Fsk(burst) => burst.duration_ms(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert!(ms + DATA_BEFORE_NEXT_RING_MS <= locale.ring.cadence_ms[plan.pause], "{}", locale.code);
    }
}

#[test]
fn a_name_for_which_the_pause_is_too_short_is_left_out() {
    let long = call(&"W".repeat(50));
    let data = |room| match fit(Modem::V23, etsi_call, &long, Some(room)).as_slice() {
        [Action::Fsk(burst)] => burst.octets.to_vec(),
        [] => Vec::new(),
        other => panic!("{other:?}"),
    };
    let number = |octets: &[u8]| octets.windows(10).any(|w| w == b"0301234567");
    let (all, cut, none) = (data(1250), data(700), data(500));
    assert!(all.contains(&b'W') && number(&all));
    assert!(!cut.contains(&b'W') && number(&cut) && checksum_ok(&cut));
    assert!(none.is_empty());
}

#[test]
fn britain_reverses_the_line_and_sends_the_dual_tone_first() {
    let gb = caller_id(locale::find("gb").unwrap(), &call("X"));
    let [
        Action::Reverse,
        Action::Wait { ms: 250 },
        Action::Tone(tone),
        Action::Wait { ms: 55 },
        Action::Fsk(burst),
        Action::Wait { ms: 250 },
        Action::Normal,
    ] = gb.before_ring.as_slice()
    else {
        panic!("{gb:?}")
    };
    assert_eq!(tone.to_string(), "once: 2130+2750 100/0");
    assert_eq!(burst.modem, Modem::V23);
}

#[test]
fn japan_waits_for_the_set_to_listen_and_to_hang_up() {
    let jp = caller_id(locale::find("jp").unwrap(), &call("X"));
    assert!(matches!(
        jp.before_ring.as_slice(),
        [
            Action::Reverse,
            Action::Wait { .. },
            Action::RingUntilOffHook { on_ms: 500, off_ms: 500, limit_ms: 6000 },
            Action::Wait { .. },
            Action::Fsk(FskBurst { modem: Modem::V23, seizure_bits: 0, .. }),
            Action::AwaitOnHook { limit_ms: 7000 },
            Action::Wait { .. },
            Action::Normal
        ]
    ));
}

#[test]
fn denmark_sends_digits() {
    let dk = caller_id(locale::find("dk").unwrap(), &call("X"));
    let digits = dk.before_ring.iter().find_map(|a| match a {
        Action::Tone(spec) => spec.duration_ms(),
        _ => None,
    });
    assert_eq!(digits, Some(12 * 140));
}

#[test]
fn vmwi_has_each_form_and_alert() {
    for (form, kind, modem) in [
        (VmwiForm::Sdmf, 0x06, Modem::Bell202),
        (VmwiForm::Mdmf, 0x82, Modem::Bell202),
        (VmwiForm::Etsi, 0x82, Modem::V23),
    ] {
        for (alerting, first) in [
            (VmwiAlert::OpenSwitch, Action::Open { ms: 250 }),
            (VmwiAlert::RingPulse, Action::RingPulse { ms: 250 }),
            (VmwiAlert::DtAs, Action::Tone(alert(100))),
            (VmwiAlert::LineReversalDtAs, Action::Reverse),
        ] {
            let plan = vmwi(form, alerting, true, Some(2));
            assert_eq!(plan.first(), Some(&first));
            let burst =
                plan.iter().find_map(|a| if let Action::Fsk(b) = a { Some(b) } else { None }).unwrap();
            assert_eq!((burst.octets[0], burst.modem), (kind, modem));
        }
        assert_eq!(vmwi(form, VmwiAlert::None, false, None).len(), 1);
    }
    assert_eq!(vmwi_defaults(locale::find("us").unwrap()), (VmwiForm::Mdmf, VmwiAlert::None));
    assert_eq!(vmwi_defaults(locale::find("gb").unwrap()), (VmwiForm::Etsi, VmwiAlert::LineReversalDtAs));
}

#[test]
fn call_waiting_has_80_bits_of_mark_and_no_seizure() {
    let (cas, burst) = call_waiting(locale::find("us").unwrap(), &call("X"));
    assert_eq!(cas.duration_ms(), Some(82));
    assert_eq!((burst.seizure_bits, burst.mark_bits, burst.modem), (0, 80, Modem::Bell202));
}
