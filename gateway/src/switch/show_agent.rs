//! `show sip-ua status`, `service`, `min-se` and `connections` in the layouts of IOS.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::Switch;

/// What the sockets say about connections, for `show sip-ua connections`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections there are: transport, our address, the peer's, number.
    pub open: Vec<sip::Flow>,
    /// Addresses listened on.
    pub listening: Vec<(sip::Transport, SocketAddr)>,
    /// Messages that could not be sent.
    pub send_failures: u64,
    /// Connections whose peer fell silent.
    pub failures: u64,
    /// Connections closed because nothing came for long.
    pub aged_out: u64,
}

impl Switch {
    /// Tells what `show sip-ua connections` is to show; the sockets are not the switch's.
    pub fn set_connections(&mut self, connections: Connections) {
        self.connections = connections;
    }

    /// `show sip-ua status`.
    pub(super) fn show_sip_ua_status(&self) -> String {
        let settings = self.sip.settings();
        let all = settings.peer(0);
        let ua = self.config.tree().section("sip-ua");
        let has = |line: &str| ua.is_some_and(|ua| ua.has(line));
        let word = |on: bool| if on { "ENABLED" } else { "DISABLED" };
        let bind = |address: Option<IpAddr>| match address {
            Some(address) => format!("ENABLED {address}"),
            None => "DISABLED".to_owned(),
        };
        let media = self.config.voice_service_voip.sip.bind_media.as_deref();
        let media = media.and_then(|name| crate::leg::sip::transport::address_of(&self.config, name));
        let role = ua.and_then(|ua| ua.value("nat symmetric role ")).unwrap_or("none").to_ascii_uppercase();
        let lasts = ua
            .and_then(|ua| ua.value("notify telephone-event max-duration "))
            .and_then(|ms| ms.trim().parse().ok())
            .unwrap_or(2000_u32);
        format!(
            "SIP User Agent Status\nSIP User Agent for UDP : {}\nSIP User Agent for TCP : {}\n\
             SIP User Agent for TLS over TCP : {}\nSIP User Agent bind status(signaling): {} \n\
             SIP User Agent bind status(media): {} \nSIP early-media for 180 responses with SDP: {}\n\
             SIP max-forwards : {}\nSIP DNS SRV version: 2 (rfc 2782)\nNAT Settings for the SIP-UA\n\
             Role in SDP: {role}\nCheck media source packets: {}\n\
             Maximum duration for a telephone-event in NOTIFYs: {lasts} ms\n\
             SIP support for ISDN SUSPEND/RESUME: DISABLED\nRedirection (3xx) message handling: {}\n\
             Reason Header will override Response/Request Codes: {}\nOut-of-dialog Refer: DISABLED\n\
             Presence support is DISABLED\nprotocol mode is ipv4\nSDP application configuration:\n \
             Version line (v=) required\n Owner line (o=) required\n Timespec line (t=) required\n \
             Media supported: audio video image \n Network types supported: IN \n \
             Address types supported: IP4 IP6 \n Transport types supported: RTP/AVP udptl\n",
            word(self.listen.udp),
            word(self.listen.tcp),
            word(self.listen.tls.is_some()),
            bind(self.listen.address),
            bind(media),
            word(!all.no_early_media_180),
            self.sip.ua().endpoint().config().max_forwards,
            word(settings.symmetric && has("nat symmetric check-media-src")),
            word(all.redirection),
            word(all.reason_override),
        )
    }

    /// `show sip-ua service`.
    pub(super) fn show_sip_ua_service(&self) -> String {
        let voip = self.config.tree().section("voice service voip");
        let sip = voip.and_then(|voip| voip.subsection("sip"));
        let globally = voip.and_then(|voip| voip.value("shutdown"));
        let how = globally.or_else(|| sip?.value("call service stop"));
        let Some(how) = how else { return "SIP Service is up\n".to_owned() };
        let what = if how.contains("forced") { "forced shut" } else { "shut" };
        match globally {
            Some(_) => format!("SIP service is {what} globally\nunder 'voice service voip'\n"),
            None => format!("SIP service is {what}\nunder 'voice service voip', 'sip' submode\n"),
        }
    }

    /// `show sip-ua min-se`.
    pub(super) fn show_sip_ua_min_se(&self) -> String {
        let least = self.sip.ua().config().session_timer.min_se;
        format!("SIP UA MIN-SE Value (seconds)\nMin-SE: {least}\n")
    }

    /// `show sip-ua connections`.
    pub(super) fn show_sip_ua_connections(&self, transport: &str, detail: bool) -> String {
        let known = &self.connections;
        let is_it = |by: sip::Transport| by.as_str().eq_ignore_ascii_case(transport);
        let mut open: Vec<&sip::Flow> = known.open.iter().filter(|flow| is_it(flow.transport)).collect();
        open.sort_by_key(|flow| (flow.remote, flow.connection));
        let of_streams = |count: u64| if transport == "udp" { 0 } else { count };
        let mut out = format!(
            "Total active connections      : {}\nNo. of send failures          : {}\n\
             No. of remote closures        : 0\nNo. of conn. failures         : {}\n\
             No. of inactive conn. ageouts : {}\n",
            open.len(),
            known.send_failures,
            of_streams(known.failures),
            of_streams(known.aged_out),
        );
        if detail {
            out.push_str("\n---------Printing Detailed Connection Report---------\n");
            let mut agents: Vec<IpAddr> = open.iter().map(|flow| flow.remote.ip()).collect();
            agents.dedup();
            for agent in agents {
                let own: Vec<_> = open.iter().filter(|flow| flow.remote.ip() == agent).collect();
                let _ = writeln!(out, "\nRemote-Agent:{agent}, Connections-Count:{}", own.len());
                out.push_str(
                    "  Remote-Port Conn-Id Conn-State  WriteQ-Size            Local-Address               Tenant\n  \
                     =========== ======= =========== =========== ====================================== ======\n",
                );
                for flow in own {
                    let _ = writeln!(
                        out,
                        "  {:>11} {:>7} Established {:>11} {:<38} {:>6}",
                        flow.remote.port(),
                        flow.connection.unwrap_or(0),
                        0,
                        flow.local.to_string(),
                        0
                    );
                }
            }
        }
        out.push_str(
            "\n-------------- SIP Transport Layer Listen Sockets ---------------\n  \
             Conn-Id             Local-Address                      Tenant \n \
             ==========    ===========================              ========\n",
        );
        for (at, (_, address)) in known.listening.iter().enumerate().filter(|(_, (by, _))| is_it(*by)) {
            let own = format!("[{}]:{}:", address.ip(), address.port());
            let _ = writeln!(out, "  {:<13} {own:<42} 0", at + 1);
        }
        out
    }
}
