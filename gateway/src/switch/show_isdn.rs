//! `show isdn …` and `show controllers`, in the words and columns of IOS.
//!
//! Layouts: `show isdn status`, `show isdn active` and `show controllers` after captures; `show isdn history` and
//! `show isdn service` from memory; `show isdn memory` is Tipring's own, since what IOS counts there does not exist here.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use qsig::lapd::State as DataLinkState;
use qsig::{CallRecord, ChannelState, DLink, LineKind, ServiceState, Side};
use telephony_hal::{Alarms, Framing, LineCode, LineStatus};

use super::Switch;
use crate::leg::pri::board;
use crate::leg::pri::{Counts, INTERVAL, MemberOf, PriTrunk, Service};

const RULE: &str = "--------------------------------------------------------------------------------\n";

impl Switch {
    pub(super) fn show_isdn_status(&self) -> String {
        let global = self.config.isdn_switch_type.as_ref().map_or("none", |s| s.keyword());
        let mut out = format!("Global ISDN Switchtype = {global}\n");
        for (dsl, trunk) in self.trunks.iter().enumerate() {
            let network = trunk.span.config().side == Side::Network;
            let switch_type = self
                .config
                .serial_interface(&trunk.port)
                .and_then(|s| self.config.switch_type(s))
                .or_else(|| self.config.isdn_switch_type.clone());
            let keyword = switch_type.as_ref().map_or("none", |s| s.keyword());
            let _ = writeln!(out, "ISDN Serial{} interface", trunk.port);
            if network {
                let _ = writeln!(out, "        ******* Network side configuration ******* ");
            }
            let place = match (trunk.group(), trunk.member_of()) {
                (Some((group, _)), _) => format!(" : Primary D channel of nfas group {group}"),
                (None, Some(MemberOf { group, link: Some(_), .. })) => {
                    format!(" : Backup D channel of nfas group {group}")
                }
                (None, Some(MemberOf { group, .. })) => format!(" : Group member of nfas group {group}"),
                (None, None) => String::new(),
            };
            let _ = writeln!(out, "        dsl {dsl}, interface ISDN Switchtype = {keyword}{place}");
            let side = if network { "Network" } else { "User" };
            let _ = writeln!(out, "         **** {side} side configuration ****");
            let layer1 = match (&trunk.service, trunk.link()) {
                (Service::Out(_), true) if trunk.member_of().is_some() => "ACTIVE",
                (Service::Out(_), false) if trunk.member_of().is_some() => "DEACTIVATED",
                (Service::Out(_), _) => "SHUTDOWN",
                (Service::In, true) => "ACTIVE",
                (Service::In, false) => "DEACTIVATED",
            };
            let _ = writeln!(out, "    Layer 1 Status:\n        {layer1}");
            if let Some(of) = trunk.member_of() {
                let owner = self.trunks.get(of.owner);
                match of.link.and_then(|link| owner?.span.data_link_state_of(link)) {
                    Some(state) => {
                        let _ = writeln!(
                            out,
                            "    Layer 2 Status:\n        TEI = 0, Ces = 1, SAPI = 0, State = {state}"
                        );
                    }
                    None => out.push_str("    Layer 2 Status: Not Applicable\n"),
                }
                out.push_str("    Layer 3 Status: Not Applicable\n");
                continue;
            }
            let _ = writeln!(
                out,
                "    Layer 2 Status:\n        TEI = 0, Ces = 1, SAPI = 0, State = {}",
                trunk.span.data_link_state()
            );
            let calls = trunk.span.active_calls();
            let _ = writeln!(out, "    Layer 3 Status:\n        {calls} Active Layer 3 Call(s)");
            for call in trunk.span.call_records() {
                let reference = call.call_reference.value | u16::from(call.call_reference.flag) << 15;
                let channel = call.channel.unwrap_or(0);
                let kind = match call.bearer.transfer_capability() {
                    Some(8 | 9) => "DATA",
                    _ => "VOICE",
                };
                let _ = writeln!(
                    out,
                    "        CCB:callid={reference:X}, sapi=0, ces=0, B-chan={channel}, calltype={kind}"
                );
            }
            let _ = writeln!(out, "    Active dsl {dsl} CCBs = {calls}");
            // The highest bit stands for no channel, and is set in every capture of an interface in service.
            let mask = if trunk.span.is_up() { trunk.span.free_channels() | 1 << 31 } else { 0 };
            let _ = writeln!(out, "    The Free Channel Mask:  0x{mask:08X}");
            let _ = writeln!(
                out,
                "    Number of L2 Discards = {}, L2 Session ID = {}",
                trunk.span.statistics().link.discarded,
                trunk.span.statistics().link.established
            );
        }
        let all: usize = self.trunks.iter().map(|trunk| trunk.span.active_calls()).sum();
        let _ = writeln!(out, "    Total Allocated ISDN CCBs = {all}");
        out
    }

    pub(super) fn show_isdn_active(&self, now: Instant) -> String {
        let mut out = format!("{RULE}{:>49}\n{RULE}", "ISDN ACTIVE CALLS");
        out.push_str(HEADINGS);
        let calls = self.trunks.iter().flat_map(|trunk| trunk.span.call_records());
        calls.for_each(|call| row(&mut out, now, call));
        out + RULE
    }

