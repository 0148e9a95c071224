//! Switch types, and in what they differ: one table, no scattered conditions.

use std::fmt;

use crate::q931::NumberPlan;

/// `isdn switch-type`. `Display` gives the IOS keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SwitchType {
    /// QSIG (ISO).
    #[default]
    PrimaryQsig,
    /// EuroISDN (ETSI).
    PrimaryNet5,
    /// National ISDN (NI-2).
    PrimaryNi,
    /// Lucent 5ESS.
    Primary5ess,
    /// Nortel DMS-100.
    PrimaryDms100,
    /// Lucent 4ESS.
    Primary4ess,
    /// NTT, Japan.
    PrimaryNtt,
}

impl SwitchType {
    /// Every switch type.
    pub const ALL: [Self; 7] = [
        Self::PrimaryQsig,
        Self::PrimaryNet5,
        Self::PrimaryNi,
        Self::Primary5ess,
        Self::PrimaryDms100,
        Self::Primary4ess,
        Self::PrimaryNtt,
    ];
}

impl fmt::Display for SwitchType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrimaryQsig => "primary-qsig",
            Self::PrimaryNet5 => "primary-net5",
            Self::PrimaryNi => "primary-ni",
            Self::Primary5ess => "primary-5ess",
            Self::PrimaryDms100 => "primary-dms100",
            Self::Primary4ess => "primary-4ess",
            Self::PrimaryNtt => "primary-ntt",
        })
    }
}

/// Where the name of a party travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameForm {
    /// In a Facility element (ECMA-164), from either side.
    Facility,
    /// In the Display element, from the network side only (but see [`Dialect::user_display`]).
    Display {
        /// A display type, B1, stands before the text.
        typed: bool,
    },
    /// Not at all.
    None,
}

/// Where the number of the party that diverted a call travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectForm {
    /// In a Facility element, divertingLegInformation2 (ECMA-174).
    Facility,
    /// In the Redirecting number element.
    Element,
    /// Not at all.
    None,
}

/// How an exchange is told of waiting messages, and tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageWaiting {
    /// mWIActivate, mWIDeactivate and mWIInterrogate on call independent connections (ECMA-242).
    CallIndependent,
    /// mWIActivate and mWIDeactivate in FACILITY with the dummy call reference (EN 300 745-1, EN 300 196-1 8.3.2).
    Connectionless,
    /// Not at all: no operation whose values are published is known for this type.
    None,
}

