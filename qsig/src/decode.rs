//! Frames and messages in the words of IOS `debug isdn q921` and `debug isdn q931`, Facility elements opened up.
//!
//! The functions give the lines after `ISDN Se0/0/0:15 Q931: `; time stamp and interface are the caller's.

mod names;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use rasn::types::Any;

use crate::diversion::Diversion;
use crate::facility::{Facility, Item};
use crate::lapd::{Control, Frame, SupervisoryKind, UnnumberedKind};
use crate::mwi::{self, MsgCentreId, MwiRequest, MwiStatus, PartyNumber, etsi};
use crate::name::Name;
use crate::party::PresentedNumber;
use crate::q931::{
    Cause, ChannelId, ChannelSelection, Element, Message, Number, ProgressIndicator, RestartIndicator, ie,
};
use crate::rose::{self, Code, Component, Problem, RejectedId};
use crate::transfer::{Transfer, TransferKind};

pub(crate) use names::call_state;
pub use names::cause_text;

/// One frame as a line, such as `TX -> SABMEp sapi=0 tei=0` or `RX <- INFO sapi=0 tei=0, ns=0 nr=1`. `sent`: it went
/// from us to the peer. The letter after the name is the P/F bit: `p` in commands, `f` in responses. A supervisory
/// frame can be either, which only the sender's side tells: here it is always `p`; [`q921_from`] knows better.
pub fn q921(frame: &[u8], sent: bool) -> String {
    q921_from(frame, sent, None)
}

/// As [`q921`], with the side that sent the frame, which tells a polling RR (`RRp`) from an answering one (`RRf`).
pub fn q921_from(frame: &[u8], sent: bool, sender: Option<crate::Side>) -> String {
    let arrow = arrow(sent);
    let frame = match Frame::parse(frame) {
        Ok(frame) => frame,
        Err(error) => return format!("{arrow} BAD FRAME({}) {error}", hex(frame)),
    };
    let (sapi, tei) = (frame.sapi, frame.tei);
    let bit = |name: &str| if frame.pf { name.to_owned() } else { String::new() };
    match frame.control {
        Control::Information { ns, nr } => {
            format!("{arrow} INFO{} sapi={sapi} tei={tei}, ns={ns} nr={nr}", bit("p"))
        }
        Control::Supervisory { kind, nr } => {
            let name = match kind {
                SupervisoryKind::ReceiveReady => "RR",
                SupervisoryKind::ReceiveNotReady => "RNR",
                SupervisoryKind::Reject => "REJ",
            };
            let command = sender.map(|side| frame.is_command_from(side));
            let letter = if command == Some(false) { "f" } else { "p" };
            format!("{arrow} {name}{} sapi={sapi} tei={tei} nr={nr}", bit(letter))
        }
        Control::Unnumbered(kind) => {
            let (name, letter) = match kind {
                UnnumberedKind::Sabme => ("SABME", "p"),
                UnnumberedKind::Dm => ("DM", "f"),
                UnnumberedKind::Ui => ("UI", "p"),
                UnnumberedKind::Disc => ("DISC", "p"),
                UnnumberedKind::Ua => ("UA", "f"),
                UnnumberedKind::Frmr => ("FRMR", "f"),
                UnnumberedKind::Xid => ("XID", "p"),
            };
            format!("{arrow} {name}{} sapi={sapi} tei={tei}", bit(letter))
        }
    }
}

/// The layer 3 message inside an I frame.
pub fn layer3(frame: &[u8]) -> Option<&[u8]> {
    match Frame::parse(frame) {
        Ok(Frame { control: Control::Information { .. }, information, .. }) => Some(information),
        _ => None,
    }
}

