//! Parties, progress and diversions of the call vocabulary ⇄ Q.931 elements and QSIG services.

use dialpeer::shape::Indicator;
use qsig::diversion::{Diversion, DiversionReason};
use qsig::name::Name;
use qsig::q931::{Message, Number, NumberPlan, ProgressIndicator, RedirectingNumber, ie};
use qsig::{CallDetail, PartyNumber, PresentedNumber};

use crate::leg::{MAX_DIGITS, Party, Presentation, Progress, RedirectReason, Redirection, Setup};

/// The call is not end-to-end ISDN; further information may come in band.
const NOT_END_TO_END_ISDN: u8 = 1;
/// The origination address is not ISDN.
const ORIGIN_NOT_ISDN: u8 = 3;
/// In-band information is there.
const IN_BAND: u8 = 8;

/// A progress indicator of a private network that serves the local user.
fn indicator(description: u8) -> ProgressIndicator {
    ProgressIndicator { coding: 0, location: 1, description }
}

/// What goes with the SETUP of a caller on an analogue line or behind SIP, unless the dial peer says another.
pub(super) fn origin(wanted: Option<Indicator>) -> Option<ProgressIndicator> {
    wanted.map_or(Some(ORIGIN_NOT_ISDN), |wanted| wanted.description(ORIGIN_NOT_ISDN)).map(indicator)
}

/// Digits as Q.931 takes them: no `+`, no pauses.
pub(super) fn digits(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D')).take(32).collect()
}

pub(super) fn called(party: &Party) -> Number {
    Number { plan: plan(party), presentation: None, digits: digits(&party.number) }
}

/// A calling or connected number; `None` if there is nothing to tell.
pub(super) fn number(party: &Party) -> Option<Number> {
    let presentation = match party.presentation {
        Presentation::Allowed => 0,
        Presentation::Restricted => 1,
        Presentation::Unavailable => 2,
    };
    let known = !party.number.is_empty() || party.presentation != Presentation::Allowed;
    known.then(|| Number {
        plan: plan(party),
        presentation: Some(0x80 | presentation << 5 | party.screening & 3),
        digits: digits(&party.number),
    })
}

fn plan(party: &Party) -> NumberPlan {
    if party.number_type == 0 && party.number.starts_with('+') {
        // Global number: international, E.164.
        return NumberPlan { type_of_number: 1, plan: 1 };
    }
    NumberPlan { type_of_number: party.number_type, plan: party.plan }
}

pub(super) fn name(party: &Party) -> Option<Name> {
    let text = party.name.clone().filter(|name| !name.is_empty());
    match (text, party.name_presentation == Presentation::Restricted) {
        (Some(text), true) => Some(Name::Restricted(text)),
        (Some(text), false) => Some(Name::Allowed(text)),
        (None, true) => Some(Name::RestrictedUnknown),
        (None, false) => None,
    }
}

/// Alerting, progress or connect as CALL DETAIL.
pub(super) fn detail(inband: bool, party: Option<&Party>) -> CallDetail {
    CallDetail {
        progress: inband.then(|| indicator(IN_BAND)).into_iter().collect(),
        connected: party.and_then(number),
        name: party.and_then(name),
        elements: Vec::new(),
    }
}

/// The party in a number element, and its name.
fn party(number: Option<Number>, name: Option<Name>) -> Option<Party> {
    if number.is_none() && name.is_none() {
        return None;
    }
    let number =
        number.unwrap_or(Number { plan: NumberPlan::UNKNOWN, presentation: None, digits: String::new() });
    let octet = number.presentation.unwrap_or(0);
    let presentation = match octet >> 5 & 3 {
        1 => Presentation::Restricted,
        2 => Presentation::Unavailable,
        _ => Presentation::Allowed,
    };
    let name_presentation = match name {
        Some(Name::Restricted(_) | Name::RestrictedUnknown) => Presentation::Restricted,
        _ => Presentation::Allowed,
    };
    let name = name.and_then(|name| match name {
        Name::Allowed(text) | Name::Restricted(text) => Some(text).filter(|text| !text.is_empty()),
        Name::RestrictedUnknown | Name::NotAvailable => None,
    });
    let mut digits = number.digits;
    digits.truncate(digits.floor_char_boundary(MAX_DIGITS));
    Some(Party {
        number: digits,
        number_type: number.plan.type_of_number,
        plan: number.plan.plan,
        presentation,
        name_presentation,
        screening: octet & 3,
        name,
    })
}

/// The name in a message, by Facility or Display.
fn message_name(message: &Message) -> Option<Name> {
    Name::find(message).map(|(_, name)| name).or_else(|| Name::find_display(message))
}

/// Who is reached, in ALERTING or CONNECT.
pub(super) fn reached(message: &Message) -> Option<Party> {
    let number = message.get(ie::CONNECTED_NUMBER).and_then(|body| Number::parse(body));
    party(number, message_name(message))
}

pub(super) fn progress(message: &Message) -> Progress {
    let inband =
        message.all(ie::PROGRESS).filter_map(|body| ProgressIndicator::parse(body)).any(|progress| {
            progress.coding == 0 && matches!(progress.description, NOT_END_TO_END_ISDN | IN_BAND)
        });
    Progress { inband, party: reached(message), sdp: None, raw: None }
}

