//! Call transfer (ECMA-178, ISO/IEC 13869), read at the end of a connection: callTransferComplete (12),
//! callTransferUpdate (13) and callTransferActive (11), which return nothing and tell who is there now.

use rasn::types::Any;

use crate::facility::Facility;
use crate::name::Name;
use crate::party::{Enumerated, PresentedNumber, WireScreened};
use crate::q931::{Message, ie};
use crate::rose::{Component, Invoke};

/// Who is at the other end after a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which operation told it.
    pub kind: TransferKind,
    /// The new party's number.
    pub number: PresentedNumber,
    /// The new party's name.
    pub name: Option<Name>,
}

/// The operations of [`Transfer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// callTransferComplete: the parties were joined.
    Complete {
        /// Which end of the transferred call this side is: 0 primary, 1 secondary.
        end: u8,
        /// The new party is still being alerted (0 answered, 1 alerting on the wire).
        alerting: bool,
    },
    /// callTransferActive: the alerted party answered.
    Active,
    /// callTransferUpdate: number or name became known.
    Update,
}

impl Transfer {
    /// The first transfer information in a message's Facility elements.
    pub fn find(message: &Message) -> Option<Self> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) => Self::parse(invoke),
                _ => None,
            })
        })
    }

    /// Reads an invoke of operation 11, 12 or 13; `None` for others, and for arguments that cannot be read.
    pub fn parse(invoke: &Invoke) -> Option<Self> {
        let operation = invoke.operation.value().filter(|value| (11..=13).contains(value))?;
        let elements: Vec<Any> = rasn::ber::decode(invoke.argument.as_ref()?.as_bytes()).ok()?;
        let mut rest = elements.as_slice();
        let mut end = 0;
        if operation == 12 {
            let (first, tail) = rest.split_first()?;
            end = rasn::ber::decode::<Enumerated>(first.as_bytes()).ok()?.0;
            rest = tail;
        }
        let (number, rest) = rest.split_first()?;
        let number: WireScreened = rasn::ber::decode(number.as_bytes()).ok()?;
        // Basic call information elements ([APPLICATION 0]) and extensions may stand around name and status.
        let name = rest.iter().find_map(Name::parse);
        let status = rest
            .iter()
            .filter(|element| element.as_bytes().first() == Some(&0x0A))
            .find_map(|element| rasn::ber::decode::<Enumerated>(element.as_bytes()).ok());
        let kind = match operation {
            11 => TransferKind::Active,
            12 => TransferKind::Complete { end, alerting: status == Some(Enumerated(1)) },
            _ => TransferKind::Update,
        };
        Some(Self { kind, number: PresentedNumber::from_screened(number)?, name })
    }
}
