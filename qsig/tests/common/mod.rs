//! Captures and a scripted layer 3 peer, for all integration tests.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use qsig::lapd::{Indication, Link, Parameters};
use qsig::q931::{Message, MessageType};
use qsig::{Event, Side, Span, SpanConfig};

pub struct Captured {
    pub from: Side,
    pub octets: Vec<u8>,
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| char::from(c).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub fn capture(name: &str) -> Vec<Captured> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .filter_map(|line| {
            let line = line.split('#').next().unwrap_or("").trim();
            let (side, hex) = line.split_once(' ')?;
            let from = if side == "N" { Side::Network } else { Side::User };
            Some(Captured { from, octets: unhex(hex) })
        })
        .collect()
}

pub fn captures() -> Vec<String> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".hex").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A span of ours on the network side, and a peer that is only a data link: the test is its layer 3.
pub struct Bench {
    pub now: Instant,
    pub span: Span,
    pub peer: Link,
    pub heard: Vec<Message>,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new(config: SpanConfig) -> Self {
        let now = Instant::now();
        let config = SpanConfig { side: Side::Network, ..config };
        let mut bench = Self {
            now,
            span: Span::new(config),
            peer: Link::new(Side::User, Parameters::default()),
            heard: Vec::new(),
            events: Vec::new(),
        };
        bench.span.handle_link(now, true);
        bench.peer.handle_link(now, true);
        bench.pump();
        assert_eq!(std::mem::take(&mut bench.events), [Event::DataLinkUp]);
        bench
    }

    /// Frames go over until none is left.
    pub fn pump(&mut self) {
        loop {
            let mut idle = true;
            self.peer.flush(self.now);
            while let Some(frame) = self.span.poll_frame() {
                idle = false;
                self.peer.handle_frame(self.now, &frame);
            }
            while let Some(indication) = self.peer.poll_indication() {
                if let Indication::Data(message) = indication {
                    self.heard.push(Message::parse(&message).unwrap());
                }
            }
            self.peer.flush(self.now);
            while let Some(frame) = self.peer.poll_frame() {
                idle = false;
                self.span.handle_frame(self.now, &frame);
            }
            while let Some(event) = self.span.poll_event() {
                self.events.push(event);
            }
            if idle {
                return;
            }
        }
    }

    /// The peer sends a layer 3 message.
    pub fn say(&mut self, octets: &[u8]) {
        self.peer.send(octets.to_vec().into()).unwrap();
        self.pump();
    }

    pub fn say_hex(&mut self, hex: &str) {
        self.say(&unhex(hex));
    }

    /// What the span has said since the last call.
    pub fn heard(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.heard)
    }

    pub fn heard_kinds(&mut self) -> Vec<MessageType> {
        self.heard().into_iter().map(|message| message.kind).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Virtual time passes; both ends' timers run when they are due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = [self.span.poll_timeout(), self.peer.poll_timeout()].into_iter().flatten().min();
            match next {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    self.span.handle_timeout(self.now);
                    self.peer.handle_timeout(self.now);
                    self.pump();
                }
                _ => break,
            }
        }
        self.now = end;
    }
}

/// How many seeds a random test runs: QSIG_SEEDS for a long run, else what fits a quick one.
pub fn seeds(quick: u64) -> u64 {
    std::env::var("QSIG_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(quick)
}

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
