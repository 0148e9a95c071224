//! `show call active voice`, `show call history voice`, `show voice call`, `show call resource`, and `csim start`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use cli::engine::Touched;
use cli::session::Reply;
use telephony_hal::line::State;
use telephony_hal::line::fxo::FxoState;

use super::Switch;
use super::call::record::{CallRecord, LegRecord, guid_text};
use super::call::{Call, Leg};
use crate::leg::{Cause, LegPort};
use crate::media::MediaEnd;

/// Head of `show call active voice brief`.
const ACTIVE: &str = "\
<ID>: <CallID> <start>ms.<index> (<start>) +<connect> pid:<peer_id> <dir> <addr> <state>
  dur hh:mm:ss tx:<packets>/<bytes> rx:<packets>/<bytes> dscp:<packets violation> media:<packets violation>
 IP <ip>:<udp> rtt:<time>ms pl:<play>/<gap>ms lost:<lost>/<early>/<late>
  delay:<last>/<min>/<max>ms <codec> <textrelay> <transcoded>
 Tele <int> (callID) [channel_id] tx:<tot>/<v>/<fax>ms <codec> noise:<l> acom:<l> i/o:<l>/<l> dBm

";

/// Head of `show call history voice brief`.
const HISTORY: &str = "\
<ID>: <CallID> <start>ms.<index> (<start>) +<connect> +<disc> pid:<peer_id> <direction> <addr>
  dur hh:mm:ss tx:<packets>/<bytes> rx:<packets>/<bytes> <disc-cause>(<text>)
 IP <ip>:<udp> rtt:<time>ms pl:<play>/<gap>ms lost:<lost>/<early>/<late>
  delay:<last>/<min>/<max>ms <codec>
 Telephony <int> (callID) [channel_id] tx:<tot>/<v>/<fax>ms <codec> noise:<l> acom:<l>

";

impl Switch {
    pub(super) fn show_call_active(&self, now: Instant, brief: bool) -> String {
        let mut out = String::new();
        if brief {
            out.push_str(ACTIVE);
        }
        let legs = || self.calls.calls.values().flat_map(|call| self.legs_of(call));
        let sip = legs().filter(|leg| leg.port == LegPort::Sip).count();
        counts(&mut out, legs().count() - sip, sip);
        for call in self.calls.calls.values() {
            for (index, leg) in (1..).zip(self.legs_of(call)) {
                let setup = self.clock.uptime(leg.started).as_millis();
                let connect = leg.answered.map(|at| at.saturating_duration_since(leg.started).as_millis());
                let lasts = leg.answered.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
                let number = if leg.outgoing { &leg.called } else { &leg.party.number };
                let place = self.place_of(leg.port, leg.media, leg.id.0);
                if brief {
                    let plus = connect.map_or_else(|| "-1".to_owned(), |ms| ms.to_string());
                    let _ = writeln!(
                        out,
                        "{:<4X} : {} {setup}ms.{index} ({}) +{plus} pid:{} {} {number} {}",
                        call.guid[0] & 0xFFFF,
                        leg.id.0,
                        self.clock.show_clock(leg.started),
                        leg.peer,
                        if leg.outgoing { "Originate" } else { "Answer" },
                        if leg.answered.is_some() { "active" } else { "connecting" },
                    );
                    let _ = writeln!(out, " dur {}{}", crate::clock::clock_face(lasts), packets(leg.port));
                    let _ = writeln!(out, " {place}\n");
                } else {
                    let _ = writeln!(out, " GENERIC:");
                    let _ = writeln!(
                        out,
                        "SetupTime={setup} ms\nIndex={index}\nPeerAddress={number}\nPeerSubAddress="
                    );
                    let _ = writeln!(
                        out,
                        "PeerId={}\nConnectTime={} ms",
                        leg.peer,
                        connect.map_or(0, |ms| setup + ms)
                    );
                    let _ = writeln!(out, "CallDuration={} sec", crate::clock::clock_face(lasts));
                    let state = if leg.answered.is_some() { 4 } else { 2 };
                    let _ =
                        writeln!(out, "CallState={state}\nCallOrigin={}", if leg.outgoing { 1 } else { 2 });
                    let _ = writeln!(out, "ChargedUnits=0\nInfoType=speech\n");
                    let kind = if leg.port == LegPort::Sip { "VOIP" } else { "TELE" };
                    let _ = writeln!(
                        out,
                        "{kind}:\nConnectionId=[0x{}]",
                        guid_text(call.guid).replace(' ', " 0x")
                    );
                    let _ = writeln!(out, "CallID={}\n{place}\n", leg.id.0);
                }
            }
        }
        out
    }

