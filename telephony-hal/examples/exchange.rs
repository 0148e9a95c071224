//! A small town's exchange: simulated telephones that call each other, by dial pulses.
//!
//! ```text
//! cargo run -p telephony-hal --example exchange -- /tmp/lines.sock
//! ```
//!
//! Then play the telephones, for example with `socat - UNIX:/tmp/lines.sock`:
//!
//! ```text
//! {"port":"2/0","do":"offhook"}
//! {"port":"2/0","do":"pulse","digits":"21"}
//! {"port":"2/1","do":"offhook"}
//! ```
//!
//! Port 2/N has the number 2N. It shows the whole drive loop of a gateway: lines, their discipline, the ringer budget, and
//! one timer. Tones are printed; a gateway renders them.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use telephony_hal::line::{Caller, Line, LineConfig, LineEventOut, Output, RingPattern};
use telephony_hal::ren::{PoolOutput, Ren, RenPool};
use telephony_hal::sim::{Plant, Server, SimLine, SimLineError};
use telephony_hal::{FxsLine as _, Lamp, LineEvent};
use tokio::time::{Instant, interval, sleep_until};

const BLOCK: usize = 160; // 20 ms

struct Port {
    hardware: SimLine,
    line: Line,
    /// The port at the other end of the call.
    peer: Option<usize>,
}

/// The one owner of every line.
pub(crate) struct Exchange {
    ports: Vec<Port>,
    pool: RenPool,
}

impl Exchange {
    /// An exchange with `count` (up to 10) telephones 2/0, 2/1, …
    pub(crate) fn new(plant: &Plant, count: usize) -> Self {
        let port = |n| Port {
            hardware: plant.add_line(&format!("2/{n}")),
            line: Line::new(LineConfig { call_waiting: false, ..LineConfig::default() }),
            peer: None,
        };
        Self { ports: (0..count.min(10)).map(port).collect(), pool: RenPool::default() }
    }

