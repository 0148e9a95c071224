//! tshark reads every message type and element of basic call that we can send, in whole and in segments, and finds nothing
//! malformed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use qsig::lapd::{Control, Frame, FrameError, FrameReject, Side, UnnumberedKind};
use qsig::q931::{
    Bearer, CallReference, CallStateValue, Cause, CauseDetail, ChannelId, ChannelSelection, DateTime,
    Display, Element, HighLayer, Keypad, Layer, LowLayer, Message, MessageType, NetworkFacilities,
    Notification, Number, NumberPlan, ProgressIndicator, RedirectingNumber, Repr, RestartIndicator, Signal,
    Subaddress, TransitNetwork, UserUser, congestion_level, ie,
};
use qsig::{CallRequest, Span, SpanConfig};
use system_tests::{tshark_complaints, tshark_fields};
use telephony_hal::wrap::PcapWriter;

struct Capture {
    directory: tempfile::TempDir,
    pcap: PcapWriter<File>,
    count: u32,
}

impl Capture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("elements.pcap")).unwrap();
        Self { directory, pcap: PcapWriter::new(file, telephony_hal::wrap::Side::Network).unwrap(), count: 0 }
    }

    fn frame(&mut self, octets: &[u8]) {
        self.count += 1;
        self.pcap.frame(Duration::from_millis(u64::from(self.count)), true, octets).unwrap();
    }

    fn message(&mut self, kind: MessageType, elements: Vec<Element>) {
        let mut message = Message::new(CallReference::new(self.count as u16 + 1, false), kind);
        message.elements = elements;
        let ns = (self.count % 128) as u8;
        let information = message.to_bytes();
        let control = Control::Information { ns, nr: 0 };
        let frame = Frame { sapi: 0, tei: 0, cr: true, control, pf: false, information: &information };
        self.frame(&frame.to_bytes());
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("elements.pcap")
    }
}

fn number(digits: &str, presentation: Option<u8>) -> Number {
    Number { plan: NumberPlan { type_of_number: 2, plan: 1 }, presentation, digits: digits.into() }
}

