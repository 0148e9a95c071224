//! Reliable provisional responses (RFC 3262): the server's side inside the transaction, the client's books.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;

use super::server::State;
use super::{Endpoint, Event, ServerTransactionId};
use crate::message::{Header, Message, Reply};

/// A reliable response that waits for its PRACK.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    rseq: u32,
    payload: Bytes,
    interval: Duration,
    deadline: Instant,
}

/// Why a response is not sent reliably.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReliableError {
    /// The INVITE has been answered, or has ended.
    #[error("the INVITE has been answered or has ended")]
    Gone,
    /// The caller's Supported and Require have no `100rel`; send it with [`Endpoint::respond`].
    #[error("the caller does not support 100rel")]
    NotSupported,
    /// The one before has not been acknowledged yet (RFC 3262 3).
    #[error("a reliable response waits for its PRACK")]
    Pending,
    /// Only 101 to 199 are sent reliably.
    #[error("{0} is not a provisional response that can be sent reliably")]
    Status(u16),
}

impl Endpoint {
    /// Sends a provisional response, 101 to 199, reliably: with RSeq and `Require: 100rel`, repeated until
    /// [`Endpoint::handle_prack`] gets its PRACK, or [`Event::PrackTimeout`] after 64*T1. Returns the RSeq.
    ///
    /// The user must have registered the early dialog ([`Endpoint::insert_dialog`]), or the PRACK is refused.
    ///
    /// # Errors
    /// [`ReliableError`]; nothing has been sent then.
    pub fn respond_reliably(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        reply: Reply,
    ) -> Result<u32, ReliableError> {
        let status = reply.status().as_u16();
        if !(101..200).contains(&status) {
            return Err(ReliableError::Status(status));
        }
        // RFC 3262 3: the first is drawn from 1 to 2^31 - 1.
        let first = (self.rng.next_u32() >> 1).max(1);
        let own = self.servers.get(id.index).filter(|server| server.serial == id.serial);
        let own = own.and_then(|server| server.own.as_deref());
        let policy = own.unwrap_or(&self.config.retransmissions).rel1xx;
        let t1 = policy.interval(&self.config.timers);
        let deadline = now + policy.wait(&self.config.timers, false);
        let server = self
            .servers
            .get_mut(id.index)
            .filter(|server| server.serial == id.serial && server.invite && server.state == State::Proceeding)
            .ok_or(ReliableError::Gone)?;
        let request = server.request.as_ref().ok_or(ReliableError::Gone)?;
        if ![Header::Supported, Header::Require].iter().any(|header| request.list_contains(*header, "100rel"))
        {
            return Err(ReliableError::NotSupported);
        }
        if server.unacknowledged.is_some() {
            //= RFC 3262 3: "The UAS MUST NOT send a second reliable provisional response until the first is
            //= acknowledged."
            return Err(ReliableError::Pending);
        }
        let rseq = server.rseq.map_or(first, |last| last.saturating_add(1));
        server.rseq = Some(rseq);
        let reply = reply.header(Header::Require, "100rel").header(Header::RSeq, rseq.to_string());
        self.respond(now, id, reply).map_err(|_| ReliableError::Gone)?;
        let server = self.servers.get_mut(id.index).ok_or(ReliableError::Gone)?;
        let payload = server.last.clone().ok_or(ReliableError::Gone)?;
        server.unacknowledged = Some(Unacknowledged { rseq, payload, interval: t1, deadline });
        self.set_server_soon(id.index, Some((now + t1).min(deadline)));
        Ok(rseq)
    }

