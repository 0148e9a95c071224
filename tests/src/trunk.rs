//! A D channel of ours in the test's own process: `qsig::Span` on the socket trunk, with the fault wrapper between them and
//! everything on the wire in a capture.

use std::fs::File;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use qsig::{CallEvent, CallId, Event, Span, SpanConfig};
use telephony_hal::socket::{Address, SocketTrunk};
use telephony_hal::wrap::{Faults, Faulty, PcapWriter};
use telephony_hal::{DChannel as _, DChannelEvent};
use tokio::runtime::Runtime;

use crate::tshark_complaints;

/// Our end of a trunk, listening for a PBX.
pub struct Trunk {
    /// The D channel.
    pub span: Span,
    channel: Faulty<SocketTrunk>,
    address: SocketAddr,
    runtime: Runtime,
    events: Vec<Event>,
    started: Instant,
    pcap: PcapWriter<File>,
    directory: tempfile::TempDir,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trunk").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Trunk {
    /// A trunk on a free port. `seed` is the fault wrapper's.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn listen(config: SpanConfig, seed: u64) -> Self {
        // The trunk's task runs beside the test, as it does in the gateway.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _inside = runtime.enter();
        let socket = SocketTrunk::open(Address::TcpListen(([127, 0, 0, 1], 0).into())).unwrap();
        let address = socket.local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let side = match config.side {
            qsig::Side::Network => telephony_hal::wrap::Side::Network,
            qsig::Side::User => telephony_hal::wrap::Side::User,
        };
        let file = File::create(directory.path().join("trunk.pcap")).unwrap();
        Self {
            span: Span::new(config),
            channel: Faulty::new(socket, Faults::default(), seed),
            address,
            runtime,
            events: Vec::new(),
            started: Instant::now(),
            pcap: PcapWriter::new(file, side).unwrap(),
            directory,
        }
    }

    /// Where the PBX connects to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong on the wire from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.channel.set_faults(faults);
    }

    /// Faults made so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.channel.injected()
    }

    /// Sends what waits, hears what comes, runs what is due: at most until `until`, and not after something happened.
    fn step(&mut self, until: Instant) {
        self.flush();
        let until = self.span.poll_timeout().map_or(until, |at| at.min(until)).max(Instant::now());
        let channel = &mut self.channel;
        let heard = self.runtime.block_on(async {
            tokio::time::timeout_at(until.into(), poll_fn(|cx| channel.poll_event(cx))).await
        });
        let now = Instant::now();
        match heard {
            Ok(Ok(DChannelEvent::Up)) => self.span.handle_link(now, true),
            Ok(Ok(DChannelEvent::Down)) => self.span.handle_link(now, false),
            Ok(Ok(DChannelEvent::Frame(frame))) => {
                self.pcap.frame(now - self.started, false, &frame).unwrap();
                self.span.handle_frame(now, &frame);
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => panic!("trunk: {error}"),
        }
        self.span.handle_timeout(Instant::now());
        self.flush();
        while let Some(event) = self.span.poll_event() {
            self.events.push(event);
        }
    }

    fn flush(&mut self) {
        while let Some(frame) = self.span.poll_frame() {
            self.pcap.frame(self.started.elapsed(), true, &frame).unwrap();
            // A frame that cannot go is a frame lost, which layer 2 repairs.
            let _ = self.channel.send_frame(&frame);
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.step(until);
        }
    }

    /// Runs until `done` says so.
    ///
    /// # Panics
    /// When it has not within `limit`.
    #[track_caller]
    pub fn run_until(&mut self, what: &str, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + limit;
        while !done(self) {
            assert!(Instant::now() < until, "no {what} within {limit:?}; events left: {:#?}", self.events);
            self.step(until.min(Instant::now() + Duration::from_millis(50)));
        }
    }

    /// Takes the first event for which `wanted` gives something; the others stay.
    ///
    /// # Panics
    /// When there is none within 10 s.
    #[track_caller]
    pub fn take<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.events.iter().enumerate().find_map(|(at, event)| Some((at, wanted(event)?)));
            if let Some((at, found)) = found {
                self.events.remove(at);
                return found;
            }
            assert!(Instant::now() < until, "no {what}; events left: {:#?}", self.events);
            self.step(until.min(Instant::now() + Duration::from_millis(50)));
        }
    }

    /// The next event, if there is one within `limit`.
    pub fn next(&mut self, limit: Duration) -> Option<Event> {
        if self.events.is_empty() {
            self.step(Instant::now() + limit);
        }
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    /// Waits for the data link.
    #[track_caller]
    pub fn wait_up(&mut self) {
        self.run_until("data link", Duration::from_secs(10), |trunk| trunk.span.is_up());
    }

    /// Takes an event of one call, or of a call that comes in.
    #[track_caller]
    pub fn call<T>(
        &mut self,
        what: &str,
        call: Option<CallId>,
        mut wanted: impl FnMut(CallId, &CallEvent) -> Option<T>,
    ) -> T {
        self.take(what, |event| match event {
            Event::Call { id, event } if call.is_none_or(|call| call == *id) => wanted(*id, event),
            _ => None,
        })
    }

    /// The capture so far.
    #[must_use]
    pub fn capture(&self) -> std::path::PathBuf {
        self.directory.path().join("trunk.pcap")
    }

    /// Nothing is left of any call, and tshark finds nothing wrong in what went over the wire.
    ///
    /// # Panics
    /// When there is something.
    #[track_caller]
    pub fn finish(mut self) {
        self.run_until("end of all calls", Duration::from_secs(20), |trunk| trunk.span.active_calls() == 0);
        assert_eq!(self.span.channels_in_use(), 0, "channels are in use without a call");
        assert_eq!(tshark_complaints(&self.capture()), [""; 0]);
    }
}
