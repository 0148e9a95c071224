//! Diversion and transfer information, from libpri's captures and by hand.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{capture, unhex};
use qsig::diversion::{Diversion, DiversionReason};
use qsig::facility::{Facility, PROFILE_NETWORKING};
use qsig::name::Name;
use qsig::q931::{Message, ie};
use qsig::rose::Component;
use qsig::transfer::{Transfer, TransferKind};
use qsig::{InvokeError, PartyNumber, PresentedNumber, decode};

fn messages(name: &str) -> Vec<Message> {
    capture(name).iter().filter_map(|f| Some(Message::parse(decode::layer3(&f.octets)?).unwrap())).collect()
}

#[test]
fn diversion_of_the_captured_call_reads_and_writes_the_same_octets() {
    let found: Vec<(Diversion, Message)> =
        messages("call_diverted").into_iter().filter_map(|m| Some((Diversion::find(&m)?, m))).collect();
    let leg2 = Diversion::Leg2 {
        counter: 1,
        reason: DiversionReason::NoReply,
        original_reason: None,
        diverting: Some(PresentedNumber::Allowed(PartyNumber::Unknown("2005".into()))),
        original_called: None,
        redirecting_name: Some(Name::Allowed("Carol".into())),
        original_called_name: None,
    };
    let leg3 = Diversion::Leg3 { presentation_allowed: false, redirection_name: None };
    assert_eq!(found.iter().map(|(d, _)| d.clone()).collect::<Vec<_>>(), [leg2, leg3]);
    for (diversion, message) in found {
        let again = diversion.element(PROFILE_NETWORKING, 1).unwrap();
        assert_eq!(again.body, message.get(ie::FACILITY).unwrap());
    }
}

#[test]
fn diversion_with_everything_survives() {
    let number = |digits: &str| PartyNumber::Private { ton: 4, digits: digits.into() };
    for diversion in [
        Diversion::Leg1 { reason: DiversionReason::Busy, subscription: 2, nominated: number("4712") },
        Diversion::Leg2 {
            counter: 15,
            reason: DiversionReason::Unconditional,
            original_reason: Some(DiversionReason::Busy),
            diverting: Some(PresentedNumber::RestrictedNumber(number("1"))),
            original_called: Some(PresentedNumber::NotAvailable),
            redirecting_name: Some(Name::NotAvailable),
            original_called_name: Some(Name::Restricted("Dora".into())),
        },
        Diversion::Leg3 {
            presentation_allowed: true,
            redirection_name: Some(Name::Allowed("\u{3b1}".into())),
        },
    ] {
        let element = diversion.element(PROFILE_NETWORKING, 7).unwrap();
        let facility = Facility::parse(&element.body).unwrap();
        let Some(Component::Invoke(invoke)) = facility.components().next() else { panic!("no invoke") };
        assert_eq!(Diversion::parse(invoke), Some(diversion));
    }
    let bad = Diversion::Leg1 {
        reason: DiversionReason::Busy,
        subscription: 0,
        nominated: PartyNumber::Unknown("+1".into()),
    };
    assert_eq!(bad.element(PROFILE_NETWORKING, 1), Err(InvokeError::BadNumber("+1".into())));
}

#[test]
fn transfer_tells_who_is_there_now() {
    let found: Vec<Transfer> = messages("call_transferred").iter().filter_map(Transfer::find).collect();
    let dora = Transfer {
        kind: TransferKind::Complete { end: 0, alerting: false },
        number: PresentedNumber::Allowed(PartyNumber::Unknown("2009".into())),
        name: Some(Name::Allowed("Dora".into())),
    };
    assert_eq!(found, std::slice::from_ref(&dora));
    let parse = |apdu: &str| {
        let Component::Invoke(invoke) = Component::parse(&unhex(apdu)).unwrap() else { panic!("no invoke") };
        Transfer::parse(&invoke)
    };
    // Secondary end, restricted number, alerting.
    let alerting = parse(
        "a10e 020102 02010c 3006 0a0101 8100 0a"
            .replace("3006 0a0101 8100 0a", "3008 0a0101 8100 0a0101")
            .replace("a10e", "a110")
            .as_str(),
    );
    let kind = TransferKind::Complete { end: 1, alerting: true };
    assert_eq!(alerting, Some(Transfer { kind, number: PresentedNumber::Restricted, name: None }));
    assert_eq!(
        parse("a10a 020102 02010b 3002 8200").map(|t| (t.kind, t.number)),
        Some((TransferKind::Active, PresentedNumber::NotAvailable))
    );
    assert_eq!(
        parse("a10e 020102 02010d 3006 8200 84 00 8700").map(|t| (t.kind, t.name)),
        Some((TransferKind::Update, Some(Name::NotAvailable)))
    );
    assert_eq!(parse("a108 020102 02010c 3000"), None);
    assert_eq!(parse("a108 020102 020115 3000"), None);
}
