//! The DAHDI backend on the real kernel, with both ends of the driver `kernel-drivers/vline` in hand: each step prints `ok` or
//! `FAIL`. Run by `tests/tests/guest.rs` in an emulated guest.
//!
//! `dahdi_probe FXS-CHANNEL FXO-CHANNEL SPAN SPAN`: two ends of a line, two ends of a trunk.
#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;
use std::fmt::Debug;
use std::future::poll_fn;
use std::path::PathBuf;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use telephony_hal::dahdi::{self, DahdiD, DahdiError, DahdiFxo, DahdiFxs, DahdiSpan};
use telephony_hal::{
    Alarms, BChannel as _, DChannel as _, DChannelEvent, FxoEvent, FxoLine as _, FxsLine as _, Lamp,
    LineEvent, Span as _,
};
use tokio::time::{interval, sleep, timeout};

type Outcome = Result<(), String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [fxs, fxo, here, there] = numbers[..] else {
        eprintln!("usage: dahdi_probe FXS-CHANNEL FXO-CHANNEL SPAN SPAN");
        return ExitCode::from(2);
    };
    let mut failed = 0;
    let mut tell = |what: &str, outcome: Outcome| match outcome {
        Ok(()) => println!("ok   {what}"),
        Err(why) => {
            println!("FAIL {what}: {why}");
            failed += 1;
        }
    };
    match discovery(here) {
        Ok(()) => tell("boards are found", Ok(())),
        Err(why) => tell("boards are found", Err(why)),
    }
    match (DahdiFxs::open(fxs), DahdiFxo::open(fxo)) {
        (Ok(port), Ok(line)) => {
            let mut pair = Pair { port, line };
            // The kernel holds ringing back for 2 s after an opening.
            sleep(Duration::from_millis(2200)).await;
            tell("capabilities are the driver's", pair.capabilities());
            tell("off hook and on hook", pair.hook().await);
            tell("a flash", pair.flash().await);
            tell("a flash is as long as told", pair.short_flash().await);
            tell("pulse dialling", pair.pulses().await);
            tell("ringing in our cadence, answered in a burst", pair.ringing().await);
            tell("audio both ways at 1004 Hz", pair.audio().await);
            tell("audio to a telephone on hook", pair.on_hook_audio().await);
            tell("the kernel's echo canceller", pair.echo().await);
            tell("polarity", pair.polarity().await);
            tell("a lamp", pair.lamp().await);
            tell("battery removed and back", pair.battery().await);
            tell("a cut pair", pair.cut().await);
        }
        (port, line) => tell("the line opens", Err(format!("{:?} {:?}", port.err(), line.err()))),
    }
    match (DahdiSpan::open(here), DahdiSpan::open(there)) {
        (Ok(a), Ok(b)) => {
            let mut trunk = Trunk { a, b };
            tell("alarms of a healthy span", trunk.healthy().await);
            tell("D channel frames of every length", trunk.frames().await);
            tell("bearers carry octets", trunk.bearers().await);
            tell("a pulled cable: alarms, D channel down and up", trunk.cable().await);
            tell("line errors are counted", trunk.errors().await);
        }
        (a, b) => tell("the spans open", Err(format!("{:?} {:?}", a.err(), b.err()))),
    }
    println!("{failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn discovery(span: u32) -> Outcome {
    let version = dahdi::version().map_err(text)?;
    let spans = dahdi::spans().map_err(text)?;
    let found = spans.iter().find(|found| found.number == span).ok_or("no such span")?;
    check(!version.is_empty() && found.kind.is_some() && found.channels.len() >= 24, || {
        format!("{version} {found:?}")
    })
}

struct Pair {
    port: DahdiFxs,
    line: DahdiFxo,
}

impl Pair {
    fn capabilities(&mut self) -> Outcome {
        let can = self.port.capabilities();
        let all = can.polarity_reversal && can.open_loop && can.lamp_high_voltage && can.on_hook_transmission;
        check(all && !can.raw_hook, || format!("{can:?}"))
    }

