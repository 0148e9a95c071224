//! One dial peer: what `dial-peer voice TAG pots|voip` says about routing.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::labels::Labels;
use crate::pattern::Pattern;
use crate::shape::Shape;

/// Largest tag of a dial peer (IOS XE 17.9).
pub const MAX_TAG: u32 = 1_073_741_823;
/// Largest `preference`.
pub const MAX_PREFERENCE: u8 = 10;
/// Largest number after `forward-digits`.
pub const MAX_FORWARD_DIGITS: u8 = 32;
/// Longest `prefix`, in characters.
pub const MAX_PREFIX: usize = 32;
/// Longest `tech-prefix`, in characters (IOS's command reference, from memory).
pub const MAX_TECH_PREFIX: usize = 11;

/// A dial peer.
///
/// Fields hold what was typed; [`DialPeer::new`] gives IOS's defaults. Only what chooses and shapes a call is
/// here; media settings are the configuration's.
///
/// ```
/// use dialpeer::{DialPeer, PeerKind};
///
/// let mut peer = DialPeer::new(1, PeerKind::Pots);
/// peer.destination_pattern = Some("8000".parse()?);
/// peer.port = Some("2/0".into());
/// assert!(peer.digit_strip && peer.is_operational());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPeer {
    /// The tag, 1 to [`MAX_TAG`].
    pub tag: u32,
    /// `pots` or `voip`.
    pub kind: PeerKind,
    /// `description`, 1 to 64 characters.
    pub description: Option<String>,
    /// `destination-pattern`: called numbers this peer takes, outbound.
    pub destination_pattern: Option<Pattern>,
    /// `incoming called-number`: called numbers this peer is for, inbound.
    pub incoming_called: Option<Pattern>,
    /// `answer-address`: calling numbers this peer is for, inbound.
    pub answer_address: Option<Pattern>,
    /// `port` of a POTS peer as typed: `2/0`, `0/0/0:15`.
    pub port: Option<String>,
    /// `trunkgroup LABEL [1-64]`, in the order typed.
    pub trunk_groups: Vec<(String, Option<u8>)>,
    /// `preference` 0 (first) to 10.
    pub preference: u8,
    /// `huntstop`: a failed call on this peer is not tried on another.
    pub huntstop: bool,
    /// `shutdown`: the peer takes no calls.
    pub shutdown: bool,
    /// `session target` of a VoIP peer.
    pub session_target: Option<SessionTarget>,
    /// `session protocol` of a VoIP peer.
    pub session_protocol: SessionProtocol,
    /// `session transport` of a VoIP peer.
    pub session_transport: SessionTransport,
    /// `session server-group N` of a VoIP peer.
    pub server_group: Option<u32>,
    /// `digit-strip` of a POTS peer.
    pub digit_strip: bool,
    /// `forward-digits` of a POTS peer; without it [`DialPeer::digit_strip`] decides.
    pub forward_digits: Option<ForwardDigits>,
    /// `prefix` of a POTS peer: digits put in front, `,` is a pause of 1 s.
    pub prefix: Option<String>,
    /// `tech-prefix` of a VoIP peer: put in front of every number called, 1 to [`MAX_TECH_PREFIX`] of `0-9 * #`.
    pub tech_prefix: Option<String>,
    /// `direct-inward-dial` (`true`) or `no direct-inward-dial` (`false`) was typed.
    pub direct_inward_dial: Option<bool>,
    /// `max-conn`, calls at a time; `None` is unlimited.
    pub max_conn: Option<u32>,
    /// `translation-profile incoming`.
    pub translation_incoming: Option<String>,
    /// `translation-profile outgoing`.
    pub translation_outgoing: Option<String>,
    /// `corlist incoming`.
    pub cor_incoming: Option<String>,
    /// `corlist outgoing`.
    pub cor_outgoing: Option<String>,
    /// `destination e164-pattern-map N`.
    pub destination_map: Option<u32>,
    /// `incoming called e164-pattern-map N`.
    pub incoming_called_map: Option<u32>,
    /// `incoming calling e164-pattern-map N`.
    pub incoming_calling_map: Option<u32>,
    /// `destination dpg N`.
    pub destination_dpg: Option<u32>,
    /// `permission`.
    pub permission: Permission,
    /// The number is registered at the registrar of `sip-ua`: off with `no sip-register`.
    pub sip_register: bool,
    /// `trunk-group-label` and `carrier-id`; none where nothing is named.
    pub labels: Option<Box<Labels>>,
    /// `clid`, `progress_ind`, `bearer-cap`, `call-block`, `numbering-type`.
    pub shape: Shape,
}

