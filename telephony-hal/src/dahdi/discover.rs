//! What is in the box: boards, spans and channels as DAHDI has numbered and configured them.

use std::fs::File;

use super::port;
use super::sys::{self, Params, SpanInfo, line, signalling};
use super::{Alarms, DahdiError};
use crate::SpanKind;

/// DAHDI's own limits.
const SPANS: i32 = 128;
const CHANNELS: i32 = 1024;
/// `SPANCONFIG`'s bits of E1.
const E1: i32 = line::HDB3 | line::CRC4;

/// A span as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSpan {
    /// DAHDI's number, from 1.
    pub number: u32,
    /// The driver's name of it, `WCTDM/0`.
    pub name: String,
    /// What the driver says about it.
    pub description: String,
    /// Who made the board.
    pub manufacturer: String,
    /// The board's type.
    pub device: String,
    /// Where it sits.
    pub location: String,
    /// Its primary rate; `None` for analogue boards and basic rate.
    pub kind: Option<SpanKind>,
    /// Its alarms.
    pub alarms: Alarms,
    /// Its place in the order of sources of timing; 0 when it gives none.
    pub timing: u32,
    /// Its channels.
    pub channels: Vec<FoundChannel>,
}

/// A channel as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundChannel {
    /// DAHDI's number, through all spans.
    pub number: u32,
    /// Its place in the span, from 1: the timeslot of a primary rate.
    pub position: u32,
    /// The driver's name of it.
    pub name: String,
    /// What it is configured for.
    pub signalling: Signalling,
}

/// What a channel is configured for, as `system.conf` and `hardware.toml` see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signalling {
    /// A telephone's port: `fxoks`, `fxols`, `fxogs`.
    Fxs,
    /// An exchange line: `fxsks`, `fxsls`, `fxsgs`.
    Fxo,
    /// A bearer, `bchan` or `clear`.
    Bearer,
    /// A D channel, `dchan` or `hardhdlc`.
    DChannel,
    /// Nothing yet: `system.conf` does not name it, or `dahdi_cfg` has not run.
    None,
    /// Something that this gateway has no use for, by DAHDI's number.
    Other(i32),
}

impl From<i32> for Signalling {
    fn from(number: i32) -> Self {
        match number {
            signalling::FXO_KEWL | signalling::FXO_LOOP | signalling::FXO_GROUND => Self::Fxs,
            signalling::FXS_KEWL | signalling::FXS_LOOP | signalling::FXS_GROUND => Self::Fxo,
            signalling::CLEAR => Self::Bearer,
            signalling::HDLC_FCS | signalling::HARD_HDLC => Self::DChannel,
            0 => Self::None,
            other => Self::Other(other),
        }
    }
}

/// DAHDI's version.
///
/// # Errors
/// [`DahdiError::Request`] where no DAHDI is.
pub fn version() -> Result<String, DahdiError> {
    sys::version(port::control()?).map_err(|error| DahdiError::new("/dev/dahdi/ctl", "GETVERSION", error))
}

/// Every span, in the order of their numbers, looked at without opening a channel.
///
/// # Errors
/// [`DahdiError::Request`] where no DAHDI is.
pub fn spans() -> Result<Vec<FoundSpan>, DahdiError> {
    let control = port::control()?;
    let channels: Vec<Params> =
        (1..=CHANNELS).filter_map(|number| sys::params(&control, number).ok()).collect();
    let found = |span: i32| {
        let info = sys::span(&control, span).ok()?;
        let channels = channels.iter().filter(|params| params.span == span).map(channel).collect();
        Some(FoundSpan {
            number: unsigned(span),
            name: sys::text(&{ info.name }),
            description: sys::text(&{ info.description }),
            manufacturer: sys::text(&{ info.manufacturer }),
            device: sys::text(&{ info.device }),
            location: sys::text(&{ info.location }),
            kind: kind(&info),
            alarms: super::span::alarms(info.alarms),
            timing: unsigned(info.sync_source),
            channels,
        })
    };
    Ok((1..=SPANS).filter_map(found).collect())
}

fn channel(params: &Params) -> FoundChannel {
    FoundChannel {
        number: unsigned(params.channel),
        position: unsigned(params.position),
        name: sys::text(&params.name),
        signalling: params.signalling.into(),
    }
}

fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// The primary rate of a span.
pub(super) fn kind(info: &SpanInfo) -> Option<SpanKind> {
    let named = sys::text(&{ info.kind });
    let compatible = info.line_compatibility;
    let bits = info.line_config | compatible;
    match (named.as_str(), info.channels) {
        ("E1", _) => Some(SpanKind::E1),
        ("T1" | "J1", _) => Some(SpanKind::T1),
        // Virtual spans have no type: their number of channels tells.
        (_, 31) => Some(SpanKind::E1),
        (_, 24) if bits & E1 == 0 && bits != 0 || named.is_empty() && info.channels == 24 => {
            Some(SpanKind::T1)
        }
        _ => None,
    }
}

/// Whether `channel` is the first channel of a span.
pub(super) fn is_base(control: &File, span: u32, channel: u32) -> bool {
    let params = sys::params(control, i32::try_from(channel).unwrap_or(i32::MAX));
    params.is_ok_and(|params| unsigned(params.span) == span && params.position == 1)
}

/// The channel number of a span's first channel.
pub(super) fn base(control: &File, span: u32) -> Result<u32, DahdiError> {
    let number = i32::try_from(span).unwrap_or(i32::MAX);
    (1..=CHANNELS)
        .filter_map(|channel| sys::params(control, channel).ok())
        .find(|params| params.span == number && params.position == 1)
        .map(|params| unsigned(params.channel))
        .ok_or_else(|| DahdiError::new(format!("span {span}"), "GET_PARAMS", nix::errno::Errno::ENXIO.into()))
}
