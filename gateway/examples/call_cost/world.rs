//! A switch and its media plane with eight E1 and a SIP caller, in virtual time: what [`super`] measures.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cli::config::Config;
use gateway::clock::Clock;
use gateway::hardware::Hardware;
use gateway::media::plane::Plane;
use gateway::service::metrics::Metrics;
use gateway::store::Store;
use gateway::switch::{Output, Parts, Switch};
use qsig::{CallDetail, CallEvent, Event, Side, Span, SpanConfig};
use sip::{Flow, Transport};

/// Eight E1, as in the benchmark of the daemon.
const TRUNKS: usize = 8;
/// From one call to the next: 200 calls/s.
const STEP: Duration = Duration::from_millis(5);

/// Why it cannot be measured.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The switch, the PBXs, and the network between.
pub(crate) struct World {
    switch: Switch,
    plane: Plane,
    pbx: Vec<Span>,
    now: Instant,
    next_port: u16,
    /// What the switch has sent by SIP.
    sent: Vec<Bytes>,
    /// Time spent in the PBXs.
    pub(crate) outside: Duration,
    /// Octets of the heap the PBXs have taken and not given back, if somebody counts them.
    pub(crate) outside_heap: usize,
    heap: fn() -> usize,
    _directory: tempfile::TempDir,
}

