//! What the configuration says about SIP calls and their media, beside where they go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cli::config::{Body, Config, Node};
use dialpeer::sip_profile::Profile;
use media::g711::Law;
use media::rtp::jitter::{PlayoutConfig, PlayoutMode};
use media::t38::GatewayConfig;
use sip::call::{CallOverrides, Rel1xx};
use sip::sdp::Format;

use super::agent::{self, AgentSettings};
use super::modem::ModemSettings;
use super::policy::tenant;
pub use super::policy::{AssertedId, CallingInfo, HeaderPolicy};
use super::transport::{address_of, control_of};
use crate::media::Inactivity;
use crate::service::logins;

/// `rtp-port range` where none is configured, as IOS has it.
const RTP_PORTS: (u16, u16) = (16_384, 32_767);
/// `notify telephone-event max-duration` where none is configured, as IOS has it, ms.
const NOTIFY_MS: u32 = 2000;
/// How lines of a dial peer begin that look at URIs.
const URI_LINES: [&str; 4] = ["incoming uri ", "destination uri ", "trunk-group-label ", "carrier-id "];
/// Payload type of telephone events, unless `rtp payload-type nte` says another.
const NTE: u8 = 101;

/// How digits may travel (`dtmf-relay`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtmfRelay {
    /// `rtp-nte`
    RtpNte,
    /// `sip-info`
    SipInfo,
    /// `sip-notify`
    SipNotify,
    /// `sip-kpml`
    SipKpml,
}

/// What a dial peer does with fax (`fax protocol`, `fax rate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaxSettings {
    /// Whether a call may become T.38; else it stays audio.
    pub t38: bool,
    /// `version 0` or `3`: the highest T.38 version that is let through.
    pub version: u8,
    /// `fax rate`: the highest bit rate that is let through, bit/s.
    pub rate: Option<u32>,
    /// `ls-redundancy`: how often control messages are repeated, 0 to 5.
    pub low_speed_redundancy: u8,
    /// `hs-redundancy`: how often image data is repeated, 0 to 2.
    pub high_speed_redundancy: u8,
    /// `fax-relay ecm disable` makes it false.
    pub ecm: bool,
}

impl FaxSettings {
    /// What a gateway between modems and T.38 is to do.
    #[must_use]
    pub fn gateway(&self) -> GatewayConfig {
        GatewayConfig {
            max_bit_rate: self.rate.unwrap_or(GatewayConfig::default().max_bit_rate),
            ecm: self.ecm,
            low_speed_redundancy: self.low_speed_redundancy,
            high_speed_redundancy: self.high_speed_redundancy,
            ..GatewayConfig::default()
        }
    }
}

impl Default for FaxSettings {
    /// T.38 version 0. (A router's own default, Cisco's fax relay, is spoken by nobody else.)
    fn default() -> Self {
        Self {
            t38: true,
            version: 0,
            rate: None,
            low_speed_redundancy: 0,
            high_speed_redundancy: 0,
            ecm: true,
        }
    }
}

/// What becomes of the changes that a SIP peer makes within a call (`midcall-signaling`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Midcall {
    /// `passthru`, and where nothing is said: the other end is told of hold, of another party, of fax. What changes nothing, such
    /// as a session refresh, never goes on (`passthru media-change`).
    #[default]
    Passes,
    /// `block`: they are answered here, and the other end is not told.
    Blocked,
    /// `preserve-codec`: an offer without the codec of the call is refused.
    KeepsCodec,
}

/// One codec a peer may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecChoice {
    /// As SDP has it.
    pub format: Format,
    /// Packet time, ms.
    pub packet_ms: u32,
}

