//! Counters of an endpoint.

use crate::message::{Method, StatusCode};

/// Counters since the endpoint was made.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// New requests by method, ACK and CANCEL included, retransmissions not.
    pub requests_received: MethodCounts,
    /// Requests sent by method, retransmissions not.
    pub requests_sent: MethodCounts,
    /// Responses that belonged to a transaction, by status.
    pub responses_received: StatusCounts,
    /// Responses sent, by status, retransmissions not.
    pub responses_sent: StatusCounts,
    /// Requests that repeated one already known.
    pub retransmissions_received: u64,
    /// Requests and responses sent again by a timer or because the request came again.
    pub retransmissions_sent: u64,
    /// Repetitions of responses to INVITE not sent, because they would have amplified what an unknown
    /// sender on UDP sent.
    pub repetitions_withheld: u64,
    /// Requests that left UDP for TCP because of their size.
    pub switched_to_tcp: u64,
    /// Of those, requests that came back because the peer took no connection.
    pub switched_back: u64,
    /// Octets that could not be framed as SIP, keep-alives not counted.
    pub unreadable: u64,
    /// Requests refused here because of [`crate::validate`].
    pub refused: u64,
    /// Requests answered 482 as merged (RFC 3261 8.2.2.2).
    pub merged: u64,
    /// Requests answered 503 because the table was full.
    pub overload: u64,
    /// ACKs that matched nothing; no answer is sent.
    pub stray_acks: u64,
    /// Responses that matched nothing; dropped.
    pub stray_responses: u64,
    /// Client transactions that ran into timer B or F.
    pub client_timeouts: u64,
    /// Non-INVITE requests whose user never answered.
    pub server_timeouts: u64,
    /// Final responses to INVITE for which no ACK came.
    pub ack_timeouts: u64,
    /// Keep-alive datagrams (RFC 5626).
    pub keep_alives: u64,
}

/// One counter per known method and one for all others.
#[derive(Clone, Debug)]
pub struct MethodCounts(Vec<u64>);

impl Default for MethodCounts {
    fn default() -> Self {
        MethodCounts(vec![0; Method::KNOWN.len() + 1])
    }
}

impl MethodCounts {
    /// The count of one method; all unknown methods share one.
    pub fn get(&self, method: &Method) -> u64 {
        self.0.get(slot(method)).copied().unwrap_or(0)
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn count(&mut self, method: &Method) {
        if let Some(counter) = self.0.get_mut(slot(method)) {
            *counter += 1;
        }
    }
}

fn slot(method: &Method) -> usize {
    Method::KNOWN.iter().position(|known| known == method).unwrap_or(Method::KNOWN.len())
}

/// One counter per status code.
#[derive(Clone, Debug)]
pub struct StatusCounts(Vec<u64>);

impl Default for StatusCounts {
    fn default() -> Self {
        StatusCounts(vec![0; 600])
    }
}

impl StatusCounts {
    /// The count of one status.
    pub fn get(&self, status: u16) -> u64 {
        self.0.get(usize::from(status.wrapping_sub(100))).copied().unwrap_or(0)
    }

    /// Every status with a count above zero.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (100u16..).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn count(&mut self, status: StatusCode) {
        if let Some(counter) = self.0.get_mut(usize::from(status.as_u16().wrapping_sub(100))) {
            *counter += 1;
        }
    }
}