    async fn port_says(&mut self, expected: LineEvent) -> Outcome {
        comes(expected, |cx| self.port.poll_event(cx)).await
    }

    async fn line_says(&mut self, expected: FxoEvent) -> Outcome {
        comes(expected, |cx| self.line.poll_event(cx)).await
    }

    async fn lift(&mut self) -> Outcome {
        self.line.set_hook(true).map_err(text)?;
        self.port_says(LineEvent::OffHook).await?;
        // DAHDI counts a hang-up in the first 600 ms from their end; its clock is the board's, which a busy emulator holds back.
        sleep(Duration::from_millis(900)).await;
        Ok(())
    }

    async fn hang_up(&mut self) -> Outcome {
        self.line.set_hook(false).map_err(text)?;
        self.port_says(LineEvent::Released).await
    }

    async fn hook(&mut self) -> Outcome {
        self.lift().await?;
        self.hang_up().await
    }

    async fn flash(&mut self) -> Outcome {
        self.lift().await?;
        self.line.set_hook(false).map_err(text)?;
        sleep(Duration::from_millis(400)).await;
        self.line.set_hook(true).map_err(text)?;
        self.port_says(LineEvent::Flash).await?;
        self.hang_up().await
    }

    /// A release is known the sooner the shorter flashes are told to be. An emulator's board may be slow, and not always
    /// equally slow: the two times are compared, three times at most.
    async fn short_flash(&mut self) -> Outcome {
        let mut measured = Vec::new();
        for _ in 0..3 {
            let long = self.release().await?;
            self.port.set_flash(Duration::from_millis(300)).map_err(text)?;
            let short = self.release().await?;
            self.port.set_flash(Duration::from_millis(1000)).map_err(text)?;
            measured.push((long, short));
            if short * 5 < long * 3 {
                return Ok(());
            }
        }
        Err(format!("after flashes of 1000 and of 300 ms: {measured:?}"))
    }

    /// How long after the telephone's hang-up it is known.
    async fn release(&mut self) -> Result<Duration, String> {
        self.lift().await?;
        // Well past those 600 ms by the board's clock, too.
        sleep(Duration::from_millis(1300)).await;
        let hung_up = Instant::now();
        self.hang_up().await?;
        Ok(hung_up.elapsed())
    }

    async fn pulses(&mut self) -> Outcome {
        self.lift().await?;
        for _ in 0..4 {
            self.line.set_hook(false).map_err(text)?;
            sleep(Duration::from_millis(60)).await;
            self.line.set_hook(true).map_err(text)?;
            sleep(Duration::from_millis(60)).await;
        }
        self.port_says(LineEvent::Pulse(4)).await?;
        self.hang_up().await
    }

    async fn ringing(&mut self) -> Outcome {
        // It holds ringing back after a hang-up too.
        sleep(Duration::from_millis(2200)).await;
        for _ in 0..2 {
            self.port.set_ringing(true).map_err(text)?;
            self.line_says(FxoEvent::Ringing(true)).await?;
            sleep(Duration::from_millis(400)).await;
            self.port.set_ringing(false).map_err(text)?;
            self.line_says(FxoEvent::Ringing(false)).await?;
            sleep(Duration::from_millis(400)).await;
        }
        self.port.set_ringing(true).map_err(text)?;
        self.line_says(FxoEvent::Ringing(true)).await?;
        self.lift().await?;
        self.port.set_ringing(false).map_err(text)?;
        self.hang_up().await
    }

