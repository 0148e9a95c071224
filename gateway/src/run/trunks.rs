//! The D channels of `hardware.toml`.

use std::collections::HashMap;
use std::io;

use cli::config::Config;
use telephony_hal::dahdi::DahdiSpan;
use telephony_hal::sim::{SimSpan, span_pair};
use telephony_hal::socket::{SocketSpan, SocketTrunk};
use telephony_hal::wrap::{AnyDChannel, AnySpan, Erased, PcapWriter, Record, Returning, Side};
use telephony_hal::{AnyError, DChannel, Span as _, SpanKind};
use tokio::task::AbortHandle;

use super::{RunError, io_error};
use crate::hardware::{Hardware, LineKind, Pri, PriBackend};
use crate::service::message::Message;
use crate::service::report::Reporter;
use crate::simpbx::{self, SimPbx};

/// What is open.
pub(super) struct OpenTrunks {
    pub(super) trunks: Vec<TrunkDevice>,
    pub(super) pbxs: Vec<SimPbx>,
    /// Spans whose B channels carry audio, by trunk.
    pub(super) spans: HashMap<usize, AnySpan>,
}

/// Opens them, each with its simulated PBX where it has one. A board that is not there is waited for.
pub(super) fn open_trunks(
    hardware: &Hardware,
    config: &Config,
    reporter: &Reporter,
    helpers: &mut Vec<AbortHandle>,
) -> Result<OpenTrunks, RunError> {
    let mut trunks = Vec::new();
    let mut pbxs = Vec::new();
    let mut spans = HashMap::new();
    for pri in &hardware.pri {
        let network = is_network(config, pri)?;
        let kind = match pri.split()?.0 {
            LineKind::E1 => SpanKind::E1,
            LineKind::T1 => SpanKind::T1,
        };
        let channel = match pri.backend {
            PriBackend::Sim => {
                let (mut our_span, mut their_span) = span_pair(kind);
                let d = |span: &mut SimSpan| {
                    span.open_d().map_err(|e| io_error(pri.controller.clone())(io::Error::other(e)))
                };
                let (ours, theirs) = (d(&mut our_span)?, d(&mut their_span)?);
                spans.insert(trunks.len(), Box::new(Erased(our_span)) as AnySpan);
                let (pbx, runs) = simpbx::new(
                    simpbx::config(config, pri, network)?,
                    simpbx::Line { d: theirs, span: their_span },
                );
                helpers.push(tokio::spawn(runs).abort_handle());
                pbxs.push(pbx);
                record(Erased(ours), pri, network)?
            }
            PriBackend::Socket => {
                let Some(address) = pri.socket_address()? else { continue };
                let what = format!("controller {}: {address}", pri.controller);
                match pri.bearer_address()? {
                    None => {
                        record(Erased(SocketTrunk::open(address).map_err(io_error(what))?), pri, network)?
                    }
                    Some(bearers) => {
                        let what = format!("{what}, bearers {} to {}", bearers.local, bearers.peer);
                        let mut span =
                            SocketSpan::open(kind, address, bearers).map_err(io_error(what.clone()))?;
                        let d = span.open_d().map_err(|e| io_error(what)(io::Error::other(e)))?;
                        spans.insert(trunks.len(), Box::new(Erased(span)) as AnySpan);
                        record(Erased(d), pri, network)?
                    }
                }
            }
            PriBackend::Dahdi => {
                let number = pri.span.unwrap_or(0);
                let mut span = DahdiSpan::expect(number, kind);
                let first = span.open_d();
                spans.insert(trunks.len(), Box::new(Erased(span)) as AnySpan);
                let open = move || match DahdiSpan::expect(number, kind).open_d() {
                    Ok(d) => Ok(Box::new(Erased(d)) as AnyDChannel),
                    Err(error) => Err(AnyError::new(error)),
                };
                let d = match first {
                    Ok(d) => Returning::new(Box::new(Erased(d)), open),
                    Err(error) => {
                        let controller = &pri.controller;
                        reporter.report(Message::ControllerDevice { controller, error: &error });
                        Returning::absent(open)
                    }
                };
                record(d, pri, network)?
            }
        };
        trunks.push(TrunkDevice { channel, closed: false });
    }
    Ok(OpenTrunks { trunks, pbxs, spans })
}

fn is_network(config: &Config, pri: &Pri) -> Result<bool, RunError> {
    let interface = config.serial_interface(&pri.voice_port()?);
    Ok(interface.is_some_and(|s| s.protocol_emulate == cli::config::ProtocolEmulate::Network))
}

fn record<T>(channel: T, pri: &Pri, network: bool) -> Result<AnyDChannel, RunError>
where
    T: DChannel<Error = AnyError> + Send + 'static,
{
    let Some(path) = &pri.pcap else { return Ok(Box::new(channel)) };
    let failed = || path.display().to_string();
    let file = std::fs::File::create(path).map_err(io_error(failed()))?;
    let side = if network { Side::Network } else { Side::User };
    let writer = PcapWriter::new(file, side).map_err(io_error(failed()))?;
    Ok(Box::new(Record::new(channel, writer)))
}

/// An open D channel.
pub(super) struct TrunkDevice {
    pub(super) channel: AnyDChannel,
    /// It will never bring anything any more.
    pub(super) closed: bool,
}
