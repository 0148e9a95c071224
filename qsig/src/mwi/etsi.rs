//! Message waiting as the public ISDN of Europe has it (EN 300 745-1): mWIActivate and mWIDeactivate with global operation
//! values, from one end of a `primary-net5` trunk to the other.
//!
//! Operations, arguments and errors are those of the standard's module MWI-Operations-and-Errors, all of whose tags are
//! explicit. mWIIndicate, by which the network tells a terminal, has no receiving user in it and no place on a trunk.

use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Encode};

use super::{BasicService, GeneralizedTime, InvokeError, MsgCentreId, MwiAction, MwiRequest};
use crate::party::{Enumerated, WireNumber, any, from_wire, number, parse_number, text, to_wire};
use crate::rose::{Code, Component, Invoke, Problem, ReturnResult};

/// { itu-t(0) identified-organization(4) etsi(0) 745 operations-and-errors(1) }, then the operation or error.
const MODULE: [u32; 5] = [0, 4, 0, 745, 1];

/// General-Errors of EN 300 196-1: the only error of theirs we answer with that says "not one of my users".
const INVALID_SERVED_USER: i32 = 6;
const NOT_AVAILABLE: i32 = 3;
const RESOURCE_UNAVAILABLE: i32 = 11;

/// The operation of a value; `None`: it is not one of the two.
pub fn action(operation: &Code) -> Option<MwiAction> {
    match value(operation)? {
        1 => Some(MwiAction::Activate),
        2 => Some(MwiAction::Deactivate),
        _ => None,
    }
}

/// The name of an operation value of the module.
pub fn operation_name(operation: &Code) -> Option<&'static str> {
    Some(match value(operation)? {
        1 => "mWIActivate",
        2 => "mWIDeactivate",
        3 => "mWIIndicate",
        _ => return None,
    })
}

/// The name of an error value of the module.
pub fn error_name(error: &Code) -> Option<&'static str> {
    Some(match value(error)? {
        10 => "invalidReceivingUserNr",
        11 => "receivingUserNotSubscribed",
        12 => "controllingUserNotRegistered",
        13 => "indicationNotDelivered",
        14 => "maxNumOfControllingUsersReached",
        15 => "maxNumOfActiveInstancesReached",
        _ => return None,
    })
}

/// The QSIG error that means the same: 6 invalidServedUserNr, 0 userNotSubscribed, 1007 notAuthorized, 1000
/// temporarilyUnavailable, 11 resourceUnavailable. General errors have the same values in both.
pub fn error_value(error: &Code) -> i32 {
    match value(error) {
        Some(10) => INVALID_SERVED_USER,
        Some(11) => 0,
        Some(12) => 1007,
        Some(13) => 1000,
        Some(14 | 15) => RESOURCE_UNAVAILABLE,
        _ => error.value().unwrap_or(crate::service::UNSPECIFIED),
    }
}

/// The invoke component of a request. `send_count`: whether numberOfMessages is sent. The message centre, if it is a number,
/// is the controlling user, and so is the calling number; what else ETSI has no place for is left out.
///
/// # Errors
/// [`InvokeError::BadNumber`]; [`InvokeError::SwitchType`] for an interrogation, which ETSI does not have.
pub fn invoke(request: &MwiRequest, send_count: bool, invoke_id: i16) -> Result<Component, InvokeError> {
    let centre = match &request.message_centre {
        Some(MsgCentreId::Party(number)) => Some(number),
        _ => request.calling_number.as_ref(),
    };
    let controlling = centre.map(to_wire).transpose()?;
    let mut elements = vec![number(&request.served_user)?, any(&Enumerated(request.basic_service.0))];
    let operation = match request.action {
        MwiAction::Activate => {
            let messages = request.messages.filter(|count| send_count && *count != 0);
            let originating = request.originating.as_ref().map(to_wire).transpose()?;
            let time = request.timestamp.as_ref();
            let time = time.map(|text| GeneralizedTime(OctetString::from_slice(text.as_bytes())));
            let tail = [
                controlling.map(Tail::Controlling),
                messages.map(Tail::Messages),
                originating.map(Tail::Provided),
                time.map(Tail::Time),
            ];
            elements.extend(tail.into_iter().flatten().map(|element| any(&element)));
            1
        }
        MwiAction::Deactivate => {
            elements.extend(controlling.map(|number| any(&number)));
            2
        }
        MwiAction::Interrogate => {
            return Err(InvokeError::SwitchType(crate::SwitchType::PrimaryNet5));
        }
    };
    elements.extend(request.extensions.iter().map(|octets| Any::new(octets.to_vec())));
    Ok(Component::Invoke(Invoke {
        invoke_id,
        linked_id: None,
        operation: code(operation),
        argument: Some(any(&elements)),
    }))
}

