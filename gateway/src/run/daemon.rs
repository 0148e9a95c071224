//! The daemon's loop: everything that happens outside is told to the switch, and what it wants is done.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cli::session::Reply;
use sip::net::{Net, NetConfig, NetEvent};
use sip::{Transmit, Transport};
use telephony_hal::{DChannelEvent, ErrorKind, HalError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval, interval_at};

use super::occupied::Occupied;
use super::trunks::TrunkDevice;
use crate::console::host::Host;
use crate::console::network::Listeners;
use crate::console::syslog::SyslogHosts;
use crate::console::{self, Command};
use crate::files::Answer;
use crate::leg::sip::transport::TransportSettings;
use crate::listen::{Place, SIP, rebind, tell_ports};
use crate::lookup::{Found, Lookups};
use crate::media::driver::Driver;
use crate::media::pairs::{Pairs, Which};
use crate::ready::{Port, ReadySet};
use crate::service::message::{LogLine, Message};
use crate::service::report::Reporter;
use crate::service::smdi::SmdiLines;
use crate::store::Committed;
use crate::switch::{Output, Switch};
use crate::watchdog;

/// Messages taken from the sockets at a time.
const BATCH: usize = 1024;
/// Messages served at a time, so that lines and trunks get their turn.
const SERVED: usize = 64;
/// How often RTP is looked at; samples move every second time.
const HALF_TICK: Duration = Duration::from_millis(10);
/// How long registrars have to answer when the gateway ends.
const SIGN_OFF: Duration = Duration::from_secs(2);
/// Audio this late is caught up with, later is lost.
const MAX_LAG: Duration = Duration::from_secs(1);

/// The next tick of audio, if there is any.
async fn next_tick(tick: &mut Option<Interval>) -> Option<tokio::time::Instant> {
    match tick {
        Some(tick) => Some(tick.tick().await),
        None => None,
    }
}

/// The switch with everything around it.
pub(super) struct Daemon {
    pub(super) switch: Switch,
    pub(super) host: Host,
    pub(super) net: Net,
    pub(super) received: mpsc::Receiver<NetEvent>,
    pub(super) committed: mpsc::UnboundedReceiver<Committed>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) smdi: SmdiLines,
    pub(super) syslog: SyslogHosts,
    /// Weak: the daemon ends when everybody who could speak to it is gone.
    pub(super) continuations: mpsc::WeakSender<Command>,
    /// Lines of tasks beside this one, for the log.
    pub(super) reports: mpsc::Receiver<LogLine>,
    pub(super) reporter: Reporter,
    pub(super) monitor: broadcast::Sender<String>,
    pub(super) lookups: Lookups,
    pub(super) looked_up: mpsc::Receiver<Found>,
    pub(super) pairs: Pairs,
    pub(super) trunks: Vec<TrunkDevice>,
    pub(super) media: Driver,
    pub(super) occupied: Occupied,
    /// Calls may have begun or ended on B channels.
    pub(super) bearers_changed: bool,
    /// The next turn of 10 ms is the second of a tick.
    pub(super) half: bool,
    pub(super) ready: ReadySet,
    pub(super) rebind: bool,
    pub(super) listeners: Listeners,
    /// Names that led to these addresses: what a certificate has to say.
    pub(super) domains: HashMap<SocketAddr, String>,
    pub(super) place: Place,
    /// What the sockets were opened for.
    pub(super) listening: TransportSettings,
    /// Messages let in wait to be served.
    pub(super) backlog: bool,
    /// It ends with the last call, and no later than then.
    pub(super) draining: Option<Instant>,
}

impl Daemon {
    /// Runs until `reload` (`true`), or until it is told to stop or everybody who could tell it is gone.
    pub(super) async fn run(mut self) -> bool {
        let again = self.serve().await;
        self.sign_off().await;
        again
    }

