//! The typed view of a configuration that the gateway reads.

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv4Addr;

use mwi::route::NumberSource;

/// Name of a voice port: `2/0`, `0/1/0`, `1/0:15`, `0/0/0:D`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortId(String);

impl PortId {
    /// Reads a port name: digits separated by `/`, optionally `:` and a channel (`15`, `23`, `D` or a DS0 group).
    pub fn parse(text: &str) -> Option<PortId> {
        let (slots, channel) = match text.split_once(':') {
            Some((slots, channel)) => (slots, Some(channel)),
            None => (text, None),
        };
        let number =
            |part: &str| !part.is_empty() && part.len() <= 5 && part.bytes().all(|b| b.is_ascii_digit());
        if !slots.split('/').all(number) || slots.split('/').count() > 4 {
            return None;
        }
        match channel {
            Some(c) if c.eq_ignore_ascii_case("d") => Some(PortId(format!("{slots}:D"))),
            Some(c) if !number(c) => None,
            _ => Some(PortId(text.to_owned())),
        }
    }

    /// The name as IOS writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The controller part of a trunk port: `1/0` of `1/0:15`; `None` for an analogue port.
    pub fn controller(&self) -> Option<&str> {
        self.0.split_once(':').map(|(slots, _)| slots)
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialOrd for PortId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PortId {
    fn cmp(&self, other: &Self) -> Ordering {
        natural(&self.0, &other.0)
    }
}

/// Compares names so that runs of digits count as numbers: `2/9` comes before `2/10`. Only a name equals itself: `01` comes
/// before `1`.
pub fn natural(a: &str, b: &str) -> Ordering {
    by_numbers(a, b).then_with(|| a.cmp(b))
}

fn by_numbers(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let value = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                    let mut number = 0_u64;
                    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                        number = number.saturating_mul(10).saturating_add(u64::from(digit));
                        chars.next();
                    }
                    number
                };
                let order = value(&mut a).cmp(&value(&mut b));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(x), Some(y)) => {
                if x != y {
                    return x.cmp(&y);
                }
                a.next();
                b.next();
            }
        }
    }
}

/// How a telephone's message lamp is worked (`vmwi`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vmwi {
    /// FSK message.
    Fsk,
    /// High DC voltage on the line.
    DcVoltage,
}

/// `timeouts` of a voice port, seconds; `None` is `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortTimeouts {
    /// Wait for the first digit, 0-120.
    pub initial: u32,
    /// Wait between digits, 0-120.
    pub interdigit: u32,
    /// Tone after the far end left, 1-120.
    pub call_disconnect: Option<u32>,
    /// Ringing without an answer.
    pub ringing: Option<u32>,
    /// Wait for on hook before the port is released.
    pub wait_release: Option<u32>,
}

impl Default for PortTimeouts {
    fn default() -> Self {
        PortTimeouts {
            initial: 10,
            interdigit: 10,
            call_disconnect: Some(60),
            ringing: Some(180),
            wait_release: Some(30),
        }
    }
}

/// `ring cadence` of a voice port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingCadence {
    /// `pattern01` to `pattern12`.
    Pattern(u8),
    /// `define`: bursts and pauses in ms.
    Define(Vec<(u32, u32)>),
}

/// `caller-id alerting` of a voice port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIdAlert {
    /// `line-reversal`: before ringing, after a reversal.
    LineReversal,
    /// `pre-ring`: before ringing, after a touch of the bell.
    PreRing,
    /// `ring`: in the pause after so many bursts, 1 to 4.
    Ring(u8),
}

/// `caller-id mode` of a voice port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIdMode {
    /// `BT`: V.23 data before ringing, after a reversal and the alerting signal.
    Bt,
    /// `FSK`: data in the country's modem.
    Fsk,
    /// `DTMF`: digits between these.
    Dtmf {
        /// `start`, one of `# * A B C D`.
        start: char,
        /// `end`, one of `# * A B C D`.
        end: char,
    },
}

/// What ends a call on an exchange line by tone: `supervisory disconnect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToneDisconnect {
    /// `dualtone mid-call`: the disconnect tones of the country or of `supervisory custom-cptone`, in conversation.
    MidCall,
    /// `dualtone pre-connect`: those, also before the answer.
    PreConnect,
    /// `anytone`: any steady or repeated tone.
    AnyTone,
    /// `dualtone voice-class TAG`: the tones of that `voice class dualtone`, in conversation.
    Class(u32),
}

