//! One telephone of the demonstration calls the other.

use std::time::{Duration, Instant};

use cli::session::Show;
use telephony_hal::sim::Phone;

use super::{DemoError, PATIENCE, Stage, listen, trim};

/// How long the caller listens to the other telephone ring: one burst of the US ringback tone.
const RINGBACK: Duration = Duration::from_millis(2500);
/// How long one listens to the other.
const SENTENCE: Duration = Duration::from_millis(1000);
/// What is said: tones nobody else makes.
const SAID: [(f64, &str); 2] = [(1004.0, "1005 Hz steady"), (700.0, "700 Hz steady")];

impl Stage {
    /// 8000 calls 8001: ringback, answer, each hears the other, the call is shown, both hang up.
    pub(super) async fn call(&mut self) -> Result<(), DemoError> {
        let (caller, callee) = (self.phone("2/0")?, self.phone("2/1")?);
        lift(&caller, true)?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        caller.dial("8001").map_err(|error| failed(error.to_string()))?;
        until("2/1 does not ring", || callee.status().ringing).await?;
        let heard = hear(&caller, RINGBACK).await;
        if !heard.contains("440+480 Hz") {
            return Err(failed(format!("no ringback on 2/0, but {heard}")));
        }
        self.report("call", true, &format!("2/0 dialled 8001: 2/1 rings, 2/0 hears {heard}"));
        lift(&callee, true)?;
        until("2/1 rings on after it was answered", || !callee.status().ringing).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for ((from, to), (hz, expected)) in [(&caller, &callee), (&callee, &caller)].into_iter().zip(SAID) {
            from.play(&tone(hz)).map_err(|error| failed(error.to_string()))?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let heard = hear(to, SENTENCE).await;
            if heard != expected {
                return Err(failed(format!("{} hears {heard}, expected {expected}", to.port())));
            }
            self.report("audio", true, &format!("{} hears {} say {heard}", to.port(), from.port()));
            // The rest of the tone.
            tokio::time::sleep(SENTENCE).await;
        }
        let shown = self.show(Show::CallActiveVoice { brief: true }).await?;
        self.say(&format!("Router# show call active voice brief\n{shown}"));
        if !shown.contains("Answer 8000 active") || !shown.contains("Originate 8001 active") {
            return Err(failed(format!("8000 and 8001 are not in\n{shown}")));
        }
        lift(&caller, false)?;
        lift(&callee, false)?;
        let end = Instant::now() + PATIENCE;
        loop {
            let shown = self.show(Show::CallActiveVoice { brief: true }).await?;
            if shown.contains("Total call-legs: 0") {
                break;
            }
            if Instant::now() > end {
                return Err(failed(format!("the call does not end\n{shown}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.report("call ended", true, "both telephones are on hook, no call leg is left");
        Ok(())
    }

    fn phone(&self, port: &str) -> Result<Phone, DemoError> {
        self.gateway.plant.phone(port).map_err(|error| failed(error.to_string()))
    }
}

fn failed(why: String) -> DemoError {
    DemoError::Step { step: "call", why }
}

fn lift(phone: &Phone, off: bool) -> Result<(), DemoError> {
    let done = if off { phone.off_hook() } else { phone.on_hook() };
    done.map_err(|error| failed(error.to_string()))
}

async fn until(why: &str, holds: impl Fn() -> bool) -> Result<(), DemoError> {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > end {
            return Err(failed(why.to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What a telephone hears from now on for so long, in words.
async fn hear(phone: &Phone, time: Duration) -> String {
    phone.capture_start();
    tokio::time::sleep(time).await;
    listen::describe(trim(&phone.capture_stop()))
}

/// Two sentences' length of a tone at -10 dBm0.
fn tone(hz: f64) -> Vec<i16> {
    let samples = u32::try_from(SENTENCE.as_millis() * 2 * 8).unwrap_or(0);
    let sample = |n| ((std::f64::consts::TAU * hz * f64::from(n) / 8000.0).sin() * 7200.0) as i16;
    (0..samples).map(sample).collect()
}