    /// Ends the calls there still are and takes registrations back, as far as that can be done soon.
    async fn sign_off(&mut self) {
        self.switch.end_calls(Instant::now());
        self.switch.sign_off(Instant::now());
        let end = tokio::time::Instant::now() + SIGN_OFF;
        let mut batch = Vec::with_capacity(BATCH);
        self.flush();
        while (self.switch.awaits_releases() || !self.switch.is_signed_off())
            && tokio::time::Instant::now() < end
        {
            let due = self.switch.poll_timeout().map_or(end, |at| end.min(at.into()));
            tokio::select! {
                n = self.received.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        return;
                    }
                    self.handle_received(&mut batch);
                }
                ports = poll_fn(|cx| self.ready.poll(cx)) => {
                    for port in ports {
                        self.look(port);
                    }
                }
                () = tokio::time::sleep_until(due) => self.switch.handle_timeout(Instant::now()),
            }
            self.flush();
        }
    }

    async fn serve(&mut self) -> bool {
        let (lines, offices) = self.pairs.counts();
        for line in 0..lines {
            self.ready.mark(Port::Line(line));
        }
        for office in 0..offices {
            self.ready.mark(Port::Office(office));
        }
        for trunk in 0..self.trunks.len() {
            self.ready.mark(Port::Trunk(trunk));
        }
        // There only while there is audio: a timer that nobody waits for wakes us all the same.
        let mut tick = None;
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watched = watchdog::own_period();
        let mut alive = interval(watched.unwrap_or(Duration::from_secs(1)));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        // One timer for all that waits: most times it is only put off.
        let mut due = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            self.flush();
            while let Some(job) = self.host.poll_job() {
                self.answer(Answer::Later(job), None);
            }
            if std::mem::take(&mut self.host.relisten) {
                self.listeners.refresh_or_say().await;
            }
            if std::mem::take(&mut self.rebind) {
                self.rebind().await;
            }
            if self.host.reload {
                return true;
            }
            if self.draining.is_some_and(|end| self.switch.is_drained() || end <= Instant::now()) {
                return false;
            }
            let lines = self.pairs.any_active(&self.switch);
            if !lines && !self.media.is_active() {
                tick = None;
            } else if tick.is_none() {
                // A telephone that is picked up hears at once; packets are waited for.
                let wait = if lines { Duration::ZERO } else { HALF_TICK };
                let begun = tick.insert(interval_at(tokio::time::Instant::now() + wait, HALF_TICK));
                begun.set_missed_tick_behavior(MissedTickBehavior::Burst);
            }
            let timeouts = [self.switch.poll_timeout(), self.host.poll_timeout(), self.draining];
            let timeout = timeouts.into_iter().flatten().min();
            if let Some(at) = timeout.map(tokio::time::Instant::from)
                && at != due.deadline()
            {
                due.as_mut().reset(at);
            }
            tokio::select! {
                ports = poll_fn(|cx| self.ready.poll(cx)) => {
                    for port in ports {
                        self.look(port);
                    }
                }
                Some(at) = next_tick(&mut tick) => {
                    if let Some(tick) = tick.as_mut().filter(|_| at.elapsed() > MAX_LAG) {
                        // The machine slept: what nobody said is not caught up with.
                        tick.reset_immediately();
                    }
                    self.turn();
                }
                _ = alive.tick(), if watched.is_some() => watchdog::alive(),
                _ = second.tick(), if self.media.has_spans() || self.pairs.any_away() => {
                    for (trunk, kind, errors) in self.media.line_errors() {
                        self.switch.handle_line_errors(Instant::now(), trunk, kind, errors);
                    }
                    for (trunk, status) in self.media.line_status() {
                        self.switch.handle_line_status(Instant::now(), trunk, status);
                    }
                    self.reopen();
                }
                Some(committed) = self.committed.recv() => {
                    self.switch.handle_committed(Instant::now(), &committed);
                }
                n = self.received.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        self.switch.log(Instant::now(), Message::SipTransport {});
                        self.flush();
                        return false;
                    }
                    self.handle_received(&mut batch);
                }
                () = std::future::ready(()), if self.backlog => {
                    self.serve_sip();
                }
                Some((line, event)) = self.smdi.recv() => {
                    self.switch.handle_smdi(Instant::now(), line, event);
                }
                Some(line) = self.reports.recv() => self.switch.log(Instant::now(), line),
                command = self.commands.recv() => {
                    // What was said before the command comes before what the command says.
                    while let Ok(line) = self.reports.try_recv() {
                        self.switch.log(Instant::now(), line);
                    }
                    match command {
                        None => return false,
                        Some(Command::Do { action, caller, reply }) => {
                            self.switch.set_connections(crate::listen::connections(&self.net));
                            let answer = self.host.execute(Instant::now(), &mut self.switch, action, &caller);
                            self.answer(answer, Some(reply));
                        }
                        Some(Command::Continue { then, reply }) => {
                            let answer = (then.0)(&mut self.host, Instant::now(), &mut self.switch);
                            self.answer(answer, reply);
                        }
                        Some(Command::Gone(console)) => self.host.gone(console),
                        Some(Command::Drain(limit)) => {
                            let now = Instant::now();
                            self.draining = Some(now + limit);
                            self.switch.drain(now, limit);
                        }
                        Some(Command::Stop) => return false,
                    }
                }
                Some((lookup, targets)) = self.looked_up.recv() => {
                    if lookup.transport == Transport::Tls {
                        self.domains.extend(targets.iter().map(|target| (*target, lookup.name.clone())));
                    }
                    self.switch.handle_lookup(Instant::now(), &lookup, &targets);
                },
                () = due.as_mut(), if timeout.is_some() => {
                    let now = Instant::now();
                    self.switch.handle_timeout(now);
                    self.host.handle_timeout(now, &mut self.switch);
                }
            }
        }
    }

    /// Gives an answer to its console, after the work it needs.
    fn answer(&self, answer: Answer, reply: Option<oneshot::Sender<Reply>>) {
        tokio::spawn(console::give(answer, reply, self.continuations.clone()));
    }

    fn handle_received(&mut self, batch: &mut Vec<NetEvent>) {
        for event in batch.drain(..) {
            let now = Instant::now();
            match event {
                NetEvent::Received { flow, data } => {
                    self.switch.offer_sip(now, flow, data);
                }
                NetEvent::Certified { flow } => self.switch.certify(&flow),
                NetEvent::Closed { flow } | NetEvent::SendFailed { flow } => {
                    self.switch.handle_sip_failure(now, &flow);
                }
                NetEvent::TlsFailed { flow, error } => {
                    self.switch.log(now, Message::SipTls { remote: &flow.remote, error: &error });
                }
                _ => {}
            }
        }
        self.prepare();
        self.serve_sip();
    }

    /// Serves messages that were let in. What one of them brings about is done before the next one is looked at: a call waits
    /// for nobody who came after it.
    fn serve_sip(&mut self) {
        for _ in 0..SERVED {
            self.backlog = self.switch.serve_sip(Instant::now(), 1);
            self.flush();
            if !self.backlog {
                break;
            }
        }
    }

    /// Opens RTP ports ahead of calls.
    fn prepare(&mut self) {
        let range = self.switch.rtp_range();
        self.media.prepare(self.switch.rtp_ports(), self.place.fallback, range);
    }

    /// Does what the switch wants done.
    fn flush(&mut self) {
        self.prepare();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(transmit) => self.send(transmit),
                Output::Frame { trunk, frame } => {
                    if let Some(device) = self.trunks.get_mut(trunk)
                        && let Err(error) = device.channel.send_frame(&frame)
                    {
                        tracing::debug!(%error, trunk, "frame not sent");
                    }
                }
                Output::Line { line, action } => self.pairs.act(line, &action),
                Output::Office { office, action } => self.pairs.act_office(office, &action),
                Output::Serial { line, octets } => self.smdi.send(line, octets),
                Output::Media(command) => {
                    self.media.handle(Instant::now(), command);
                    self.bearers_changed = true;
                }
                Output::Rebind => self.rebind = true,
                Output::Lookup => {
                    self.domains.clear();
                    self.lookups.ask(self.switch.names(), self.switch.name_servers());
                }
            }
        }
        if std::mem::take(&mut self.bearers_changed) {
            self.occupied.note(self.media.plane.bearers());
        }
        while let Some(line) = self.switch.poll_monitor() {
            // No console listens: the line is not wanted.
            let _ = self.monitor.send(line);
        }
        while let Some(output) = self.switch.poll_log() {
            self.syslog.handle(output);
        }
    }

    /// Sends a message. Where a name led to the server, its certificate has to be one for that name.
    fn send(&self, mut transmit: Transmit) {
        let flow = &transmit.flow;
        if flow.transport == Transport::Tls
            && flow.connection.is_none()
            && let Some(domain) = self.domains.get(&flow.remote)
        {
            transmit.flow = self.net.flow_to(flow.transport, flow.local, flow.remote, domain);
        }
        self.net.send(transmit);
    }

    /// Takes everything a port has to say.
    fn look(&mut self, port: Port) {
        let waker = self.ready.waker(port);
        let mut cx = Context::from_waker(&waker);
        match port {
            Port::Line(line) => {
                while let Some(event) = self.pairs.poll_line(&mut cx, line) {
                    self.switch.handle_line(Instant::now(), line, event);
                }
            }
            Port::Office(office) => {
                while let Some(event) = self.pairs.poll_office(&mut cx, office) {
                    self.switch.handle_office(Instant::now(), office, event);
                }
            }
            Port::Trunk(trunk) => {
                while let Some(device) = self.trunks.get_mut(trunk)
                    && !device.closed
                    && let Poll::Ready(event) = device.channel.poll_event(&mut cx)
                {
                    let now = Instant::now();
                    match event {
                        Ok(DChannelEvent::Up) => self.switch.handle_trunk_link(now, trunk, true),
                        Ok(DChannelEvent::Down) => self.switch.handle_trunk_link(now, trunk, false),
                        Ok(DChannelEvent::Frame(frame)) => self.switch.handle_trunk_frame(now, trunk, &frame),
                        Ok(_) => {}
                        Err(error) => {
                            device.closed = error.kind() == ErrorKind::Closed;
                            self.switch.trunk_failed(now, trunk, &error);
                        }
                    }
                }
            }
        }
    }

    /// Boards that were not there, or were pulled out, may be there now.
    fn reopen(&mut self) {
        for returned in self.pairs.reopen() {
            let now = Instant::now();
            match returned {
                Which::Line(line) => {
                    if let Some(capabilities) = self.pairs.capabilities(line) {
                        self.switch.set_line_capabilities(line, capabilities);
                    }
                    self.switch.handle_line_back(now, line);
                    self.ready.mark(Port::Line(line));
                }
                Which::Office(office) => {
                    self.switch.handle_office_back(now, office);
                    self.ready.mark(Port::Office(office));
                }
            }
        }
    }

    /// 10 ms: packets are taken and passed on; every second time samples move.
    fn turn(&mut self) {
        let now = Instant::now();
        self.media.receive(now);
        self.half = !self.half;
        if !self.half {
            self.tick(now);
        }
    }

    /// 20 ms of audio on every line in use and every connection.
    fn tick(&mut self, now: Instant) {
        self.pairs.hear(now, &mut self.switch, &mut self.media.plane);
        self.media.tick(now);
        while let Some(event) = self.media.poll_event() {
            self.switch.handle_plane(now, &event);
        }
        self.pairs.speak(&mut self.switch, &self.media.plane);
    }

    async fn rebind(&mut self) {
        // The new sockets may want the ports of the old ones, which are free once their tasks have ended.
        let nothing = Net::bind(NetConfig::default()).await;
        if let Ok((net, received)) = nothing {
            (self.net, self.received) = (net, received);
        }
        let old = std::mem::replace(&mut self.listening, self.switch.listen().clone());
        let mut opened = rebind(&self.listening, &self.place, &self.reporter).await;
        if let Err((what, error)) = &opened {
            self.switch.log(Instant::now(), Message::SipOldAddress { what, error });
            opened = rebind(&old, &self.place, &self.reporter).await;
        }
        match opened {
            Ok((net, received)) => {
                (self.net, self.received) = (net, received);
                tell_ports(Instant::now(), &mut self.switch, &self.net);
                let addresses = format!("{:?}", self.net.udp_addrs());
                self.switch.log(Instant::now(), Message::SipListen { addresses: &addresses });
            }
            Err((what, error)) => {
                self.place.keeper.keep(SIP, Vec::new());
                self.switch.log(Instant::now(), Message::SipNotSpoken { what: &what, error: &error });
            }
        }
    }
}