/// `connection` of a voice port, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// `plar NUMBER`: called at off hook; an exchange line answers its call at once.
    Plar(String),
    /// `plar opx NUMBER`: an exchange line answers when the called party has; without `immediate` it waits for the caller's number.
    PlarOpx {
        /// Number called.
        number: String,
        /// `immediate`: the call is set up with the first ringing, without waiting for caller ID.
        immediate: bool,
        /// `cut-through-wait`: audio is let through so long after the exchange line went off hook, ms, 150 to 750.
        cut_through: Option<u32>,
    },
    /// `tie-line DIGITS`: these come before the number dialled.
    TieLine(String),
    /// `trunk NUMBER [answer-mode]`: a call that stands as long as the port is in service, and carries the hook's state.
    Trunk {
        /// Number called.
        number: String,
        /// `answer-mode`: the other side calls.
        answer: bool,
    },
}

/// Times of `timing`, ms where nothing else is said; `None` is IOS's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortTiming {
    /// `digit`: length of a DTMF digit sent, 50 to 100.
    pub digit: Option<u32>,
    /// `inter-digit`: pause after it, 50 to 500.
    pub inter_digit: Option<u32>,
    /// `pulse`: dial pulses a second, 10 to 20.
    pub pulse: Option<u32>,
    /// `percentbreak`: part of a dial pulse in which the loop is open, 20 to 80 %.
    pub percent_break: Option<u32>,
    /// `pulse-inter-digit`: pause after a pulsed digit, 100 to 1000.
    pub pulse_inter_digit: Option<u32>,
    /// `hookflash-out`: flash toward the exchange, 50 to 1550.
    pub hookflash_out: Option<u32>,
    /// `guard-out`: rest of an exchange line after a call, 300 to 3000.
    pub guard_out: Option<u32>,
    /// `sup-disconnect`: open loop that ends a call, 50 to 1500.
    pub sup_disconnect: Option<u32>,
    /// `dialout-delay`: off hook to the first digit, 100 to 5000.
    pub dialout_delay: Option<u32>,
    /// `opx-ringwait`: without another burst for so long the caller has given up, 2000 to 10000.
    pub opx_ring_wait: Option<u32>,
}

/// `busyout` of a voice port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busyout {
    /// `forced`.
    pub forced: bool,
    /// `graceful`: as `forced`, once the calls on the port are over.
    pub graceful: bool,
    /// `seize repeat`: an exchange line that is busied out is off hook, so that its exchange finds it busy; `ignore`, the default,
    /// leaves it on hook.
    pub seize: bool,
    /// `monitor`: serial interfaces of trunks. While all are down the port is busied out.
    pub monitor: Vec<String>,
}

