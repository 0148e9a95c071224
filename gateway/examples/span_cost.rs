//! What calls between B channels and RTP cost on real spans, and whether they keep real time.
//!
//! `span_cost SPAN…`: every bearer of these spans of DAHDI is in a call, G.711 both sides, with an RTP stream of its own that goes to
//! another call's by way of loopback. The far ends of the spans must send back what they get (`dahdi_maint --loopback`). Run by
//! `cargo xtask bench guest`.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gateway::clock::Clock;
use gateway::media::driver::Driver;
use gateway::media::ports::Ports;
use gateway::media::rtp::{RtpCommand, RtpSettings};
use gateway::media::{MediaCommand, MediaEnd};
use media::g711::Law;
use nix::sys::resource::{UsageWho, getrusage};
use telephony_hal::dahdi::{AudioSlips, DahdiB, DahdiD, DahdiError, DahdiSpan};
use telephony_hal::wrap::{AnySpan, Erased};
use telephony_hal::{Alarms, BChannel, LineErrors, Span, SpanKind};

const WARM: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(10);
const HALF_TICK: Duration = Duration::from_millis(10);
const RANGE: (u16, u16) = (20_000, 22_000);

type Slips = Arc<Mutex<HashMap<(u32, u8), AudioSlips>>>;

/// A span whose bearers' slips can be seen from outside.
struct Seen {
    number: u32,
    span: DahdiSpan,
    slips: Slips,
}

struct SeenB {
    key: (u32, u8),
    bearer: DahdiB,
    slips: Slips,
}

impl Span for Seen {
    type Error = DahdiError;
    type D = DahdiD;
    type B = SeenB;

    fn kind(&self) -> SpanKind {
        self.span.kind()
    }
    fn poll_alarms(&mut self, cx: &mut Context<'_>) -> Poll<Result<Alarms, DahdiError>> {
        self.span.poll_alarms(cx)
    }
    fn line_errors(&mut self) -> Result<LineErrors, DahdiError> {
        self.span.line_errors()
    }
    fn open_d(&mut self) -> Result<DahdiD, DahdiError> {
        self.span.open_d()
    }
    fn open_b(&mut self, timeslot: u8) -> Result<SeenB, DahdiError> {
        let bearer = self.span.open_b(timeslot)?;
        Ok(SeenB { key: (self.number, timeslot), bearer, slips: Arc::clone(&self.slips) })
    }
}

impl BChannel for SeenB {
    type Error = DahdiError;

    fn write(&mut self, octets: &[u8]) -> Result<usize, DahdiError> {
        let written = self.bearer.write(octets);
        let mut slips = self.slips.lock().unwrap_or_else(PoisonError::into_inner);
        slips.insert(self.key, self.bearer.slips());
        written
    }
    fn read(&mut self, out: &mut [u8]) -> Result<usize, DahdiError> {
        self.bearer.read(out)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&numbers))
}

async fn run(numbers: &[u32]) -> Result<(), Box<dyn Error>> {
    if let Err(error) = telephony_hal::dahdi::set_audio_priority(10) {
        println!("without real-time priority: {error}");
    }
    let slips = Slips::default();
    let mut spans = HashMap::new();
    let mut calls = Vec::new();
    for (trunk, number) in numbers.iter().enumerate() {
        let span = DahdiSpan::open(*number)?;
        let bearers = (1..=31).filter(|slot| span.kind().is_bearer(*slot));
        calls.extend(bearers.map(|timeslot| MediaEnd::Channel { trunk, timeslot }));
        let seen = Seen { number: *number, span, slips: Arc::clone(&slips) };
        spans.insert(trunk, Box::new(Erased(seen)) as AnySpan);
    }
    let address: IpAddr = [127, 0, 0, 1].into();
    let mut driver =
        Driver::new(Clock::system(), [1; 32], address, RANGE, spans, gateway::service::report::channel().0)?;
    let mut free = Ports::new(calls.len());
    let mut ports = Vec::new();
    for _ in &calls {
        driver.prepare(&mut free, address, RANGE);
        ports.push(free.take().ok_or("no pair of UDP ports")?);
    }
    let now = Instant::now();
    for ((stream, end), port) in (0..).zip(&calls).zip(&ports) {
        // The stream of the next call is the far end; an even number of calls goes round in pairs.
        let partner = usize::try_from(stream ^ 1)?;
        let to = ports.get(partner).unwrap_or(port);
        let settings = RtpSettings { remote: Some((address, *to).into()), ..RtpSettings::new(Law::A) };
        for command in [
            MediaCommand::Rtp { stream, command: RtpCommand::Open { port: *port, dscp: 46 } },
            MediaCommand::Rtp { stream, command: RtpCommand::Settings(Box::new(settings)) },
            MediaCommand::Connect { a: *end, b: MediaEnd::Rtp(stream) },
        ] {
            driver.handle(now, command);
        }
    }
    let mut half = false;
    let mut tick = tokio::time::interval(HALF_TICK);
    let mut latest = Duration::ZERO;
    let mut turn = async |driver: &mut Driver, until: Instant, latest: &mut Duration| {
        while Instant::now() < until {
            *latest = tick.tick().await.elapsed().max(*latest);
            driver.receive(Instant::now());
            half = !half;
            if half {
                driver.tick(Instant::now());
            }
            while driver.poll_event().is_some() {}
        }
    };
    turn(&mut driver, now + WARM, &mut latest).await;
    let before = total(&slips);
    let cpu = used()?;
    let guest = busy();
    let start = Instant::now();
    latest = Duration::ZERO;
    turn(&mut driver, start + LONG, &mut latest).await;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = (used()? - cpu).as_secs_f64();
    let after = total(&slips);
    let count = calls.len() as f64;
    println!("{} calls, G.711, between E1 and RTP, echo off, {seconds:.1} s", calls.len());
    println!(
        "samples late, left out or repeated: {} of {:.0}",
        after - before,
        2.0 * count * seconds * 8000.0
    );
    println!(
        "CPU per call {:.2} ms a second, {:.0} % of a processor for all",
        cpu / count / seconds * 1e3,
        cpu / seconds * 100.0
    );
    println!("the whole machine, kernel and board with it: {:.0} % busy", (busy() - guest) / seconds);
    println!("latest turn of the loop {:.1} ms", latest.as_secs_f64() * 1e3);
    let heard: HashSet<_> = slips.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
    if heard.len() != calls.len() {
        return Err(format!("{} of {} bearers were open", heard.len(), calls.len()).into());
    }
    Ok(())
}

fn total(slips: &Slips) -> u64 {
    let slips = slips.lock().unwrap_or_else(PoisonError::into_inner);
    slips.values().map(|slips| slips.dropped + slips.repeated + slips.skipped).sum()
}

/// CPU time of this program.
fn used() -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let time = |of: nix::sys::time::TimeVal| {
        Duration::from_secs(of.tv_sec().try_into().unwrap_or(0))
            + Duration::from_micros(of.tv_usec().try_into().unwrap_or(0))
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// Hundredths of a second in which any processor was busy.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let times: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // All but idle and waiting for disks.
    times.iter().take(8).sum::<f64>() - times.iter().skip(3).take(2).sum::<f64>()
}
