//! What a PBX says of a number behind SIP and the SIP side refuses to hear.

use qsig::{MwiOutcome, MwiRequest, PartyNumber};

use super::*;

fn config() -> String {
    format!(
        "{CONFIG}dial-peer voice 60 voip\n destination-pattern 60..\n session protocol sipv2\n \
         session target ipv4:192.0.2.20\n tipring mwi notify text-plain\n"
    )
}

/// The PBX says that messages wait, or no more, for 6001. The SIP side refuses if it is asked; says whether it was.
fn says(bench: &mut Bench, on: bool) -> bool {
    bench.requests.clear();
    let action = if on { MwiAction::Activate } else { MwiAction::Deactivate };
    let request = MwiRequest::new(action, PartyNumber::Unknown("6001".to_owned()));
    bench.pbx[0].span.invoke_mwi(bench.now, request).unwrap();
    bench.settle();
    let asked = std::mem::take(&mut bench.requests);
    for notify in &asked {
        assert_eq!(notify.request_uri(), Some("sip:6001@192.0.2.20"));
        bench.receive_from([192, 0, 2, 20], &answer(notify, "403 Forbidden", ""));
    }
    assert_eq!(bench.outcomes, [MwiOutcome::Error(0)], "userNotSubscribed");
    bench.outcomes.clear();
    !asked.is_empty()
}

#[test]
fn a_state_the_sip_side_refused_is_not_sent_again_after_a_restart_until_it_changes_or_its_mailbox_is_cleared()
{
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config());
    bench.link(0, true);
    assert!(says(&mut bench, true));
    assert!(!says(&mut bench, true));
    let mut bench = bench.restart(&config());
    bench.link(0, true);
    assert!(!says(&mut bench, true), "remembered");
    assert!(says(&mut bench, false), "another state");
    let mut bench = bench.restart(&config());
    bench.link(0, true);
    assert!(!says(&mut bench, false), "the newest refusal is the one remembered");
    // The operator has mended the other side.
    assert!(!bench.switch.clear_mwi(bench.now, Some("6001")).error);
    assert!(says(&mut bench, false));
    // A mailbox that is cleared leaves nothing in the store.
    assert!(!bench.switch.clear_mwi(bench.now, Some("6001")).error);
    let mut bench = bench.restart(&config());
    assert!(bench.switch.store.take_refusals().is_empty());
    bench.link(0, true);
    assert!(says(&mut bench, false));
}
