//! tshark names every operation our services can send, reads its argument to the end, and finds nothing malformed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use qsig::call_completion::{
    CallCompletion, CompletionAccepted, CompletionKind, CompletionParties, CompletionRequest,
};
use qsig::charge::{Charge, Cost, Money, Rate, Tariff};
use qsig::diversion::{Diversion, DiversionReason, Rerouteing, forward};
use qsig::facility::{
    Entity, Facility, Interpretation, Item, Nfe, PROFILE_NETWORKING, PROFILE_REMOTE_OPERATIONS,
};
use qsig::mwi::{BasicService, MsgCentreId, MwiAction, MwiRequest};
use qsig::name::{Name, NameKind, NamedParty};
use qsig::path_replacement::PathReplacement;
use qsig::q931::{CallReference, Element, Message, MessageType, ie};
use qsig::rose::{self, Component, Problem};
use qsig::service::{Answer, Operation, Service};
use qsig::transfer::{Identity, Transfer, TransferControl, TransferKind};
use qsig::transit::TransitCounter;
use qsig::{PartyNumber, PresentedNumber};
use system_tests::{finish, tshark_complaints, tshark_fields};
use telephony_hal::wrap::{PcapWriter, Side};

/// One FACILITY message in a capture.
struct Capture {
    directory: tempfile::TempDir,
    pcap: PcapWriter<File>,
    count: u16,
}

impl Capture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("apdus.pcap")).unwrap();
        Self { directory, pcap: PcapWriter::new(file, Side::Network).unwrap(), count: 0 }
    }

    fn facility(&mut self, elements: Vec<Element>) {
        let mut message = Message::new(CallReference::new(1, false), MessageType::FACILITY);
        message.elements = elements;
        self.message(&message);
    }

    fn message(&mut self, message: &Message) {
        let sequence = u8::try_from(self.count % 128).unwrap();
        let mut frame = vec![0x02, 0x01, sequence << 1, 0x00];
        frame.extend_from_slice(&message.to_bytes());
        assert!(frame.len() <= 4 + 260, "N201");
        self.pcap.frame(Duration::from_millis(u64::from(self.count)), true, &frame).unwrap();
        self.count += 1;
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("apdus.pcap")
    }

    /// What tshark says about each frame, from the Facility element on.
    fn words(&self) -> Vec<String> {
        let mut command = Command::new("tshark");
        command.args(["-n", "-V", "-r"]).arg(self.path());
        let run = finish(command, Duration::from_secs(60));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
            .split("\nFrame ")
            .map(|frame| frame.split_once("Q.931").map_or(String::new(), |(_, rest)| rest.to_owned()))
            .collect()
    }
}

fn unknown(digits: &str) -> PartyNumber {
    PartyNumber::Unknown(digits.into())
}

fn public() -> PartyNumber {
    PartyNumber::Public { ton: 1, digits: "4930123456".into() }
}

fn private() -> PartyNumber {
    PartyNumber::Private { ton: 4, digits: "4712".into() }
}

fn euros(amount: u32) -> Money {
    Money { currency: "EUR".into(), amount, multiplier: 1 }
}

