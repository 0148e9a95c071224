//! The PBX at the other end of a trunk with backend `sim`: answers message waiting operations and keeps lamps.
//!
//! It runs the same `qsig` stack from the other side, so it proves nothing about the coding (the tests use libpri
//! for that); it is there so that the gateway can be tried without any hardware.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use qsig::{Event, MwiAction, MwiAnswer, Span, SpanConfig};
use telephony_hal::sim::SimTrunk;
use telephony_hal::{DChannel, DChannelEvent};

/// Error value `invalidServedUserNr` (ECMA-242).
const INVALID_SERVED_USER: i32 = 6;
/// Lamps a simulated PBX has at most.
const MAX_LAMPS: usize = 100_000;

/// What the PBX shows to the outside. Cloning shares the state.
#[derive(Debug, Clone, Default)]
pub struct Lamps(Arc<Mutex<BTreeMap<String, bool>>>);

impl Lamps {
    /// State of a telephone's lamp; `None` if it was never set.
    #[must_use]
    pub fn state(&self, number: &str) -> Option<bool> {
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

/// Runs the PBX on its end of a simulated trunk until the trunk is gone.
pub async fn run(config: SpanConfig, mut trunk: SimTrunk, lamps: Lamps) {
    let mut span = Span::new(config);
    loop {
        let now = Instant::now();
        while let Some(event) = span.poll_event() {
            if let Event::MwiIndication { id, request } = event {
                let on = request.action == MwiAction::Activate;
                let answer = match request.action {
                    MwiAction::Activate | MwiAction::Deactivate => {
                        if lamps.set(request.served_user.digits(), on) {
                            MwiAnswer::Result
                        } else {
                            MwiAnswer::Error(INVALID_SERVED_USER)
                        }
                    }
                    MwiAction::Interrogate => MwiAnswer::InterrogateResult(Vec::new()),
                };
                span.answer_mwi(now, id, answer);
            }
        }
        while let Some(frame) = span.poll_frame() {
            if let Err(error) = trunk.send_frame(&frame) {
                tracing::debug!(%error, "simulated PBX: frame not sent");
            }
        }
        let deadline = span.poll_timeout();
        let sleep = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = poll_fn(|cx| trunk.poll_event(cx)) => match event {
                Ok(DChannelEvent::Up) => span.handle_link(Instant::now(), true),
                Ok(DChannelEvent::Down) => span.handle_link(Instant::now(), false),
                Ok(DChannelEvent::Frame(frame)) => span.handle_frame(Instant::now(), &frame),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "simulated PBX: trunk");
                    return;
                }
            },
            () = sleep => span.handle_timeout(Instant::now()),
        }
    }
}