/// One layer 3 message as lines: the message, then each element indented by 8, its meaning by 16.
pub fn q931(layer3: &[u8], sent: bool) -> Vec<String> {
    let arrow = arrow(sent);
    let (message, whole) = match Message::parse_checked(layer3) {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("{arrow} BAD MESSAGE 0x{} - {error} ", hex(layer3))],
    };
    let reference = message.call_reference;
    let flagged = match reference.octets {
        0 => "NULL".to_owned(),
        1 => format!("0x{:02X}", reference.value | u16::from(reference.flag) << 7),
        _ => format!("0x{:04X}", reference.value | u16::from(reference.flag) << 15),
    };
    let mut lines = Lines(vec![format!("{arrow} {} pd = 8  callref = {flagged} ", message.kind)]);
    for element in &message.elements {
        lines.element(element);
    }
    if !whole {
        lines.head("(the last element runs past the end of the message)");
    }
    lines.0
}

struct Lines(Vec<String>);

impl Lines {
    fn head(&mut self, text: impl AsRef<str>) {
        self.0.push(format!("        {} ", text.as_ref()));
    }

    fn row(&mut self, text: impl AsRef<str>) {
        self.deep(0, text);
    }

    fn deep(&mut self, depth: usize, text: impl AsRef<str>) {
        self.0.push(format!("{:1$}{2} ", "", 16 + 8 * depth, text.as_ref()));
    }

    fn element(&mut self, element: &Element) {
        let (id, body) = (element.id, &element.body);
        if element.is_shift() {
            let kind = if id & 8 == 0 { "Locking" } else { "Non-Locking" };
            return self.head(format!("{kind} Shift to Codeset {}", element.codeset));
        }
        if element.codeset != 0 {
            return self.head(format!("Codeset {} IE 0x{id:02X}  i = 0x{}", element.codeset, hex(body)));
        }
        match id {
            ie::BEARER_CAPABILITY => self.bearer(body),
            ie::CAUSE => {
                let text = Cause::parse(body).map_or("unreadable", |cause| cause_text(cause.value));
                self.head(format!("Cause i = 0x{} - {text}", hex(body)));
            }
            ie::CALL_STATE => {
                let text = body.first().map_or("unreadable", |octet| names::call_state(octet & 0x3F));
                self.head(format!("Call State i = 0x{} - {text}", hex(body)));
            }
            ie::CHANNEL_ID => {
                self.head(format!("Channel ID i = 0x{}", hex(body)));
                self.row(ChannelId::parse(body).map_or("unreadable".to_owned(), channel));
            }
            ie::PROGRESS => {
                let text = ProgressIndicator::parse(body).map_or("unreadable", names::progress);
                self.head(format!("Progress Ind i = 0x{} - {text}", hex(body)));
            }
            ie::NOTIFICATION => {
                let text = body.first().map_or("unreadable", |octet| names::notification(octet & 0x7F));
                self.head(format!("Notification Ind i = 0x{} - {text}", hex(body)));
            }
            ie::RESTART => {
                let text = match RestartIndicator::parse(body) {
                    Some(RestartIndicator::Channels) => "Indicated channels",
                    Some(RestartIndicator::Interface) => "Single interface",
                    Some(RestartIndicator::AllInterfaces) => "All interfaces",
                    None => "unreadable",
                };
                self.head(format!("Restart Indicator i = 0x{} - {text}", hex(body)));
            }
            ie::CALLING_NUMBER => self.number("Calling Party Number", body),
            ie::CALLED_NUMBER => self.number("Called Party Number", body),
            ie::CONNECTED_NUMBER => self.number("Connected Number", body),
            0x74 => self.number("Redirecting Number", body),
            ie::SENDING_COMPLETE => self.head("Sending Complete"),
            ie::FACILITY => self.facility(body),
            ie::DISPLAY => self.head(format!("Display i = '{}'", printable(body))),
            ie::KEYPAD => self.head(format!("Keypad Facility i = '{}'", printable(body))),
            id if id & 0x80 != 0 => self.head(format!("IE 0x{id:02X}")),
            id => match names::element(id) {
                Some(name) => self.head(format!("{name} i = 0x{}", hex(body))),
                None => self.head(format!("Unknown IE 0x{id:02X} i = 0x{}", hex(body))),
            },
        }
    }