    pub(super) fn show_call_history(&self, now: Instant, brief: bool) -> String {
        let mut out = String::new();
        if brief {
            out.push_str(HISTORY);
        }
        let legs = || self.call_records(now).flat_map(|call| &call.legs);
        let sip = legs().filter(|leg| leg.kind == "sip").count();
        counts(&mut out, legs().count() - sip, sip);
        for call in self.call_records(now) {
            for (index, leg) in (1..).zip(&call.legs) {
                self.show_past_leg(&mut out, call, leg, index, brief);
            }
        }
        out
    }

    /// The calls in progress that use what a change touches: their numbers, their ports and dial peers.
    #[must_use]
    pub fn calls_touched(&self, touched: &Touched) -> Vec<String> {
        let mut out = Vec::new();
        for call in self.calls.calls.values() {
            let uses = |leg: &Leg| {
                let port = self.port_name(leg.port);
                let named = |name: &str| port == Some(name);
                let span = |unit: &String| {
                    let unit = unit.rsplit(' ').next().unwrap_or("");
                    port.is_some_and(|port| port.split(':').next() == Some(unit) && port.contains(':'))
                };
                touched.dial_peers.contains(&leg.peer)
                    || touched.voice_ports.iter().any(|port| named(port.as_str()))
                    || touched.serial_interfaces.iter().any(|name| named(name))
                    || touched.controllers.iter().any(span)
                    || leg.port == LegPort::Sip && (touched.sip_ua || touched.voice_service_voip)
            };
            if self.legs_of(call).any(uses) {
                let legs: Vec<String> = self
                    .legs_of(call)
                    .map(|leg| {
                        let number = if leg.outgoing { &leg.called } else { &leg.party.number };
                        format!("{number} (pid:{} {})", leg.peer, self.port_name(leg.port).unwrap_or("SIP"))
                    })
                    .collect();
                out.push(format!("{} {}", guid_text(call.guid), legs.join(" - ")));
            }
        }
        out
    }

    fn show_past_leg(&self, out: &mut String, call: &CallRecord, leg: &LegRecord, index: u32, brief: bool) {
        let text = Cause(leg.cause).text();
        let lasts = leg.connect.map_or(0, |at| leg.disconnect.saturating_sub(at));
        let lasts = crate::clock::clock_face(Duration::from_millis(lasts));
        let started = self.clock.unix_ms(self.clock.started());
        let since = |at: u64| at.saturating_sub(started);
        let port = match leg.kind {
            "line" => LegPort::Line(leg.index),
            "office" => LegPort::Office(leg.index),
            "trunk" => LegPort::Trunk(leg.index),
            _ => LegPort::Sip,
        };
        let media = leg.channel.map(|timeslot| MediaEnd::Channel { trunk: leg.index, timeslot });
        let place = self.place_of(port, media, leg.leg).replacen("Tele ", "Telephony ", 1);
        if brief {
            let connect =
                leg.connect.map_or_else(|| "-1".to_owned(), |at| (at - leg.setup.min(at)).to_string());
            let _ = writeln!(
                out,
                "{:<4} : {} {}ms.{index} ({}) +{connect} +{} pid:{} {} {}",
                call.short_guid(),
                leg.leg,
                since(leg.setup),
                crate::clock::show_clock(leg.setup),
                leg.disconnect.saturating_sub(leg.setup),
                leg.peer,
                if leg.outgoing { "Originate" } else { "Answer" },
                leg.number,
            );
            let _ = writeln!(out, " dur {lasts}{} {:X}  ({text})", packets(port), leg.cause);
            let _ = writeln!(out, " {place}\n");
        } else {
            let _ = writeln!(out, " GENERIC:\nSetupTime={} ms\nIndex={index}", since(leg.setup));
            let _ = writeln!(out, "PeerAddress={}\nPeerSubAddress=\nPeerId={}", leg.number, leg.peer);
            let _ = writeln!(out, "DisconnectCause={:X}\nDisconnectText={text}", leg.cause);
            let _ = writeln!(out, "ConnectTime={} ms", leg.connect.map_or(0, since));
            let _ = writeln!(out, "DisconnectTime={} ms\nCallDuration={lasts} sec", since(leg.disconnect));
            let _ = writeln!(
                out,
                "CallOrigin={}\nChargedUnits=0\nInfoType=speech",
                if leg.outgoing { 1 } else { 2 }
            );
            let kind = if leg.kind == "sip" { "VOIP" } else { "TELE" };
            let _ = writeln!(
                out,
                "{kind}:\nConnectionId=[0x{}]\nCallID={}",
                call.guid.replace(' ', " 0x"),
                leg.leg
            );
            let _ = writeln!(out, "{place}\n");
        }
    }