/// What a voice port says about its two wires; `None` is the country's or IOS's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSettings {
    /// `signal groundStart`.
    pub ground_start: bool,
    /// `ren`, 1 to 5.
    pub ren: Option<u8>,
    /// `ring cadence`.
    pub ring_cadence: Option<RingCadence>,
    /// `timing hookflash-in MAX [MIN]`, ms.
    pub hookflash_in: Option<(u32, Option<u32>)>,
    /// `no pulse-digit-detection`: breaks of the loop are no digits.
    pub no_pulse_digits: bool,
    /// `timeouts power-denial`, ms; 0 is none.
    pub power_denial: Option<u32>,
    /// `no battery-reversal`.
    pub no_battery_reversal: bool,
    /// `disconnect-ack`.
    pub disconnect_ack: bool,
    /// `battery-reversal answer`: a reversal by the exchange is the answer.
    pub reversal_answers: bool,
    /// `battery-reversal detection-delay`: how long a reversal must last to count, ms, 1 to 800.
    pub reversal_delay: Option<u32>,
    /// `groundstart auto-tip`: the exchange need not answer the ground within so many ms.
    pub auto_tip: Option<u32>,
    /// `input gain`, dB, -6 to 14.
    pub input_gain: Option<i8>,
    /// `output attenuation`, dB, -6 to 14.
    pub output_attenuation: Option<i8>,
    /// `impedance`: its word.
    pub impedance: Option<String>,
    /// `no echo-cancel enable`.
    pub no_echo_cancel: bool,
    /// `echo-cancel coverage`, ms.
    pub echo_coverage: Option<u32>,
    /// `echo-cancel erl worst-case`, dB: 0 or 3; `None` is IOS's 6.
    pub erl_worst_case: Option<u8>,
    /// `music-threshold`, dBm0, -70 to -30: what is louder is sent although `vad` is on.
    pub music_threshold: Option<i8>,
    /// `no non-linear`.
    pub no_non_linear: bool,
    /// `no comfort-noise`.
    pub no_comfort_noise: bool,
    /// `timing`.
    pub timing: PortTiming,
    /// `ring number`: bursts before an exchange line's call is taken, 1 to 10.
    pub ring_number: Option<u8>,
    /// `dial-type pulse`.
    pub dial_pulse: bool,
    /// `pre-dial-delay`, s.
    pub pre_dial_delay: Option<u32>,
    /// `caller-id block`: numbers of calls from here are withheld.
    pub caller_id_block: bool,
    /// `caller-id alerting`.
    pub caller_id_alerting: Option<CallerIdAlert>,
    /// `caller-id mode`.
    pub caller_id_mode: Option<CallerIdMode>,
    /// `caller-id attenuation`: level of the data, dB below 0 dBm0, 0 to 64.
    pub caller_id_attenuation: Option<u32>,
    /// `tipring mwi-poll`, seconds.
    pub mwi_poll: Option<u32>,
    /// `tipring vmwi-repeat`, minutes.
    pub vmwi_repeat: Option<u32>,
    /// `busyout`.
    pub busyout: Busyout,
    /// `no supervisory disconnect`: an open loop or a reversal of the exchange does not end a call.
    pub no_supervisory_disconnect: bool,
    /// `supervisory disconnect dualtone | anytone`.
    pub tone_disconnect: Option<ToneDisconnect>,
    /// `supervisory answer dualtone`: the end of ringback is the answer.
    pub tone_answer: bool,
    /// `supervisory custom-cptone`: class whose tones go over the country's, played and listened for.
    pub custom_cptone: Option<String>,
    /// `supervisory dualtone-detect-params`: class that says how exact a tone must be.
    pub detect_params: Option<u32>,
}

/// A `voice-port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicePort {
    /// Its name.
    pub port: PortId,
    /// Message waiting indication is on.
    pub mwi: bool,
    /// Lamp, if one was configured.
    pub vmwi: Option<Vmwi>,
    /// Country of tones, ringing and cadences, lower case ISO 3166 (`us`, `gb`; also `c1`, `c2`).
    pub cptone: String,
    /// Name sent as caller.
    pub station_id_name: Option<String>,
    /// Number sent as caller.
    pub station_id_number: Option<String>,
    /// Out of service by configuration.
    pub shutdown: bool,
    /// Timeouts.
    pub timeouts: PortTimeouts,
    /// Free text.
    pub description: Option<String>,
    /// `connection`.
    pub connection: Option<Connection>,
    /// Caller identification is sent to the telephone.
    pub caller_id: bool,
    /// Ringing, timing and supervision.
    pub line: LineSettings,
    /// Trunk groups that the port belongs to, with their preference.
    pub trunk_groups: Vec<(String, Option<u8>)>,
}

impl VoicePort {
    /// A port with every setting at its default.
    pub fn new(port: PortId) -> Self {
        VoicePort {
            port,
            mwi: false,
            vmwi: None,
            cptone: "us".to_owned(),
            station_id_name: None,
            station_id_number: None,
            shutdown: false,
            timeouts: PortTimeouts::default(),
            description: None,
            connection: None,
            caller_id: false,
            line: LineSettings::default(),
            trunk_groups: Vec::new(),
        }
    }
}

/// `sip-server` of sip-ua.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipServer {
    /// Address or name.
    pub host: mwi::config::ServerHost,
    /// Port, if one was given.
    pub port: Option<u16>,
}

/// `sip-ua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUa {
    /// Where a NOTIFY's number is looked for first; the other places follow (`tipring mwi number-source`).
    pub mwi_number_source: NumberSource,
    /// A state that must wait for its trunk is answered 503 instead of 200 (`tipring mwi when-queued`).
    pub mwi_refuse_queued: bool,
    /// The voice mail.
    pub mwi_server: Option<mwi::config::MwiServer>,
    /// Default server of `session target sip-server`.
    pub sip_server: Option<SipServer>,
}

