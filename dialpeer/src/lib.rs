//! Dial peers: which way a call goes, exactly as IOS chooses.
//!
//! **The law of this crate:** pure functions and tables. No socket, clock, thread or randomness; a
//! configuration goes in as [`DialPeer`]s, a number goes in as text, an ordered list of peers comes out.
//! Nothing a caller can dial makes a look-up panic or take longer than its number is long times the ways the
//! configuration leads; the count of peers does not matter.
//!
//! | module | |
//! |---|---|
//! | [`peer`], [`pattern`] | a dial peer and the number patterns it is chosen by |
//! | [`table`], [`index`] | all peers, outbound and inbound matching, digit collection |
//! | [`digits`] | digit strip, `forward-digits`, `prefix` |
//! | [`hunt`] | `dial-peer hunt` 0-7, hunt schemes of trunk groups |
//! | [`num_exp`] | `num-exp` |
//! | [`translation`], [`regex`] | `voice translation-rule` |
//! | [`shape`] | `clid`, `progress_ind`, `bearer-cap`, `call-block`, `numbering-type` |
//! | [`cause`] | Q.850 causes and SIP statuses |
//! | [`class`] | `voice class e164-pattern-map`, `voice class dpg` |
//! | [`cor`] | class of restriction |
//!
//! ```
//! use dialpeer::{DialPeer, InboundLeg, PeerKind, Progress, Table, digits_sent};
//!
//! // dial-peer voice 1 pots / destination-pattern 8000 / port 2/0
//! let mut phone = DialPeer::new(1, PeerKind::Pots);
//! phone.destination_pattern = Some("8000".parse()?);
//! phone.port = Some("2/0".into());
//!
//! // dial-peer voice 9 pots / destination-pattern 9T / trunkgroup Incoming
//! let mut trunk = DialPeer::new(9, PeerKind::Pots);
//! trunk.destination_pattern = Some("9T".parse()?);
//! trunk.trunk_groups.push(("Incoming".into(), None));
//!
//! // dial-peer voice 3 voip / destination-pattern .T / session target sip-server / incoming called-number .
//! let mut sip = DialPeer::new(3, PeerKind::Voip);
//! sip.destination_pattern = Some(".T".parse()?);
//! sip.session_target = Some("sip-server".parse()?);
//! sip.incoming_called = Some(".".parse()?);
//!
//! let table = Table::new([phone, trunk, sip]);
//!
//! // A SIP call for 90301234: it arrives on peer 3 and goes to the trunk, without the 9.
//! let leg = InboundLeg { kind: PeerKind::Voip, called: "90301234", calling: "8000", port: None, labels: None };
//! assert_eq!(table.inbound(leg).map(|found| found.peer.tag), Some(3));
//! let ways = table.outbound("90301234");
//! assert_eq!(ways.iter().map(|way| way.peer.tag).collect::<Vec<_>>(), [9, 3]);
//! assert_eq!(digits_sent(ways[0].peer, "90301234"), "0301234");
//!
//! // A telephone that has dialled 80: more digits may come, and `.T` matches already.
//! assert_eq!(table.progress("80"), Progress::Open);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod cause;
pub mod class;
pub mod cor;
pub mod digits;
pub mod hunt;
pub mod index;
pub mod labels;
pub mod num_exp;
pub mod pattern;
pub mod peer;
pub mod regex;
pub mod shape;
pub mod sip_profile;
pub mod table;
pub mod translation;
pub mod uri;

pub use digits::digits_sent;
pub use index::PatternIndex;
pub use labels::Labels;
pub use pattern::{Pattern, PatternError, Progress, Rank};
pub use peer::{
    DialPeer, ForwardDigits, PeerKind, Permission, SessionProtocol, SessionTarget, SessionTransport,
};
pub use table::{Criterion, InboundLeg, InboundMatch, OutboundMatch, Table};
