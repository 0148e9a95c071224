//! Message waiting, from the voice mail's NOTIFY to the telephone's lamp.
//!
//! **The law of this crate:** sans-IO. No socket, clock, thread or global randomness; time is an argument, seeds are
//! given at construction. Everything a peer can send is bounded, and what is refused carries its SIP status.
//! Nothing here knows SIP transactions, QSIG encoding or line hardware: plain types go in and come out.
//!
//! | module | |
//! |---|---|
//! | [`config`] | `mwi-server` of `sip-ua` |
//! | [`summary`] | message-summary bodies, RFC 3842 |
//! | [`route`] | whose lamp a NOTIFY is about |
//! | [`mailbox`] | the newest state of every mailbox |
//! | [`indicate`] | how an analogue telephone is shown it |
//! | [`translate`] | what a QSIG PBX is told |
//! | [`queue`] | operations on their way to a trunk's PBX |
//! | [`verdict`] | what the PBX said, as a SIP status |
//! | [`subscription`] | subscriptions to the voice mail server |
//! | [`smdi`] | message waiting over a serial line |
//! | [`show`] | `show sip-ua mwi` |
//!
//! ```
//! use std::time::Instant;
//! use mwi::mailbox::{Change, Mailboxes, State};
//! use mwi::queue::{Job, Settings, TrunkQueue};
//! use mwi::route::{DEFAULT_ORDER, candidates};
//! use mwi::translate::{Services, activations};
//! use mwi::verdict::{Outcome, sip_status};
//!
//! // A NOTIFY for 4711 arrives. Its body:
//! let body = b"Messages-Waiting: yes\r\nMessage-Account: sip:4711@vm.example.com\r\nVoice-Message: 2/0 (0/0)\r\n";
//! let summary = mwi::summary::parse(body)?;
//! let mut numbers = candidates(&DEFAULT_ORDER, Some("4711"), Some("4711"), summary.account.as_deref());
//! let number = numbers.next().ok_or("no number")?;
//!
//! // Is it news?
//! let mut mailboxes = Mailboxes::default();
//! let state = State {
//!     summary: summary.clone(),
//!     source: "192.0.2.10".into(),
//!     cseq: 1,
//!     call_id: "1@192.0.2.10".into(),
//!     received: 1_795_253_400_000,
//! };
//! assert_eq!(mailboxes.update(&number, state), Change::New);
//!
//! // The dial plan says: a QSIG trunk.
//! let now = Instant::now();
//! let mut queue = TrunkQueue::new(Settings::default(), 42);
//! for activation in activations(&summary, &number, Services::PerClass) {
//!     queue.push(now, Job::new(activation));
//! }
//! let job = queue.next(now).ok_or("trunk busy")?;
//! assert!(job.activation.on && job.activation.messages == Some(2));
//!
//! // The PBX does not know the user: error 6.
//! let verdict = sip_status(&Outcome::Error(6));
//! queue.done(now, &number, job.activation.service, verdict);
//! assert_eq!(verdict.status, 404);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod config;
pub mod indicate;
pub mod mailbox;
pub mod queue;
pub mod route;
pub mod show;
pub mod smdi;
pub mod subscription;
pub mod summary;
pub mod translate;
pub mod verdict;