impl Default for SipUa {
    fn default() -> Self {
        SipUa {
            mwi_number_source: NumberSource::RequestUri,
            mwi_refuse_queued: false,
            mwi_server: None,
            sip_server: None,
        }
    }
}

/// An IPv4 network: address and mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address within.
    pub address: Ipv4Addr,
    /// Its mask.
    pub mask: Ipv4Addr,
}

impl Network {
    /// True if the address lies within the network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = u32::from(self.mask);
        u32::from(address) & mask == u32::from(self.address) & mask
    }
}

/// `sip` of `voice service voip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceServiceSip {
    /// UDP and TCP port that SIP listens on, if configured; 5060 otherwise.
    pub listen_port_non_secure: Option<u16>,
    /// TLS port, if configured; 5061 otherwise.
    pub listen_port_secure: Option<u16>,
    /// `bind all`: interface whose address signalling and media use.
    pub bind_all: Option<String>,
    /// `bind control`: interface whose address signalling uses.
    pub bind_control: Option<String>,
    /// `bind media`: interface whose address media uses.
    pub bind_media: Option<String>,
}

impl VoiceServiceSip {
    /// The interface whose address signalling uses, if one is bound.
    pub fn control_interface(&self) -> Option<&str> {
        self.bind_control.as_deref().or(self.bind_all.as_deref())
    }
}

/// `voice service voip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceServiceVoip {
    /// The `sip` part.
    pub sip: VoiceServiceSip,
    /// `ip address trusted list`: senders that are accepted beside configured servers and targets.
    pub trusted: Vec<Network>,
    /// False after `no ip address trusted authenticate`: every sender is accepted.
    pub trusted_authenticate: bool,
}

impl Default for VoiceServiceVoip {
    fn default() -> Self {
        VoiceServiceVoip {
            sip: VoiceServiceSip {
                listen_port_non_secure: None,
                listen_port_secure: None,
                bind_all: None,
                bind_control: None,
                bind_media: None,
            },
            trusted: Vec::new(),
            trusted_authenticate: true,
        }
    }
}

/// Kind of a digital controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllerKind {
    /// 2048 kbit/s, 31 timeslots, signalling in 16.
    E1,
    /// 1544 kbit/s, 24 timeslots, signalling in 24.
    T1,
}

impl ControllerKind {
    /// `E1` or `T1`.
    pub fn name(self) -> &'static str {
        match self {
            ControllerKind::E1 => "E1",
            ControllerKind::T1 => "T1",
        }
    }

    /// Highest timeslot.
    pub fn timeslots(self) -> u8 {
        match self {
            ControllerKind::E1 => 31,
            ControllerKind::T1 => 24,
        }
    }

    /// Timeslot of the D channel.
    pub fn d_channel(self) -> u8 {
        match self {
            ControllerKind::E1 => 16,
            ControllerKind::T1 => 24,
        }
    }

    /// Number behind the colon in the names of the D channel's interface and voice port.
    pub fn suffix(self) -> u8 {
        self.d_channel() - 1
    }
}

/// A set of timeslots, `1-10,16`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeslots {
    /// The timeslots in ascending order, each from 1 to 31.
    pub slots: Vec<u8>,
}

impl Timeslots {
    /// Reads `1-31` or `1-10,16`; `None` if the text is no such list or a slot lies beyond `highest`.
    pub fn parse(text: &str, highest: u8) -> Option<Timeslots> {
        let mut slots = Vec::new();
        for part in text.split(',') {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high): (u8, u8) = (low.parse().ok()?, high.parse().ok()?);
            if low == 0 || low > high || high > highest {
                return None;
            }
            slots.extend(low..=high);
        }
        slots.sort_unstable();
        slots.dedup();
        Some(Timeslots { slots })
    }

    /// True if the timeslot belongs to the set.
    pub fn contains(&self, slot: u8) -> bool {
        self.slots.contains(&slot)
    }
}

/// Which D channel of its NFAS group an interface carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NfasRole {
    /// The primary one.
    Primary,
    /// The one that takes over.
    Backup,
    /// None.
    None,
}