#[test]
fn tshark_reads_every_element_as_it_was_meant() {
    let mut capture = Capture::new();
    let layer = |protocol, extension: &[u8]| Some(Layer { protocol, extension: extension.to_vec() });
    let v110 = Bearer {
        coding: 0,
        capability: 8,
        mode: 0,
        rate: 16,
        multiplier: None,
        // Asynchronous 9600 bit/s, 8 data bits, 1 stop bit, no parity, full duplex.
        layer1: layer(1, &[0x48, 0x00, 0x3B, 0x46]),
        layer2: None,
        layer3: None,
    };
    let subaddress = Subaddress { kind: 0, odd: false, information: vec![0x50, 0x31, 0x32].into() };
    let network = TransitNetwork { kind: 2, plan: 1, identification: "288".into() };
    let redirecting = RedirectingNumber {
        plan: NumberPlan::NATIONAL,
        presentation: Some(3),
        reason: Some(15),
        digits: "5550100".into(),
    };
    capture.message(
        MessageType::SETUP,
        vec![
            v110.element(),
            ChannelId::channel(7, true).element(),
            ProgressIndicator { coding: 0, location: 1, description: 3 }.element(),
            NetworkFacilities { network: Some(network.clone()), facility: vec![0x65].into() }.element(),
            Display("Alice".into()).element(),
            Keypad("*21#".into()).element(),
            Signal(7).element(),
            number("5550123", Some(0x83)).element(ie::CALLING_NUMBER),
            subaddress.element(ie::CALLING_SUBADDRESS),
            number("5550199", None).element(ie::CALLED_NUMBER),
            subaddress.element(ie::CALLED_SUBADDRESS),
            redirecting.element(),
            network.element(),
            LowLayer { bearer: v110.clone(), negotiation: Some(0x40) }.element(),
            HighLayer::TELEPHONY.element(),
            UserUser { discriminator: 4, information: b"hello".to_vec().into() }.element(),
            Element::single(ie::SENDING_COMPLETE),
        ],
    );
    let stamp = DateTime { year: 26, month: 11, day: 21, hour: Some(13), minute: Some(5), second: Some(9) };
    capture.message(
        MessageType::CONNECT,
        vec![stamp.element(), number("5550199", Some(0x83)).element(ie::CONNECTED_NUMBER)],
    );
    let told = CauseDetail::new(Cause::private(100), vec![0x1E]);
    capture.message(
        MessageType::STATUS,
        vec![told.element(), CallStateValue { coding: 0, state: 10 }.element()],
    );
    let notification = Notification { description: 121, extension: Vec::new().into() };
    capture.message(MessageType::NOTIFY, vec![notification.element()]);
    let map = ChannelId { selection: ChannelSelection::Map(0x8000_0001), ..ChannelId::channel(1, true) };
    capture.message(MessageType::RESTART, vec![map.element(), RestartIndicator::Channels.element()]);
    capture.message(
        MessageType::RESTART,
        vec![ChannelId::channel(24, true).on(2).element(), RestartIndicator::Channels.element()],
    );
    let interface = ChannelId { selection: ChannelSelection::None, ..ChannelId::channel(0, true).on(2) };
    capture.message(MessageType::RESTART, vec![interface.element(), RestartIndicator::Interface.element()]);
    capture.message(MessageType::CONGESTION_CONTROL, vec![congestion_level(15), Cause::user(42).element()]);
    for kind in [MessageType::SUSPEND_REJECT, MessageType::RESUME_REJECT, MessageType::HOLD_REJECT] {
        capture.message(kind, vec![Cause::private(69).element()]);
    }
    let reject = FrameReject::new(&[0x33], 5, 6, false, FrameError::Control(0x33)).to_octets();
    let control = Control::Unnumbered(UnnumberedKind::Frmr);
    capture.frame(&Frame { sapi: 0, tei: 0, cr: false, control, pf: false, information: &reject }.to_bytes());

    assert_eq!(tshark_complaints(&capture.path()), [""; 0]);
    let fields = [
        "q931.message_type",
        "q931.uil1",
        "q931.channel.number",
        "q931.calling_party_number.digits",
        "q931.called_party_number.digits",
        "q931.redirecting_number.digits",
        "q931.cause_value",
        "q931.call_state",
    ];
    let rows = tshark_fields(&capture.path(), "q931", &fields);
    assert_eq!(rows.len(), 11);
    let expected = ["0x05", "0x01,0x01", "7", "5550123", "5550199", "5550100", "", ""].map(String::from);
    assert_eq!(rows[0], expected);
    assert_eq!((rows[2][6].as_str(), rows[2][7].as_str()), ("100", "0x0a"));
}

#[test]
fn tshark_puts_our_segments_together() {
    let mut capture = Capture::new();
    let now = Instant::now();
    let mut span = Span::new(SpanConfig { side: Side::Network, ..SpanConfig::default() });
    span.handle_link(now, true);
    while span.poll_frame().is_some() {}
    span.handle_frame(now, &[0x02, 0x01, 0x73]);
    let text = |octet: u8| UserUser { discriminator: 4, information: vec![octet; 200].into() }.element();
    let elements = vec![text(b'a'), text(b'b'), text(b'c')];
    span.start_call(now, &CallRequest { elements, ..CallRequest::new("5550199") }).unwrap();
    while let Some(frame) = span.poll_frame() {
        capture.frame(&frame);
    }
    assert!(capture.count >= 3, "{} frames", capture.count);
    assert_eq!(tshark_complaints(&capture.path()), [""; 0]);
    let whole = tshark_fields(&capture.path(), "q931", &["q931.called_party_number.digits"]);
    assert_eq!(whole.iter().filter(|row| row[0] == "5550199").count(), 1, "{whole:?}");
}
