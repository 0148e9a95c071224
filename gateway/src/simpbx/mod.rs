//! The PBX at the other end of a trunk with backend `sim`: it keeps lamps, and its telephones call and are called.
//!
//! It runs the same `qsig` stack from the other side, so it proves nothing about the coding (the tests use libpri
//! for that); it is there so that the gateway can be tried without any hardware. What happens to a call that comes to it is
//! decided by the last two digits of the called number:
//!
//! | number | what is there |
//! |---|---|
//! | `…90` | a telephone that is busy: cause 17 |
//! | `…91` | a telephone that rings and is never answered |
//! | `…92` | an announcement before the answer (progress indicator 8, 950 Hz), then cause 1 |
//! | `…93` | answers at once and says back what it hears |
//! | `…94` | answers at once and dials back every digit it hears |
//! | `…95` | answers at once, hangs up after 2 s with cause 16, and calls the caller back |
//! | any other | rings for 1 s, then answers with 1004 Hz at -10 dBm0 |
//!
//! A telephone of the PBX that calls ([`SimPbx::call`]) says 1004 Hz once it is answered, and hangs up after 10 s.

mod exchange;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cli::config::Config;
use media::g711::{self, Law};
use qsig::SpanConfig;
use telephony_hal::sim::{SimBearer, SimSpan, SimTrunk};
use telephony_hal::{BChannel as _, DChannel as _, DChannelEvent, Span as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::hardware::{HardwareError, LineKind, Pri};
use crate::media::plane::TICK;
use exchange::Exchange;

/// What the simulated PBX speaks: the trunk's switch type from the other side. `network`: the gateway is the network side.
///
/// # Errors
/// [`HardwareError`] for a controller name of another form.
pub fn config(config: &Config, pri: &Pri, network: bool) -> Result<SpanConfig, HardwareError> {
    let own = config.serial_interface(&pri.voice_port()?);
    let wanted = own.map_or(config.isdn_switch_type.clone(), |serial| config.switch_type(serial));
    let known = wanted.and_then(|wanted| {
        qsig::SwitchType::ALL.iter().copied().find(|known| known.to_string() == wanted.keyword())
    });
    let line = match pri.split()?.0 {
        LineKind::E1 => qsig::LineKind::E1,
        LineKind::T1 => qsig::LineKind::T1,
    };
    let side = if network { qsig::Side::User } else { qsig::Side::Network };
    let default = SpanConfig::default();
    let switch_type = known.unwrap_or(default.switch_type);
    Ok(SpanConfig { side, line, switch_type, accept_calls: true, ..default })
}

/// Lamps a simulated PBX has at most.
const MAX_LAMPS: usize = 100_000;
/// Orders that may wait for it.
const MAX_ORDERS: usize = 64;
/// 20 ms of audio at a time.
const TICK_TIME: Duration = Duration::from_millis(20);

/// The PBX as the outside sees it. Cloning shares it.
#[derive(Debug, Clone)]
pub struct SimPbx {
    lamps: Lamps,
    orders: mpsc::Sender<Order>,
}

/// A telephone of the PBX is to call.
#[derive(Debug)]
struct Order {
    from: String,
    to: String,
}

impl SimPbx {
    /// State of a telephone's lamp; `None` if it was never set.
    #[must_use]
    pub fn lamp(&self, number: &str) -> Option<bool> {
        self.lamps.state(number)
    }

    /// Lets telephone `from` call `to`; false if the PBX is gone or has more orders than it can carry out.
    pub fn call(&self, from: &str, to: &str) -> bool {
        self.orders.try_send(Order { from: from.to_owned(), to: to.to_owned() }).is_ok()
    }
}

/// The lamps of the PBX's telephones.
#[derive(Debug, Clone, Default)]
struct Lamps(Arc<Mutex<BTreeMap<String, bool>>>);

impl Lamps {
    fn state(&self, number: &str) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }

    fn set(&self, number: &str, on: bool) -> bool {
        let mut lamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lamps.len() >= MAX_LAMPS && !lamps.contains_key(number) {
            return false;
        }
        lamps.insert(number.to_owned(), on);
        true
    }
}

/// The PBX's end of a simulated trunk.
#[derive(Debug)]
pub struct Line {
    /// The D channel.
    pub d: SimTrunk,
    /// The way to the B channels.
    pub span: SimSpan,
}

/// A PBX, and what runs it until its trunk is gone.
pub fn new(config: SpanConfig, line: Line) -> (SimPbx, impl Future<Output = ()>) {
    let lamps = Lamps::default();
    let (orders, wanted) = mpsc::channel(MAX_ORDERS);
    let pbx = SimPbx { lamps: lamps.clone(), orders };
    (pbx, run(Exchange::new(config, lamps), line, wanted))
}

async fn run(mut exchange: Exchange, mut line: Line, mut orders: mpsc::Receiver<Order>) {
    let mut tick = interval(TICK_TIME);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut voices = Voices::default();
    let mut audio = false;
    loop {
        let now = Instant::now();
        exchange.run(now);
        while let Some(frame) = exchange.poll_frame() {
            if let Err(error) = line.d.send_frame(&frame) {
                tracing::debug!(%error, "simulated PBX: frame not sent");
            }
        }
        let active = exchange.has_calls() || !voices.open.is_empty();
        if active && !audio {
            tick.reset_immediately();
        }
        audio = active;
        let deadline = exchange.poll_timeout();
        let sleep = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = poll_fn(|cx| line.d.poll_event(cx)) => match event {
                Ok(DChannelEvent::Up) => exchange.handle_link(Instant::now(), true),
                Ok(DChannelEvent::Down) => exchange.handle_link(Instant::now(), false),
                Ok(DChannelEvent::Frame(frame)) => exchange.handle_frame(Instant::now(), &frame),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "simulated PBX: trunk");
                    return;
                }
            },
            Some(Order { from, to }) = orders.recv() => exchange.call(Instant::now(), &from, &to),
            _ = tick.tick(), if audio => voices.tick(&mut exchange, &mut line.span),
            () = sleep => exchange.handle_timeout(Instant::now()),
        }
    }
}

/// The B channels of calls under way.
#[derive(Debug, Default)]
struct Voices {
    open: HashMap<u8, SimBearer>,
}

impl Voices {
    /// 20 ms of every call that has a channel.
    fn tick(&mut self, exchange: &mut Exchange, span: &mut SimSpan) {
        let law = if span.kind() == telephony_hal::SpanKind::E1 { Law::A } else { Law::Mu };
        self.open.retain(|timeslot, _| exchange.uses(*timeslot));
        for (timeslot, voice) in exchange.voices() {
            let bearer = match self.open.entry(timeslot) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => match span.open_b(timeslot) {
                    Ok(bearer) => entry.insert(bearer),
                    Err(error) => {
                        tracing::debug!(%error, timeslot, "simulated PBX: B channel");
                        continue;
                    }
                },
            };
            let (mut octets, mut heard, mut said) = ([0; TICK], [0; TICK], [0; TICK]);
            let read = bearer.read(&mut octets).unwrap_or(0);
            let heard_now = g711::decode(law, octets.get(..read).unwrap_or_default(), &mut heard);
            voice.turn(heard.get(..heard_now).unwrap_or_default(), &mut said);
            g711::encode(law, &said, &mut octets);
            // What a span that is down loses is lost.
            let _ = bearer.write(&octets);
        }
    }
}