    fn bearer(&mut self, body: &[u8]) {
        self.head(format!("Bearer Capability i = 0x{}", hex(body)));
        let &[first, second, ..] = body else { return self.row("unreadable") };
        let standard = match first >> 5 & 3 {
            0 => "CCITT",
            1 => "ISO/IEC",
            2 => "National",
            _ => "Network",
        };
        let capability = match first & 0x1F {
            0 => "Speech",
            8 => "Unrestricted Digital",
            9 => "Restricted Digital",
            16 => "3.1kHz Audio",
            17 => "Unrestricted Digital w/ tones",
            24 => "Video",
            _ => "Unknown",
        };
        let rate = match (first >> 5 & 3, second & 0x1F) {
            (1, 0) => "None, call independent signalling connection",
            (_, 0x10) => "64 kbit/s",
            (_, 0x11) => "2 x 64 kbit/s",
            (_, 0x13) => "384 kbit/s",
            (_, 0x15) => "1536 kbit/s",
            (_, 0x17) => "1920 kbit/s",
            (_, 0x18) => "Multirate",
            _ => "Unknown",
        };
        self.row(format!("Standard = {standard}"));
        self.row(format!("Transfer Capability = {capability} "));
        self.row(format!("Transfer Mode = {}", if second & 0x60 == 0x40 { "Packet" } else { "Circuit" }));
        self.row(format!("Transfer Rate = {rate}"));
    }

    fn number(&mut self, name: &str, body: &[u8]) {
        let Some(number) = Number::parse(body) else {
            return self.head(format!("{name} i = 0x{} - unreadable", hex(body)));
        };
        let octets = body.len() - number.digits.len();
        self.head(format!("{name} i = 0x{}, '{}'", hex(body.get(..octets).unwrap_or(body)), number.digits));
        let (plan, kind) = names::plan(number.plan);
        self.row(format!("Plan:{plan}, Type:{kind}"));
    }

    fn facility(&mut self, body: &[u8]) {
        self.head(format!("Facility i = 0x{}", hex(body)));
        let Some(facility) = Facility::parse(body) else { return self.row("empty") };
        let profile = match facility.profile & 0x1F {
            0x1F => "Networking Extensions",
            0x11 => "Remote Operations Protocol",
            0x12 => "CMIP",
            0x13 => "ACSE",
            _ => "Unknown",
        };
        self.row(format!("Protocol Profile = {profile}"));
        for item in &facility.items {
            match item {
                Item::Nfe(octets) => self.row(format!("NFE = 0x{} - {}", hex(octets), names::nfe(octets))),
                Item::Interpretation(value) => {
                    let text = match value {
                        0 => "discard anything unrecognised",
                        1 => "clear call if unrecognised",
                        _ => "reject anything unrecognised",
                    };
                    self.row(format!("Interpretation = {value} - {text}"));
                }
                Item::Component(component) => self.component(component),
                Item::Other(octets) => self.row(format!("0x{} - not decoded", hex(octets))),
            }
        }
    }