    /// What one end hears while the other sends a tone, 20 ms at a time, and the port's slips.
    async fn hears(&mut self, toward_line: bool, blocks: u32) -> Result<f64, String> {
        let mut tick = interval(Duration::from_millis(20));
        let mut heard = Vec::new();
        for block in 0..blocks {
            tick.tick().await;
            let tone: Vec<i16> = (0..160).map(|at| tone(block * 160 + at)).collect();
            let mut samples = [0; 160];
            let mut aside = [0; 160];
            let read = if toward_line {
                self.port.read_audio(&mut aside).map_err(text)?;
                self.port.write_audio(&tone).map_err(text)?;
                self.line.read_audio(&mut samples).map_err(text)?
            } else {
                self.line.read_audio(&mut aside).map_err(text)?;
                self.line.write_audio(&tone).map_err(text)?;
                self.port.read_audio(&mut samples).map_err(text)?
            };
            heard.extend_from_slice(samples.get(..read).unwrap_or_default());
        }
        let from = heard.len().min(1600);
        Ok(level(heard.get(from..).unwrap_or_default()))
    }

    async fn audio(&mut self) -> Outcome {
        self.lift().await?;
        for toward_line in [true, false] {
            let heard = self.hears(toward_line, 60).await?;
            check((6000.0..9000.0).contains(&heard), || {
                format!("amplitude {heard:.0} of 8000, {:?}", self.port.slips())
            })?;
        }
        self.hang_up().await
    }

    async fn on_hook_audio(&mut self) -> Outcome {
        let heard = self.hears(true, 60).await?;
        check((6000.0..9000.0).contains(&heard), || format!("amplitude {heard:.0} of 8000"))
    }