/// What a dial peer says about its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// In order of preference.
    pub codecs: Vec<CodecChoice>,
    /// In order of preference; empty: in band.
    pub dtmf: Vec<DtmfRelay>,
    /// Payload type of telephone events that we offer.
    pub nte: u8,
    /// Pauses need not be sent.
    pub vad: bool,
    /// Jitter buffer, where the dial peer says anything of it; else the voice port's counts.
    pub playout: Option<PlayoutConfig>,
    /// Code point of media, 0 to 63.
    pub dscp: u8,
    /// Fax.
    pub fax: FaxSettings,
    /// Modems.
    pub modem: ModemSettings,
    /// Headers.
    pub policy: HeaderPolicy,
    /// `bind media`: our address in session descriptions, where it is not that of the signalling.
    pub media_address: Option<IpAddr>,
    /// `voice-class sip bind control`: our address in headers, where it is not that of the system.
    pub control_address: Option<IpAddr>,
    /// `voice-class sip transport switch udp tcp`: an INVITE that is too long for UDP goes by TCP.
    pub switch_to_tcp: bool,
    /// `url sips`, `voice-class sip url sips`: calls go to `sips:` URIs.
    pub sips: bool,
    /// `midcall-signaling`: what becomes of changes that its peer makes within a call.
    pub midcall: Midcall,
    /// `redirect ip2ip`: a SIP caller whose call leads to SIP again is sent there.
    pub redirects: bool,
    /// `supplementary-service sip moved-temporarily`: a SIP caller of a telephone whose calls go to SIP is sent there.
    pub moved_temporarily: bool,
    /// `voice-class sip rel1xx`, where it says another than the service.
    pub rel1xx: Option<Rel1xx>,
    /// `voice-class sip profiles`: what is changed in messages on their way out.
    pub profile: Option<Arc<Profile>>,
    /// `voice-class sip profiles … inbound`: what is changed in messages as they come.
    pub inbound: Option<Arc<Profile>>,
    /// Code point of signalling, where it is not that of all, 0 to 63.
    pub signaling_dscp: Option<u8>,
    /// `signaling forward rawmsg` or `unconditional`: messages of trunks are carried whole.
    pub forwards: bool,
    /// `remote-party-id`.
    pub remote_party_id: bool,
    /// `disable-early-media 180`: SDP in 180 is not played.
    pub no_early_media_180: bool,
    /// `reason-header override`: the cause in a Reason header counts, not the status.
    pub reason_override: bool,
    /// `no redirection` makes it false: a 3xx is a refusal.
    pub redirection: bool,
    /// `localhost dns:NAME`: what stands for our address in identities.
    pub localhost: Option<String>,
    /// What the user agent does in another way in calls on this dial peer, where its tenant or itself says so.
    pub own: Option<Arc<CallOverrides>>,
}

impl Default for PeerSettings {
    /// Without `codec`, G.711 is spoken, and what passes between two SIP legs is let through.
    fn default() -> Self {
        let codecs = ["g711ulaw", "g711alaw", "g729r8", "g722-64", "ilbc", "g726r32"];
        Self {
            codecs: codecs.iter().filter_map(|name| codec(name, None)).collect(),
            dtmf: Vec::new(),
            nte: NTE,
            vad: true,
            playout: None,
            dscp: 46,
            fax: FaxSettings::default(),
            modem: ModemSettings::default(),
            policy: HeaderPolicy::default(),
            media_address: None,
            control_address: None,
            switch_to_tcp: false,
            sips: false,
            midcall: Midcall::Passes,
            redirects: false,
            moved_temporarily: true,
            rel1xx: None,
            profile: None,
            inbound: None,
            signaling_dscp: None,
            forwards: false,
            remote_party_id: true,
            no_early_media_180: false,
            reason_override: false,
            redirection: true,
            localhost: None,
            own: None,
        }
    }
}