    fn component(&mut self, component: &Component) {
        let name = match component {
            Component::Invoke(_) => "Invoke component",
            Component::ReturnResult(_) => "Return Result component",
            Component::ReturnError(_) => "Return Error component",
            Component::Reject(_) => "Reject component",
        };
        self.row(format!("Component = {name}"));
        if let Some(id) = component.invoke_id() {
            self.deep(1, format!("Invoke Id = {id}"));
        }
        match component {
            Component::Invoke(invoke) => {
                self.deep(1, operation(&invoke.operation));
                let asked = mwi::parse_invoke(invoke).or_else(|| etsi::parse_invoke(invoke));
                match (asked, &invoke.argument) {
                    (Some(Ok(request)), _) => self.mwi(&request),
                    (Some(Err(_)), _) => self.deep(2, "mistyped argument"),
                    (None, Some(argument)) => match (Diversion::parse(invoke), Transfer::parse(invoke)) {
                        (Some(diversion), _) => self.diversion(&diversion),
                        (None, Some(transfer)) => self.transfer(&transfer),
                        (None, None) => self.argument("Argument", &invoke.operation, argument),
                    },
                    (None, None) => {}
                }
            }
            Component::ReturnResult(result) => {
                let Some(body) = &result.result else { return };
                self.deep(1, operation(&body.operation));
                let Some(value) = &body.result else { return };
                match (body.operation.value(), mwi::parse_interrogate_result(value)) {
                    (Some(82), Some(list)) if list.is_empty() => self.deep(2, "Nothing waiting"),
                    (Some(82), Some(list)) => list.iter().for_each(|status| self.status(status)),
                    _ => self.argument("Result", &body.operation, value),
                }
            }
            Component::ReturnError(error) => {
                let value = error.error.value();
                let name = value.and_then(rose::error_name).or_else(|| etsi::error_name(&error.error));
                let name = name.unwrap_or("unknown error");
                self.deep(1, format!("Error = {name} ({})", code(&error.error)));
                if let Some(parameter) = &error.parameter {
                    self.deep(2, format!("Parameter = 0x{}", hex(parameter.as_bytes())));
                }
            }
            Component::Reject(reject) => {
                if matches!(reject.invoke_id, RejectedId::Unknown(())) {
                    self.deep(1, "Invoke Id = unknown");
                }
                let (class, value) = match reject.problem {
                    Problem::General(n) => ("General", n),
                    Problem::Invoke(n) => ("Invoke", n),
                    Problem::Result(n) => ("Return Result", n),
                    Problem::Error(n) => ("Return Error", n),
                };
                self.deep(1, format!("{class} Problem = {} ({value})", reject.problem.name()));
            }
        }
    }

    fn mwi(&mut self, request: &MwiRequest) {
        self.deep(2, format!("Served User = {}", party(&request.served_user)));
        self.status(&MwiStatus {
            basic_service: request.basic_service,
            message_centre: request.message_centre.clone(),
            messages: request.messages,
            originating: request.originating.clone(),
            timestamp: request.timestamp.clone(),
            priority: request.priority,
        });
        for extension in &request.extensions {
            self.deep(2, format!("Extension = 0x{}", hex(extension)));
        }
    }

    fn status(&mut self, status: &MwiStatus) {
        let service = status.basic_service;
        self.deep(2, format!("Basic Service = {} ({})", names::basic_service(service), service.0));
        if let Some(centre) = &status.message_centre {
            let text = match centre {
                MsgCentreId::Integer(value) => value.to_string(),
                MsgCentreId::Party(number) => party(number),
                MsgCentreId::Numeric(digits) => format!("'{digits}'"),
            };
            self.deep(2, format!("Message Centre = {text}"));
        }
        if let Some(count) = status.messages {
            self.deep(2, format!("Number of Messages = {count}"));
        }
        if let Some(number) = &status.originating {
            self.deep(2, format!("Originating Number = {}", party(number)));
        }
        if let Some(timestamp) = &status.timestamp {
            self.deep(2, format!("Timestamp = {timestamp}"));
        }
        if let Some(priority) = status.priority {
            self.deep(2, format!("Priority = {priority}"));
        }
    }

    fn argument(&mut self, what: &str, operation: &Code, argument: &Any) {
        let octets = argument.as_bytes();
        if octets == [5, 0] {
            self.deep(2, format!("{what} = NULL"));
            return;
        }
        let name =
            operation.value().filter(|value| (0..=3).contains(value)).and_then(|_| Name::parse(argument));
        match name {
            Some(name) => self.name(&name, octets),
            None => self.deep(2, format!("{what} = 0x{}", hex(octets))),
        }
    }

    fn name(&mut self, name: &Name, octets: &[u8]) {
        let form = if matches!(octets, [0x80 | 0x82, ..]) { "Simple" } else { "Extended" };
        let (presentation, text) = match name {
            Name::Allowed(text) => (format!("Name Presentation Allowed {form}"), Some(text)),
            Name::Restricted(text) => (format!("Name Presentation Restricted {form}"), Some(text)),
            Name::RestrictedUnknown => ("Name Presentation Restricted Null".to_owned(), None),
            Name::NotAvailable => ("Name Not Available".to_owned(), None),
        };
        self.deep(2, presentation);
        if let Some(text) = text {
            self.deep(2, format!("Name = {}", shown(text)));
        }
    }