    /// Amplitude of the echo at the port while it sends noise.
    async fn echo_of_noise(&mut self, blocks: u32) -> Result<f64, String> {
        let mut tick = interval(Duration::from_millis(20));
        let (mut state, mut sum, mut count) = (1u32, 0.0, 0u32);
        for block in 0..blocks {
            tick.tick().await;
            let noise: [i16; 160] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [_, _, low, high] = state.to_le_bytes();
                i16::from_le_bytes([low, high]) / 4
            });
            self.port.write_audio(&noise).map_err(text)?;
            let mut aside = [0; 160];
            self.line.read_audio(&mut aside).map_err(text)?;
            let mut samples = [0; 160];
            let read = self.port.read_audio(&mut samples).map_err(text)?;
            // The second half counts: a canceller learns in the first.
            if block >= blocks / 2 {
                let heard = samples.get(..read).unwrap_or_default();
                sum += heard.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
                count += u32::try_from(read).unwrap_or(0);
            }
        }
        Ok((sum / f64::from(count.max(1))).sqrt())
    }

    async fn echo(&mut self) -> Outcome {
        check(self.port.cancels_echo(), || "none is attached".into())?;
        check(!self.line.cancels_echo(), || "one is attached to the other end, too".into())?;
        set("analogue/line1/echo_ms", "4")?;
        set("analogue/line1/hybrid_db", "12")?;
        self.lift().await?;
        let without = self.echo_of_noise(50).await?;
        self.port.set_echo(Some(32)).map_err(text)?;
        let with = self.echo_of_noise(150).await?;
        self.port.set_echo(None).map_err(text)?;
        let after = self.echo_of_noise(50).await?;
        self.hang_up().await?;
        set("analogue/line1/hybrid_db", "60")?;
        set("analogue/line1/echo_ms", "0")?;
        check(without > 200.0 && with < without / 4.0 && after > without / 2.0, || {
            format!("echo of {without:.0}, cancelled {with:.0}, then {after:.0}")
        })
    }

    async fn polarity(&mut self) -> Outcome {
        for reversed in [true, false] {
            self.port.set_polarity(reversed).map_err(text)?;
            self.line_says(FxoEvent::Polarity(reversed)).await?;
        }
        Ok(())
    }

    async fn lamp(&mut self) -> Outcome {
        // On-hook audio keeps lamp voltage off the line until its time is over.
        sleep(Duration::from_millis(3500)).await;
        for (lamp, expected) in
            [(Lamp::HighVoltage, "lamp=hvdc"), (Lamp::Neon, "lamp=neon"), (Lamp::Off, "lamp=off")]
        {
            self.port.set_lamp(lamp).map_err(text)?;
            sleep(Duration::from_millis(200)).await;
            let state = std::fs::read_to_string(knob("analogue/line1/state")).map_err(text)?;
            check(state.contains(expected), || format!("{lamp:?}: {state}"))?;
            // Of the two voltages the other end of the line can tell one.
            match lamp {
                Lamp::Neon => self.line_says(FxoEvent::Lamp(true)).await?,
                Lamp::Off => self.line_says(FxoEvent::Lamp(false)).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn battery(&mut self) -> Outcome {
        self.lift().await?;
        self.port.set_battery(false).map_err(text)?;
        self.line_says(FxoEvent::Battery(false)).await?;
        self.port.set_battery(true).map_err(text)?;
        let back = async {
            loop {
                let state = std::fs::read_to_string(knob("analogue/line1/state")).unwrap_or_default();
                if state.contains("fxs_tx=1") {
                    return;
                }
                // The port asks again as DAHDI refuses.
                let _ = timeout(Duration::from_millis(50), poll_fn(|cx| self.port.poll_event(cx))).await;
            }
        };
        timeout(Duration::from_secs(3), back).await.map_err(|_| "battery stays away".to_owned())?;
        self.hang_up().await
    }

    async fn cut(&mut self) -> Outcome {
        set("analogue/line1/cut", "1")?;
        self.line_says(FxoEvent::Battery(false)).await?;
        set("analogue/line1/cut", "0")?;
        self.line_says(FxoEvent::Battery(true)).await
    }
}

/// Events until the expected one; others are told in the failure.
async fn comes<E, F>(expected: E, mut next: F) -> Outcome
where
    E: Debug + PartialEq,
    F: FnMut(&mut Context<'_>) -> Poll<Result<E, DahdiError>>,
{
    let mut others = Vec::new();
    let wait = async {
        loop {
            match poll_fn(&mut next).await {
                Ok(event) if event == expected => return Ok(()),
                Ok(event) => others.push(event),
                Err(error) => return Err(text(error)),
            }
        }
    };
    let came =
        timeout(Duration::from_secs(5), wait).await.unwrap_or_else(|_| Err(format!("no {expected:?}")));
    came.map_err(|why| format!("{why}, came {others:?}"))
}

struct Trunk {
    a: DahdiSpan,
    b: DahdiSpan,
}

impl Trunk {
    async fn healthy(&mut self) -> Outcome {
        let alarms = poll_fn(|cx| self.a.poll_alarms(cx)).await.map_err(text)?;
        check(alarms.is_clear(), || format!("{alarms:?}"))
    }

    async fn frames(&mut self) -> Outcome {
        let (mut a, mut b) = self.d_channels().await?;
        for octets in [1usize, 2, 3, 4, 20, 128, 260, 264, 1000, 2045] {
            let frame: Vec<u8> = (0..octets).map(|at| (at * 7 + octets).to_le_bytes()[0]).collect();
            a.send_frame(&frame).map_err(text)?;
            let came = timeout(Duration::from_secs(3), poll_fn(|cx| b.poll_event(cx))).await;
            match came {
                Ok(Ok(DChannelEvent::Frame(came))) if came == frame => {}
                came => return Err(format!("{octets} octets: {came:?}")),
            }
        }
        check(b.send_frame(&[]).is_err() && b.send_frame(&[0; 2046]).is_err(), || "length not checked".into())
    }

    async fn d_channels(&mut self) -> Result<(DahdiD, DahdiD), String> {
        let (mut a, mut b) = (self.a.open_d().map_err(text)?, self.b.open_d().map_err(text)?);
        for d in [&mut a, &mut b] {
            let up = timeout(Duration::from_secs(3), poll_fn(|cx| d.poll_event(cx))).await;
            check(matches!(up, Ok(Ok(DChannelEvent::Up))), || format!("expected up, came {up:?}"))?;
        }
        // A receiver that has just been opened must have seen flags before it knows a frame.
        sleep(Duration::from_millis(200)).await;
        Ok((a, b))
    }

    async fn bearers(&mut self) -> Outcome {
        let (mut a, mut b) = (self.a.open_b(1).map_err(text)?, self.b.open_b(1).map_err(text)?);
        check(self.a.open_b(16).is_err() && self.a.open_b(1).is_err(), || {
            "a timeslot was given twice".into()
        })?;
        let mut tick = interval(Duration::from_millis(20));
        let mut heard: Vec<u8> = Vec::new();
        let mut next = 0u8;
        for _ in 0..50 {
            tick.tick().await;
            let block: Vec<u8> = (0..160)
                .map(|_| {
                    next = (next + 1) % 100;
                    next
                })
                .collect();
            let mut octets = [0; 160];
            a.read(&mut octets).map_err(text)?;
            a.write(&block).map_err(text)?;
            b.write(&block).map_err(text)?;
            let read = b.read(&mut octets).map_err(text)?;
            heard.extend_from_slice(octets.get(..read).unwrap_or_default());
        }
        let steps = heard.windows(2).filter(|pair| (pair[0] + 1) % 100 == pair[1]).count();
        check(steps > 4000, || format!("{steps} of {} octets in order, {:?}", heard.len(), a.slips()))
    }

    async fn cable(&mut self) -> Outcome {
        let (mut a, _b) = self.d_channels().await?;
        for (cut, event) in [("1", DChannelEvent::Down), ("0", DChannelEvent::Up)] {
            set("e1-0/cable", cut)?;
            let came = timeout(Duration::from_secs(5), poll_fn(|cx| a.poll_event(cx))).await;
            check(matches!(&came, Ok(Ok(came)) if *came == event), || {
                format!("expected {event:?}, came {came:?}")
            })?;
            let red = |alarms: Alarms| alarms.loss_of_signal == (cut == "1");
            let seen = async {
                while !red(poll_fn(|cx| self.a.poll_alarms(cx)).await.map_err(text)?) {}
                Ok::<(), String>(())
            };
            timeout(Duration::from_secs(5), seen)
                .await
                .unwrap_or_else(|_| Err("no change of alarms".into()))?;
        }
        let refused = set("e1-0/cable", "2").is_err();
        check(refused, || "the control takes anything".into())
    }

    async fn errors(&mut self) -> Outcome {
        let before = self.a.line_errors().map_err(text)?;
        set("e1-0/a/bpv", "10")?;
        set("e1-0/a/crc", "5")?;
        let start = Instant::now();
        loop {
            let grown = self.a.line_errors().map_err(text)?.since(&before);
            if grown.code_violations >= 10 && grown.crc_errors >= 5 {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(5) {
                return Err(format!("{grown:?}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn tone(at: u32) -> i16 {
    // In range by its amplitude.
    #[expect(clippy::cast_possible_truncation)]
    let sample = (8000.0 * (TAU * 1004.0 * f64::from(at) / 8000.0).sin()) as i16;
    sample
}

/// Amplitude at 1004 Hz.
fn level(samples: &[i16]) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (sample, at) in samples.iter().zip(0u32..) {
        let phase = TAU * 1004.0 * f64::from(at) / 8000.0;
        real += f64::from(*sample) * phase.cos();
        imaginary += f64::from(*sample) * phase.sin();
    }
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX).max(1);
    real.hypot(imaginary) * 2.0 / f64::from(count)
}

fn knob(path: &str) -> PathBuf {
    PathBuf::from("/sys/kernel/debug/dahdi_vline").join(path)
}

fn set(path: &str, value: &str) -> Outcome {
    std::fs::write(knob(path), value).map_err(|error| format!("{path}: {error}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}
