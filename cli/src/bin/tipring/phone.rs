//! `tipring phone PORT`: a telephone by hand, over the simulator's `lines.sock`.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Error, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const HELP: &str = "\
off            lift the handset          on             hang up
flash          hook flash                dial DIGITS    dial by tones
pulse DIGITS   dial by pulses            status         what the line does
record FILE    record what is heard (WAV, 8 kHz); `record` alone stops
play FILE      speak a recording         quit           leave";

/// Runs until end of input.
pub(crate) fn run(socket: &Path, port: &str) -> Result<bool> {
    let stream = UnixStream::connect(socket)
        .map_err(|e| Error::new(e.kind(), format!("no simulated lines at {}: {e}", socket.display())))?;
    let mut writer = stream.try_clone()?;
    let name = port.to_owned();
    std::thread::spawn(move || events(stream, &name));
    println!("Telephone on {port}. Commands:\n{HELP}");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match order(port, &line) {
            Some(Order::Quit) => break,
            Some(Order::Send(value)) => writeln!(writer, "{value}")?,
            Some(Order::Nothing) => {}
            None => println!("{HELP}"),
        }
    }
    Ok(true)
}

#[derive(Debug, PartialEq)]
enum Order {
    Send(Value),
    Nothing,
    Quit,
}

/// The order that a typed line means; `None` if it means none.
fn order(port: &str, line: &str) -> Option<Order> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    let plain = |what: &str| Some(Order::Send(json!({ "port": port, "do": what })));
    match (word, rest) {
        ("", _) => Some(Order::Nothing),
        ("quit" | "exit" | "q", _) => Some(Order::Quit),
        ("off" | "offhook", "") => plain("offhook"),
        ("on" | "onhook", "") => plain("onhook"),
        ("flash", "") => plain("flash"),
        ("status", "") => plain("status"),
        ("record", "") => plain("record"),
        ("dial" | "pulse", digits) if !digits.is_empty() => {
            Some(Order::Send(json!({ "port": port, "do": word, "digits": digits })))
        }
        ("record" | "play", file) if !file.is_empty() => {
            Some(Order::Send(json!({ "port": port, "do": word, "file": file })))
        }
        _ => None,
    }
}

/// Prints what happens on the port.
fn events(stream: UnixStream, port: &str) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        match serde_json::from_str::<Value>(&line) {
            Ok(event) if event.get("port").is_none_or(|p| p == port) => println!("{}", describe(&event)),
            Ok(_) => {}
            Err(_) => println!("{line}"),
        }
    }
    println!("The gateway closed the line.");
}

/// `ring: cadence …`: the event's name, then its other members.
fn describe(event: &Value) -> String {
    let Some(members) = event.as_object() else { return event.to_string() };
    let name = members.get("event").and_then(Value::as_str).unwrap_or("answer");
    let mut text = format!("* {name}");
    for (key, value) in members.iter().filter(|(key, _)| !matches!(key.as_str(), "event" | "port")) {
        text.push_str(&format!(" {key}={value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_words_become_orders_of_the_line_socket() {
        let send = |value| Some(Order::Send(value));
        assert_eq!(order("2/0", "off"), send(json!({"port": "2/0", "do": "offhook"})));
        assert_eq!(order("2/0", " dial 8001 "), send(json!({"port": "2/0", "do": "dial", "digits": "8001"})));
        assert_eq!(
            order("2/0", "record a.wav"),
            send(json!({"port": "2/0", "do": "record", "file": "a.wav"}))
        );
        assert_eq!(order("2/0", "dial"), None);
        assert_eq!(order("2/0", "quit"), Some(Order::Quit));
    }

    #[test]
    fn events_are_told_in_a_row() {
        let event = json!({"port": "2/0", "event": "lamp", "on": true});
        assert_eq!(describe(&event), "* lamp on=true");
    }
}