    /// Serves calls until a line fails.
    ///
    /// # Errors
    /// That line's.
    pub(crate) async fn run(mut self) -> Result<(), SimLineError> {
        let mut audio = interval(Duration::from_millis(20));
        loop {
            let wake = self.ports.iter().filter_map(|port| port.line.poll_timeout()).min();
            let timer = async {
                match wake {
                    Some(at) => sleep_until(Instant::from_std(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = poll_fn(|cx| {
                    for (index, port) in self.ports.iter_mut().enumerate() {
                        if let Poll::Ready(event) = port.hardware.poll_event(cx) {
                            return Poll::Ready(event.map(|event| (index, event)));
                        }
                    }
                    Poll::Pending
                }) => {
                    let (index, event) = event?;
                    self.hook(index, event)?;
                }
                () = timer => self.timeouts()?,
                _ = audio.tick() => self.audio()?,
            }
        }
    }

    fn hook(&mut self, index: usize, event: LineEvent) -> Result<(), SimLineError> {
        if let Some(port) = self.ports.get_mut(index) {
            port.line.handle_event(Instant::now().into_std(), event);
        }
        self.drain(index)
    }

    fn timeouts(&mut self) -> Result<(), SimLineError> {
        let now = Instant::now().into_std();
        for index in 0..self.ports.len() {
            if let Some(port) = self.ports.get_mut(index) {
                port.line.handle_timeout(now);
            }
            self.drain(index)?;
        }
        Ok(())
    }

    /// Carries 20 ms between all who talk.
    fn audio(&mut self) -> Result<(), SimLineError> {
        for index in 0..self.ports.len() {
            let mut block = [0; BLOCK];
            let Some(port) = self.ports.get_mut(index).filter(|port| port.line.is_talking()) else {
                continue;
            };
            port.hardware.read_audio(&mut block)?;
            let peer = port.peer;
            if let Some(peer) = peer.and_then(|peer| self.ports.get_mut(peer)) {
                peer.hardware.write_audio(&block)?;
            }
        }
        Ok(())
    }

    fn drain(&mut self, index: usize) -> Result<(), SimLineError> {
        while let Some(port) = self.ports.get_mut(index)
            && let Some(output) = port.line.poll_output()
        {
            match output {
                Output::Event(event) => self.event(index, event)?,
                Output::Ring(on) => self.pool.ring(index as u16, on),
                Output::Lamp(on) => self.pool.lamp(index as u16, on),
                Output::Tone(tone) => println!("{} hears {tone}", port.hardware.port()),
                other => drop(other.apply(&mut port.hardware, Lamp::HighVoltage)?),
            }
            self.voltages()?;
        }
        Ok(())
    }

    fn voltages(&mut self) -> Result<(), SimLineError> {
        while let Some(output) = self.pool.poll_output() {
            let (port, level) = match output {
                PoolOutput::Ring { port, on } => (port, Output::Ring(on)),
                PoolOutput::Lamp { port, on } => (port, Output::Lamp(on)),
            };
            if let Some(port) = self.ports.get_mut(usize::from(port)) {
                // Ringing is refused when the handset was lifted this very moment: its event is on the way.
                if let Err(error) = level.apply(&mut port.hardware, Lamp::HighVoltage) {
                    println!("{error}");
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, index: usize, event: LineEventOut) -> Result<(), SimLineError> {
        let now = Instant::now().into_std();
        let Some(port) = self.ports.get_mut(index) else { return Ok(()) };
        println!("{}: {event:?}", port.hardware.port());
        match event {
            LineEventOut::Digit(_) if port.line.digits().len() == 2 => port.line.digits_complete(now),
            LineEventOut::Dialled { number, .. } => return self.route(index, &number),
            LineEventOut::Answered => {
                self.pool.end(index as u16);
                if let Some((peer, at)) = self.peer(index) {
                    peer.line.connect(now);
                    return self.drain(at);
                }
            }
            LineEventOut::RingTimeout | LineEventOut::Released => {
                self.pool.end(index as u16);
                let cause = if event == LineEventOut::RingTimeout { 19 } else { 16 };
                if let Some((peer, at)) = self.peer(index) {
                    peer.peer = None;
                    peer.line.remote_released(now, cause);
                    self.pool.end(at as u16);
                    self.drain(at)?;
                }
                if let Some(port) = self.ports.get_mut(index) {
                    port.peer = None;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn peer(&mut self, index: usize) -> Option<(&mut Port, usize)> {
        let at = self.ports.get(index)?.peer?;
        Some((self.ports.get_mut(at)?, at))
    }

    fn route(&mut self, caller: usize, number: &str) -> Result<(), SimLineError> {
        let now = Instant::now().into_std();
        let called = number.strip_prefix('2').and_then(|last| last.parse::<usize>().ok());
        let cause = match called.and_then(|called| Some((called, self.ports.get_mut(called)?))) {
            None => 1,
            Some((called, port)) => {
                let pattern = RingPattern::default();
                let delay = self.pool.plan(now, called as u16, Ren::whole(1), &pattern);
                let who = Caller { number: Some(format!("2{caller}")), ..Caller::default() };
                match port.line.ring(now, pattern.delayed(delay), who) {
                    Ok(_) => {
                        port.peer = Some(caller);
                        0
                    }
                    Err(error) => {
                        println!("{error}");
                        self.pool.end(called as u16);
                        17
                    }
                }
            }
        };
        if let Some(port) = self.ports.get_mut(caller) {
            if cause == 0 {
                port.peer = called;
                port.line.remote_ringing(now);
            } else {
                port.line.remote_released(now, cause);
            }
        }
        match called {
            Some(called) if cause == 0 => self.drain(called),
            _ => Ok(()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of the socket to make")?;
    let plant = Plant::new();
    let exchange = Exchange::new(&plant, 4);
    let server = Server::bind(plant, &path)?;
    println!("telephones 20 to 23 are at {path}");
    tokio::try_join!(async { server.run().await.map_err(Into::into) }, async {
        exchange.run().await.map_err(Box::<dyn std::error::Error>::from)
    })?;
    Ok(())
}