impl DialPeer {
    /// A peer as `dial-peer voice TAG pots|voip` makes it: IOS's defaults.
    ///
    /// `digit-strip` is on for POTS peers and has no meaning for VoIP peers, which never strip.
    pub fn new(tag: u32, kind: PeerKind) -> Self {
        Self {
            tag,
            kind,
            description: None,
            destination_pattern: None,
            incoming_called: None,
            answer_address: None,
            port: None,
            trunk_groups: Vec::new(),
            preference: 0,
            huntstop: false,
            shutdown: false,
            session_target: None,
            session_protocol: SessionProtocol::Cisco,
            session_transport: SessionTransport::System,
            server_group: None,
            digit_strip: kind == PeerKind::Pots,
            forward_digits: None,
            prefix: None,
            tech_prefix: None,
            direct_inward_dial: None,
            max_conn: None,
            translation_incoming: None,
            translation_outgoing: None,
            cor_incoming: None,
            cor_outgoing: None,
            destination_map: None,
            incoming_called_map: None,
            incoming_calling_map: None,
            destination_dpg: None,
            permission: Permission::Both,
            sip_register: true,
            labels: None,
            shape: Shape::default(),
        }
    }

    /// Whether the peer's operational state is up: not shut down, and either something to choose it by outbound
    /// and somewhere to send the call, or something to choose it by inbound (`ios-cli.md` 2.1).
    pub fn is_operational(&self) -> bool {
        let chosen_outbound = self.destination_pattern.is_some() || self.destination_map.is_some();
        let target = match self.kind {
            PeerKind::Pots => self.port.is_some() || !self.trunk_groups.is_empty(),
            PeerKind::Voip => self.session_target.is_some() || self.server_group.is_some(),
        };
        let chosen_inbound = self.incoming_called.is_some()
            || self.answer_address.is_some()
            || self.incoming_called_map.is_some()
            || self.incoming_calling_map.is_some()
            || self.labels.as_ref().is_some_and(|labels| labels.names_source());
        !self.shutdown && ((chosen_outbound && target) || chosen_inbound || self.port.is_some())
    }
}

impl Default for DialPeer {
    /// A POTS peer with tag 1.
    fn default() -> Self {
        Self::new(1, PeerKind::Pots)
    }
}

/// `pots` or `voip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// A telephone port or trunk.
    Pots,
    /// A SIP peer.
    Voip,
}

impl fmt::Display for PeerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pots => "pots",
            Self::Voip => "voip",
        })
    }
}

/// `forward-digits`: which digits of the called number go to the telephone network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardDigits {
    /// `forward-digits N`: the N right-hand digits, 0 to 32; all of them if there are fewer.
    Right(u8),
    /// `forward-digits all`
    All,
    /// `forward-digits extra`: the digits beyond the length of the destination pattern.
    Extra,
    /// `forward-digits extra inband`: the same, sent as tones after the answer.
    ExtraInband,
}

impl fmt::Display for ForwardDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right(n) => write!(f, "{n}"),
            Self::All => f.write_str("all"),
            Self::Extra => f.write_str("extra"),
            Self::ExtraInband => f.write_str("extra inband"),
        }
    }
}

/// `permission`: which direction of calls a peer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Permission {
    /// `both`
    #[default]
    Both,
    /// `none`
    None,
    /// `orig`: calls may begin here (inbound).
    Orig,
    /// `term`: calls may end here (outbound).
    Term,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Both => "both",
            Self::None => "none",
            Self::Orig => "orig",
            Self::Term => "term",
        })
    }
}

/// `session protocol`. IOS's default is `cisco`, which is H.323.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionProtocol {
    /// `cisco`: H.323.
    #[default]
    Cisco,
    /// `sipv2`
    Sipv2,
    /// `multicast`
    Multicast,
}

impl fmt::Display for SessionProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cisco => "cisco",
            Self::Sipv2 => "sipv2",
            Self::Multicast => "multicast",
        })
    }
}

/// `session transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionTransport {
    /// `system`: what `voice service voip` says.
    #[default]
    System,
    /// `udp`
    Udp,
    /// `tcp`
    Tcp,
    /// `tcp tls`
    Tls,
}

impl fmt::Display for SessionTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::System => "system",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tcp tls",
        })
    }
}

/// `session target`: where a VoIP peer sends its calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionTarget {
    /// `ipv4:A.B.C.D[:PORT]`
    Ipv4 {
        /// The address.
        addr: Ipv4Addr,
        /// The SIP port if one was typed.
        port: Option<u16>,
    },
    /// `ipv6:[ADDRESS][:PORT]`
    Ipv6 {
        /// The address.
        addr: Ipv6Addr,
        /// The SIP port if one was typed.
        port: Option<u16>,
    },
    /// `dns:NAME[:PORT]`
    Dns {
        /// The name to look up, as typed.
        name: String,
        /// The SIP port if one was typed.
        port: Option<u16>,
    },
    /// `sip-server`: the address of `sip-server` in `sip-ua`.
    SipServer,
    /// `registrar`: the registrar of `sip-ua`.
    Registrar,
    /// `loopback:rtp`
    Loopback,
    /// Any other target, kept as typed: `enum:1`, `dhcp`, `ras`, `settlement`.
    Other(String),
}

