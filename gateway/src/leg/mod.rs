//! The ends of a call: one module a kind of port, and the vocabulary they share with the switch.
//!
//! **The law of legs.** A leg is one end of one call. The switch speaks to it in [`LegCommand`]s and hears [`LegEvent`]s;
//! neither knows what kind of port is on the other side. Every leg ends exactly once with [`LegEvent::Released`], whoever
//! wanted it; its [`LegId`] is never used again. A leg that is told [`LegCommand::Release`] answers with `Released`, at
//! once where it can. Commands a leg's state does not allow are ignored by it.
//!
//! A leg *comes in* (a telephone that dials, a SETUP, an INVITE): [`LegEvent::Incoming`] first, then commands answer it.
//! Or it *goes out*: [`LegCommand::Offer`] first, then events answer it.

pub mod audio;
pub mod fxo;
pub mod fxs;
pub mod permanent;
pub mod pri;
pub mod raw;
pub mod sip;
pub mod tones;
pub mod vmwi;

use ::sip::sdp::T38;
use bytes::Bytes;
use dialpeer::shape::{Bearer, Indicator};

use crate::media::MediaEnd;
use raw::RawMessage;

/// One leg. Numbers grow and never come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// Gives legs their numbers.
#[derive(Debug, Default)]
pub struct LegIds(u64);

impl LegIds {
    /// A number that no leg has had.
    pub fn take(&mut self) -> LegId {
        self.0 += 1;
        LegId(self.0)
    }
}

/// What carries a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegPort {
    /// A telephone's line, by its index.
    Line(usize),
    /// An exchange line, by its index.
    Office(usize),
    /// A trunk, by its index.
    Trunk(usize),
    /// SIP.
    Sip,
}

/// Whether a number or name may be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Presentation {
    /// It may.
    #[default]
    Allowed,
    /// Its owner does not want it (CLIR, `Privacy: id`).
    Restricted,
    /// The network does not know it.
    Unavailable,
}

/// A party of a call as numbering and name services see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Digits, with a `+` in front where SIP brought one; empty if unknown. At most [`MAX_DIGITS`].
    pub number: String,
    /// Q.931 type of number: 0 unknown, 1 international, 2 national, 3 network specific, 4 subscriber, 6 abbreviated.
    pub number_type: u8,
    /// Q.931 numbering plan: 0 unknown, 1 E.164, 9 private.
    pub plan: u8,
    /// Whether the number may be shown.
    pub presentation: Presentation,
    /// Whether the name may be shown: names and numbers are withheld each by itself (ECMA-164, Remote-Party-ID).
    pub name_presentation: Presentation,
    /// Q.931 screening indicator: 0 user-provided not screened, 1 verified and passed, 2 failed, 3 network provided.
    pub screening: u8,
    /// Name, if known.
    pub name: Option<String>,
}

/// Longest number a leg carries.
pub const MAX_DIGITS: usize = 64;

impl Party {
    /// A party known by its number alone.
    #[must_use]
    pub fn new(number: impl Into<String>) -> Self {
        Self { number: number.into(), ..Self::default() }
    }

    /// The number, if it is known and may be shown.
    #[must_use]
    pub fn shown_number(&self) -> Option<&str> {
        let shown = self.presentation == Presentation::Allowed && !self.number.is_empty();
        shown.then_some(self.number.as_str())
    }

    /// The name, if it is known and may be shown.
    #[must_use]
    pub fn shown_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.name_presentation == Presentation::Allowed)
    }
}

/// Why a call was diverted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RedirectReason {
    /// Not known.
    #[default]
    Unknown,
    /// Call forwarding unconditional.
    Unconditional,
    /// Call forwarding busy.
    Busy,
    /// Call forwarding no reply.
    NoReply,
}

/// What is known of a diversion of the call before it came here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redirection {
    /// Who diverted last.
    pub from: Party,
    /// Who was called first, if that is another.
    pub original: Option<Party>,
    /// Why, the last time.
    pub reason: RedirectReason,
    /// How often, at least 1.
    pub count: u8,
}

/// A Q.850 cause, 1 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cause(pub u8);