/// Reads an invoke. `None`: another operation. `Some(Err)`: a mistyped argument.
pub fn parse_invoke(invoke: &Invoke) -> Option<Result<MwiRequest, Problem>> {
    let action = action(&invoke.operation)?;
    let request = invoke.argument.as_ref().and_then(|argument| parse_argument(action, argument));
    Some(request.ok_or(Problem::Invoke(2)))
}

/// The answer to invoke `invoke_id`: a return result, which has nothing in it, or an error every network knows.
pub(crate) fn answer(invoke_id: i16, answer: &super::MwiAnswer) -> Option<Component> {
    use super::MwiAnswer as A;
    Some(match answer {
        A::Result | A::ShortResult => Component::ReturnResult(ReturnResult { invoke_id, result: None }),
        A::Error(error @ (0..=3 | INVALID_SERVED_USER | 8 | RESOURCE_UNAVAILABLE)) => {
            Component::error(invoke_id, *error)
        }
        // What is temporary is a lack of resources here, and there is no call to clear.
        A::Error(_) | A::Cause(_) => Component::error(invoke_id, RESOURCE_UNAVAILABLE),
        A::Reject(problem) => Component::reject(invoke_id, Problem::Invoke(i32::from(*problem))),
        A::InterrogateResult(_) => Component::error(invoke_id, NOT_AVAILABLE),
        A::Silent => return None,
    })
}

/// The elements after basicService in an activation.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
enum Tail {
    #[rasn(tag(explicit(context, 1)))]
    Controlling(WireNumber),
    #[rasn(tag(explicit(context, 2)))]
    Messages(u16),
    #[rasn(tag(explicit(context, 3)))]
    Provided(WireNumber),
    #[rasn(tag(explicit(context, 4)))]
    Time(GeneralizedTime),
}

fn value(code: &Code) -> Option<u32> {
    let Code::Global(oid) = code else { return None };
    let arcs: &[u32] = oid;
    match arcs.split_last()? {
        (last, module) if module == MODULE => Some(*last),
        _ => None,
    }
}

fn code(value: u32) -> Code {
    Code::global(&[MODULE.as_slice(), &[value]].concat())
}

