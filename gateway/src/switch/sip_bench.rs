#![allow(clippy::unwrap_used, clippy::panic)]

//! A switch in virtual time with servers around it that the tests play: for what the gateway sends by itself.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cli::config::{Config, MessageKind, Mode};
use cli::session::Show;
use sip::{Flow, Message, Method};
use telephony_hal::LineEvent;
use tempfile::TempDir;

use super::{Output, Parts, Switch};
use crate::clock::Clock;
use crate::hardware::Hardware;
use crate::media::MediaCommand;
use crate::service::metrics::Metrics;
use crate::service::names::Lookup;
use crate::store::Store;

/// Two telephones.
const HARDWARE: &str =
    "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n";

pub(super) struct SipBench {
    pub(super) switch: Switch,
    pub(super) now: Instant,
    sent: Vec<(Flow, Message)>,
    /// Everything sent so far: repetitions tell nothing.
    known: HashSet<Bytes>,
    next_port: u16,
    /// What the media plane has been told.
    pub(super) media: Vec<MediaCommand>,
    _directory: TempDir,
}

impl SipBench {
    pub(super) fn new(config: &str) -> Self {
        let now = Instant::now();
        let directory = tempfile::tempdir().unwrap();
        let (store, records) = Store::open(directory.path(), |_| {}).unwrap();
        let parsed = Config::parse(config);
        for message in &parsed.messages {
            assert!(!matches!(message.kind, MessageKind::Refused { .. }), "{message:?}");
        }
        let parts = Parts {
            clock: Clock::new(now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            hardware: Hardware::parse(HARDWARE).unwrap(),
            config: parsed.config,
            store,
            records,
            metrics: Metrics::new().unwrap(),
            seed: [9; 32],
            local_address: |_| Some([192, 0, 2, 1].into()),
        };
        let switch = Switch::new(now, parts).unwrap();
        let (sent, known, media) = (Vec::new(), HashSet::new(), Vec::new());
        let mut bench = Self { switch, now, sent, known, next_port: 20_000, media, _directory: directory };
        bench.settle();
        bench
    }

    /// Types lines of configuration.
    pub(super) fn configure(&mut self, lines: &[&str]) {
        let mut config = self.switch.config().clone();
        let mut mode = Mode::global();
        for line in lines {
            config.apply_line(&mut mode, line).unwrap();
        }
        self.switch.apply(self.now, config);
        self.settle();
    }

    /// The names the switch wants to be looked up.
    pub(super) fn lookups(&self) -> Vec<Lookup> {
        self.switch.names()
    }

    pub(super) fn resolve(&mut self, lookup: &Lookup, targets: &[&str]) {
        let targets: Vec<SocketAddr> = targets.iter().map(|target| target.parse().unwrap()).collect();
        self.switch.handle_lookup(self.now, lookup, &targets);
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..self.switch.rtp_ports().wanted() {
            self.switch.rtp_ports().add(self.next_port);
            self.next_port += 2;
        }
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(transmit) if self.known.insert(transmit.payload.clone()) => {
                    let message = Message::parse(transmit.payload).unwrap();
                    self.sent.push((transmit.flow, message));
                }
                Output::Media(command) => self.media.push(command),
                _ => {}
            }
        }
    }

    /// What has been sent since the last time, repetitions left out.
    pub(super) fn sent(&mut self) -> Vec<(Flow, Message)> {
        std::mem::take(&mut self.sent)
    }

    /// The only request of this method that has been sent since the last time.
    #[track_caller]
    pub(super) fn one(&mut self, method: &Method) -> (Flow, Message) {
        let mut sent = self.sent();
        sent.retain(|(_, message)| message.method_ref() == Some(method));
        let [one] = <[_; 1]>::try_from(sent).unwrap_or_else(|all| panic!("not one {method:?}: {all:?}"));
        one
    }

    /// A server answers.
    pub(super) fn respond(&mut self, (flow, request): &(Flow, Message), status: u16, more: &str) {
        let field =
            |name: &str| request.header(name).map(|value| value.to_str().into_owned()).unwrap_or_default();
        let text = format!(
            "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=server\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
            field("Via"),
            field("From"),
            field("To"),
            field("Call-ID"),
            field("CSeq"),
        );
        self.switch.handle_sip(self.now, flow.clone(), Bytes::from(text));
        self.settle();
    }

    /// A message comes from somebody, and waits.
    pub(super) fn offer(&mut self, from: &str, text: &(impl AsRef<[u8]> + ?Sized)) {
        let flow = Flow {
            transport: sip::Transport::Udp,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            remote: from.parse().unwrap(),
            connection: None,
        };
        self.switch.offer_sip(self.now, flow, Bytes::copy_from_slice(text.as_ref()));
        self.settle();
    }

    /// So many of them are served.
    pub(super) fn serve(&mut self, most: usize) {
        self.switch.serve_sip(self.now, most);
        self.settle();
    }

    /// A telephone's hook.
    pub(super) fn hook(&mut self, line: usize, event: LineEvent) {
        self.switch.handle_line(self.now, line, event);
        self.settle();
    }

    /// Lets virtual time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.switch.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub(super) fn show(&self, show: &Show) -> String {
        self.switch.show(self.now, show).unwrap()
    }
}