/// In what a switch type differs from the others. Everything that depends on the switch type is here, and each field may be
/// set by itself ([`crate::SpanConfig::dialect`]).
///
/// | | qsig | net5 | ni | 5ess | dms100 | 4ess | ntt |
/// |---|---|---|---|---|---|---|---|
/// | call independent connections | yes | no | no | no | no | no | no |
/// | message waiting | ECMA-242 | EN 300 745-1 | none | none | none | none | none |
/// | names | Facility | Display | none (IOS: `isdn supp-service name calling`) | Display, typed (libpri) | Display, typed (libpri) | Display, typed (libpri) | none |
/// | who diverted | Facility | Redirecting number \[M\] | Redirecting number (libpri) | Redirecting number (libpri) | Redirecting number (libpri) | Redirecting number (libpri) | none \[M\] |
/// | HOLD and RETRIEVE | no | yes | yes \[M\] | yes \[M\] | yes \[M\] | no \[M\] | no \[M\] |
/// | network waits for CONNECT ACKNOWLEDGE | yes \[M\] | no | no | no | no | no | no |
/// | user waits for it in U8 | no (libpri) | yes | yes | yes | yes | yes | yes |
/// | overlap receiving | yes | yes | no \[M\] | no \[M\] | no \[M\] | no \[M\] | no \[M\] |
/// | sending complete | yes | yes | no \[M\] | no \[M\] | no \[M\] | no \[M\] | no \[M\] |
/// | CALL PROCEEDING before ALERTING | no | no | yes \[M\] | yes \[M\] | yes \[M\] | yes \[M\] | no \[M\] |
/// | segmentation | yes | no \[M\] | no \[M\] | no \[M\] | no \[M\] | no \[M\] | no \[M\] |
/// | SERVICE, protocol discriminator | none | none | 43 (libpri) | 03 (libpri) | 03 (libpri) | 03 (libpri) | none \[M\] |
/// | called number where nothing else is said | unknown | E.164 (IOS) | national \[M\] | national \[M\] | national \[M\] | national \[M\] | E.164 \[M\] |
///
/// \[M\]: from memory, to be checked against the switch. What all have in common: call references of two octets, RESTART, Q.850
/// causes, channel numbers that are timeslots (`contiguous_bchan` changes it on an E1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Call independent signalling connections exist.
    pub call_independent: bool,
    /// How message waiting is told.
    pub message_waiting: MessageWaiting,
    /// Where names travel.
    pub names: NameForm,
    /// The network side waits for CONNECT ACKNOWLEDGE (T313), as the user side always does.
    pub network_t313: bool,
    /// The user side is in U8, Connect Request, until CONNECT ACKNOWLEDGE; else it is in U10 at once.
    pub connect_request: bool,
    /// Incoming numbers may be incomplete, so SETUP ACKNOWLEDGE may ask for more; else every number is complete.
    pub overlap_receiving: bool,
    /// A number that is complete is sent with Sending complete.
    pub sending_complete: bool,
    /// An incoming call gets CALL PROCEEDING before ALERTING, PROGRESS or CONNECT.
    pub proceeding_first: bool,
    /// Messages longer than N201 are sent in segments (Q.931 Annex H); else they are refused.
    pub segmentation: bool,
    /// Protocol discriminator of SERVICE messages, one of [`crate::q931::MAINTENANCE`]; `None`: they are ignored.
    pub service: Option<u8>,
    /// Type and plan of a called or calling number where the dial plan says nothing.
    pub called_plan: NumberPlan,
    /// Where the number of who diverted a call travels.
    pub redirecting: RedirectForm,
    /// An active call may be held with HOLD, which gives its B channel back; else HOLD is refused with cause 69.
    pub hold: bool,
    /// The user side sends names in Display, too (`isdn outgoing display-ie`).
    pub user_display: bool,
}

/// National ISDN, of which the other North American types are kin.
const NORTH_AMERICA: Dialect = Dialect {
    call_independent: false,
    message_waiting: MessageWaiting::None,
    names: NameForm::None,
    network_t313: false,
    connect_request: true,
    overlap_receiving: false,
    sending_complete: false,
    proceeding_first: true,
    segmentation: false,
    service: Some(0x03),
    called_plan: NumberPlan::NATIONAL,
    redirecting: RedirectForm::Element,
    hold: true,
    user_display: false,
};

impl SwitchType {
    /// The differences of this switch type, a column of [`Dialect`]'s table.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::PrimaryQsig => Dialect {
                call_independent: true,
                message_waiting: MessageWaiting::CallIndependent,
                names: NameForm::Facility,
                network_t313: true,
                connect_request: false,
                overlap_receiving: true,
                sending_complete: true,
                proceeding_first: false,
                segmentation: true,
                service: None,
                called_plan: NumberPlan::UNKNOWN,
                redirecting: RedirectForm::Facility,
                hold: false,
                user_display: false,
            },
            Self::PrimaryNet5 => Dialect {
                call_independent: false,
                message_waiting: MessageWaiting::Connectionless,
                names: NameForm::Display { typed: false },
                network_t313: false,
                connect_request: true,
                overlap_receiving: true,
                sending_complete: true,
                proceeding_first: false,
                segmentation: false,
                service: None,
                called_plan: NumberPlan::E164,
                redirecting: RedirectForm::Element,
                hold: true,
                user_display: false,
            },
            Self::PrimaryNi => Dialect { service: Some(0x43), ..NORTH_AMERICA },
            Self::Primary5ess | Self::PrimaryDms100 => {
                Dialect { names: NameForm::Display { typed: true }, ..NORTH_AMERICA }
            }
            Self::Primary4ess => {
                Dialect { names: NameForm::Display { typed: true }, hold: false, ..NORTH_AMERICA }
            }
            Self::PrimaryNtt => Dialect {
                proceeding_first: false,
                service: None,
                called_plan: NumberPlan::E164,
                redirecting: RedirectForm::None,
                hold: false,
                ..NORTH_AMERICA
            },
        }
    }
}
