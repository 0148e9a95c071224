//! Q.931 5.8.6 and 5.8.7: what of a message must be there, be known and be readable.

use super::{
    CallStateValue, Cause, ChannelId, DateTime, Element, HighLayer, LowLayer, Message, MessageType,
    NetworkFacilities, Notification, ProgressIndicator, RedirectingNumber, Repr, RestartIndicator,
    SegmentedMessage, Signal, Subaddress, TransitNetwork, UserUser, ie,
};

/// What is wrong with a message's elements. Each list is in the message's order and holds element identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Mandatory elements that are not there, and elements with identifiers `0000 xxxx` that we do not know: cause 96.
    pub missing: Vec<u8>,
    /// Mandatory elements whose contents cannot be read: cause 100.
    pub invalid: Vec<u8>,
    /// Elements we do not know that may be passed over: cause 99 where the sender is told.
    pub unknown: Vec<u8>,
    /// Optional elements whose contents cannot be read; they are passed over: cause 100 where the sender is told.
    pub unreadable: Vec<u8>,
}

impl Faults {
    /// The cause and the diagnostics with which the message must be refused, if it must.
    pub fn refusal(&self) -> Option<(u8, &[u8])> {
        match (&self.missing[..], &self.invalid[..]) {
            ([], []) => None,
            ([], invalid) => Some((100, invalid)),
            (missing, _) => Some((96, missing)),
        }
    }

    /// The cause and the diagnostics of a STATUS that tells the sender what was passed over.
    pub fn remark(&self) -> Option<(u8, &[u8])> {
        match (&self.unknown[..], &self.unreadable[..]) {
            ([], []) => None,
            ([], unreadable) => Some((100, unreadable)),
            (unknown, _) => Some((99, unknown)),
        }
    }
}

impl MessageType {
    /// The elements without which a message of this type means nothing. Channel identification is not among them: networks
    /// differ in when they leave it out.
    pub fn mandatory(self) -> &'static [u8] {
        match self {
            Self::SETUP => &[ie::BEARER_CAPABILITY],
            Self::PROGRESS => &[ie::PROGRESS],
            Self::DISCONNECT
            | Self::HOLD_REJECT
            | Self::RETRIEVE_REJECT
            | Self::SUSPEND_REJECT
            | Self::RESUME_REJECT => &[ie::CAUSE],
            Self::STATUS => &[ie::CAUSE, ie::CALL_STATE],
            Self::NOTIFY => &[ie::NOTIFICATION],
            Self::RESTART | Self::RESTART_ACKNOWLEDGE => &[ie::RESTART],
            Self::SEGMENT => &[ie::SEGMENTED_MESSAGE],
            Self::USER_INFORMATION => &[ie::USER_USER],
            _ => &[],
        }
    }
}

impl Message {
    /// Compares the message with what its type must have and with what we know. `whole` as
    /// [`Message::parse_checked`] gave it: an element that ran past the end counts as one that cannot be read.
    pub fn faults(&self, whole: bool) -> Faults {
        let mut faults = Faults::default();
        let mandatory = self.kind.mandatory();
        for element in self.elements.iter().filter(|element| element.codeset == 0 && !element.is_shift()) {
            //= Q.931 4.5.1: an element of length zero counts as absent.
            if element.body.is_empty() && element.id & 0x80 == 0 && element.id & 0xF0 != 0 {
                continue;
            }
            match readable(element) {
                Some(true) => {}
                Some(false) if mandatory.contains(&element.id) => faults.invalid.push(element.id),
                Some(false) => faults.unreadable.push(element.id),
                //= Q.931 4.5.1 table 4-3, note: identifiers 0000 xxxx are for elements that must be understood.
                None if element.id & 0xF0 == 0 => faults.missing.push(element.id),
                None => faults.unknown.push(element.id),
            }
        }
        for &id in mandatory {
            if self.all(id).all(|body| body.is_empty()) {
                // What was cut off may have been it.
                let list = if whole { &mut faults.missing } else { &mut faults.invalid };
                list.push(id);
            }
        }
        faults
    }
}

/// The digits of a number element.
fn number(body: &[u8]) -> Option<&[u8]> {
    match body {
        [first, rest @ ..] if first & 0x80 != 0 => Some(rest),
        [_, _, rest @ ..] => Some(rest),
        _ => None,
    }
}

fn printable(octets: &[u8]) -> bool {
    octets.iter().all(|octet| (0x20..0x7F).contains(&(octet & 0x7F)))
}

/// Whether a codeset 0 element's contents can be read; `None`: we do not know it.
fn readable(element: &Element) -> Option<bool> {
    let body = &element.body[..];
    Some(match element.id {
        // Kept as octets; a call cares about two of them.
        ie::BEARER_CAPABILITY => body.len() >= 2,
        ie::CAUSE => Cause::parse(body).is_some(),
        ie::CALL_STATE => CallStateValue::parse(body).is_some(),
        ie::CHANNEL_ID => ChannelId::parse(body).is_some(),
        ie::PROGRESS => ProgressIndicator::parse(body).is_some(),
        ie::NETWORK_FACILITIES => NetworkFacilities::parse(body).is_some(),
        ie::NOTIFICATION => Notification::parse(body).is_some(),
        // Text in a character set of the network's own is no error.
        ie::DISPLAY => true,
        ie::DATE_TIME => DateTime::parse(body).is_some(),
        ie::KEYPAD => printable(body),
        ie::SIGNAL => Signal::parse(body).is_some(),
        ie::CALLED_NUMBER | ie::CALLING_NUMBER | ie::CONNECTED_NUMBER | ie::REDIRECTION_NUMBER => {
            number(body).is_some_and(printable)
        }
        ie::REDIRECTING_NUMBER | ie::ORIGINAL_CALLED_NUMBER => RedirectingNumber::parse(body).is_some(),
        ie::CALLED_SUBADDRESS | ie::CALLING_SUBADDRESS | ie::CONNECTED_SUBADDRESS => {
            Subaddress::parse(body).is_some()
        }
        ie::TRANSIT_NETWORK => TransitNetwork::parse(body).is_some(),
        ie::RESTART => RestartIndicator::parse(body).is_some(),
        ie::LOW_LAYER => LowLayer::parse(body).is_some(),
        ie::HIGH_LAYER => HighLayer::parse(body).is_some(),
        ie::USER_USER => UserUser::parse(body).is_some(),
        ie::SEGMENTED_MESSAGE => SegmentedMessage::parse(body).is_some(),
        // Known; what is in them is somebody else's, or kept without a reading.
        ie::FACILITY
        | ie::CHANGE_STATUS
        | ie::CALL_IDENTITY
        | ie::TRANSIT_DELAY
        | ie::CONNECTED_NUMBER_OLD => true,
        ie::MORE_DATA | ie::SENDING_COMPLETE => true,
        // Congestion level and repeat indicator have their value in the identifier octet.
        0xB0..=0xBF | 0xD0..=0xDF => true,
        _ => return None,
    })
}
