//! Diversion and transfer information, from libpri's captures and by hand.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{capture, unhex};
use proptest::prelude::*;
use qsig::diversion::{Diversion, DiversionReason};
use qsig::facility::{Facility, PROFILE_NETWORKING};
use qsig::mwi::{self, BasicService};
use qsig::name::Name;
use qsig::q931::{Message, ie};
use qsig::rose::Component;
use qsig::rose::ComponentError;
use qsig::transfer::{Transfer, TransferKind};
use qsig::{
    InvokeError, MsgCentreId, MwiAction, MwiDialect, MwiRequest, MwiStatus, OperationForm, PartyNumber,
    PresentedNumber, decode,
};

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

#[test]
fn nested_endless_and_overlong_ber_costs_nothing() {
    let nested = [&[0x9F][..], &[0x30, 0x80].repeat(127)].concat();
    let tagged = [&[0x9F][..], &[0xA1, 0x80].repeat(127)].concat();
    let long = vec![0xA1, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x01];
    let many = [&[0x9F][..], &[0xA2, 0x03, 0x02, 0x01, 0x01].repeat(50)].concat();
    for body in [nested, tagged, [&[0x91][..], &long].concat()] {
        let facility = Facility::parse(&body).unwrap();
        assert_eq!((facility.components().count(), facility.to_vec()), (0, body));
    }
    assert_eq!(Facility::parse(&many).unwrap().components().count(), 50);
    assert_eq!(Facility::parse(&[0x9F; 256]), None);
    let components = [0xA2, 0x03, 0x02, 0x01, 0x01].repeat(10_000);
    assert_eq!(Component::parse(&components), Err(ComponentError::TooLong(50_000)));
}

fn party() -> impl Strategy<Value = PartyNumber> {
    ("[0-9 ]{1,20}", 0u8..7, 0..3).prop_map(|(digits, ton, kind)| match kind {
        0 => PartyNumber::Unknown(digits),
        1 => PartyNumber::Public { ton, digits },
        _ => PartyNumber::Private { ton, digits },
    })
}

fn centre() -> impl Strategy<Value = MsgCentreId> {
    prop_oneof![
        any::<u16>().prop_map(MsgCentreId::Integer),
        party().prop_map(MsgCentreId::Party),
        "[0-9]{1,10}".prop_map(MsgCentreId::Numeric),
    ]
}

fn status() -> impl Strategy<Value = MwiStatus> {
    let timestamp = proptest::option::of("20[0-9]{10}(Z|[+-][0-9]{4})?");
    let what = (any::<u8>(), proptest::option::of(centre()), proptest::option::of(1u16..));
    (what, proptest::option::of(party()), timestamp, proptest::option::of(0u8..10)).prop_map(
        |((service, message_centre, messages), originating, timestamp, priority)| MwiStatus {
            basic_service: BasicService(service),
            message_centre,
            messages,
            originating,
            timestamp,
            priority,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What is asked for arrives as it was asked, in every form of the operation value.
    #[test]
    fn requests_survive_the_trunk(
        served_user in party(),
        status in status(),
        action in prop_oneof![Just(MwiAction::Activate), Just(MwiAction::Deactivate), Just(MwiAction::Interrogate)],
        operation in prop_oneof![Just(OperationForm::Local), Just(OperationForm::EcmaGlobal), Just(OperationForm::IsoGlobal)],
        invoke_id: i16,
    ) {
        let activation = action == MwiAction::Activate;
        let request = MwiRequest {
            basic_service: status.basic_service,
            message_centre: status.message_centre,
            messages: status.messages.filter(|_| activation),
            originating: status.originating.filter(|_| activation),
            timestamp: status.timestamp.filter(|_| activation),
            priority: status.priority.filter(|_| activation),
            ..MwiRequest::new(action, served_user)
        };
        let dialect = MwiDialect { operation, ..MwiDialect::default() };
        let octets = mwi::invoke(&request, &dialect, invoke_id).unwrap().to_vec();
        let Component::Invoke(invoke) = Component::parse(&octets).unwrap() else { panic!("no invoke") };
        prop_assert_eq!(invoke.invoke_id, invoke_id);
        prop_assert_eq!(mwi::parse_invoke(&invoke), Some(Ok(request)));
    }

    /// An interrogation's list is read as it was written.
    #[test]
    fn lists_survive_the_trunk(list in proptest::collection::vec(status(), 0..10)) {
        let result = mwi::interrogate_result(&list).unwrap();
        prop_assert_eq!(mwi::parse_interrogate_result(&result), Some(list));
    }

    /// Any octets are a Facility element that writes itself again, unless BER allows another spelling of what was read.
    #[test]
    fn any_octets_are_read(body in proptest::collection::vec(any::<u8>(), 1..255)) {
        let facility = Facility::parse(&body).unwrap();
        let again = Facility::parse(&facility.to_vec()).unwrap();
        prop_assert_eq!(again, facility);
        let message = [&[8, 2, 0, 1, 0x62, 0x1C, body.len() as u8][..], &body].concat();
        prop_assert!(!decode::q931(&message, false).is_empty());
    }
}
