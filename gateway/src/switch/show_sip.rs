//! SIP calls and their RTP streams as IOS shows them.

use std::fmt::Write as _;

use super::Switch;
use crate::leg::LegId;
use crate::leg::sip::Shown;
use crate::media::rtp::Codec;

impl Switch {
    /// `show sip-ua calls`.
    pub(super) fn show_sip_ua_calls(&self) -> String {
        let (clients, servers): (Vec<_>, Vec<_>) = self.sip.shown().partition(|leg| leg.outgoing);
        let mut out = format!(
            "Total SIP call legs:{}, User Agent Client:{}, User Agent Server:{}\n",
            clients.len() + servers.len(),
            clients.len(),
            servers.len()
        );
        for (name, legs) in [("UAC", &clients), ("UAS", &servers)] {
            let _ = writeln!(out, "SIP {name} CALL INFO");
            for (at, leg) in (1..).zip(legs) {
                let _ = writeln!(out, "Call {at}");
                out.push_str(&call(leg));
            }
            let _ = writeln!(out, "   Number of SIP User Agent {} calls: {}\n", side(name), legs.len());
        }
        out
    }

    /// `show voip rtp connections`.
    pub(super) fn show_voip_rtp(&self) -> String {
        let mut out = String::from("VoIP RTP active connections :\n");
        let _ = writeln!(
            out,
            "No. CallId     dstCallId  LocalRTP RmtRTP   {:<43} {:<43} MPSS  VRF",
            "LocalIP", "RemoteIP"
        );
        let mut count = 0;
        for leg in self.sip.shown() {
            let Some(remote) = leg.rtp.and_then(|rtp| rtp.remote) else { continue };
            count += 1;
            let LegId(other) = self.other_leg(leg.leg).unwrap_or(LegId(0));
            let _ = writeln!(
                out,
                "{count:<5} {:<10} {other:<10} {:<9}{:<9}{:<43} {:<43} NO    NA",
                leg.leg.0,
                leg.port,
                remote.port(),
                leg.local.to_string(),
                remote.ip().to_string()
            );
        }
        let _ = writeln!(out, "Found {count} active RTP connections");
        out
    }
}

fn side(name: &str) -> &'static str {
    if name == "UAC" { "Client(UAC)" } else { "Server(UAS)" }
}

fn call(leg: &Shown<'_>) -> String {
    let state = if leg.answered { "STATE_ACTIVE (7)" } else { "STATE_RECD_PROCEEDING (4)" };
    let mut out = String::new();
    let mut line = |indent: usize, name: &str, value: String| {
        let _ = writeln!(out, "{:indent$}{name:<width$}: {value}", "", width = 27 - indent.min(3));
    };
    line(0, "SIP Call ID", leg.call_id.to_owned());
    line(3, "State of the call", state.to_owned());
    line(3, "Substate of the call", "SUBSTATE_NONE (0)".to_owned());
    line(3, "Calling Number", leg.calling.to_owned());
    line(3, "Called Number", leg.called.to_owned());
    line(3, "CC Call ID", leg.leg.0.to_string());
    line(3, "Source IP Address (Sig )", leg.local.to_string());
    line(3, "Number of Media Streams", "1".to_owned());
    line(3, "Number of Active Streams", u8::from(leg.rtp.is_some()).to_string());
    line(3, "Media Mode", "flow-through".to_owned());
    let Some(rtp) = leg.rtp else { return out };
    let _ = writeln!(out, "   Media Stream 1");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "     {name:<25}: {value}");
    };
    let active = rtp.sends && rtp.remote.is_some();
    line("State of the stream", if active { "STREAM_ACTIVE" } else { "STREAM_IDLE" }.to_owned());
    line("Stream Call ID", leg.leg.0.to_string());
    let (codec, octets) = match &rtp.codec {
        _ if rtp.udptl => ("t38".to_owned(), 0),
        Codec::G711(media::g711::Law::Mu) => ("g711ulaw".to_owned(), 8 * rtp.packet_ms),
        Codec::G711(media::g711::Law::A) => ("g711alaw".to_owned(), 8 * rtp.packet_ms),
        Codec::Other(name) => (name.to_ascii_lowercase(), 0),
    };
    line("Negotiated Codec", format!("{codec} ({octets} bytes)"));
    line("Codec Payload Type", rtp.payload_type.to_string());
    line("Negotiated Dtmf-relay", leg.dtmf.to_owned());
    line("Dtmf-relay Payload Type", rtp.event_payload_type.unwrap_or(0).to_string());
    line("Media Source IP Addr:Port", format!("{}:{}", leg.local, leg.port));
    if let Some(remote) = rtp.remote {
        line("Media Dest IP Addr:Port", remote.to_string());
    }
    out
}