impl Cause {
    /// Unallocated number.
    pub const UNALLOCATED: Self = Self(1);
    /// No route to destination.
    pub const NO_ROUTE: Self = Self(3);
    /// Normal call clearing.
    pub const NORMAL: Self = Self(16);
    /// User busy.
    pub const BUSY: Self = Self(17);
    /// No user responding.
    pub const NO_RESPONSE: Self = Self(18);
    /// No answer from user (alerted).
    pub const NO_ANSWER: Self = Self(19);
    /// Call rejected.
    pub const REJECTED: Self = Self(21);
    /// Number changed.
    pub const CHANGED: Self = Self(22);
    /// Exchange routing error: the call was diverted too often.
    pub const ROUTING_ERROR: Self = Self(25);
    /// Destination out of order.
    pub const OUT_OF_ORDER: Self = Self(27);
    /// Invalid number format (incomplete number).
    pub const INVALID_NUMBER: Self = Self(28);
    /// Normal, unspecified.
    pub const UNSPECIFIED: Self = Self(31);
    /// No circuit available.
    pub const NO_CIRCUIT: Self = Self(34);
    /// Network out of order.
    pub const NETWORK_OUT_OF_ORDER: Self = Self(38);
    /// Temporary failure.
    pub const TEMPORARY: Self = Self(41);
    /// Switching equipment congestion.
    pub const CONGESTION: Self = Self(42);
    /// Resource unavailable, unspecified.
    pub const UNAVAILABLE: Self = Self(47);
    /// Service or option not available.
    pub const NOT_AVAILABLE: Self = Self(63);

    /// The text IOS prints in `DisconnectText`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self.0 {
            1 => "unassigned number (1)",
            2 => "no route to transit network (2)",
            3 => "no route to destination (3)",
            16 => "normal call clearing (16)",
            17 => "user busy (17)",
            18 => "no user responding (18)",
            19 => "no user answer (19)",
            20 => "subscriber absent (20)",
            21 => "call rejected (21)",
            22 => "number changed (22)",
            25 => "exchange routing error (25)",
            26 => "non selected user clearing (26)",
            27 => "destination out of order (27)",
            28 => "invalid number (28)",
            29 => "facility rejected (29)",
            30 => "response to STATUS ENQUIRY (30)",
            31 => "normal, unspecified (31)",
            34 => "no circuit (34)",
            38 => "network out of order (38)",
            41 => "temporary failure (41)",
            42 => "switch congestion (42)",
            43 => "access information discarded (43)",
            44 => "no requested circuit (44)",
            47 => "no resource (47)",
            50 => "facility not subscribed (50)",
            57 => "bearer capability not authorized (57)",
            58 => "bearer capability not available (58)",
            63 => "service or option not available (63)",
            65 => "bearer capability not implemented (65)",
            69 => "facility not implemented (69)",
            79 => "service not implemented (79)",
            81 => "invalid call reference (81)",
            88 => "incompatible destination (88)",
            95 => "invalid message (95)",
            96 => "mandatory IE missing (96)",
            97 => "message type not implemented (97)",
            98 => "message type not compatible (98)",
            99 => "IE not implemented (99)",
            100 => "invalid IE contents (100)",
            101 => "message in incompatible call state (101)",
            102 => "recovery on timer expiry (102)",
            111 => "protocol error (111)",
            127 => "interworking, unspecified (127)",
            _ => "unknown",
        }
    }
}