impl World {
    /// Everything up, no call. `heap` counts the octets of the heap in use.
    pub(crate) fn new(heap: fn() -> usize) -> Result<Self, Failure> {
        let now = Instant::now();
        let directory = tempfile::tempdir()?;
        let (store, records) = Store::open(directory.path(), |_| {})?;
        let mut hardware = String::new();
        let mut config = String::from("isdn switch-type primary-qsig\ntrunk group PBX\n");
        for at in 0..TRUNKS {
            hardware.push_str(&format!("[[pri]]\ncontroller = \"E1 1/{at}\"\nbackend = \"sim\"\n"));
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\ninterface Serial1/{at}:15\n trunk-group PBX\n"
            ));
        }
        config.push_str(
            "dial-peer voice 47 pots\n trunkgroup PBX\n destination-pattern 47..\n no digit-strip\n\
             dial-peer voice 6 voip\n destination-pattern 6...\n session protocol sipv2\n incoming called-number .\n \
             session target ipv4:192.0.2.9\n codec g711ulaw\n",
        );
        let switch = Switch::new(
            now,
            Parts {
                clock: Clock::new(now, SystemTime::now()),
                hardware: Hardware::parse(&hardware)?,
                config: Config::parse(&config).config,
                store,
                records,
                metrics: Metrics::new()?,
                seed: [9; 32],
                local_address: |_| Some([192, 0, 2, 1].into()),
            },
        )?;
        let mut plane = Plane::new([7; 32], "tipring");
        // As with trunks over sockets: signalling alone.
        plane.carry_only([]);
        let span = |_| {
            let config = SpanConfig { side: Side::Network, accept_calls: true, ..SpanConfig::default() };
            let mut span = Span::new(config);
            span.handle_link(now, true);
            span
        };
        let pbx = (0..TRUNKS).map(span).collect();
        let mut world = Self {
            switch,
            plane,
            pbx,
            now,
            next_port: 16_384,
            sent: Vec::new(),
            outside: Duration::ZERO,
            outside_heap: 0,
            heap,
            _directory: directory,
        };
        for trunk in 0..TRUNKS {
            world.switch.handle_trunk_link(now, trunk, true);
        }
        world.settle();
        if !world.pbx.iter().all(Span::is_up) {
            return Err("the trunks do not come up".into());
        }
        Ok(world)
    }

    fn leave_switch(&self) -> (Instant, usize) {
        (Instant::now(), (self.heap)())
    }

    fn enter_switch(&mut self, (left, heap): (Instant, usize)) {
        self.outside += left.elapsed();
        self.outside_heap = self.outside_heap.wrapping_add((self.heap)()).wrapping_sub(heap);
    }

    /// Carries everything to and fro until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut idle = true;
            while self.switch.rtp_ports().wanted() > 0 {
                self.next_port = if self.next_port >= 32_000 { 16_384 } else { self.next_port + 2 };
                self.switch.rtp_ports().add(self.next_port);
            }
            while let Some(output) = self.switch.poll_output() {
                idle = false;
                match output {
                    Output::Sip(transmit) => self.sent.push(transmit.payload),
                    Output::Frame { trunk, frame } => {
                        let entered = self.leave_switch();
                        if let Some(span) = self.pbx.get_mut(trunk) {
                            span.handle_frame(self.now, &frame);
                        }
                        self.enter_switch(entered);
                    }
                    Output::Media(command) => self.plane.handle(self.now, command),
                    _ => {}
                }
            }
            let entered = self.leave_switch();
            let mut frames = Vec::new();
            for (trunk, span) in self.pbx.iter_mut().enumerate() {
                span.handle_timeout(self.now);
                while let Some(event) = span.poll_event() {
                    let Event::Call { id, event } = event else { continue };
                    // A caller who has gone already needs no answer.
                    let _ = match event {
                        CallEvent::Incoming { .. } => span.answer_call(self.now, id, &CallDetail::default()),
                        CallEvent::Disconnected { cause, tones: true } => {
                            span.clear_call(self.now, id, cause)
                        }
                        _ => Ok(()),
                    };
                }
                while let Some(frame) = span.poll_frame() {
                    frames.push((trunk, frame));
                }
            }
            self.enter_switch(entered);
            for (trunk, frame) in frames {
                idle = false;
                self.switch.handle_trunk_frame(self.now, trunk, &frame);
            }
            if self.switch.poll_timeout().is_some_and(|at| at <= self.now) {
                self.switch.handle_timeout(self.now);
            }
            if idle {
                return;
            }
        }
    }

    fn receive(&mut self, text: String) {
        let flow = Flow {
            transport: Transport::Udp,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            remote: SocketAddr::from(([192, 0, 2, 9], 5060)),
            connection: None,
        };
        self.switch.offer_sip(self.now, flow, Bytes::from(text));
        self.switch.serve_sip(self.now, 64);
        self.settle();
    }

    /// The response sent with this status, and nothing else.
    fn response(&mut self, status: &str, method: &str) -> Result<String, Failure> {
        let texts = self.sent.iter().map(|octets| String::from_utf8_lossy(octets).into_owned());
        let is = |text: &String| text.starts_with(status) && text.contains(&format!(" {method}\r\n"));
        let found = texts.filter(is).last();
        let all = std::mem::take(&mut self.sent);
        found.ok_or_else(|| format!("no {status} to {method} among {all:?}").into())
    }

    /// A call from INVITE to BYE.
    ///
    /// # Errors
    /// When something else comes than is expected.
    pub(crate) fn call(&mut self, number: usize) -> Result<(), Failure> {
        let to = self.answer(number)?;
        self.receive(request(number, "BYE", 2, &to, ""));
        self.response("SIP/2.0 200", "BYE")?;
        Ok(())
    }

    /// A call as far as its ACK; gives its To.
    ///
    /// # Errors
    /// As [`World::call`].
    pub(crate) fn answer(&mut self, number: usize) -> Result<String, Failure> {
        let sdp = "v=0\r\no=load 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n\
                   a=ptime:20\r\n";
        self.now += STEP;
        self.receive(request(number, "INVITE", 1, "<sip:4711@192.0.2.1>", sdp));
        let answer = self.response("SIP/2.0 200", "INVITE")?;
        let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).ok_or("no To")?.to_owned();
        self.receive(request(number, "ACK", 1, &to, ""));
        Ok(to)
    }
}

fn request(number: usize, method: &str, cseq: u32, to: &str, body: &str) -> String {
    format!(
        "{method} sip:4711@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{number}{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:7000@192.0.2.9>;tag=a{number}\r\nTo: {to}\r\nCall-ID: cost-{number}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:7000@192.0.2.9>\r\n{}Content-Length: {}\r\n\r\n{body}",
        if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" },
        body.len()
    )
}