impl fmt::Display for SessionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match self {
            Self::Ipv4 { addr, port } => {
                write!(f, "ipv4:{addr}")?;
                port
            }
            Self::Ipv6 { addr, port } => {
                write!(f, "ipv6:[{addr}]")?;
                port
            }
            Self::Dns { name, port } => {
                write!(f, "dns:{name}")?;
                port
            }
            Self::SipServer => return f.write_str("sip-server"),
            Self::Registrar => return f.write_str("registrar"),
            Self::Loopback => return f.write_str("loopback:rtp"),
            Self::Other(text) => return f.write_str(text),
        };
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for SessionTarget {
    type Err = SessionTargetError;

    /// Reads what stands after `session target`; keywords in any case.
    ///
    /// # Errors
    /// [`SessionTargetError`] for an address, name or port that is none, and for empty text.
    fn from_str(text: &str) -> Result<Self, SessionTargetError> {
        let bad = || SessionTargetError { found: text.chars().take(64).collect() };
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "" => return Err(bad()),
            "sip-server" => return Ok(Self::SipServer),
            "registrar" => return Ok(Self::Registrar),
            "loopback:rtp" => return Ok(Self::Loopback),
            _ => {}
        }
        if let Some(rest) = lower.strip_prefix("ipv4:") {
            let (addr, port) = split_port(rest).ok_or_else(bad)?;
            return Ok(Self::Ipv4 { addr: addr.parse().map_err(|_| bad())?, port });
        }
        if let Some(rest) = lower.strip_prefix("ipv6:") {
            let (addr, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((addr, "")) => (addr, None),
                Some((addr, tail)) => (addr, Some(port_after_colon(tail).ok_or_else(bad)?)),
                None => (rest, None),
            };
            return Ok(Self::Ipv6 { addr: addr.parse().map_err(|_| bad())?, port });
        }
        if lower.starts_with("dns:") {
            let rest = text.get(4..).unwrap_or_default();
            let (name, port) = split_port(rest).ok_or_else(bad)?;
            let fits = |c: char| c.is_ascii_graphic() && c != ':';
            if name.is_empty() || name.len() > 253 || !name.chars().all(fits) {
                return Err(bad());
            }
            return Ok(Self::Dns { name: name.to_owned(), port });
        }
        Ok(Self::Other(text.to_owned()))
    }
}

/// A session target whose address, name or port cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "session target is {found:?}, expected ipv4:A.B.C.D[:PORT], ipv6:[ADDRESS][:PORT], dns:NAME[:PORT] or a keyword"
)]
pub struct SessionTargetError {
    /// What stood there, at most 64 characters of it.
    pub found: String,
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.find(':') {
        None => Some((text, None)),
        Some(at) => {
            let (host, tail) = text.split_at(at);
            Some((host, Some(port_after_colon(tail)?)))
        }
    }
}

fn port_after_colon(tail: &str) -> Option<u16> {
    let digits = tail.strip_prefix(':')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?.filter(|&port| port != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn session_targets_print_what_was_read() {
        for text in [
            "ipv4:10.120.70.10",
            "ipv4:10.1.1.1:7012",
            "ipv6:[2001:db8::1]",
            "ipv6:[2001:db8::1]:5061",
            "dns:sip.pstnhub.microsoft.com:5061",
            "dns:Example.COM",
            "sip-server",
            "registrar",
            "loopback:rtp",
            "enum:1",
            "ras",
        ] {
            assert_eq!(text.parse::<SessionTarget>().unwrap().to_string(), text);
        }
        assert_eq!("ipv6:2001:db8::1".parse::<SessionTarget>().unwrap().to_string(), "ipv6:[2001:db8::1]");
        for text in [
            "",
            "ipv4:",
            "ipv4:1.2.3",
            "ipv4:1.2.3.4:",
            "ipv4:1.2.3.4:0",
            "ipv4:1.2.3.4:+1",
            "ipv4:1.2.3.4:65536",
            "ipv6:[::1",
            "ipv6:[::1]x",
            "dns:",
            "dns:a b",
            "dns:a:b:1",
        ] {
            assert!(text.parse::<SessionTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_peer_is_operational_with_a_criterion_and_a_target_or_an_inbound_criterion() {
        let mut peer = DialPeer::new(1, PeerKind::Voip);
        assert!(!peer.is_operational());
        peer.destination_pattern = Some(".T".parse().unwrap());
        assert!(!peer.is_operational());
        peer.session_target = Some(SessionTarget::SipServer);
        assert!(peer.is_operational());
        peer.shutdown = true;
        assert!(!peer.is_operational());
        let mut peer = DialPeer::new(2, PeerKind::Voip);
        peer.incoming_called = Some(".".parse().unwrap());
        assert!(peer.is_operational());
    }
}