fn parse_argument(action: MwiAction, argument: &Any) -> Option<MwiRequest> {
    let elements: Vec<Any> = rasn::ber::decode(argument.as_bytes()).ok()?;
    let (receiving, rest) = elements.split_first()?;
    let (service, rest) = rest.split_first()?;
    let mut request = MwiRequest::new(action, parse_number(receiving)?);
    request.basic_service = BasicService(rasn::ber::decode::<Enumerated>(service.as_bytes()).ok()?.0);
    for element in rest {
        let octets = element.as_bytes();
        match (action, octets.first()?) {
            (MwiAction::Activate, 0xA1..=0xA4) => match rasn::ber::decode::<Tail>(octets).ok()? {
                Tail::Controlling(number) => {
                    request.message_centre = Some(MsgCentreId::Party(from_wire(number)?));
                }
                Tail::Messages(count) => request.messages = Some(count),
                Tail::Provided(number) => request.originating = Some(from_wire(number)?),
                Tail::Time(time) => request.timestamp = Some(text(&time.0)?),
            },
            // A number stands without a tag of its own in a deactivation.
            (MwiAction::Deactivate, 0x80 | 0xA1 | 0xA5) => {
                request.message_centre = Some(MsgCentreId::Party(parse_number(element)?));
            }
            // messageId, mode, and what we do not know.
            _ => request.extensions.push(bytes::Bytes::copy_from_slice(octets)),
        }
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::PartyNumber;
    use crate::mwi::MwiAnswer;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    fn read(component: &Component) -> MwiRequest {
        let Component::Invoke(invoke) = Component::parse(&component.to_vec()).unwrap() else { panic!() };
        parse_invoke(&invoke).unwrap().unwrap()
    }

    /// By hand from the standard's module: explicit tags, universal types inside.
    #[test]
    fn an_activation_is_coded_as_the_module_says() {
        let mut request = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("4711".into()));
        request.messages = Some(2);
        request.message_centre = Some(MsgCentreId::Party(PartyNumber::Unknown("8000".into())));
        let component = invoke(&request, true, 1).unwrap();
        let wanted = "a123 020101 0606040085690101 3016 800434373131 0a0101 a106800438303030 a203020102";
        assert_eq!(hex(&component.to_vec()), wanted.replace(' ', ""));
        assert_eq!(read(&component), request);
        request.messages = None;
        assert_eq!(
            read(&invoke(&MwiRequest { messages: Some(2), ..request.clone() }, false, 1).unwrap()),
            request
        );
    }

    #[test]
    fn a_deactivation_names_the_controlling_user_without_a_tag() {
        let mut request =
            MwiRequest::new(MwiAction::Deactivate, PartyNumber::Public { ton: 4, digits: "4711".into() });
        request.message_centre = Some(MsgCentreId::Party(PartyNumber::Unknown("8000".into())));
        let component = invoke(&request, true, -2).unwrap();
        let wanted = "a121 0201fe 0606040085690102 3014 a1090a0104120434373131 0a0101 800438303030";
        assert_eq!(hex(&component.to_vec()), wanted.replace(' ', ""));
        assert_eq!(read(&component), request);
    }

    #[test]
    fn every_element_is_read_and_what_has_no_place_here_is_kept() {
        let mut request = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("4711".into()));
        request.originating = Some(PartyNumber::Private { ton: 4, digits: "12".into() });
        request.timestamp = Some("20261121224500Z".into());
        // messageId { 7, added-message }, mode combined.
        request.extensions = vec![
            b"\xA5\x08\x30\x06\x02\x01\x07\x0A\x01\x00".as_slice().into(),
            b"\xA6\x03\x0A\x01\x02".as_slice().into(),
        ];
        assert_eq!(read(&invoke(&request, true, 9).unwrap()), request);
    }

    #[test]
    fn errors_are_told_apart_as_qsig_s_are() {
        for (error, means, name) in [
            (10, 6, "invalidReceivingUserNr"),
            (11, 0, "receivingUserNotSubscribed"),
            (12, 1007, "controllingUserNotRegistered"),
            (13, 1000, "indicationNotDelivered"),
            (14, 11, "maxNumOfControllingUsersReached"),
            (15, 11, "maxNumOfActiveInstancesReached"),
        ] {
            assert_eq!((error_value(&code(error)), error_name(&code(error))), (means, Some(name)));
        }
        assert_eq!((error_value(&code(16)), error_name(&code(16))), (1008, None));
        assert_eq!(error_value(&Code::Local(6)), 6);
    }

    #[test]
    fn an_interrogation_is_no_operation_of_etsi_s() {
        let request = MwiRequest::new(MwiAction::Interrogate, PartyNumber::Unknown("4711".into()));
        assert!(matches!(invoke(&request, true, 1), Err(InvokeError::SwitchType(_))));
        assert_eq!(answer(1, &MwiAnswer::InterrogateResult(Vec::new())), Some(Component::error(1, 3)));
    }
}