/// Settings of all SIP calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipSettings {
    /// `rtp-port range`, both ends included.
    pub rtp_ports: (u16, u16),
    /// `nat symmetric role passive`, `check-media-src`: media is sent to where it comes from.
    pub symmetric: bool,
    /// `options-ping` of `voice service voip`.
    ping: Option<Duration>,
    /// `voice-class sip options-ping` of dial peers.
    pings: HashMap<u32, Duration>,
    /// When the far end of a stream counts as gone.
    pub inactivity: Inactivity,
    /// `notify telephone-event max-duration`, ms.
    pub notify_ms: u32,
    /// `calling-info`.
    pub calling_info: CallingInfo,
    /// `redirect contact order best-match`: contacts of a 300 stand in the order in which calls would hunt, not with the
    /// longest match first.
    pub redirect_best_match: bool,
    /// `sip-profiles inbound`: classes for messages that come count.
    pub inbound_profiles: bool,
    /// `silent-discard untrusted`: requests of unknown senders get no answer.
    pub silent_discard: bool,
    /// Dial peers are chosen by URIs (`incoming uri`, `destination uri`) or by what stands in them (`trunk-group-label`,
    /// `carrier-id`).
    pub keeps_uris: bool,
    /// Each with the section it was read from.
    peers: HashMap<u32, (Arc<Node>, Arc<PeerSettings>)>,
    default: Arc<PeerSettings>,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl SipSettings {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::read(config, |_, _| None)
    }

    /// Goes over from one configuration to another; dial peers of which nothing has changed are not read again.
    pub fn configure(&mut self, old: &Config, config: &Config) {
        // Beside its own section a dial peer's settings depend on those of the whole box, but not on its neighbours.
        let apart =
            |node: &Node| ["dial-peer voice ", "voice-port "].iter().any(|w| node.line.starts_with(w));
        let alike = config.tree().is_alike(old.tree(), |node| !apart(node));
        *self = Self::read(config, |tag, node| {
            let (read, settings) = self.peers.get(&tag)?;
            (alike && Arc::ptr_eq(read, node)).then(|| Arc::clone(settings))
        });
    }

    /// `known` has the settings of a peer that need not be read.
    fn read(config: &Config, known: impl Fn(u32, &Arc<Node>) -> Option<Arc<PeerSettings>>) -> Self {
        let tree = config.tree();
        let sip_ua = tree.section("sip-ua");
        let voip = tree.section("voice service voip");
        let sip = voip.and_then(|node| node.subsection("sip"));
        let classes = codec_classes(tree);
        let base = system(config, voip);
        let mut peers = HashMap::new();
        let mut pings = HashMap::new();
        let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        for node in tree.nodes() {
            let Some(rest) = node.line.strip_prefix("dial-peer voice ") else { continue };
            let mut words = rest.split_whitespace();
            if let (Some(Ok(tag)), Some("voip")) = (words.next().map(str::parse), words.next()) {
                let settings =
                    known(tag, node).unwrap_or_else(|| Arc::new(peer(config, &base, node, &classes)));
                peers.insert(tag, (Arc::clone(node), settings));
                let own = node.value("voice-class sip options-ping ");
                let shared = tenant(tree, node);
                let own = own.or_else(|| shared?.value("options-ping "));
                let own = own.or_else(|| shared.filter(|node| node.has("options-ping")).map(|_| "60"));
                if let Some(every) = own.and_then(seconds) {
                    pings.insert(tag, every);
                }
            }
        }
        let range = voip.and_then(|node| node.value("rtp-port range ")).and_then(two_numbers);
        Self {
            rtp_ports: range.filter(|(low, high)| low < high).unwrap_or(RTP_PORTS),
            symmetric: sip_ua.is_some_and(|node| node.value("nat symmetric ").is_some()),
            ping: sip.and_then(|node| node.value("options-ping ")).and_then(seconds),
            pings,
            inactivity: Inactivity::new(config),
            notify_ms: sip_ua
                .and_then(|node| node.value("notify telephone-event max-duration ")?.trim().parse().ok())
                .unwrap_or(NOTIFY_MS),
            calling_info: CallingInfo::new(config),
            redirect_best_match: sip.is_some_and(|node| node.has("redirect contact order best-match")),
            keeps_uris: tree
                .beginning("dial-peer voice ")
                .any(|node| node.lines().any(|line| URI_LINES.iter().any(|words| line.starts_with(words)))),
            silent_discard: [sip, sip_ua]
                .into_iter()
                .flatten()
                .any(|node| node.has("silent-discard untrusted")),
            inbound_profiles: sip.is_some_and(|node| node.has("sip-profiles inbound")),
            peers,
            default: Arc::new(base),
        }
    }

    /// How often OPTIONS are sent in calls on this dial peer, if they are.
    #[must_use]
    pub fn options_ping(&self, tag: u32) -> Option<Duration> {
        self.pings.get(&tag).copied().or(self.ping)
    }

    /// What counts for calls on this dial peer; defaults for peer 0.
    #[must_use]
    pub fn peer(&self, tag: u32) -> &Arc<PeerSettings> {
        self.peers.get(&tag).map_or(&self.default, |(_, settings)| settings)
    }
}