/// Every operation of every service, in every form, with words tshark must say about its argument.
fn operations() -> Vec<(Operation, Vec<&'static str>)> {
    let mut all: Vec<(Operation, Vec<&'static str>)> = Vec::new();
    let mut add = |operation: Operation, words: &[&'static str]| all.push((operation, words.to_vec()));
    for kind in [NameKind::Calling, NameKind::Called, NameKind::Connected, NameKind::Busy] {
        for (name, word) in [
            (Name::Allowed("Alice".into()), "namePresentationAllowedSimple: Alice"),
            (Name::Allowed("\u{3b1}\u{3b2}".into()), "namePresentationAllowedExtended"),
            (Name::Restricted("Bob".into()), "namePresentationRestrictedSimple: Bob"),
            (Name::Restricted("\u{3b1}".into()), "namePresentationRestrictedExtended"),
            (Name::RestrictedUnknown, "namePresentationRestrictedNull"),
            (Name::NotAvailable, "nameNotAvailable"),
        ] {
            add(NamedParty { kind, name }.operation().unwrap(), &[word]);
        }
    }
    let lamp = |action, change: &dyn Fn(&mut MwiRequest)| {
        let mut request = MwiRequest::new(action, unknown("4711"));
        change(&mut request);
        request.operation().unwrap()
    };
    for action in [MwiAction::Activate, MwiAction::Deactivate, MwiAction::Interrogate] {
        add(lamp(action, &|_| {}), &["servedUserNr", "4711"]);
        for centre in
            [MsgCentreId::Integer(7), MsgCentreId::Numeric("123".into()), MsgCentreId::Party(unknown("8000"))]
        {
            add(lamp(action, &|request| request.message_centre = Some(centre.clone())), &["msgCentreId"]);
        }
    }
    let full = |request: &mut MwiRequest| {
        request.served_user = public();
        request.basic_service = BasicService::FAX;
        request.messages = Some(300);
        request.originating = Some(private());
        request.timestamp = Some("20261121130000".into());
        request.priority = Some(3);
    };
    add(lamp(MwiAction::Activate, &full), &["300", "originatingNr", "timestamp", "priority"]);

    let presented = [
        PresentedNumber::Allowed(public()),
        PresentedNumber::Restricted,
        PresentedNumber::NotAvailable,
        PresentedNumber::RestrictedNumber(unknown("4711")),
    ];
    for number in &presented {
        let earlier = Diversion::Leg2 {
            counter: 2,
            reason: DiversionReason::Busy,
            original_reason: None,
            diverting: Some(number.clone()),
            original_called: Some(number.clone()),
            redirecting_name: None,
            original_called_name: Some(Name::Allowed("First".into())),
        };
        let by = (number.clone(), Some(Name::Allowed("Diverter".into())));
        let (leg1, leg2) = forward(Some(&earlier), DiversionReason::NoReply, by, private()).unwrap();
        add(leg1.operation().unwrap(), &["diversionReason: cfnr", "nominatedNr", "4712"]);
        add(
            leg2.operation().unwrap(),
            &[
                "diversionCounter: 3",
                "originalDiversionReason: cfb",
                "divertingNr",
                "originalCalledNr",
                "Diverter",
            ],
        );
        for (primary, secondary) in
            Transfer::joined((number.clone(), None), (presented[0].clone(), None), true)
                .into_iter()
                .map(|complete| (complete.operation().unwrap(), complete.kind))
        {
            let end = match secondary {
                TransferKind::Complete { end: 0, .. } => "endDesignation: primaryEnd",
                _ => "endDesignation: secondaryEnd",
            };
            add(primary, &[end, "redirectionNumber"]);
        }
        for kind in [TransferKind::Active, TransferKind::Update] {
            let name = Some(Name::Allowed("New".into()));
            let transfer = Transfer { kind, number: number.clone(), name };
            let word = if kind == TransferKind::Active { "connectedAddress" } else { "redirectionNumber" };
            add(transfer.operation().unwrap(), &[word, "New"]);
        }
        let rerouteing = Rerouteing {
            reason: DiversionReason::Unconditional,
            original_reason: Some(DiversionReason::Busy),
            called: public(),
            counter: 2,
            elements: bytes::Bytes::from_static(&[0x04, 0x03, 0x80, 0x90, 0xA3]),
            last: number.clone(),
            subscription: 2,
            calling: number.clone(),
            calling_name: Some(Name::Allowed("Caller".into())),
            original_called: Some(number.clone()),
            redirecting_name: Some(Name::Allowed("Last".into())),
            original_called_name: Some(Name::RestrictedUnknown),
        };
        add(
            rerouteing.operation().unwrap(),
            &[
                "rerouteingReason: cfu",
                "4930123456",
                "diversionCounter: 2",
                "lastRerouteingNr",
                "callingName",
                "Speech",
            ],
        );
        let request = CompletionRequest {
            caller: number.clone(),
            called: private(),
            service: bytes::Bytes::from_static(&[0x04, 0x03, 0x80, 0x90, 0xA3]),
            can_retain_service: true,
            retain_connection: Some(false),
        };
        for kind in [CompletionKind::Busy, CompletionKind::NoReply] {
            add(
                CallCompletion::Request(kind, request.clone()).operation().unwrap(),
                &["numberA", "numberB", "Speech", "can-retain-service: True", "retain-sig-connection: False"],
            );
        }
    }
    add(
        Diversion::Leg3 { presentation_allowed: true, redirection_name: Some(Name::Allowed("New".into())) }
            .operation()
            .unwrap(),
        &["presentationAllowedIndicator: True", "redirectionName"],
    );
    let identity = Identity { call_identity: "1234".into(), rerouteing_number: public() };
    for (control, word) in [
        (TransferControl::Identify, "callTransferIdentify"),
        (TransferControl::Abandon, "callTransferAbandon"),
        (TransferControl::Initiate(identity), "rerouteingNumber"),
        (TransferControl::Setup { call_identity: "1234".into() }, "callIdentity: 1234"),
    ] {
        add(control.operation().unwrap(), &[word]);
    }
    for (path, word) in [
        (
            PathReplacement::Propose { call_identity: "12".into(), rerouteing_number: private() },
            "callIdentity: 12",
        ),
        (PathReplacement::Setup { call_identity: "12".into() }, "PRSetupArg"),
        (PathReplacement::Retain { call_identity: "12".into() }, "PRRetainArg"),
        (PathReplacement::Invite, "pathReplaceInvite"),
    ] {
        add(path.operation().unwrap(), &[word]);
    }
    let parties = CompletionParties {
        caller: unknown("8000"),
        called: private(),
        service: bytes::Bytes::from_static(&[0x04, 0x03, 0x80, 0x90, 0xA3]),
    };
    for (completion, word) in [
        (CallCompletion::Cancel(None), "ccCancel"),
        (CallCompletion::Cancel(Some(parties.clone())), "fullArg"),
        (CallCompletion::ExecPossible(None), "ccExecPossible"),
        (CallCompletion::ExecPossible(Some(parties)), "numberB"),
        (CallCompletion::PathReserve, "ccPathReserve"),
        (CallCompletion::Ringout, "ccRingout"),
        (CallCompletion::Suspend, "ccSuspend"),
        (CallCompletion::Resume, "ccResume"),
    ] {
        add(completion.operation().unwrap(), &[word]);
    }
    let rates = vec![
        Tariff { item: 0, rate: Rate::Duration { amount: euros(12), step: true, period: 6_000 } },
        Tariff { item: 1, rate: Rate::Flat(euros(5)) },
        Tariff { item: 2, rate: Rate::Volume(euros(1), 1) },
        Tariff { item: 3, rate: Rate::Special(4) },
        Tariff { item: 4, rate: Rate::Free },
        Tariff { item: 0, rate: Rate::NotAvailable },
        Tariff { item: 0, rate: Rate::FreeFromBeginning },
    ];
    add(
        Charge::Rate(rates).operation().unwrap(),
        &["durationCurrency", "dCurrency: EUR", "flatRateCurrency", "vRVolumeUnit"],
    );
    add(Charge::Rate(vec![]).operation().unwrap(), &["chargeNotAvailable"]);
    for cost in [
        Cost::NotAvailable,
        Cost::Free,
        Cost::Amount { amount: euros(123), billing: None },
        Cost::Amount { amount: euros(123), billing: Some(1) },
    ] {
        let word = match &cost {
            Cost::NotAvailable => "chargeNotAvailable",
            Cost::Free => "freeOfCharge",
            Cost::Amount { .. } => "currencyAmount: 123",
        };
        add(Charge::Interim(cost.clone()).operation().unwrap(), &["interimCharge", word]);
        add(Charge::Final(cost).operation().unwrap(), &["finalCharge", word]);
    }
    all
}

#[test]
fn tshark_names_every_operation_and_reads_its_argument() {
    let mut capture = Capture::new();
    let operations = operations();
    for (operation, _) in &operations {
        capture.facility(vec![operation.element(PROFILE_NETWORKING, 1)]);
    }
    assert_eq!(tshark_complaints(&capture.path()), [""; 0]);
    let words = capture.words();
    assert_eq!(words.len(), operations.len());
    let mut missing = Vec::new();
    for ((operation, expected), said) in operations.iter().zip(words) {
        let value = operation.code.value().unwrap();
        let name = rose::operation_name(value).unwrap();
        // This tshark has two names for 80 to 82: message waiting, and message centre monitoring.
        let named =
            if (80..=82).contains(&value) { format!("({value})") } else { format!("{name} ({value})") };
        assert!(said.contains(&named), "{value} {name}:\n{said}");
        missing.extend(
            expected
                .iter()
                .filter(|word| !said.contains(**word))
                .map(|word| format!("{name} {word:?}:\n{said}")),
        );
    }
    assert!(missing.is_empty(), "{} words are missing: {}", missing.len(), missing.join("\n"));
}

#[test]
fn tshark_reads_results_errors_and_rejects() {
    let mut capture = Capture::new();
    let mut answers = vec![
        (80, Answer::Result(rose::null())),
        (40, Answer::Result(CompletionAccepted { no_path_reservation: true, retain_service: true }.result())),
        (27, Answer::Result(CompletionAccepted::default().result())),
        (
            7,
            Answer::Result(
                Identity { call_identity: "7".into(), rerouteing_number: unknown("4711") }.result().unwrap(),
            ),
        ),
        (19, Answer::Result(rose::null())),
        (80, Answer::Done),
    ];
    for error in [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 24, 25, 1000, 1002, 1007, 1008, 1010, 1011, 1012] {
        answers.push((80, Answer::Error(error)));
    }
    for problem in [Problem::General(2), Problem::Invoke(1), Problem::Result(2), Problem::Error(4)] {
        answers.push((80, Answer::Reject(problem)));
    }
    for (value, answer) in &answers {
        let component = answer.clone().component(1, rose::Code::Local(*value));
        let facility = Facility::new(PROFILE_NETWORKING, true, None, component);
        capture.facility(vec![Element::new(ie::FACILITY, facility.to_vec())]);
    }
    assert_eq!(tshark_complaints(&capture.path()), [""; 0]);
    for ((value, answer), said) in answers.iter().zip(capture.words()) {
        let word = match answer {
            Answer::Result(_) => format!("({value})"),
            Answer::Done => "returnResult".to_owned(),
            Answer::Error(error) => rose::error_name(*error).unwrap().to_owned(),
            Answer::Reject(_) => "reject".to_owned(),
        };
        assert!(
            said.to_lowercase().contains(&word.to_lowercase()),
            "{value} {answer:?}: {word:?} is missing in\n{said}"
        );
    }
}

#[test]
fn tshark_reads_several_components_elements_profiles_and_extensions() {
    let mut capture = Capture::new();
    let name =
        NamedParty { kind: NameKind::Calling, name: Name::Allowed("Alice".into()) }.operation().unwrap();
    let leg = Diversion::Leg3 { presentation_allowed: true, redirection_name: None }.operation().unwrap();
    let interpretations =
        [None, Some(Interpretation::Discard), Some(Interpretation::ClearCall), Some(Interpretation::Reject)];
    for profile in [PROFILE_NETWORKING, PROFILE_REMOTE_OPERATIONS] {
        for interpretation in interpretations {
            let mut facility =
                Facility::new(profile, true, interpretation, Component::Invoke(name.invoke(1)));
            facility.items.push(Item::Component(Component::Invoke(leg.invoke(2))));
            let element = Element::new(ie::FACILITY, facility.to_vec());
            capture.facility(vec![element.clone(), element]);
        }
    }
    let addressed = Nfe {
        source: Entity { address: Some(unknown("8000")), ..Entity::END },
        destination: Entity { address: Some(public()), ..Entity::ANY },
    };
    let items = vec![addressed.item().unwrap(), Item::Component(Component::Invoke(name.invoke(3)))];
    let facility = Facility { profile: PROFILE_NETWORKING, items };
    capture.facility(vec![Element::new(ie::FACILITY, facility.to_vec())]);
    let mut transit = Message::new(CallReference::new(1, false), MessageType::FACILITY);
    transit.elements.extend(TransitCounter::new(7).elements());
    capture.message(&transit);
    assert_eq!(tshark_complaints(&capture.path()), [""; 0]);

    let fields = [
        "qsig.operation",
        "qsig.tc",
        "q932.sourceEntity",
        "q932.destinationEntity",
        "q932.InterpretationComponent",
    ];
    let rows = tshark_fields(&capture.path(), "q931", &fields);
    for (at, row) in rows.iter().take(8).enumerate() {
        assert_eq!(row[0], "0,22,0,22", "{row:?}");
        let interpretation = interpretations[at % 4].map(|i| i.value().to_string());
        assert_eq!(row[4], interpretation.map_or(String::new(), |i| format!("{i},{i}")), "{row:?}");
    }
    assert_eq!((rows[8][2].as_str(), rows[8][3].as_str()), ("0", "1"));
    assert_eq!(rows[9][1], "7");
}
