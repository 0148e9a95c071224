//! The Q.921 point-to-point procedures, Annex B's states 4 to 8.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::FrameError;
use super::{Control, Frame, FrameReject, Side, Statistics, SupervisoryKind, UnnumberedKind};

/// Timers and limits of the data link, Q.921 5.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// T200: how long to wait for an acknowledgement. 1 s.
    pub t200: Duration,
    /// T203: longest silence before the peer is polled. 10 s.
    pub t203: Duration,
    /// N200: repetitions of a frame before the link counts as lost. 3.
    pub n200: u32,
    /// N201: longest information field, octets. 260.
    pub n201: usize,
    /// k: most I frames outstanding, 1..=127. 7 at 64 kbit/s.
    pub k: u8,
    /// Whether a frame reject condition is told in FRMR before the link is set up anew. False, the default: in Q.921 the side
    /// that finds it re-establishes, and FRMR only ever comes from others.
    pub send_frmr: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            t200: Duration::from_secs(1),
            t203: Duration::from_secs(10),
            n200: 3,
            n201: 260,
            k: 7,
            send_frmr: false,
        }
    }
}

/// The state of the link. `Display` gives the words of IOS `show isdn status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// 4: no link; layer 1 is down, or the peer disconnected and the next SABME is due soon.
    TeiAssigned,
    /// 5: SABME sent, waiting for UA.
    AwaitingEstablishment,
    /// 6: DISC sent, waiting for UA or DM.
    AwaitingRelease,
    /// 7: frames flow.
    MultipleFrameEstablished,
    /// 8: the peer has been polled and the answer is awaited.
    TimerRecovery,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TeiAssigned => "TEI_ASSIGNED",
            Self::AwaitingEstablishment => "AWAITING_ESTABLISHMENT",
            Self::AwaitingRelease => "AWAITING_RELEASE",
            Self::MultipleFrameEstablished => "MULTIPLE_FRAME_ESTABLISHED",
            Self::TimerRecovery => "TIMER_RECOVERY",
        })
    }
}

/// What the link tells layer 3, in Q.921's primitives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indication {
    /// DL-ESTABLISH: the link came up, or was set up anew. Messages under way when it was set up anew are lost.
    Established,
    /// DL-RELEASE: the link is lost (layer 1 down, DISC, or no answer to N200 repetitions).
    Released,
    /// DL-DATA: one layer 3 message.
    Data(Bytes),
}

/// Why a message was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Longer than N201.
    #[error("layer 3 message of {len} octets, N201 is {limit}")]
    TooLong {
        /// The message's octets.
        len: usize,
        /// N201.
        limit: usize,
    },
    /// The link is not established, nor being set up anew.
    #[error("the data link is not established")]
    Down,
    /// [`Link::MAX_QUEUE`] messages wait already.
    #[error("{0} messages already wait on the data link")]
    QueueFull(usize),
}

/// One end of the data link.
///
/// Feed it with `handle_*`, give it messages with [`Link::send`], call [`Link::flush`] once the layer above has
/// reacted (it sends I frames as far as the window goes, and a bare acknowledgement only if none carried it),
/// then drain [`Link::poll_frame`] and [`Link::poll_indication`] and sleep until [`Link::poll_timeout`].
#[derive(Debug)]
pub struct Link {
    side: Side,
    parameters: Parameters,
    state: State,
    link_up: bool,
    /// V(S), V(A), V(R) of Q.921 3.5.2, modulo 128.
    vs: u8,
    va: u8,
    vr: u8,
    /// How far V(S) ever went since V(A): frames below are repetitions.
    v_sent: u8,
    retries: u32,
    peer_busy: bool,
    own_busy: bool,
    reject_exception: bool,
    acknowledge_pending: bool,
    /// The first `vs - va` messages are sent and not acknowledged, the others wait.
    queue: VecDeque<Bytes>,
    t200: Option<Instant>,
    t203: Option<Instant>,
    frames: VecDeque<Bytes>,
    indications: VecDeque<Indication>,
    statistics: Statistics,
}

impl Link {
    /// Most layer 3 messages that may wait, sent or not.
    pub const MAX_QUEUE: usize = 16384;
    const MAX_FRAMES: usize = 1024;