fn two_numbers(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn codec_classes(tree: &Body) -> HashMap<u32, Vec<CodecChoice>> {
    let mut classes = HashMap::new();
    for node in tree.nodes() {
        let Some(Ok(tag)) = node.line.strip_prefix("voice class codec ").map(str::parse) else { continue };
        let mut choices: Vec<(u32, CodecChoice)> = node
            .lines()
            .filter_map(|line| {
                let (order, rest) = line.strip_prefix("codec preference ")?.split_once(' ')?;
                Some((order.parse().ok()?, named(rest)?))
            })
            .collect();
        choices.sort_by_key(|(order, _)| *order);
        classes.insert(tag, choices.into_iter().map(|(_, choice)| choice).collect());
    }
    classes
}

/// Whether a `signaling forward` line wants messages of trunks carried; `None` without one. `conditional` asks H.323 endpoints
/// what they can, which SIP has no word for.
fn forwards(node: &Node) -> Option<bool> {
    node.value("signaling forward ").map(|what| matches!(what, "rawmsg" | "unconditional"))
}

/// `supplementary-service sip moved-temporarily`, where a section has a word on it.
fn moved_temporarily(node: &Node) -> Option<bool> {
    const LINE: &str = "supplementary-service sip moved-temporarily";
    match (node.has(LINE), node.has(&format!("no {LINE}"))) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// What counts for every dial peer that says nothing else.
fn system(config: &Config, voip: Option<&Node>) -> PeerSettings {
    let mut settings = PeerSettings { policy: HeaderPolicy::new(config, None), ..PeerSettings::default() };
    let sip = &config.voice_service_voip.sip;
    let media = sip.bind_media.as_deref().or(sip.bind_all.as_deref());
    settings.media_address = media.and_then(|name| address_of(config, name));
    let sip = voip.and_then(|node| node.subsection("sip"));
    settings.localhost = localhost(sip.and_then(|sip| sip.value("localhost ")));
    settings.midcall = midcall(sip, "").unwrap_or_default();
    tell_switches(&mut settings, config.tree().section("sip-ua"));
    let class = |inbound| profile(config.tree(), class_of(sip?, "sip-profiles ", inbound)?);
    settings.profile = class(false);
    settings.inbound = class(true);
    if let Some(voip) = voip {
        settings.redirects = voip.has("redirect ip2ip");
        settings.moved_temporarily = moved_temporarily(voip).unwrap_or(true);
        settings.sips = voip.subsection("sip").is_some_and(|sip| sip.has("url sips"));
        settings.forwards = forwards(voip).unwrap_or_default();
        if let Some(line) = voip.value("fax protocol ") {
            fax(&mut settings.fax, line);
        }
        settings.fax.ecm = !voip.has("fax-relay ecm disable");
        settings.modem.read(voip);
    }
    settings
}

fn peer(
    config: &Config,
    base: &PeerSettings,
    node: &Node,
    classes: &HashMap<u32, Vec<CodecChoice>>,
) -> PeerSettings {
    let mut settings = PeerSettings { policy: HeaderPolicy::new(config, Some(node)), ..base.clone() };
    settings.redirects |= node.has("redirect ip2ip");
    settings.moved_temporarily = moved_temporarily(node).unwrap_or(base.moved_temporarily);
    match node.value("voice-class sip url ") {
        Some("sips") => settings.sips = true,
        Some("sip") => settings.sips = false,
        _ => {}
    }
    let tenant = tenant(config.tree(), node);
    let shared = |words: &str| tenant.and_then(|tenant| tenant.value(words));
    if node.value("voice-class sip url ").is_none_or(|url| url == "system") {
        match shared("url ") {
            Some("sips") => settings.sips = true,
            Some("sip") => settings.sips = false,
            _ => {}
        }
    }
    let own = midcall(Some(node), "voice-class sip ");
    settings.midcall = own.or_else(|| midcall(tenant, "")).unwrap_or(base.midcall);
    let switch = "transport switch udp tcp";
    settings.switch_to_tcp = node.has("voice-class sip transport switch udp tcp")
        || tenant.is_some_and(|tenant| tenant.has(switch));
    tell_switches(&mut settings, tenant);
    let own_name = node.value("voice-class sip localhost ").filter(|name| *name != "system");
    settings.localhost = localhost(own_name.or(shared("localhost "))).or(settings.localhost);
    settings.own = overrides(config, node, tenant).map(Arc::new);
    if let Some(line) = node.value("fax protocol ") {
        fax(&mut settings.fax, line);
    }
    settings.fax.ecm &= !node.has("fax-relay ecm disable");
    settings.modem.read(node);
    match node.value("fax rate ").and_then(|rest| rest.split_whitespace().next()) {
        Some("disable") => settings.fax.t38 = false,
        Some(rate) => settings.fax.rate = rate.parse().ok(),
        None => {}
    }
    for inbound in [false, true] {
        let own = class_of(node, "voice-class sip profiles ", inbound);
        let place = if inbound { &mut settings.inbound } else { &mut settings.profile };
        if let Some(tag) = own.or_else(|| class_of(tenant?, "sip-profiles ", inbound)) {
            *place = profile(config.tree(), tag);
        }
    }
    let own_rel1xx = node.value("voice-class sip rel1xx ").filter(|value| *value != "system");
    settings.rel1xx = match own_rel1xx.or(shared("rel1xx ")).and_then(|rest| rest.split_whitespace().next()) {
        Some("supported") => Some(Rel1xx::Supported),
        Some("require") => Some(Rel1xx::Require),
        Some("disable") => Some(Rel1xx::Disabled),
        _ => None,
    };
    let bound = |kind: &str| {
        let own = node.value(&format!("voice-class sip bind {kind} source-interface "));
        let name = own.or_else(|| tenant?.value(&format!("bind {kind} source-interface ")))?;
        address_of(config, name.split(" ipv").next().unwrap_or(name).trim())
    };
    let of_tenant = || control_of(config, tenant?, "");
    settings.control_address = control_of(config, node, "voice-class sip ").or_else(of_tenant);
    settings.media_address = bound("media").or(bound("all")).or(settings.media_address);
    if let Some(forwards) = forwards(node) {
        settings.forwards = forwards;
    }
    if let Some(choice) = node.value("codec ").and_then(named) {
        settings.codecs = vec![choice];
    }
    let class =
        node.value("voice-class codec ").and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    if let Some(codecs) = class.and_then(|tag: u32| classes.get(&tag)) {
        settings.codecs.clone_from(codecs);
    }
    for word in node.value("dtmf-relay ").unwrap_or_default().split_whitespace() {
        settings.dtmf.extend(match word {
            "rtp-nte" => Some(DtmfRelay::RtpNte),
            "sip-info" => Some(DtmfRelay::SipInfo),
            "sip-notify" => Some(DtmfRelay::SipNotify),
            "sip-kpml" => Some(DtmfRelay::SipKpml),
            _ => None,
        });
    }
    if let Some(number) = node.value("rtp payload-type nte ").and_then(|text| text.trim().parse().ok()) {
        settings.nte = number;
    }
    settings.vad = !node.has("no vad");
    settings.playout = playout_delay(node);
    for line in node.lines() {
        if let Some(point) = line.strip_prefix("ip qos dscp ").and_then(|rest| rest.strip_suffix(" media")) {
            settings.dscp = dscp(point).unwrap_or(settings.dscp);
        }
        if let Some(point) =
            line.strip_prefix("ip qos dscp ").and_then(|rest| rest.strip_suffix(" signaling"))
        {
            settings.signaling_dscp = dscp(point);
        }
    }
    settings
}

/// `midcall-signaling` of a section, where it has a word on it.
fn midcall(section: Option<&Node>, before: &str) -> Option<Midcall> {
    let words = format!("{before}midcall-signaling");
    let value = section?.lines().find_map(|line| line.strip_prefix(&words))?.trim();
    match value {
        "block" => Some(Midcall::Blocked),
        "preserve-codec" => Some(Midcall::KeepsCodec),
        "system" => None,
        _ => Some(Midcall::Passes),
    }
}

/// Takes what `sip-ua` or a tenant switches on or off.
fn tell_switches(settings: &mut PeerSettings, section: Option<&Node>) {
    let tell = |words: &str, place: &mut bool| {
        *place = agent::switch(section.into_iter(), words).unwrap_or(*place);
    };
    tell("remote-party-id", &mut settings.remote_party_id);
    tell("disable-early-media 180", &mut settings.no_early_media_180);
    tell("reason-header override", &mut settings.reason_override);
    tell("redirection", &mut settings.redirection);
}

/// `dns:NAME`, perhaps with `preferred` behind it.
fn localhost(value: Option<&str>) -> Option<String> {
    let name = value?.split_whitespace().next()?.strip_prefix("dns:")?;
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// What the user agent does in another way than `sip-ua` says in the calls on a dial peer; `None` if nothing.
fn overrides(config: &Config, peer: &Node, tenant: Option<&Node>) -> Option<CallOverrides> {
    let has_login = |node: &Node| logins::login_lines(node).next().is_some();
    if tenant.is_none() && !has_login(peer) {
        return None;
    }
    let says = |words: &[&str]| {
        let lines = tenant.into_iter().flat_map(Node::lines);
        lines.into_iter().any(|line| words.iter().any(|word| line.starts_with(word)))
    };
    let agent = AgentSettings::read(config, tenant);
    let own_login = has_login(peer) || tenant.is_some_and(has_login);
    let levels = || {
        let shared = tenant.map(logins::of_section).unwrap_or_default();
        logins::provider(&[logins::of_section(peer), shared, logins::of_system(config)], None)
    };
    let own = CallOverrides {
        credentials: own_login.then(levels).flatten(),
        expires: says(&["timers expires "]).then_some(agent.expires),
        follow_redirects: says(&["redirection", "no redirection"]).then_some(agent.redirection),
        max_forwards: says(&["max-forwards "]).then_some(agent.max_forwards),
        retransmissions: tenant.and_then(|tenant| agent::own_retransmissions(config, tenant)),
        session_timer: says(&["min-se ", "session refresh"]).then(|| agent::session_timer(config, tenant)),
    };
    (own != CallOverrides::default()).then_some(own)
}

/// The class of sip-profiles that a section names for one direction.
fn class_of<'a>(section: &'a Node, words: &str, inbound: bool) -> Option<&'a str> {
    section.lines().filter_map(|line| line.strip_prefix(words)).find_map(|rest| {
        match rest.strip_suffix(" inbound") {
            Some(tag) => inbound.then_some(tag),
            None => (!inbound && rest != "inbound").then_some(rest),
        }
    })
}

/// The rules of `voice class sip-profiles`; `None` for a class without any.
fn profile(tree: &Body, tag: &str) -> Option<Arc<Profile>> {
    let class = tree.section(&format!("voice class sip-profiles {}", tag.trim()))?;
    Some(Arc::new(Profile::new(class.lines())))
}

/// `t38 version 3 …`, `none`, `pass-through g711ulaw`; `system` leaves what the service says.
fn fax(settings: &mut FaxSettings, line: &str) {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("t38") => {
            let words: Vec<&str> = words.collect();
            let after = |name: &str| words.iter().skip_while(|word| **word != name).nth(1).copied();
            let number = |name: &str| after(name).and_then(|text| text.parse().ok()).unwrap_or(0);
            settings.t38 = true;
            settings.version = u8::from(after("version") == Some("3")) * 3;
            settings.low_speed_redundancy = number("ls-redundancy");
            settings.high_speed_redundancy = number("hs-redundancy");
        }
        Some("system") => {}
        _ => settings.t38 = false,
    }
}