    pub(super) fn show_isdn_history(&self, now: Instant) -> String {
        let mut out = format!("{RULE}{:>48}\n{RULE}", "ISDN CALL HISTORY");
        let _ = writeln!(
            out,
            "Call History contains all active calls, and a maximum of {} inactive calls.\n{RULE}{HEADINGS}",
            qsig::HISTORY
        );
        // One blank line too many would part headings and rows.
        out.pop();
        for trunk in &self.trunks {
            let calls = trunk.span.history().chain(trunk.span.call_records());
            calls.for_each(|call| row(&mut out, now, call));
        }
        out + RULE
    }

    /// `show isdn nfas group [N]`; layout after Cisco's documentation, from memory.
    pub(super) fn show_isdn_nfas(&self, wanted: Option<u8>) -> String {
        let mut out = String::new();
        for trunk in &self.trunks {
            let Some((group, count)) = trunk.group().filter(|(group, _)| wanted.is_none_or(|n| n == *group))
            else {
                continue;
            };
            let _ = writeln!(out, "ISDN NFAS GROUP ID {group} ENTRIES:\n");
            let port = |at: usize| self.trunks.get(at).map_or("", |trunk| trunk.port.as_str());
            for (at, link) in trunk.group_members() {
                let what = match link {
                    Some(DLink::Primary) => "The primary D is",
                    Some(DLink::Backup) => "The backup D is",
                    None => "The NFAS member is",
                };
                let _ = writeln!(out, "{what} Serial{}.", port(at));
            }
            let channels = trunk.span.config().channels();
            let free = channels.filter(|channel| trunk.span.has_free(*channel)).count();
            let _ = writeln!(
                out,
                "\nThere are {count} total nfas members.\nThere are {free} total available B channels."
            );
            let active = trunk.span.d_channel_in_service();
            let mut serving = None;
            for (at, link) in trunk.group_members() {
                let Some(link) = link else { continue };
                let name = if link == DLink::Primary { "primary" } else { "backup" };
                let up = matches!(
                    trunk.span.data_link_state_of(link),
                    Some(DataLinkState::MultipleFrameEstablished | DataLinkState::TimerRecovery)
                );
                let state = match (active == Some(link), up) {
                    (true, true) => "IN SERVICE",
                    (false, true) => "STANDBY",
                    (_, false) => "OUT OF SERVICE",
                };
                let _ = writeln!(out, "The {name} D-channel is DSL {at} in state {state}.");
                serving = if active == Some(link) && up { Some(at) } else { serving };
            }
            let serving = serving.map_or_else(|| "none".to_owned(), |at| at.to_string());
            let _ = writeln!(out, "The current active layer 2 DSL is {serving}.\n");
        }
        out
    }

    pub(super) fn show_isdn_memory(&self) -> String {
        let mut out = String::from("ISDN memory in use\n");
        for trunk in &self.trunks {
            let memory = trunk.span.memory();
            let _ = writeln!(out, "ISDN Serial{} interface", trunk.port);
            for (count, what) in [
                (memory.calls, "CCBs of calls"),
                (memory.connections, "CCBs of call independent connections"),
                (memory.timers, "timers running"),
                (memory.messages, "messages queued"),
                (memory.events, "events queued"),
                (memory.history, "calls in the history"),
            ] {
                let _ = writeln!(out, "{count:>8} {what}");
            }
        }
        out
    }

    pub(super) fn show_isdn_service(&self) -> String {
        let mut out = String::from("PRI Channel Statistics:\n");
        for (dsl, trunk) in self.trunks.iter().enumerate() {
            let last: u8 = match trunk.span.config().line {
                LineKind::E1 => 31,
                LineKind::T1 => 24,
            };
            let channel = |slot: u8| trunk.span.channels().find(|status| status.slot == slot);
            // The D channel, and what is not in the pri-group, is reserved and out of service.
            let state = |slot| channel(slot).map_or(ChannelState::Reserved, |status| status.state) as u8;
            let service =
                |slot| channel(slot).map_or(ServiceState::OutOfService, |status| status.service) as u8;
            let numbers: Vec<u8> = (1..=last).map(|slot| slot % 10).collect();
            let _ = writeln!(out, "ISDN Se{}, Channel [1-{last}]", trunk.port);
            let _ = writeln!(out, "  Configured Isdn Interface (dsl) {dsl}");
            let rows: [(&str, Vec<u8>); 2] = [
                (
                    "   Channel State (0=Idle 1=Proposed 2=Busy 3=Reserved 4=Restart 5=Maint_Pend)",
                    (1..=last).map(state).collect(),
                ),
                (
                    "   Service State (0=Inservice 1=Maint 2=Outofservice 8=MaintPend 9=OOSPend)",
                    (1..=last).map(service).collect(),
                ),
            ];
            for (title, values) in rows {
                let _ = writeln!(
                    out,
                    "{title}\n    Channel : {}\n    State   : {}",
                    spaced(&numbers),
                    spaced(&values)
                );
            }
        }
        out
    }