    /// A link with layer 1 down.
    pub fn new(side: Side, parameters: Parameters) -> Self {
        Self {
            side,
            parameters,
            state: State::TeiAssigned,
            link_up: false,
            vs: 0,
            va: 0,
            vr: 0,
            v_sent: 0,
            retries: 0,
            peer_busy: false,
            own_busy: false,
            reject_exception: false,
            acknowledge_pending: false,
            queue: VecDeque::new(),
            t200: None,
            t203: None,
            frames: VecDeque::new(),
            indications: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    /// The state of the link.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether frames flow: states 7 and 8.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::MultipleFrameEstablished | State::TimerRecovery)
    }

    /// The counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Messages that are not acknowledged yet.
    pub fn backlog(&self) -> usize {
        self.queue.len()
    }

    /// Messages that have not been sent for the first time yet: the window is closed.
    pub fn unsent(&self) -> usize {
        self.queue.len().saturating_sub(usize::from(distance(self.va, self.v_sent)))
    }

    /// Changes timers and limits (at once), or the side (the link is then set up anew).
    pub fn reconfigure(&mut self, now: Instant, side: Side, parameters: Parameters) {
        self.parameters = parameters;
        if self.side != side {
            self.side = side;
            if self.link_up {
                self.drop_link();
                self.establish(now);
            }
        }
    }

    /// Layer 1 came up (the link is set up) or went down (it is lost at once).
    pub fn handle_link(&mut self, now: Instant, up: bool) {
        if up == self.link_up {
            return;
        }
        self.link_up = up;
        if up {
            self.establish(now);
        } else {
            self.drop_link();
            self.frames.clear();
        }
    }

    /// DL-RELEASE request: sends DISC. The link stays down until [`Link::establish`] or until the peer sets it up.
    pub fn release(&mut self, now: Instant) {
        if self.is_established() {
            self.drop_link();
            self.retries = 0;
            self.unnumbered(UnnumberedKind::Disc, true, true);
            self.t200 = Some(now + self.parameters.t200);
            self.state = State::AwaitingRelease;
        }
    }

    /// DL-ESTABLISH request: sends SABME. Done by itself when layer 1 comes up.
    pub fn establish(&mut self, now: Instant) {
        if !self.link_up {
            return;
        }
        self.clear_exceptions();
        self.retries = 0;
        self.send_sabme(now);
        self.state = State::AwaitingEstablishment;
    }

    /// Whether layer 3 cannot take more for now: I frames are discarded and RNR tells the peer to wait, until it is free again.
    /// A busy condition does not end with the link; it ends when layer 3 says so.
    pub fn set_busy(&mut self, busy: bool) {
        if busy != self.own_busy {
            self.own_busy = busy;
            if self.is_established() {
                // RNR, or RR that says how far it got; what was discarded the peer then sends again.
                self.supervisory(self.readiness(), false, false);
                self.reject_exception = false;
            }
        }
    }

    /// Whether layer 3 has said that it is busy.
    pub fn is_busy(&self) -> bool {
        self.own_busy
    }

    /// Queues one layer 3 message; [`Link::flush`] sends it.
    ///
    /// # Errors
    /// [`SendError`]: too long, no link, or too many waiting.
    pub fn send(&mut self, message: Bytes) -> Result<(), SendError> {
        if message.len() > self.parameters.n201 {
            return Err(SendError::TooLong { len: message.len(), limit: self.parameters.n201 });
        }
        if !self.is_established() && self.state != State::AwaitingEstablishment {
            return Err(SendError::Down);
        }
        if self.queue.len() >= Self::MAX_QUEUE {
            return Err(SendError::QueueFull(self.queue.len()));
        }
        self.queue.push_back(message);
        Ok(())
    }

    /// Sends what the window allows, then the acknowledgement if no I frame carried it.
    pub fn flush(&mut self, now: Instant) {
        if self.state == State::MultipleFrameEstablished && !self.peer_busy {
            while let Some(message) = self.queue.get(usize::from(self.outstanding())) {
                if self.outstanding() >= self.parameters.k.clamp(1, 127) {
                    break;
                }
                let message = message.clone();
                let control = Control::Information { ns: self.vs, nr: self.vr };
                self.put(true, control, false, &message);
                if self.vs == self.v_sent {
                    self.v_sent = next(self.v_sent);
                    self.statistics.i_sent += 1;
                } else {
                    self.statistics.i_resent += 1;
                }
                self.vs = next(self.vs);
                self.acknowledge_pending = false;
                if self.t200.is_none() {
                    self.t203 = None;
                    self.t200 = Some(now + self.parameters.t200);
                }
            }
        }
        if self.acknowledge_pending {
            self.supervisory(self.readiness(), false, false);
        }
    }

    /// When [`Link::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.t200, self.t203].into_iter().flatten().min()
    }