/// `playout-delay` of a dial peer or voice port; `None` where it says nothing.
pub(crate) fn playout_delay(node: &Node) -> Option<PlayoutConfig> {
    let mut lines = node.lines().filter_map(|line| line.strip_prefix("playout-delay ")).peekable();
    lines.peek()?;
    let mut config = PlayoutConfig::default();
    lines.for_each(|rest| playout(&mut config, rest));
    Some(config)
}

fn playout(config: &mut PlayoutConfig, rest: &str) {
    let mut words = rest.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("mode"), Some("fixed"), _) => config.mode = PlayoutMode::Fixed,
        (Some("mode"), Some("adaptive"), _) => config.mode = PlayoutMode::Adaptive,
        (Some("nominal"), Some(ms), _) => config.nominal_ms = ms.parse().unwrap_or(config.nominal_ms),
        (Some("maximum"), Some(ms), _) => config.maximum_ms = ms.parse().unwrap_or(config.maximum_ms),
        (Some("minimum"), Some("low"), _) => config.minimum_ms = 10,
        (Some("minimum"), Some("default"), _) => config.minimum_ms = 40,
        (Some("minimum"), Some("high"), _) => config.minimum_ms = 80,
        _ => {}
    }
}

/// `g711alaw bytes 80` and the like.
fn named(text: &str) -> Option<CodecChoice> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let bytes = words.skip_while(|word| *word != "bytes").nth(1).and_then(|word| word.parse().ok());
    codec(name, bytes)
}

