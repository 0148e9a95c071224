//! What all calls use: the endpoint, the settings, and who waits for what.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;

use super::{CallConfig, CallEvent, CallId, ReferId, RequestId, UaEvent};
use crate::dialog::Dialog;
use crate::endpoint::{ClientTransactionId, Endpoint, ServerTransactionId};
use crate::flow::{Flow, Transport};
use crate::message::{Header, Reply, RequestBuilder};
use crate::validate;

/// What every call uses: the endpoint, the settings, and who waits for what.
pub(super) struct Core {
    pub(super) endpoint: Endpoint,
    pub(super) config: Arc<CallConfig>,
    pub(super) events: VecDeque<UaEvent>,
    pub(super) requests: HashMap<ClientTransactionId, Outgoing>,
    /// Server transactions that a call has to answer, or waits for an ACK of.
    pub(super) servers: HashMap<ServerTransactionId, usize>,
    /// Call-ID, our tag, the peer's tag.
    pub(super) dialogs: HashMap<(String, String, String), usize>,
    pub(super) rng: StdRng,
    pub(super) serial: u64,
    /// Calls to be ended because another took their place.
    pub(super) replaced: Vec<(CallId, CallId)>,
}

/// A request of a call that waits for its final response.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) call: usize,
    pub(super) leg: u32,
    pub(super) purpose: Purpose,
    pub(super) request: RequestBuilder,
    pub(super) tries: u8,
    /// A 2xx to INVITE came; more may follow.
    pub(super) accepted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite,
    Modify,
    Prack,
    Bye,
    /// To a fork that answered too late.
    SurplusBye,
    Refer(ReferId),
    ReferNotify,
    Request(RequestId),
}

impl Core {
    pub(super) fn tell(&mut self, id: CallId, event: CallEvent) {
        self.events.push_back(UaEvent::Call(id, event));
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// 64*T1.
    pub(super) fn transaction_time(&self) -> Duration {
        self.endpoint.config().timers.transaction()
    }

    pub(super) fn respond(&mut self, now: Instant, id: ServerTransactionId, reply: Reply) {
        // A transaction that has ended meanwhile has nobody waiting.
        let _ = self.endpoint.respond(now, id, reply);
    }

    /// A Contact of ours as seen from `flow`.
    pub(super) fn contact(&self, user: &str, flow: &Flow) -> String {
        let host = match (&self.config.contact_host, &self.endpoint.config().sent_by) {
            (Some(host), _) | (None, Some(host)) => host.clone(),
            (None, None) => flow.local.to_string(),
        };
        let at = if user.is_empty() { "" } else { "@" };
        let transport = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("<sip:{user}{at}{host}{transport}>")
    }

    pub(super) fn allow(&self) -> String {
        validate::allow(self.endpoint.config())
    }

    pub(super) fn supported(&self) -> String {
        self.endpoint.config().supported.join(", ")
    }

    /// A random duration from `from` up to `to`, in milliseconds, in steps of 10 ms.
    pub(super) fn back_off(&mut self, from: u64, to: u64) -> Duration {
        let steps = (to.saturating_sub(from) / 10).max(1);
        Duration::from_millis(from + self.rng.next_u64() % (steps + 1) * 10)
    }
}

/// Adds what our responses to INVITE and UPDATE carry.
pub(super) fn dialog_headers(core: &Core, reply: Reply, contact: &str) -> Reply {
    let reply = reply.header(Header::Contact, contact).header(Header::Allow, core.allow());
    let supported = core.supported();
    if supported.is_empty() { reply } else { reply.header(Header::Supported, supported) }
}

pub(super) fn key(dialog: &Dialog) -> (String, String, String) {
    (dialog.call_id().to_owned(), dialog.local_tag().to_owned(), dialog.remote_tag().to_owned())
}

pub(super) fn forget(core: &mut Core, dialog: &Dialog) {
    core.endpoint.remove_dialog(dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
    core.dialogs.remove(&key(dialog));
}