/// `nfas_d ROLE nfas_int INTERFACE nfas_group GROUP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nfas {
    /// Its D channel.
    pub role: NfasRole,
    /// Its identifier in channel identification, 0 to 96.
    pub interface: u8,
    /// The group, 0 to 31.
    pub group: u8,
}

/// A `controller`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// E1 or T1.
    pub kind: ControllerKind,
    /// `1/0`.
    pub name: String,
    /// Timeslots of the primary rate group, if there is one. The D channel's slot counts as given, written or not.
    pub pri_group: Option<Timeslots>,
    /// Its place in an NFAS group (`pri-group … nfas_d`).
    pub nfas: Option<Nfas>,
    /// Out of service by configuration.
    pub shutdown: bool,
}

impl Controller {
    /// Name of the D channel's interface, `Serial1/0:15`.
    pub fn serial_interface(&self) -> String {
        format!("Serial{}:{}", self.name, self.kind.suffix())
    }

    /// Name of the trunk's voice port, `1/0:15`.
    pub fn voice_port(&self) -> String {
        format!("{}:{}", self.name, self.kind.suffix())
    }
}

/// `isdn switch-type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchType {
    /// `primary-qsig`.
    Qsig,
    /// `primary-net5`.
    Net5,
    /// Another, by its keyword.
    Other(String),
}

impl SwitchType {
    /// From the keyword.
    pub fn from_keyword(word: &str) -> SwitchType {
        match word {
            "primary-qsig" => SwitchType::Qsig,
            "primary-net5" => SwitchType::Net5,
            other => SwitchType::Other(other.to_owned()),
        }
    }

    /// The keyword.
    pub fn keyword(&self) -> &str {
        match self {
            SwitchType::Qsig => "primary-qsig",
            SwitchType::Net5 => "primary-net5",
            SwitchType::Other(word) => word,
        }
    }
}

/// Which side of the D channel this end plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtocolEmulate {
    /// User side (IOS default).
    #[default]
    User,
    /// Network side.
    Network,
}

/// The D channel interface of a controller, `interface Serial1/0:15`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialInterface {
    /// `1/0:15`.
    pub name: String,
    /// Side.
    pub protocol_emulate: ProtocolEmulate,
    /// Switch type of this interface; the global one counts where there is none.
    pub switch_type: Option<SwitchType>,
    /// Timers by name (`T303`), in ms.
    pub timers: Vec<(String, u32)>,
    /// `isdn bchan-number-order`, true for ascending; `None`: neither.
    pub bchan_ascending: Option<bool>,
    /// `isdn bchan-number-order … round-robin`.
    pub bchan_round_robin: bool,
    /// `isdn contiguous-bchan`.
    pub contiguous_bchan: bool,
    /// `isdn negotiate-bchan`.
    pub negotiate_bchan: bool,
    /// `isdn overlap-receiving`.
    pub overlap_receiving: bool,
    /// Out of service by configuration.
    pub shutdown: bool,
    /// Trunk groups that the trunk belongs to, with their preference.
    pub trunk_groups: Vec<(String, Option<u8>)>,
}

/// `hunt-scheme` of a trunk group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HuntScheme {
    /// `least-idle`.
    LeastIdle,
    /// `least-used`.
    #[default]
    LeastUsed,
    /// `longest-idle`.
    LongestIdle,
    /// `random`.
    Random,
    /// `round-robin`.
    RoundRobin,
    /// `sequential`.
    Sequential,
}

impl HuntScheme {
    /// From the keyword.
    pub fn from_keyword(word: &str) -> Option<HuntScheme> {
        Some(match word {
            "least-idle" => HuntScheme::LeastIdle,
            "least-used" => HuntScheme::LeastUsed,
            "longest-idle" => HuntScheme::LongestIdle,
            "random" => HuntScheme::Random,
            "round-robin" => HuntScheme::RoundRobin,
            "sequential" => HuntScheme::Sequential,
            _ => return None,
        })
    }
}

/// A `trunk group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkGroup {
    /// Its label.
    pub label: String,
    /// Order in which members are tried.
    pub hunt_scheme: HuntScheme,
}

/// An `interface`: the addresses that `bind` refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Full name, `GigabitEthernet0/0`.
    pub name: String,
    /// Address and mask.
    pub address: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Out of service by configuration.
    pub shutdown: bool,
}