    /// The next frame for the wire.
    pub fn poll_frame(&mut self) -> Option<Bytes> {
        self.frames.pop_front()
    }

    /// The next primitive for layer 3.
    pub fn poll_indication(&mut self) -> Option<Indication> {
        self.indications.pop_front()
    }

    /// Runs timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.t200.is_some_and(|at| at <= now) {
            self.t200 = None;
            self.handle_t200(now);
        }
        if self.t203.is_some_and(|at| at <= now) {
            self.t203 = None;
            self.statistics.t203_expired += 1;
            //= Q.921 5.10.3.2: "If timer T203 expires, the data link layer entity shall [enter] timer recovery".
            self.retries = 0;
            self.enquire(now);
            self.state = State::TimerRecovery;
        }
    }

    /// One frame from the wire, address to last information octet. Any octets are allowed.
    pub fn handle_frame(&mut self, now: Instant, octets: &[u8]) {
        if !self.link_up {
            self.statistics.discarded += 1;
            return;
        }
        let frame = match Frame::parse(octets) {
            Ok(frame) if frame.sapi == 0 && frame.tei == 0 => frame,
            Ok(_) => {
                self.statistics.discarded += 1;
                return;
            }
            Err(error) => {
                let ours = octets.first().is_some_and(|a| a >> 2 == 0) && octets.get(1) == Some(&1);
                if error.is_frame_reject() && ours && self.is_established() {
                    let control = octets.get(2..).unwrap_or_default();
                    self.frame_reject(now, control, octets.first().is_some_and(|a| a & 2 != 0), error);
                } else {
                    self.statistics.discarded += 1;
                }
                return;
            }
        };
        let command = frame.is_command_from(self.side.peer());
        match frame.control {
            Control::Unnumbered(kind) => {
                self.handle_unnumbered(now, kind, command, frame.pf, frame.information);
            }
            Control::Supervisory { kind, nr } if self.is_established() => {
                self.handle_supervisory(now, kind, nr, command, frame.pf);
            }
            Control::Information { ns, nr } if self.is_established() => {
                if !command {
                    self.statistics.discarded += 1;
                } else if frame.information.len() > self.parameters.n201 {
                    let error = FrameError::Length(frame.information.len());
                    self.frame_reject(now, octets.get(2..).unwrap_or_default(), frame.cr, error);
                } else {
                    self.handle_information(now, ns, nr, frame.pf, frame.information);
                }
            }
            _ => self.statistics.discarded += 1,
        }
    }

    fn handle_t200(&mut self, now: Instant) {
        self.statistics.t200_expired += 1;
        match self.state {
            State::AwaitingEstablishment => {
                self.retries += 1;
                if self.retries > self.parameters.n200 {
                    self.retries = 0;
                    self.statistics.sabme_unanswered += 1;
                    self.queue.clear();
                    self.indications.push_back(Indication::Released);
                }
                self.send_sabme(now);
            }
            State::AwaitingRelease => {
                self.retries += 1;
                if self.retries > self.parameters.n200 {
                    self.statistics.disc_unanswered += 1;
                    self.state = State::TeiAssigned;
                } else {
                    self.unnumbered(UnnumberedKind::Disc, true, true);
                    self.t200 = Some(now + self.parameters.t200);
                }
            }
            State::MultipleFrameEstablished => {
                self.retries = 0;
                self.enquire(now);
                self.state = State::TimerRecovery;
            }
            State::TimerRecovery if self.retries >= self.parameters.n200 => {
                self.statistics.enquiry_unanswered += 1;
                self.re_establish(now);
            }
            State::TimerRecovery => self.enquire(now),
            // The pause after the peer's DISC or DM is over.
            State::TeiAssigned => self.establish(now),
        }
    }

    fn handle_unnumbered(
        &mut self,
        now: Instant,
        kind: UnnumberedKind,
        command: bool,
        pf: bool,
        information: &[u8],
    ) {
        match (kind, command) {
            (UnnumberedKind::Sabme, true) => {
                self.statistics.sabme_received += 1;
                match self.state {
                    //= Q.921 5.5.1.2 collision: UA is sent, and our own SABME's answer is still awaited.
                    State::AwaitingEstablishment => self.unnumbered(UnnumberedKind::Ua, false, pf),
                    State::AwaitingRelease => self.unnumbered(UnnumberedKind::Dm, false, pf),
                    _ => {
                        self.unnumbered(UnnumberedKind::Ua, false, pf);
                        if self.is_established() {
                            self.statistics.peer_reestablished += 1;
                            self.statistics.lost += 1;
                        }
                        self.established(now);
                    }
                }
            }
            (UnnumberedKind::Disc, true) => {
                self.statistics.disc_received += 1;
                match self.state {
                    State::MultipleFrameEstablished | State::TimerRecovery => {
                        self.unnumbered(UnnumberedKind::Ua, false, pf);
                        self.drop_link();
                        self.pause(now);
                    }
                    State::AwaitingRelease => self.unnumbered(UnnumberedKind::Ua, false, pf),
                    _ => self.unnumbered(UnnumberedKind::Dm, false, pf),
                }
            }
            (UnnumberedKind::Ua, false) => {
                self.statistics.ua_received += 1;
                match self.state {
                    State::AwaitingEstablishment if pf => self.established(now),
                    State::AwaitingRelease if pf => {
                        self.t200 = None;
                        self.state = State::TeiAssigned;
                    }
                    _ => self.statistics.ua_unsolicited += 1,
                }
            }
            (UnnumberedKind::Dm, false) => {
                self.statistics.dm_received += 1;
                match (self.state, pf) {
                    (State::AwaitingEstablishment, true) => {
                        self.drop_link();
                        self.pause(now);
                    }
                    (State::AwaitingRelease, true) => {
                        self.t200 = None;
                        self.state = State::TeiAssigned;
                    }
                    (State::TeiAssigned, false) => self.establish(now),
                    (State::MultipleFrameEstablished | State::TimerRecovery, false) => {
                        self.statistics.dm_established += 1;
                        self.re_establish(now);
                    }
                    (State::MultipleFrameEstablished, true) => self.statistics.dm_unsolicited += 1,
                    (State::TimerRecovery, true) => {
                        self.statistics.dm_unsolicited += 1;
                        self.re_establish(now);
                    }
                    _ => {}
                }
            }
            (UnnumberedKind::Frmr, false) => {
                self.statistics.frmr_received += 1;
                let reject = FrameReject::parse(information);
                tracing::debug!(?reject, "MDL-ERROR K: the peer has rejected a frame");
                if self.is_established() {
                    self.re_establish(now);
                }
            }
            (UnnumberedKind::Ui | UnnumberedKind::Xid, _) => self.statistics.ui_xid_received += 1,
            _ => self.statistics.discarded += 1,
        }
    }

    fn handle_information(&mut self, now: Instant, ns: u8, nr: u8, poll: bool, information: &[u8]) {
        if self.own_busy {
            //= Q.921 5.6.2: in an own receiver busy condition the information is discarded, N(R) and P are still acted on.
            self.statistics.busy_discarded += 1;
            if poll {
                self.supervisory(SupervisoryKind::ReceiveNotReady, false, true);
            }
        } else if ns == self.vr {
            self.vr = next(self.vr);
            self.reject_exception = false;
            self.statistics.i_received += 1;
            self.indications.push_back(Indication::Data(Bytes::copy_from_slice(information)));
            self.acknowledge_pending = true;
            if poll {
                self.supervisory(SupervisoryKind::ReceiveReady, false, true);
            }
        } else {
            self.statistics.ns_errors += 1;
            if !self.reject_exception {
                self.reject_exception = true;
                self.supervisory(SupervisoryKind::Reject, false, poll);
            } else if poll {
                self.supervisory(SupervisoryKind::ReceiveReady, false, true);
            }
        }
        if !self.valid_nr(nr) {
            self.nr_error(now);
        } else if self.state == State::TimerRecovery {
            self.acknowledge(nr);
        } else {
            self.acknowledge_running(now, nr);
        }
    }

    fn handle_supervisory(&mut self, now: Instant, kind: SupervisoryKind, nr: u8, command: bool, pf: bool) {
        match kind {
            SupervisoryKind::ReceiveReady => self.statistics.rr_received += 1,
            SupervisoryKind::ReceiveNotReady => self.statistics.rnr_received += 1,
            SupervisoryKind::Reject => self.statistics.rej_received += 1,
        }
        self.peer_busy = kind == SupervisoryKind::ReceiveNotReady;
        if command && pf {
            self.supervisory(self.readiness(), false, true);
        }
        if !command && pf && self.state == State::MultipleFrameEstablished {
            self.statistics.supervisory_unsolicited += 1;
        }
        if !self.valid_nr(nr) {
            self.nr_error(now);
            return;
        }
        if self.state == State::TimerRecovery {
            self.acknowledge(nr);
            if !command && pf {
                //= Q.921 5.6.7: an RR, REJ or RNR response with F = 1 ends timer recovery; V(S) becomes N(R).
                self.vs = self.va;
                self.state = State::MultipleFrameEstablished;
                self.retries = 0;
                (self.t200, self.t203) = if self.peer_busy {
                    (Some(now + self.parameters.t200), None)
                } else {
                    (None, Some(now + self.parameters.t203))
                };
            }
            return;
        }
        match kind {
            SupervisoryKind::ReceiveReady => self.acknowledge_running(now, nr),
            SupervisoryKind::ReceiveNotReady => {
                self.acknowledge(nr);
                self.t203 = None;
                self.t200 = Some(now + self.parameters.t200);
            }
            SupervisoryKind::Reject => {
                self.acknowledge(nr);
                self.vs = self.va;
                self.t200 = None;
                self.t203 = Some(now + self.parameters.t203);
            }
        }
    }

    /// Acknowledgement in state 7: also runs T200 and T203.
    fn acknowledge_running(&mut self, now: Instant, nr: u8) {
        let progress = nr != self.va;
        self.acknowledge(nr);
        if self.peer_busy {
            return;
        }
        if self.outstanding() == 0 {
            self.t200 = None;
            self.t203 = Some(now + self.parameters.t203);
        } else if progress {
            self.t200 = Some(now + self.parameters.t200);
        }
    }

    fn acknowledge(&mut self, nr: u8) {
        while self.va != nr {
            self.va = next(self.va);
            self.queue.pop_front();
        }
    }

    fn outstanding(&self) -> u8 {
        distance(self.va, self.vs)
    }

    //= Q.921 5.6.3.2 (note): N(R) is valid if V(A) <= N(R) <= V(S), modulo 128.
    fn valid_nr(&self, nr: u8) -> bool {
        distance(self.va, nr) <= self.outstanding()
    }

    fn nr_error(&mut self, now: Instant) {
        self.statistics.nr_errors += 1;
        tracing::debug!(va = self.va, vs = self.vs, "MDL-ERROR J: N(R) is outside the window");
        self.re_establish(now);
    }

    /// A frame reject condition: `control` is what followed the address of the frame.
    fn frame_reject(&mut self, now: Instant, control: &[u8], cr: bool, error: FrameError) {
        self.statistics.frame_rejects += 1;
        tracing::debug!(%error, "MDL-ERROR L, M, N or O: frame reject condition");
        if self.parameters.send_frmr {
            let reject = FrameReject::new(control, self.vs, self.vr, cr != (self.side == Side::User), error);
            self.statistics.frmr_sent += 1;
            let kind = Control::Unnumbered(UnnumberedKind::Frmr);
            self.put(false, kind, false, &reject.to_octets());
        }
        self.re_establish(now);
    }

    fn re_establish(&mut self, now: Instant) {
        self.statistics.lost += 1;
        tracing::debug!(state = %self.state, "the data link is set up anew");
        self.establish(now);
    }

    /// UA came, or SABME was answered: all counters start anew.
    fn established(&mut self, now: Instant) {
        self.clear_exceptions();
        // What was sent may or may not have arrived: sending it again could double it. What was never sent is kept,
        // where Q.921 lets it be discarded.
        let doubtful = usize::from(distance(self.va, self.v_sent)).min(self.queue.len());
        self.queue.drain(..doubtful);
        (self.vs, self.va, self.vr, self.v_sent) = (0, 0, 0, 0);
        self.retries = 0;
        self.t200 = None;
        self.t203 = Some(now + self.parameters.t203);
        self.state = State::MultipleFrameEstablished;
        self.statistics.established += 1;
        self.indications.push_back(Indication::Established);
    }

    /// The link is gone: DL-RELEASE to layer 3 unless it was never there.
    fn drop_link(&mut self) {
        if self.is_established() {
            self.statistics.lost += 1;
        }
        if self.is_established() || self.state == State::AwaitingEstablishment {
            self.indications.push_back(Indication::Released);
        }
        self.clear_exceptions();
        self.queue.clear();
        (self.vs, self.va, self.v_sent) = (0, 0, 0);
        self.t200 = None;
        self.t203 = None;
        self.state = State::TeiAssigned;
    }

    /// Waits T200 in state 4 before the next SABME, so that two willing ends do not race.
    fn pause(&mut self, now: Instant) {
        self.t200 = Some(now + self.parameters.t200);
    }

    fn clear_exceptions(&mut self) {
        self.peer_busy = false;
        self.reject_exception = false;
        self.acknowledge_pending = false;
    }

    fn send_sabme(&mut self, now: Instant) {
        self.statistics.sabme_sent += 1;
        self.unnumbered(UnnumberedKind::Sabme, true, true);
        self.t203 = None;
        self.t200 = Some(now + self.parameters.t200);
    }

    fn enquire(&mut self, now: Instant) {
        self.retries += 1;
        self.supervisory(self.readiness(), true, true);
        self.t200 = Some(now + self.parameters.t200);
        self.t203 = None;
    }

    fn supervisory(&mut self, kind: SupervisoryKind, command: bool, pf: bool) {
        match kind {
            SupervisoryKind::ReceiveReady => self.statistics.rr_sent += 1,
            SupervisoryKind::ReceiveNotReady => self.statistics.rnr_sent += 1,
            SupervisoryKind::Reject => self.statistics.rej_sent += 1,
        }
        self.acknowledge_pending = false;
        self.put(command, Control::Supervisory { kind, nr: self.vr }, pf, &[]);
    }

    /// RR, or RNR while layer 3 is busy.
    fn readiness(&self) -> SupervisoryKind {
        if self.own_busy { SupervisoryKind::ReceiveNotReady } else { SupervisoryKind::ReceiveReady }
    }

    fn unnumbered(&mut self, kind: UnnumberedKind, command: bool, pf: bool) {
        match kind {
            UnnumberedKind::Disc => self.statistics.disc_sent += 1,
            UnnumberedKind::Ua => self.statistics.ua_sent += 1,
            UnnumberedKind::Dm => self.statistics.dm_sent += 1,
            _ => {}
        }
        self.put(command, Control::Unnumbered(kind), pf, &[]);
    }

    fn put(&mut self, command: bool, control: Control, pf: bool, information: &[u8]) {
        if self.frames.len() >= Self::MAX_FRAMES {
            // Whoever stopped polling loses the oldest frame, which Q.921 recovers from as from any lost frame.
            self.frames.pop_front();
        }
        let cr = command == (self.side == Side::Network);
        self.frames.push_back(Frame { sapi: 0, tei: 0, cr, control, pf, information }.to_bytes());
    }
}

fn next(v: u8) -> u8 {
    v.wrapping_add(1) & 0x7F
}

fn distance(from: u8, to: u8) -> u8 {
    to.wrapping_sub(from) & 0x7F
}