    /// Takes a PRACK that came for the INVITE `id`. When it fits, the user answers it with 200, and with
    /// the answer to an offer in it.
    ///
    /// # Errors
    /// The response the PRACK is owed: 400 without a readable RAck, 481 when nothing waits for it.
    pub fn handle_prack(&mut self, id: ServerTransactionId, prack: &Message) -> Result<(), Box<Reply>> {
        let rack = match prack.rack() {
            Ok(Some(rack)) => rack,
            Ok(None) => return Err(Box::new(Reply::new(400).reason("Bad Request - Missing RAck"))),
            Err(error) => return Err(Box::new(Reply::new(400).reason(&error.reason_phrase()))),
        };
        //= RFC 3262 3: "If a PRACK request is received by the UA core that does not match any
        //= unacknowledged reliable provisional response, the UAS MUST respond to the PRACK with a 481
        //= response."
        let unmatched = || Box::new(Reply::new(481));
        let server = self
            .servers
            .get_mut(id.index)
            .filter(|server| server.serial == id.serial)
            .ok_or_else(unmatched)?;
        let cseq = server.invite_cseq.filter(|_| rack.cseq.method == "INVITE");
        match &server.unacknowledged {
            Some(waiting) if waiting.rseq == rack.rseq && cseq == Some(rack.cseq.number) => {}
            _ => return Err(unmatched()),
        }
        server.unacknowledged = None;
        if server.state == State::Proceeding {
            self.set_server_soon(id.index, None);
        }
        self.tidy();
        Ok(())
    }

    /// Repeats the response that waits, or gives up. False when none waits.
    pub(super) fn repeat_reliable(&mut self, now: Instant, index: usize) -> bool {
        let Some(server) = self.servers.get_mut(index) else { return false };
        let id = ServerTransactionId { index, serial: server.serial };
        let Some(waiting) = &mut server.unacknowledged else { return false };
        if now >= waiting.deadline {
            server.unacknowledged = None;
            server.timers.soon = None;
            self.events.push_back(Event::PrackTimeout { id });
            return true;
        }
        //= RFC 3262 3: "The reliable provisional response is passed to the transaction layer periodically
        //= with an interval that starts at T1 seconds and doubles for each retransmission"
        waiting.interval = waiting.interval.saturating_mul(2);
        let next = (now + waiting.interval).min(waiting.deadline);
        let (destination, payload) = (server.destination.clone(), waiting.payload.clone());
        if server.budget.spend(payload.len(), self.config.amplification_invite) {
            self.statistics.retransmissions_sent += 1;
            self.send(destination, payload);
        } else {
            self.statistics.repetitions_withheld += 1;
        }
        self.set_server_soon(index, Some(next));
        true
    }
}

/// The client's books on the reliable responses of one early dialog (RFC 3262 4). One per dialog: forks
/// count for themselves.
#[derive(Clone, Debug, Default)]
pub struct ReliableResponses {
    last: Option<u32>,
}

/// What a provisional response means to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Not reliable: it counts, and no PRACK is sent.
    Unreliable,
    /// It counts, and a PRACK with this RAck is owed.
    New {
        /// Value of the RAck header.
        rack: String,
    },
    /// Seen before: its PRACK repeats itself, there is nothing to do.
    Repeated,
    /// One before it is missing: it does not count, and is not acknowledged; it will come again.
    Gap,
}

impl ReliableResponses {
    /// Nothing received.
    pub fn new() -> ReliableResponses {
        ReliableResponses::default()
    }

    /// Takes a provisional response to an INVITE.
    pub fn handle(&mut self, response: &Message) -> Received {
        let provisional = response.status().is_some_and(|status| status.is_provisional() && status != 100);
        let (Ok(Some(rseq)), Ok(cseq)) = (response.rseq(), response.cseq()) else {
            return Received::Unreliable;
        };
        if !provisional || !response.list_contains(Header::Require, "100rel") {
            return Received::Unreliable;
        }
        match self.last {
            Some(last) if rseq <= last => return Received::Repeated,
            //= RFC 3262 4: "… if the UAC receives another reliable provisional response to the same request,
            //= and its RSeq value is not one higher than the value of the sequence number, that response
            //= MUST NOT be acknowledged with a PRACK, and MUST NOT be processed further by the UAC."
            Some(last) if rseq - last > 1 => return Received::Gap,
            _ => self.last = Some(rseq),
        }
        Received::New { rack: format!("{rseq} {} {}", cseq.number, cseq.method) }
    }
}
