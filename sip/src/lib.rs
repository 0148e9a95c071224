//! SIP for a gateway: messages, transactions, the user agent core's duties, and sockets.
//!
//! # The law of use
//!
//! [`Endpoint`] is a machine without sockets, clocks, threads or randomness of its own. Give it what
//! arrived and what time it is; then take out what it wants to send and to say until there is nothing left;
//! then wait until the time it asks for:
//!
//! ```
//! use std::time::Instant;
//! use sip::{Endpoint, EndpointConfig, Event, Flow, Reply, Transport};
//!
//! let config = EndpointConfig { allow_events: vec!["message-summary".into()], ..EndpointConfig::default() };
//! let mut endpoint = Endpoint::new(config, [7; 32]); // in production: 32 octets from the system
//!
//! // A voice mail's NOTIFY arrives.
//! let flow = Flow {
//!     transport: Transport::Udp,
//!     local: "192.0.2.1:5060".parse()?,
//!     remote: "192.0.2.9:5060".parse()?,
//!     connection: None,
//! };
//! let datagram = bytes::Bytes::from_static(
//!     b"NOTIFY sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
//!       From: <sip:vm@192.0.2.9>;tag=1\r\nTo: <sip:8000@192.0.2.1>\r\nCall-ID: 1@192.0.2.9\r\nCSeq: 1 NOTIFY\r\n\
//!       Event: message-summary\r\nContent-Type: application/simple-message-summary\r\n\
//!       Content-Length: 23\r\n\r\nMessages-Waiting: yes\r\n",
//! );
//! let now = Instant::now();
//! endpoint.handle_received(now, flow, datagram);
//!
//! // Drain: events first, because answering them makes more to send.
//! while let Some(event) = endpoint.poll_event() {
//!     if let Event::Request { id, request, .. } = event {
//!         assert_eq!(request.to()?.uri()?.user().as_deref(), Some("8000"));
//!         endpoint.respond(now, id, Reply::new(200))?;
//!     }
//! }
//! while let Some(transmit) = endpoint.poll_transmit() {
//!     assert!(transmit.payload.starts_with(b"SIP/2.0 200 OK\r\n")); // give it to `net::Net::send`
//! }
//! // Sleep until then, or until something arrives; then `handle_timeout`.
//! assert!(endpoint.poll_timeout().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The sockets are in [`net`], the only module with IO. A day of traffic runs in a second of test time
//! without it.
//!
//! # Who does what
//!
//! * [`message`] reads and writes. The parser refuses only what cannot be framed; [`validate`] names the
//!   response that a faulty request is owed.
//! * [`Endpoint`] absorbs and repeats retransmissions, answers what any user agent answers the same way
//!   (400, 405, 416, 420, 481, 482, 489, 501, 503, 505, OPTIONS, CANCEL), and hands over the rest as
//!   [`Event`]s.
//! * [`call`] is INVITE sessions, both sides, on top of an endpoint.
//! * [`Dialog`] keeps a dialog's books; [`subscriber`] and [`registration`] keep a subscription and a
//!   binding up for good; [`notifier`] holds others' subscriptions to ours; [`digest`] answers and makes challenges; [`sdp`] describes media and negotiates;
//!   [`locate`] finds servers. All are machines or data without IO.
//! * [`stream`] cuts TCP and TLS streams into messages; [`admission`] keeps out what is too much.
//! * `compat` (feature `rsip`) converts to and from the types of the `rsip` and `sdp-rs` crates, which are
//!   not on the wire.

#![forbid(unsafe_code)]

pub mod admission;
pub mod call;
#[cfg(feature = "rsip")]
pub mod compat;
pub mod digest;
pub mod locate;
pub mod message;
#[cfg(feature = "net")]
pub mod net;
pub mod notifier;
pub mod registration;
pub mod sdp;
pub mod session_timer;
pub mod stream;
pub mod subscriber;
pub mod validate;

mod backoff;
mod config;
mod dialog;
mod endpoint;
mod flow;
mod statistics;

pub use config::{EndpointConfig, Retransmission, Retransmissions, Timers};
pub use dialog::{Dialog, DialogError, DialogSet, DialogState};
pub use endpoint::{
    ClientTransactionId, Endpoint, Event, Received, ReliableError, ReliableResponses, ServerTransactionId,
    TransactionGone,
};
pub use flow::{Flow, Transmit, Transport};
pub use message::{
    CSeq, Contacts, Edit, FieldError, Header, HeaderName, HeaderValue, Limits, Message, Method, NameAddr,
    ParamValue, Params, ParseError, Reply, RequestBuilder, StatusCode, SubscriptionState, Uri, UriError, Via,
};
pub use statistics::{MethodCounts, Statistics, StatusCounts};