    /// `Tele 2/0 (33) [2/0]`, `Tele 1/0:15 (34) [1/0.1]`, `SIP (35)`; levels are not measured.
    fn place_of(&self, port: LegPort, media: Option<MediaEnd>, leg: u64) -> String {
        let Some(name) = self.port_name(port) else { return format!("SIP ({leg})") };
        let channel = match media {
            Some(MediaEnd::Channel { timeslot, .. }) => {
                format!("{}.{timeslot}", name.split(':').next().unwrap_or(name))
            }
            _ => name.to_owned(),
        };
        format!("Tele {name} ({leg}) [{channel}]")
    }

    fn legs_of<'a>(&'a self, call: &'a Call) -> impl Iterator<Item = &'a Leg> + 'a {
        [call.caller, call.callee].into_iter().flatten().filter_map(|leg| self.calls.legs.get(&leg))
    }

    pub(super) fn show_voice_call_summary(&self) -> String {
        let mut out = String::from(
            "PORT           CODEC     VAD VTSP STATE            VPM STATE\n\
             ============== ========= === ==================== ======================\n",
        );
        for (at, trunk) in self.trunks.iter().enumerate() {
            for slot in trunk.span.config().line.b_channels() {
                let end = Some(MediaEnd::Channel { trunk: at, timeslot: slot });
                let leg = self.calls.legs.values().find(|leg| leg.media == end);
                let (codec, vad, vtsp, vpm) = match leg {
                    None => ("-", "-", "-", ""),
                    Some(leg) if leg.answered.is_some() => ("None", "--", "S_CONNECT", "S_TSP_CONNECT"),
                    Some(leg) if leg.outgoing => ("None", "--", "S_SETUP_REQ_PROC", "S_TSP_CONNECTING"),
                    Some(_) => ("None", "--", "S_SETUP_INDICATED", "S_TSP_INCALL"),
                };
                let name = format!("{}.{slot}", trunk.port);
                let row = format!("{name:<14} {codec:<9} {vad:<3} {vtsp:<20} {vpm}");
                let _ = writeln!(out, "{}", row.trim_end());
            }
        }
        for line in &self.lines {
            let (codec, vtsp, vpm) = match line.line().state() {
                State::Idle | State::OutOfService => ("--", "--", "FXSLS_ONHOOK"),
                State::Ringing => ("None", "S_ALERTING", "FXSLS_WAIT_OFFHOOK"),
                State::Collecting => ("None", "S_DIGIT_COLLECT", "FXSLS_OFFHOOK"),
                State::Routing => ("None", "S_PROCEEDING", "FXSLS_OFFHOOK"),
                State::Alerting => ("None", "S_ALERTING", "FXSLS_OFFHOOK"),
                State::Connected => ("None", "S_CONNECT", "FXSLS_CONNECT"),
                _ => ("None", "S_WAIT_RELEASE", "FXSLS_OFFHOOK"),
            };
            let _ = writeln!(out, "{:<14} {codec:<9} --  {vtsp:<20} {vpm}", line.name());
        }
        for office in &self.offices {
            let (codec, vtsp, vpm) = match office.line().state() {
                FxoState::Idle | FxoState::OutOfService => ("--", "--", "FXOLS_ONHOOK"),
                FxoState::Ringing => ("None", "S_SETUP_INDICATED", "FXOLS_RINGING"),
                FxoState::Seizing | FxoState::Dialling => {
                    ("None", "S_SETUP_REQ_PROC", "FXOLS_WAIT_DIAL_DONE")
                }
                FxoState::Connected => ("None", "S_CONNECT", "FXOLS_OFFHOOK"),
                _ => ("None", "S_WAIT_RELEASE", "FXOLS_GUARD_OUT"),
            };
            let _ = writeln!(out, "{:<14} {codec:<9} --  {vtsp:<20} {vpm}", office.name());
        }
        out
    }

    pub(super) fn show_voice_call_status(&self) -> String {
        let mut out = String::from(
            "CallID     CID  ccVdb      Port             Slot/DSP:Ch  Called #   Codec    MLPP Dial-peers\n",
        );
        let mut active = 0;
        for (id, call) in &self.calls.calls {
            let (from, to) = (call.caller, call.callee);
            let peer = |leg: Option<crate::leg::LegId>| {
                leg.and_then(|leg| self.calls.legs.get(&leg)).map_or(0, |leg| leg.peer)
            };
            let peers = format!("{}/{}", peer(from), peer(to));
            active += u32::from(from.is_some() && to.is_some());
            for leg in self.legs_of(call) {
                let Some(port) = self.port_name(leg.port) else { continue };
                let called = format!("{}{}", if leg.outgoing { "" } else { "*" }, leg.called);
                let _ = writeln!(
                    out,
                    "{:<10} {:<4X} {:<10} {port:<16} {:<12} {called:<10} {:<8}      {peers}",
                    format!("0x{:X}", leg.id.0),
                    id.0,
                    "-",
                    "-",
                    "None"
                );
            }
        }
        let _ = match active {
            0 => writeln!(out, "No active calls found"),
            1 => writeln!(out, "1 active call found"),
            active => writeln!(out, "{active} active calls found"),
        };
        out
    }

    pub(super) fn show_call_resource(&self) -> String {
        let admission = &self.calls.admission;
        let mut out = String::new();
        let calls = self.calls.calls.len();
        let _ = writeln!(out, "Total calls: {calls}, call legs: {}", self.calls.legs.len());
        let _ = match admission.total_calls {
            Some((low, high)) => {
                writeln!(
                    out,
                    "Threshold total-calls: low {low}, high {high}, refusing: {}",
                    admission.is_refusing()
                )
            }
            None => writeln!(out, "Threshold total-calls: not configured"),
        };
        let _ = match admission.spike {
            Some(spike) => {
                writeln!(out, "Call spike: {} calls in {} ms", spike.calls, spike.window.as_millis())
            }
            None => writeln!(out, "Call spike: not configured"),
        };
        let _ = writeln!(out, "Call service: {}", admission.service());
        let refused = admission.refused;
        let _ = writeln!(
            out,
            "Refused: {} threshold, {} spike, {} service stop, {} max-conn",
            refused.threshold, refused.spike, refused.stopped, refused.max_conn
        );
        let records = &self.calls.records;
        let _ = writeln!(out, "Ended: {} calls, {} of them answered", records.total, records.answered);
        for trunk in &self.trunks {
            let free = trunk.span.free_channels().count_ones();
            let _ = writeln!(out, "{}: {} calls, {free} channels free", trunk.port, trunk.legs());
        }
        out
    }

    /// `csim start N`: a call to a number out of nowhere, for half a minute.
    pub fn csim(&mut self, now: Instant, number: &str) -> Reply {
        self.simulate_call(now, number);
        Reply::text(format!("csim: called number = {number}, loop count = 1 ping count = 0"))
    }
}

/// A telephone's or trunk's leg sends no packets.
fn packets(port: LegPort) -> &'static str {
    if port == LegPort::Sip { "" } else { " tx:0/0 rx:0/0" }
}

fn counts(out: &mut String, telephony: usize, sip: usize) {
    let _ = writeln!(out, "Telephony call-legs: {telephony}\nSIP call-legs: {sip}\nH323 call-legs: 0");
    let _ = writeln!(out, "Call agent controlled call-legs: 0\nSCCP call-legs: 0\nMulticast call-legs: 0");
    let _ = writeln!(out, "Total call-legs: {}", telephony + sip);
}
