//! A span on a TCP trunk (each frame after a 16-bit big-endian length), for trying it against a real exchange such as
//! `tests/peers/libpri-pbx`:
//!
//! ```text
//! libpri_pbx -l tcp:127.0.0.1:7931 -s user -x 'policy mwi=ok'
//! cargo run -p qsig --example trunk -- 127.0.0.1:7931 network on:4711 off:4711 ask:4711 call:4711 overlap:4711
//! ```
//!
//! Prints every frame and message as `debug isdn q921|q931` would, and each outcome. A call is cleared half a second
//! after its answer; `overlap` sends the first two digits in SETUP and the others one by one. Incoming message waiting
//! is answered with a result, incoming calls are answered. Ends one second after the last outcome, or with `wait:N`
//! after N seconds; exits 1 if an outcome is not a result, a call was not answered or one is left over.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use qsig::q931::Cause;
use qsig::{
    CallDetail, CallEvent, CallId, CallRequest, Event, MwiAction, MwiAnswer, MwiOutcome, MwiRequest,
    PartyNumber, Side, Span, SpanConfig, SwitchType, decode,
};

/// One word of the command line.
enum Task {
    Mwi(Box<MwiRequest>),
    Call { digits: String, overlap: bool },
    Wait(Duration),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: trunk ADDRESS network|user|network-net5|user-net5 [on:N|off:N|ask:N|call:N|overlap:N|wait:SECONDS]...";
    let address = arguments.next().ok_or(usage)?;
    let role = arguments.next().ok_or(usage)?;
    let side = if role.starts_with("network") { Side::Network } else { Side::User };
    let switch_type = if role.ends_with("-net5") { SwitchType::PrimaryNet5 } else { SwitchType::PrimaryQsig };
    let mut tasks: Vec<Task> = arguments.map(|word| task(&word)).collect::<Result<_, _>>()?;
    tasks.reverse();

    let mut stream = TcpStream::connect(address)?;
    let mut span = Span::new(SpanConfig { side, switch_type, accept_calls: true, ..SpanConfig::default() });
    span.handle_link(Instant::now(), true);
    let mut run = Run { failed: 0, pending: 0, calls: Vec::new() };
    let (mut received, mut waiting) = (Vec::new(), false);
    let mut end = Instant::now() + Duration::from_secs(40);
    while Instant::now() < end {
        while let Some(frame) = span.poll_frame() {
            show(&frame, true, side);
            stream.write_all(&u16::try_from(frame.len())?.to_be_bytes())?;
            stream.write_all(&frame)?;
        }
        while let Some(event) = span.poll_event() {
            println!("{event:?}");
            run.handle_event(&mut span, event)?;
            if run.pending == 0 && tasks.is_empty() && !waiting {
                end = Instant::now() + Duration::from_secs(1);
            }
        }
        run.hang_up(&mut span)?;
        let next = if span.is_up() && run.pending == 0 { tasks.pop() } else { None };
        match next {
            Some(Task::Wait(time)) => {
                waiting = true;
                end = Instant::now() + time;
            }
            Some(task) => {
                run.start(&mut span, task)?;
                continue;
            }
            None => {}
        }
        let now = Instant::now();
        let wait = span.poll_timeout().map_or(Duration::from_secs(1), |at| at.saturating_duration_since(now));
        stream.set_read_timeout(Some(wait.clamp(Duration::from_millis(1), Duration::from_millis(100))))?;
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        while let Some(frame) = take(&mut received) {
            show(&frame, false, side);
            span.handle_frame(Instant::now(), &frame);
        }
        span.handle_timeout(Instant::now());
    }
    let (failed, pending, left) = (run.failed, run.pending, span.active_calls());
    println!("{failed} failed, {pending} unanswered, {left} calls left");
    std::process::exit(i32::from(failed + pending + left != 0));
}

struct Run {
    failed: usize,
    pending: usize,
    /// Our calls: the digits still to be sent, and when to hang up.
    calls: Vec<(CallId, String, Option<Instant>)>,
}