    pub(super) fn show_controllers(&self, now: Instant, unit: Option<&str>) -> String {
        let mut out = String::new();
        for trunk in &self.trunks {
            if unit.is_none_or(|unit| trunk.controller.split_whitespace().nth(1) == Some(unit)) {
                controller(&mut out, now, trunk);
            }
        }
        out
    }
}

const HEADINGS: &str = "\
Call    Calling      Called       Remote  Seconds Seconds Seconds Charges
Type    Number       Number       Name    Used    Left    Idle    Units/Currency
--------------------------------------------------------------------------------
";

/// One call: type, numbers, name, seconds used, left and idle; charges only for calls that went out.
fn row(out: &mut String, now: Instant, call: &CallRecord) {
    let kind = if call.outgoing { "Out" } else { "In" };
    let calling = call.calling.as_ref().map_or("", |number| number.digits.as_str());
    let name: String = call.name().unwrap_or_default().chars().take(14).collect();
    let _ = write!(
        out,
        "{kind:<3}{calling:>12}{:>12}{name:>14} {:>7}       0       0",
        call.called.digits,
        call.seconds(now)
    );
    out.push_str(if call.outgoing { "      0\n" } else { "\n" });
}

fn spaced(digits: &[u8]) -> String {
    digits.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn controller(out: &mut String, now: Instant, trunk: &PriTrunk) {
    let up = trunk.link();
    let (kind, framing, code) = match trunk.span.config().line {
        LineKind::E1 => ("Channelized E1 - balanced", Framing::Crc4, LineCode::Hdb3),
        LineKind::T1 => ("Channelized T1", Framing::ExtendedSuperframe, LineCode::B8zs),
    };
    // A trunk without a framer is as most lines are.
    let status =
        trunk.line.unwrap_or(LineStatus { alarms: Alarms::default(), framing, code, gives_clock: true });
    let (framing, code) = (board::framing(status.framing), board::code(status.code));
    let clock = if status.gives_clock { "Line" } else { "Internal" };
    let down = trunk.service == Service::Out("controller is shut down");
    let state = match (down, up) {
        (true, _) => "administratively down",
        (false, true) => "up",
        (false, false) => "down",
    };
    let _ = writeln!(out, "{} is {state}.", trunk.controller);
    let _ = writeln!(out, "  Applique type is {kind}\n  Cablelength is Unknown");
    let received = [
        (status.alarms.remote, "has remote alarm"),
        (status.alarms.all_ones, "is getting AIS"),
        (status.alarms.loss_of_signal, "has loss of signal"),
    ];
    let mut received: Vec<&str> =
        received.into_iter().filter(|(raised, _)| *raised).map(|(_, words)| words).collect();
    if up && received.is_empty() {
        let _ = writeln!(out, "  No alarms detected.");
    } else {
        if received.is_empty() {
            received.push("has loss of signal");
        }
        // What answers a remote alarm would be another one.
        if received != ["has remote alarm"] {
            let _ = writeln!(out, "  Transmitter is sending remote alarm.");
        }
        for words in received {
            let _ = writeln!(out, "  Receiver {words}.");
        }
    }
    let _ = writeln!(
        out,
        "  alarm-trigger is not set\n  Framing is {framing}, Line Code is {code}, Clock Source is {clock}."
    );
    let known = trunk.availability().known(now);
    let whole = known.as_secs() / INTERVAL.as_secs();
    let elapsed = known.saturating_sub(Duration::from_secs(whole * INTERVAL.as_secs()));
    let unavailable = |within| trunk.availability().unavailable(now, within).as_secs();
    let _ = writeln!(out, "  Data in current interval ({} seconds elapsed):", elapsed.as_secs());
    let (current, past) = trunk.performance.counts(now);
    counters(out, &current, unavailable(elapsed), "");
    let total = if whole >= 96 { "24 hours)".to_owned() } else { format!("{whole} 15 minute intervals):") };
    let _ = writeln!(out, "  Total Data (last {total}");
    counters(out, &past, unavailable(known.min(DAY)).saturating_sub(unavailable(elapsed)), ",");
}

/// The errors are those of the framer; where the hardware has none that tells (a socket trunk), they stay 0.
fn counters(out: &mut String, counts: &Counts, unavailable: u64, comma: &str) {
    let Counts {
        line_code_violations: lcv,
        path_code_violations: pcv,
        slip_secs,
        frame_loss_secs,
        line_errored_secs,
        degraded_mins,
        errored_secs,
        bursty_errored_secs,
        severely_errored_secs,
    } = counts;
    let _ = writeln!(
        out,
        "     {lcv} Line Code Violations, {pcv} Path Code Violations{comma}\n     \
         {slip_secs} Slip Secs, {frame_loss_secs} Fr Loss Secs, {line_errored_secs} Line Err Secs, \
         {degraded_mins} Degraded Mins{comma}\n     \
         {errored_secs} Errored Secs, {bursty_errored_secs} Bursty Err Secs, {severely_errored_secs} Severely Err Secs, \
         {unavailable} Unavail Secs"
    );
}