/// A codec by its name in IOS; `None` for one whose SDP we don't know.
fn codec(name: &str, bytes: Option<u32>) -> Option<CodecChoice> {
    let (format, octets_a_ms) = match name {
        "g711ulaw" => (Format::new(Law::Mu.payload_type(), "PCMU", 8000), 8),
        "g711alaw" => (Format::new(Law::A.payload_type(), "PCMA", 8000), 8),
        "g729r8" => (Format::new(18, "G729", 8000).with_parameters("annexb=no"), 1),
        "g729br8" => (Format::new(18, "G729", 8000).with_parameters("annexb=yes"), 1),
        "g726r32" => (Format::new(2, "G726-32", 8000), 4),
        "g722-64" => (Format::new(9, "G722", 8000), 8),
        "ilbc" => (Format::new(116, "iLBC", 8000).with_parameters("mode=20"), 2),
        _ => return None,
    };
    let packet_ms = bytes.map_or(20, |bytes| bytes / octets_a_ms);
    Some(CodecChoice { format, packet_ms: packet_ms.clamp(10, 60) })
}

/// A code point as IOS names it: `ef`, `cs3`, `af41`, `default`, or a number.
fn dscp(name: &str) -> Option<u8> {
    let digit =
        |text: &str, at: usize| text.as_bytes().get(at).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
    match name {
        "ef" => Some(46),
        "default" => Some(0),
        cs if cs.starts_with("cs") && cs.len() == 3 => digit(cs, 2).filter(|n| *n < 8).map(|n| n * 8),
        af if af.starts_with("af") && af.len() == 4 => {
            let (class, drop) = (digit(af, 2)?, digit(af, 3)?);
            ((1..=4).contains(&class) && (1..=3).contains(&drop)).then_some(class * 8 + drop * 2)
        }
        number => number.parse().ok().filter(|n| *n < 64),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn peers_have_their_codecs_digits_and_buffers() {
        let config = Config::parse(
            "voice service voip\n rtp-port range 20000 20100\n!\nvoice class codec 3\n codec preference 2 g711ulaw\n \
             codec preference 1 g711alaw bytes 240\n!\ndial-peer voice 5 voip\n session protocol sipv2\n \
             voice-class codec 3\n dtmf-relay rtp-nte sip-info\n no vad\n ip qos dscp af31 media\n \
             playout-delay mode fixed\n playout-delay nominal 80\n!\nsip-ua\n disable-early-media 180\n!\n",
        )
        .config;
        let settings = SipSettings::new(&config);
        let peer = settings.peer(5);
        assert_eq!((settings.rtp_ports, peer.no_early_media_180), ((20_000, 20_100), true));
        let codecs: Vec<_> = peer.codecs.iter().map(|c| (c.format.encoding.as_str(), c.packet_ms)).collect();
        assert_eq!(codecs, [("PCMA", 30), ("PCMU", 20)]);
        assert_eq!(peer.dtmf, [DtmfRelay::RtpNte, DtmfRelay::SipInfo]);
        let playout = peer.playout.unwrap();
        assert_eq!((peer.vad, peer.dscp, playout.nominal_ms), (false, 26, 80));
        assert_eq!(playout.mode, PlayoutMode::Fixed);
        let other = PeerSettings { no_early_media_180: true, ..PeerSettings::default() };
        assert_eq!(**settings.peer(6), other);
    }

    #[test]
    fn code_points_are_named_as_in_ios() {
        assert_eq!(
            ["ef", "cs3", "af41", "default", "17", "64", "af45", "xx"].map(dscp),
            [Some(46), Some(24), Some(34), Some(0), Some(17), None, None, None]
        );
    }
}