    fn diversion(&mut self, diversion: &Diversion) {
        match diversion {
            Diversion::Leg1 { reason, nominated, .. } => {
                self.deep(2, format!("Diversion Reason = {reason:?}"));
                self.deep(2, format!("Nominated Number = {}", party(nominated)));
            }
            Diversion::Leg2 { counter, reason, original_reason, diverting, original_called, .. } => {
                self.deep(2, format!("Diversion Counter = {counter}"));
                self.deep(2, format!("Diversion Reason = {reason:?}"));
                if let Some(reason) = original_reason {
                    self.deep(2, format!("Original Diversion Reason = {reason:?}"));
                }
                for (what, number) in [("Diverting", diverting), ("Original Called", original_called)] {
                    if let Some(number) = number {
                        self.deep(2, format!("{what} Number = {}", presented(number)));
                    }
                }
            }
            Diversion::Leg3 { presentation_allowed, .. } => {
                let text = if *presentation_allowed { "Allowed" } else { "Restricted" };
                self.deep(2, format!("Presentation {text}"));
            }
        }
        for (what, name) in diversion.names() {
            self.deep(2, format!("{what} Name = {}", name.shown().map_or("not shown".to_owned(), shown)));
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        if let TransferKind::Complete { end, alerting } = transfer.kind {
            self.deep(
                2,
                format!("End Designation = {}", if end == 0 { "primaryEnd" } else { "secondaryEnd" }),
            );
            self.deep(2, format!("Call Status = {}", if alerting { "alerting" } else { "answered" }));
        }
        self.deep(2, format!("Redirection Number = {}", presented(&transfer.number)));
        if let Some(name) = &transfer.name {
            self.deep(
                2,
                format!("Redirection Name = {}", name.shown().map_or("not shown".to_owned(), shown)),
            );
        }
    }
}

fn presented(number: &PresentedNumber) -> String {
    match number {
        PresentedNumber::Allowed(number) => party(number),
        PresentedNumber::RestrictedNumber(number) => format!("{} (restricted)", party(number)),
        PresentedNumber::Restricted => "restricted".to_owned(),
        PresentedNumber::NotAvailable => "not available".to_owned(),
    }
}

/// A peer's text on one line of a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

fn operation(operation: &Code) -> String {
    let name = operation.value().and_then(rose::operation_name).or_else(|| etsi::operation_name(operation));
    let name = name.unwrap_or("unknown operation");
    format!("Operation = {name} ({})", code(operation))
}

fn code(code: &Code) -> String {
    match code {
        Code::Local(value) => value.to_string(),
        Code::Global(oid) => {
            let arcs: Vec<String> = oid.iter().map(u32::to_string).collect();
            format!("{{ {} }}", arcs.join(" "))
        }
    }
}

fn party(number: &PartyNumber) -> String {
    match number {
        PartyNumber::Unknown(digits) => format!("'{digits}'"),
        PartyNumber::Other(octets) => format!("0x{}", hex(octets)),
        number => {
            let (plan, kind) = names::plan(number.plan());
            format!("'{}' Plan:{plan}, Type:{kind}", number.digits())
        }
    }
}

fn channel(id: ChannelId) -> String {
    let choice = if id.exclusive { "Exclusive" } else { "Preferred" };
    match id.selection {
        _ if id.d_channel => format!("{choice}, D-channel, no B-channel"),
        ChannelSelection::None => "No Channel".to_owned(),
        ChannelSelection::Any => "Any Channel".to_owned(),
        ChannelSelection::Number(number) => format!("{choice}, Channel {number}"),
        ChannelSelection::Map(map) => format!("{choice}, Channel Map 0x{map:08X}"),
    }
}

fn arrow(sent: bool) -> &'static str {
    if sent { "TX ->" } else { "RX <-" }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02X}");
        text
    })
}

fn printable(octets: &[u8]) -> String {
    octets.iter().map(|&c| if (0x20..0x7F).contains(&c) || c >= 0xA0 { char::from(c) } else { '.' }).collect()
}
