//! Q.921, Q.931, ROSE and the QSIG services of one primary rate D channel, sans-IO.
//!
//! # The law of use
//!
//! [`Span`] does no input or output and looks at no clock. Its owner
//!
//! 1. hands in what happens, with the time: [`Span::handle_link`], [`Span::handle_frame`], [`Span::handle_timeout`],
//!    or a command such as [`Span::invoke_mwi`];
//! 2. after each of these drains [`Span::poll_frame`] to the wire and [`Span::poll_event`] to itself;
//! 3. sleeps until [`Span::poll_timeout`] or the next input.
//!
//! Any octets may be handed in; nothing a peer sends makes it panic or grow without bound, as long as its owner drains
//! the events.
//!
//! # What is here
//!
//! | module | standard | what |
//! |---|---|---|
//! | [`hdlc`] | Q.921 2 | flags, zero insertion, FCS-16 for raw timeslots |
//! | [`lapd`] | Q.921, ECMA-141 | the data link, states 4 to 8 |
//! | [`q931`] | Q.931, ECMA-143 | messages and elements, every octet kept |
//! | [`facility`], [`rose`] | ECMA-165, X.880 | Facility elements and their components |
//! | [`mwi`] | ECMA-242 | message waiting, both roles, all forms |
//! | [`service`] | ECMA-165 | what all services share: operations, outcomes, answers, refusals |
//! | [`name`], [`diversion`], [`transfer`] | ECMA-164, 174, 178 | names; by join and by rerouteing |
//! | [`path_replacement`], [`call_completion`], [`charge`] | ECMA-176, 186, 212 | their operations; replacement, CCBS and CCNR at both ends |
//! | [`transit`] | ECMA-225 | the transit counter |
//! | [`decode`] | | IOS `debug isdn q921` and `q931` |
//! | [`timers`] | Q.931 9.2 | every layer 3 timer: default, state, meaning |
//! | [`Dialect`] | | in what the switch types differ |
//! | [`Span`] | | all of it on one D channel, or the two of an NFAS group ([`DLink`]): message waiting, basic calls, RESTART, SERVICE |
//!
//! Incoming calls are only offered if [`SpanConfig::accept_calls`] is set; operations of the services in
//! [`SpanConfig::services`] come as [`Event::Invoked`], others are refused or, with [`SpanConfig::pass_services`], left as
//! they are. HOLD and RETRIEVE are the owner's to answer where the switch type has them ([`Dialect::hold`]). Not here: SUSPEND and
//! RESUME, which are refused.
//!
//! # Example: a lamp is lit
//!
//! Two spans back to back, message centre on the network side, served user on the user side:
//!
//! ```
//! use std::time::Instant;
//! use qsig::{Event, Side, Span, SpanConfig};
//! use qsig::mwi::{MwiAction, MwiAnswer, MwiOutcome, MwiRequest, PartyNumber};
//!
//! let now = Instant::now();
//! let mut gateway = Span::new(SpanConfig { side: Side::Network, ..SpanConfig::default() });
//! let mut exchange = Span::new(SpanConfig { side: Side::User, ..SpanConfig::default() });
//! gateway.handle_link(now, true);
//! exchange.handle_link(now, true);
//!
//! // The wire: frames go over until none is left.
//! fn wire(now: Instant, a: &mut Span, b: &mut Span) {
//!     loop {
//!         let (from_a, from_b) = (a.poll_frame(), b.poll_frame());
//!         if from_a.is_none() && from_b.is_none() {
//!             break;
//!         }
//!         if let Some(frame) = from_a {
//!             b.handle_frame(now, &frame);
//!         }
//!         if let Some(frame) = from_b {
//!             a.handle_frame(now, &frame);
//!         }
//!     }
//! }
//!
//! wire(now, &mut gateway, &mut exchange);
//! assert!(gateway.is_up() && exchange.is_up());
//! assert_eq!(gateway.poll_event(), Some(Event::DataLinkUp));
//! assert_eq!(exchange.poll_event(), Some(Event::DataLinkUp));
//!
//! let lamp = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("4711".into()));
//! let operation = gateway.invoke_mwi(now, lamp)?;
//! wire(now, &mut gateway, &mut exchange);
//!
//! let Some(Event::MwiIndication { id, request }) = exchange.poll_event() else { panic!("no indication") };
//! assert_eq!(request.served_user.digits(), "4711");
//! exchange.answer_mwi(now, id, MwiAnswer::Result);
//! wire(now, &mut gateway, &mut exchange);
//!
//! assert_eq!(gateway.poll_event(), Some(Event::MwiDone { operation, outcome: MwiOutcome::Done }));
//! assert_eq!((gateway.active_calls(), exchange.active_calls()), (0, 0));
//! # Ok::<(), qsig::mwi::InvokeError>(())
//! ```
#![forbid(unsafe_code)]

pub mod call_completion;
pub mod charge;
pub mod decode;
pub mod diversion;
pub mod facility;
pub mod hdlc;
pub mod lapd;
pub mod mwi;
pub mod name;
mod party;
pub mod path_replacement;
pub mod q931;
pub mod rose;
pub mod service;
mod span;
pub mod timers;
pub mod transfer;
pub mod transit;

pub use lapd::Side;
pub use mwi::{
    BasicService, InvokeError, MsgCentreId, MwiAction, MwiAnswer, MwiDialect, MwiOutcome, MwiRequest,
    MwiStatus, OperationForm, PartyNumber,
};
pub use party::PresentedNumber;
pub use span::{
    BChannel, BchanOrder, CallDetail, CallError, CallEvent, CallId, CallInfo, CallRecord, CallRequest,
    CallState, Carrier, ChannelState, ChannelStatus, ConnectionEvent, ConnectionId, ConnectionRequest,
    DChannel, DLink, Diagnostic, Dialect, Event, HISTORY, IndicationId, LineKind, MAX_CONNECTIONS, MemoryUse,
    MessageWaiting, NameForm, NfasMember, OperationId, RedirectForm, RestartOnStart, RestartTarget,
    ServiceState, Span, SpanConfig, Statistics, SwitchType,
};
pub use timers::Timers;