/// An incoming SETUP. `etsi`: operations are those of the public network, not of QSIG.
pub(super) fn setup(message: &Message, digits: String, complete: bool, etsi: bool) -> Setup {
    let number = |id| message.get(id).and_then(|body| Number::parse(body));
    let called = Party { number: digits, ..party(number(ie::CALLED_NUMBER), None).unwrap_or_default() };
    let calling = party(number(ie::CALLING_NUMBER), message_name(message)).unwrap_or_default();
    Setup {
        called,
        calling,
        redirecting: if etsi { Diversion::find_etsi(message) } else { Diversion::find(message) }
            .and_then(redirection)
            .or_else(|| message.read::<RedirectingNumber>().and_then(redirected)),
        complete,
        user_user: message.get(ie::USER_USER).cloned(),
        ..Setup::default()
    }
}

fn redirection(diversion: Diversion) -> Option<Redirection> {
    let Diversion::Leg2 {
        counter,
        reason,
        diverting,
        original_called,
        redirecting_name,
        original_called_name,
        ..
    } = diversion
    else {
        return None;
    };
    Some(Redirection {
        from: presented(diverting, redirecting_name).unwrap_or_default(),
        original: presented(original_called, original_called_name),
        reason: match reason {
            DiversionReason::Unknown => RedirectReason::Unknown,
            DiversionReason::Unconditional => RedirectReason::Unconditional,
            DiversionReason::Busy => RedirectReason::Busy,
            DiversionReason::NoReply => RedirectReason::NoReply,
        },
        count: counter.max(1),
    })
}

fn presented(number: Option<PresentedNumber>, name: Option<Name>) -> Option<Party> {
    let (number, presentation) = match number? {
        PresentedNumber::Allowed(number) => (Some(number), 0),
        PresentedNumber::RestrictedNumber(number) => (Some(number), 1),
        PresentedNumber::Restricted => (None, 1),
        PresentedNumber::NotAvailable => (None, 2),
    };
    let number = Number {
        plan: number.as_ref().map_or(NumberPlan::UNKNOWN, PartyNumber::plan),
        presentation: Some(0x80 | presentation << 5),
        digits: number.map(|number| number.digits().to_owned()).unwrap_or_default(),
    };
    party(Some(number), name)
}

/// Q.931 4.6.7: reason for redirection.
const REASON_BUSY: u8 = 1;
const REASON_NO_REPLY: u8 = 2;
const REASON_UNCONDITIONAL: u8 = 15;

/// The Redirecting number element of a network without QSIG.
fn redirected(number: RedirectingNumber) -> Option<Redirection> {
    let reason = match number.reason {
        Some(REASON_BUSY) => RedirectReason::Busy,
        Some(REASON_NO_REPLY) => RedirectReason::NoReply,
        Some(REASON_UNCONDITIONAL) => RedirectReason::Unconditional,
        _ => RedirectReason::Unknown,
    };
    let presentation = number.presentation.map(|octet| octet | 0x80);
    let number = Number { plan: number.plan, presentation, digits: number.digits };
    Some(Redirection { from: party(Some(number), None)?, original: None, reason, count: 1 })
}

/// The same, of an outgoing call that was diverted before.
pub(super) fn redirecting_number(redirection: &Redirection) -> RedirectingNumber {
    let presentation = number(&redirection.from).and_then(|number| number.presentation);
    RedirectingNumber {
        plan: plan(&redirection.from),
        // Without a number it is not available.
        presentation: Some(presentation.unwrap_or(0x40) & 0x7F),
        reason: Some(match redirection.reason {
            RedirectReason::Unknown => 0,
            RedirectReason::Unconditional => REASON_UNCONDITIONAL,
            RedirectReason::Busy => REASON_BUSY,
            RedirectReason::NoReply => REASON_NO_REPLY,
        }),
        digits: digits(&redirection.from.number),
    }
}

/// A party's number as QSIG services have it.
pub(super) fn presented_number(party: &Party) -> PresentedNumber {
    let digits = digits(&party.number);
    let ton = party.number_type;
    let number = match plan(party).plan {
        1 => PartyNumber::Public { ton, digits },
        9 => PartyNumber::Private { ton, digits },
        _ => PartyNumber::Unknown(digits),
    };
    match party.presentation {
        _ if party.number.is_empty() => PresentedNumber::NotAvailable,
        Presentation::Allowed => PresentedNumber::Allowed(number),
        Presentation::Restricted => PresentedNumber::RestrictedNumber(number),
        Presentation::Unavailable => PresentedNumber::NotAvailable,
    }
}

/// Who the other party is after a transfer.
pub(crate) fn transferred(transfer: qsig::transfer::Transfer) -> Option<Party> {
    presented(Some(transfer.number), transfer.name)
}

/// divertingLegInformation2 of an outgoing call that was diverted before.
pub(super) fn diversion(redirection: &Redirection) -> Diversion {
    Diversion::Leg2 {
        counter: redirection.count.clamp(1, 15),
        reason: match redirection.reason {
            RedirectReason::Unknown => DiversionReason::Unknown,
            RedirectReason::Unconditional => DiversionReason::Unconditional,
            RedirectReason::Busy => DiversionReason::Busy,
            RedirectReason::NoReply => DiversionReason::NoReply,
        },
        original_reason: None,
        diverting: Some(presented_number(&redirection.from)),
        original_called: redirection.original.as_ref().map(presented_number),
        redirecting_name: name(&redirection.from),
        original_called_name: redirection.original.as_ref().and_then(name),
    }
}