/// What a call is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Who is called, as far as the number is known.
    pub called: Party,
    /// Who calls.
    pub calling: Party,
    /// Diversions before.
    pub redirecting: Option<Redirection>,
    /// No more digits will come. False: the number may grow ([`LegEvent::Digits`], [`LegCommand::Digits`]).
    pub complete: bool,
    /// Dial peer the leg is on: the outbound one in [`LegCommand::Offer`], 0 in [`LegEvent::Incoming`] where the leg does
    /// not know.
    pub peer: u32,
    /// B channel an outgoing leg on a trunk is to take, as timeslot; `None`: the next free one.
    pub channel: Option<u8>,
    /// What a trunk is to carry (`bearer-cap`); speech where nothing is said.
    pub bearer: Option<Bearer>,
    /// Progress indicator of an outgoing SETUP where the peer says one (`progress_ind setup`).
    pub progress: Option<Indicator>,
    /// Which of the servers of its dial peer's group a SIP leg is to call.
    pub server: Option<usize>,
    /// The URIs of the INVITE a SIP leg came with, where dial peers are chosen by them.
    pub uris: Option<Box<SetupUris>>,
    /// The Cisco-Guid of the call; all zero where it has none yet.
    pub guid: [u32; 4],
    /// Session description of the caller, for a leg that speaks the same codecs.
    pub sdp: Option<Bytes>,
    /// User-to-user information as in the Q.931 element: protocol discriminator first.
    pub user_user: Option<Bytes>,
    /// How the called telephone is to ring: value of `Alert-Info`.
    pub alert_info: Option<String>,
    /// The call of the called party whose place this one takes: value of a Replaces header. Only SIP can do that.
    pub replaces: Option<String>,
    /// SIP header lines that nobody here knows, for a SIP leg (`header-passing`).
    pub headers: Vec<(String, String)>,
    /// SETUP as it came, for a leg that can carry it.
    pub raw: Option<Box<RawMessage>>,
}

/// URIs of an INVITE, as they stood there; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupUris {
    /// Request-URI.
    pub request: String,
    /// Address of To.
    pub to: String,
    /// Address of From.
    pub from: String,
    /// Host, and port if any, of the topmost Via.
    pub via: String,
    /// Address of Contact.
    pub contact: String,
}

/// What is told before the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// There are tones or announcements to hear: the caller is cut through and hears no tone of ours.
    pub inband: bool,
    /// Who is reached.
    pub party: Option<Party>,
    /// Session description, as in [`Setup::sdp`].
    pub sdp: Option<Bytes>,
    /// ALERTING or PROGRESS, as in [`Setup::raw`].
    pub raw: Option<Box<RawMessage>>,
}

/// What is told with the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub party: Option<Party>,
    /// Session description, as in [`Setup::sdp`].
    pub sdp: Option<Bytes>,
    /// CONNECT, as in [`Setup::raw`].
    pub raw: Option<Box<RawMessage>>,
}

/// Where a call is transferred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferTarget {
    /// Blind: a number to call.
    Number(Party),
    /// Attended: the party the transferring user speaks with on another leg of the gateway.
    Leg(LegId),
    /// Attended: the party the transferring user speaks with elsewhere.
    Elsewhere {
        /// Number of that party.
        to: Party,
        /// Its call, as the value of a Replaces header (RFC 3891).
        replaces: String,
    },
}

/// A call that a telephone of ours has forwarded, as its caller's network is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reroute {
    /// Whom to call.
    pub to: Party,
    /// Who calls.
    pub calling: Party,
    /// Who forwards, and why.
    pub by: Redirection,
}

/// T.38 in a call, from one end to the other and back. Only SIP legs know it; for the others the switch refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaxStep {
    /// The call is to become a fax of this kind.
    Offer(T38),
    /// It may, with this.
    Accept(T38),
    /// It stays audio.
    Refuse,
    /// It is audio again.
    Audio,
}

/// Modems in a call, from the end that noticed to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModemStep {
    /// One answers: the call is not voice any more.
    Begins,
    /// It asks for echo cancellers to be switched off.
    Reversed,
    /// It is voice again.
    Over,
}

/// The wires at one end of a permanent call (`connection trunk`), as the other end is told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineSignal {
    /// A telephone is on its hook; an exchange is quiet.
    Idle,
    /// A telephone is off its hook.
    OffHook,
    /// An exchange rings.
    Ringing,
    /// An exchange ended its call.
    Disconnected,
}

impl LineSignal {
    /// As signalling bits ABCD of loop start, repeated in C and D (EIA-464: loop current of a station is 11, ringing of an office 00,
    /// rest 01; 10 for the end of an exchange's call is ours).
    #[must_use]
    pub fn abcd(self) -> u8 {
        match self {
            Self::Idle => 0b0101,
            Self::OffHook => 0b1111,
            Self::Ringing => 0b0000,
            Self::Disconnected => 0b1010,
        }
    }