impl Run {
    fn start(&mut self, span: &mut Span, task: Task) -> Result<(), Box<dyn std::error::Error>> {
        let now = Instant::now();
        match task {
            Task::Mwi(request) => {
                span.invoke_mwi(now, *request)?;
            }
            Task::Call { digits, overlap } => {
                let first = if overlap { digits.chars().take(2).collect() } else { digits.clone() };
                let request = CallRequest { complete: !overlap, ..CallRequest::new(&first) };
                let rest = digits.chars().skip(first.chars().count()).collect();
                self.calls.push((span.start_call(now, &request)?, rest, None));
            }
            Task::Wait(_) => return Ok(()),
        }
        self.pending += 1;
        Ok(())
    }

    fn handle_event(&mut self, span: &mut Span, event: Event) -> Result<(), Box<dyn std::error::Error>> {
        let now = Instant::now();
        match event {
            Event::MwiDone { outcome, .. } => {
                self.failed +=
                    usize::from(!matches!(outcome, MwiOutcome::Done | MwiOutcome::Interrogated(_)));
                self.pending -= 1;
            }
            Event::MwiIndication { id, .. } => span.answer_mwi(now, id, MwiAnswer::Result),
            Event::Call { id, event } => match (event, self.calls.iter_mut().find(|call| call.0 == id)) {
                (CallEvent::Incoming { complete: false, .. }, _) => {
                    span.acknowledge_call(now, id, &CallDetail::default())?;
                }
                (CallEvent::Incoming { .. } | CallEvent::Digits { complete: true, .. }, _) => {
                    span.alert_call(now, id, &CallDetail::default())?;
                    span.answer_call(now, id, &CallDetail::default())?;
                }
                (CallEvent::SetupAcknowledged(_), Some((_, rest, _))) => {
                    for digit in std::mem::take(rest).chars() {
                        span.send_digits(now, id, &digit.to_string(), false)?;
                    }
                }
                (CallEvent::Connected(_), Some((_, _, hang_up))) => {
                    *hang_up = Some(now + Duration::from_millis(500));
                }
                (CallEvent::Released { .. }, Some((_, _, hang_up))) => {
                    self.failed += usize::from(hang_up.is_none());
                    self.pending -= 1;
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn hang_up(&mut self, span: &mut Span) -> Result<(), Box<dyn std::error::Error>> {
        let now = Instant::now();
        for (id, _, hang_up) in &self.calls {
            if hang_up.is_some_and(|at| at <= now) && span.call(*id).is_some() {
                span.clear_call(now, *id, Cause::private(16))?;
            }
        }
        Ok(())
    }
}

fn task(word: &str) -> Result<Task, String> {
    let (action, digits) = word.split_once(':').ok_or_else(|| format!("{word}: expected WHAT:NUMBER"))?;
    let action = match action {
        "on" => MwiAction::Activate,
        "off" => MwiAction::Deactivate,
        "ask" => MwiAction::Interrogate,
        "call" => return Ok(Task::Call { digits: digits.into(), overlap: false }),
        "overlap" => return Ok(Task::Call { digits: digits.into(), overlap: true }),
        "wait" => {
            let seconds = digits.parse().map_err(|_| format!("{digits}: expected seconds"))?;
            return Ok(Task::Wait(Duration::from_secs(seconds)));
        }
        other => return Err(format!("{other}: expected on, off, ask, call, overlap or wait")),
    };
    Ok(Task::Mwi(Box::new(MwiRequest {
        messages: Some(2),
        calling_number: Some(PartyNumber::Unknown("8000".into())),
        ..MwiRequest::new(action, PartyNumber::Unknown(digits.into()))
    })))
}

/// One whole frame from the front of what was received.
fn take(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes(received.first_chunk::<2>().copied()?));
    let frame = received.get(2..2 + length)?.to_vec();
    received.drain(..2 + length);
    Some(frame)
}

fn show(frame: &[u8], sent: bool, side: Side) {
    let sender = if sent { side } else { side.peer() };
    println!("Q921: {}", decode::q921_from(frame, sent, Some(sender)));
    for line in decode::layer3(frame).map(|message| decode::q931(message, sent)).unwrap_or_default() {
        println!("Q931: {line}");
    }
}
