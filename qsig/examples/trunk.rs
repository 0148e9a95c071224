//! A span on a TCP trunk (each frame after a 16-bit big-endian length), for trying it against a real exchange such as
//! `tests/peers/libpri-pbx`:
//!
//! ```text
//! libpri_pbx -l tcp:127.0.0.1:7931 -s user -x 'policy mwi=ok'
//! cargo run -p qsig --example trunk -- 127.0.0.1:7931 network on:4711 off:4711 ask:4711
//! ```
//!
//! Prints every frame and message as `debug isdn q921|q931` would, and each outcome. Served user indications are
//! answered with a result. Ends one second after the last outcome; exits 1 if one is not a result.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use qsig::{
    Event, MwiAction, MwiAnswer, MwiOutcome, MwiRequest, PartyNumber, Side, Span, SpanConfig, decode,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: trunk ADDRESS network|user [on:N|off:N|ask:N]...")?;
    let side = if arguments.next().as_deref() == Some("network") { Side::Network } else { Side::User };
    let mut wanted: Vec<MwiRequest> = arguments.map(|word| request(&word)).collect::<Result<_, _>>()?;
    wanted.reverse();

    let mut stream = TcpStream::connect(address)?;
    let mut span = Span::new(SpanConfig { side, ..SpanConfig::default() });
    span.handle_link(Instant::now(), true);
    let (mut received, mut failed, mut pending) = (Vec::new(), 0, wanted.len());
    let mut end = Instant::now() + Duration::from_secs(40);
    while Instant::now() < end {
        while let Some(frame) = span.poll_frame() {
            show(&frame, true, side);
            stream.write_all(&u16::try_from(frame.len())?.to_be_bytes())?;
            stream.write_all(&frame)?;
        }
        while let Some(event) = span.poll_event() {
            println!("{event:?}");
            match event {
                Event::MwiDone { outcome, .. } => {
                    failed += usize::from(!matches!(outcome, MwiOutcome::Done | MwiOutcome::Interrogated(_)));
                    pending -= 1;
                    if pending == 0 {
                        end = Instant::now() + Duration::from_secs(1);
                    }
                }
                Event::MwiIndication { id, .. } => span.answer_mwi(Instant::now(), id, MwiAnswer::Result),
                _ => {}
            }
        }
        let next = if span.is_up() && span.pending_mwi() == 0 { wanted.pop() } else { None };
        if let Some(request) = next {
            span.invoke_mwi(Instant::now(), request)?;
            continue;
        }
        let now = Instant::now();
        let wait = span.poll_timeout().map_or(Duration::from_secs(1), |at| at.saturating_duration_since(now));
        stream.set_read_timeout(Some(wait.clamp(Duration::from_millis(1), Duration::from_millis(200))))?;
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
    println!("{failed} failed, {pending} unanswered, {} calls left", span.active_calls());
    std::process::exit(i32::from(failed + pending + span.active_calls() != 0));
}

fn request(word: &str) -> Result<MwiRequest, String> {
    let (action, digits) =
        word.split_once(':').ok_or_else(|| format!("{word}: expected on:N, off:N or ask:N"))?;
    let action = match action {
        "on" => MwiAction::Activate,
        "off" => MwiAction::Deactivate,
        "ask" => MwiAction::Interrogate,
        other => return Err(format!("{other}: expected on, off or ask")),
    };
    Ok(MwiRequest {
        messages: Some(2),
        calling_number: Some(PartyNumber::Unknown("8000".into())),
        ..MwiRequest::new(action, PartyNumber::Unknown(digits.into()))
    })
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