    /// What signalling bits say: A and B count.
    #[must_use]
    pub fn from_abcd(bits: u8) -> Self {
        match bits & 0b1100 {
            0b0000 => Self::Ringing,
            0b0100 => Self::Idle,
            0b1000 => Self::Disconnected,
            _ => Self::OffHook,
        }
    }
}

/// What the switch tells a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegCommand {
    /// To an outgoing leg, first: call this party.
    Offer(Box<Setup>),
    /// To an incoming leg: its number is known, a way is being tried.
    Proceed,
    /// To an incoming leg whose number is not complete: more digits are wanted.
    MoreDigits {
        /// With the secondary dial tone (two-stage dialling): digits so far are done with.
        dial_tone: bool,
    },
    /// To an outgoing leg in overlap sending: more digits.
    Digits {
        /// The new ones.
        digits: String,
        /// No more will come.
        complete: bool,
    },
    /// To an incoming leg: the called party is alerted.
    Alert(Progress),
    /// To an incoming leg: something is to be heard.
    Progress(Progress),
    /// To an incoming leg: the called party answered.
    Answer(Answer),
    /// The party at the other end is another now.
    Update(Box<Party>),
    /// The other end holds the call, or took it back.
    Held(bool),
    /// The other end has dialled a digit that audio does not carry, or flashed its hook (`!`).
    Dtmf(char),
    /// The wires at the other end of a permanent call.
    Signal(LineSignal),
    /// To a leg whose user transfers blindly: the number rings. Answered, the leg is released with cause 16.
    TransferRinging,
    /// To a leg whose user transferred blindly: it came to nothing, and the call is theirs again.
    TransferFailed(Cause),
    /// What the other end says about fax, or answers.
    Fax(FaxStep),
    /// A modem at the other end. Only SIP legs need to know.
    Modem(ModemStep),
    /// A message of the trunk at the other end that says something by itself, to be carried on; or the one its call is
    /// cleared with, just before [`LegCommand::Release`].
    Raw(Box<RawMessage>),
    /// To a leg on a trunk: nobody at the other end can carry this message of it.
    Uncarried(Box<RawMessage>),
    /// To an incoming leg on a trunk, not answered yet: the call is for another number, which its own network may call instead.
    /// Its call is over with that; otherwise [`LegEvent::RerouteRefused`] follows.
    Reroute(Box<Reroute>),
    /// End the leg.
    Release(Cause),
}

/// What a leg tells the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// A call comes in, on a leg that is new with this event.
    Incoming(Box<Setup>),
    /// Audio of the leg is here from now on; `None`: nowhere yet, or no more.
    Media(Option<MediaEnd>),
    /// More digits of an incoming call.
    Digits {
        /// All digits so far.
        digits: String,
        /// No more will come.
        complete: bool,
    },
    /// The far network wants more digits of an outgoing call.
    WantsDigits,
    /// The far network is at work.
    Proceeding(Progress),
    /// The called party is alerted.
    Alerting(Progress),
    /// Something is to be heard before the answer.
    Progress(Progress),
    /// The called party answered.
    Answered(Answer),
    /// The party at this end is another now.
    Updated(Box<Party>),
    /// The user at this end holds the call, or takes it back.
    Held(bool),
    /// A digit that audio does not carry, or a flash of the hook for the other end (`!`).
    Dtmf(char),
    /// The wires at this end of a permanent call.
    Signal(LineSignal),
    /// The outgoing leg, not answered yet, wants the call elsewhere (302, call deflection); `Released` follows.
    Redirect {
        /// Where to.
        to: Box<Party>,
        /// Why.
        reason: RedirectReason,
    },
    /// The network of an incoming leg does not call another number itself ([`LegCommand::Reroute`]).
    RerouteRefused,
    /// The user at this end transfers the other end.
    Transfer(TransferTarget),
    /// The user joins the other ends of this leg and of another leg on the same port.
    Conference(LegId),
    /// What this end says about fax, or answers.
    Fax(FaxStep),
    /// A modem, on whose side of the call or by whose word does not matter.
    Modem(ModemStep),
    /// A message that says something by itself, for a leg that can carry it; or the one the call is cleared with, just before
    /// [`LegEvent::Released`].
    Raw(Box<RawMessage>),
    /// The leg is gone.
    Released(Cause),
}
