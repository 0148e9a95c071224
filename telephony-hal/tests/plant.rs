//! Playing the telephone: in process and over `lines.sock`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::future::poll_fn;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use telephony_hal::sim::{
    MAX_CLIENTS, MAX_LINE, PhoneEventKind, Plant, PlantError, Server, SimLine, Start, Wire, serve,
};
use telephony_hal::{ErrorKind, FxsLine, HalError, Lamp, LineEvent, wav};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

async fn event(line: &mut SimLine) -> LineEvent {
    timeout(Duration::from_secs(5), poll_fn(|cx| line.poll_event(cx))).await.unwrap().unwrap()
}

/// A script at `lines.sock`.
struct Client(BufReader<UnixStream>);

impl Client {
    async fn connect(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).await.unwrap()))
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(format!("{text}\n").as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> Value {
        let mut text = String::new();
        timeout(Duration::from_secs(5), self.0.read_line(&mut text)).await.expect("no line in 5 s").unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    /// A line that comes unasked within a moment: a refusal.
    async fn line_or_end(&mut self) -> Option<Value> {
        let mut text = String::new();
        match timeout(Duration::from_millis(200), self.0.read_line(&mut text)).await {
            Ok(Ok(_)) => serde_json::from_str(&text).ok(),
            _ => None,
        }
    }

    /// Says a request and gives the lines up to its answer, the answer last.
    async fn ask(&mut self, request: Value) -> Vec<Value> {
        self.say(&request.to_string()).await;
        let mut lines = vec![];
        loop {
            let line = self.line().await;
            let answer = line.get("error").is_some() || line.get("do").is_some();
            lines.push(line);
            if answer {
                return lines;
            }
        }
    }
}

fn served() -> (tempfile::TempDir, Plant, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines.sock");
    let plant = Plant::new();
    let server = Server::bind(plant.clone(), &path).unwrap();
    tokio::spawn(server.run());
    (dir, plant, path)
}

#[tokio::test]
async fn a_session_plays_a_telephone() {
    let (dir, plant, path) = served();
    let mut line = plant.add_line("2/0");
    let mut client = Client::connect(&path).await;
    assert_eq!(
        client.ask(json!({"do": "ports"})).await,
        [json!({"event": "done", "do": "ports", "ports": ["2/0"]})]
    );

    let file = dir.path().join("heard.wav");
    let file = file.to_str().unwrap();
    client.ask(json!({"port": "2/0", "do": "record", "file": file})).await;
    line.write_audio(&[1; 160]).unwrap(); // on hook: the receiver hears nothing
    assert_eq!(
        client.ask(json!({"port": "2/0", "do": "offhook", "id": 7})).await,
        [
            json!({"port": "2/0", "event": "hook", "off": true}),
            json!({"port": "2/0", "event": "done", "do": "offhook", "id": 7}),
        ]
    );
    assert_eq!(event(&mut line).await, LineEvent::OffHook);
    let mut heard = vec![];
    for n in 0..50i16 {
        let block: Vec<i16> = (0..160).map(|k| n * 160 + k).collect();
        line.write_audio(&block).unwrap();
        heard.extend(block);
    }
    assert_eq!(client.line().await, json!({"port": "2/0", "event": "audio", "active": true, "at": 0}));

    let status = client.ask(json!({"port": "2/0", "do": "status"})).await.pop().unwrap();
    assert_eq!(
        status,
        json!({
            "port": "2/0", "event": "status", "do": "status", "hook": "off", "present": true, "ringing": false,
            "ring_volts": 0, "rings": 0, "lamp": "off", "polarity": "normal", "battery": true, "impedance": "600r", "heard": 8000, "heard_on_hook": 160,
            "audio": true, "speaking": 0, "recording": file,
        })
    );
    let lines = client.ask(json!({"port": "2/0", "do": "onhook"})).await;
    assert!(
        lines.contains(&json!({"port": "2/0", "event": "recorded", "file": file, "samples": 8000})),
        "{lines:?}"
    );
    assert_eq!(event(&mut line).await, LineEvent::OnHook);
    assert_eq!(wav::read(std::fs::File::open(file).unwrap()).unwrap(), heard);

    line.set_ringing(true).unwrap();
    line.set_ringing(false).unwrap();
    line.set_lamp(Lamp::HighVoltage).unwrap();
    line.set_lamp(Lamp::Off).unwrap();
    line.set_polarity(true).unwrap();
    let mut seen = vec![];
    while seen.len() < 5 {
        seen.push(client.line().await);
    }
    assert_eq!(
        seen,
        [
            json!({"port": "2/0", "event": "ring"}),
            json!({"port": "2/0", "event": "ring_stop"}),
            json!({"port": "2/0", "event": "lamp", "on": true, "lamp": "high_voltage"}),
            json!({"port": "2/0", "event": "lamp", "on": false, "lamp": "off"}),
            json!({"port": "2/0", "event": "polarity", "reversed": true}),
        ]
    );
}

#[tokio::test]
async fn every_client_hears_every_event() {
    let (_dir, plant, path) = served();
    let _line = plant.add_line("2/0");
    let mut watchers = vec![];
    for _ in 0..10 {
        let mut client = Client::connect(&path).await;
        client.ask(json!({"do": "ports"})).await; // now it is subscribed
        watchers.push(client);
    }
    plant.phone("2/0").unwrap().off_hook().unwrap();
    for client in &mut watchers {
        assert_eq!(client.line().await, json!({"port": "2/0", "event": "hook", "off": true}));
    }
}

#[tokio::test]
async fn mistakes_are_answered_and_name_what_was_expected() {
    let (dir, plant, path) = served();
    let _line = plant.add_line("2/0");
    let mut client = Client::connect(&path).await;
    let missing = dir.path().join("no/such/file.wav");
    let cases = [
        (json!({"port": "9/9", "do": "offhook"}), "no port \"9/9\", expected 2/0"),
        (json!({"port": "2/0", "do": "sing"}), "expected offhook, onhook, ground, flash"),
        (json!({"do": "offhook"}), "no \"port\", expected"),
        (json!({"port": "2/0"}), "missing field `do`"),
        (json!({"port": "2/0", "do": "dial", "digits": "1"}), "is on hook, expected off hook"),
        (json!({"port": "2/0", "do": "flash"}), "is on hook, expected off hook"),
        (json!({"port": "2/0", "do": "dial"}), "no \"digits\""),
        (json!({"port": "2/0", "do": "dial", "digits": "12x"}), "'x' is no key, expected 0 to 9, *, #"),
        (json!({"port": "2/0", "do": "pulse", "digits": "#"}), "'#' is no key, expected 0 to 9"),
        (json!({"port": "2/0", "do": "stop"}), "is not recording"),
        (json!({"port": "2/0", "do": "record"}), "no \"file\""),
        (json!({"port": "2/0", "do": "record", "file": "x", "seconds": -1}), "expected above 0 to 3600"),
        (
            json!({"port": "2/0", "do": "record", "file": "x", "start": "late"}),
            "expected \"offhook\" or \"now\"",
        ),
        (json!({"port": "2/0", "do": "record", "file": missing}), "No such file"),
        (json!({"port": "2/0", "do": "flash", "ms": 0}), "expected 1 to 5000"),
        (json!({"port": "2/0", "do": "play", "file": "/dev/null"}), "expected a RIFF header"),
        (json!([1, 2]), "expected a JSON object"),
    ];
    for (request, expected) in cases {
        let answer = client.ask(request.clone()).await.pop().unwrap();
        let text = answer["error"].as_str().unwrap_or_else(|| panic!("{request}: {answer}"));
        assert!(text.contains(expected), "{request}: {text}");
    }
    for (line, expected) in [
        ("offhook please".to_owned(), "expected a JSON object"),
        (format!("{{\"port\":\"{}\"}}", "2".repeat(1 << 20)), "expected at most 4096"),
        ("x".repeat(MAX_LINE + 1), "the line has 4097 octets"),
    ] {
        client.say(&line).await;
        let answer = client.line().await;
        assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
    }
    client.0.write_all(b"\xff\xfe\n\n  \n").await.unwrap();
    assert!(client.line().await["error"].as_str().unwrap().contains("UTF-8"));
    // And the client is still served.
    assert_eq!(client.ask(json!({"do": "ports"})).await.len(), 1);
}

#[tokio::test]
async fn a_request_without_line_end_is_answered_before_the_close() {
    let (_dir, plant, path) = served();
    let _line = plant.add_line("2/0");
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(br#"{"port":"2/0","do":"offhook"}"#).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    timeout(Duration::from_secs(5), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(plant.phone("2/0").unwrap().status().hook == "off");
}

#[tokio::test]
async fn clients_are_counted_and_sockets_not_stolen() {
    let (_dir, plant, path) = served();
    assert_eq!(serve(plant.clone(), &path).await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut clients = vec![];
    for _ in 0..MAX_CLIENTS {
        let mut client = Client::connect(&path).await;
        if client.ask(json!({"do": "ports"})).await[0].get("ports").is_some() {
            clients.push(client);
        }
    }
    // The probe of the refused server may still hold one place.
    assert!(clients.len() >= MAX_CLIENTS - 1);
    let mut extra = Client::connect(&path).await;
    let mut refused = extra.line().await;
    if refused.get("error").is_none() {
        extra = Client::connect(&path).await;
        refused = extra.line().await;
    }
    assert!(refused["error"].as_str().unwrap().contains("64 clients"));
    clients.clear();
    let mut served = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        served = Client::connect(&path).await.line_or_end().await.is_none();
        if served {
            break;
        }
    }
    assert!(served, "places are free again");
}

#[tokio::test(start_paused = true)]
async fn flash_and_pulses_are_raw_transitions_in_time() {
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    phone.off_hook().unwrap();
    assert_eq!(event(&mut line).await, LineEvent::OffHook);
    let play = tokio::spawn(async move {
        phone.flash(Duration::from_millis(400)).await.unwrap();
        phone.pulse("30").await.unwrap();
    });
    let mut edges = vec![];
    for _ in 0..28 {
        let edge = event(&mut line).await;
        edges.push((edge, tokio::time::Instant::now()));
    }
    play.await.unwrap();
    let breaks: Vec<u128> = edges
        .chunks(2)
        .map(|pair| {
            assert_eq!((pair[0].0, pair[1].0), (LineEvent::OnHook, LineEvent::OffHook));
            pair[1].1.duration_since(pair[0].1).as_millis()
        })
        .collect();
    assert_eq!(breaks[0], 400);
    assert_eq!(breaks[1..], [60; 13]);
    let pause = edges[8].1.duration_since(edges[7].1).as_millis();
    assert_eq!(pause, 740); // make of the last pulse, then the pause between digits
}

#[tokio::test]
async fn keys_are_dtmf_at_the_pace_of_the_reader() {
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    let mut events = phone.subscribe();
    phone.off_hook().unwrap();
    phone.dial("5D").unwrap();
    let mut heard = vec![];
    let mut block = [9; 160];
    for _ in 0..20 {
        assert_eq!(line.read_audio(&mut block).unwrap(), 160);
        heard.extend_from_slice(&block);
    }
    // Power of one frequency over a tone, against that of the whole (Goertzel by definition).
    let share = |samples: &[i16], hz: f64| {
        let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let (x, phase) = (f64::from(*sample), std::f64::consts::TAU * hz * n as f64 / 8000.0);
            re += x * phase.cos();
            im += x * phase.sin();
            all += x * x;
        }
        2.0 * (re * re + im * im) / (samples.len() as f64 * all)
    };
    for (start, low, high) in [(0, 770.0, 1336.0), (1280, 941.0, 1633.0)] {
        let tone = &heard[start..start + 640];
        assert!(share(tone, low) > 0.3 && share(tone, high) > 0.5, "{low} {high}");
        assert!(share(tone, 697.0) < 0.01);
        assert!(heard[start + 640..start + 1280].iter().all(|sample| *sample == 0));
    }
    assert!(heard[2560..].iter().all(|sample| *sample == 0), "silence after the last key");
    assert_eq!(events.next().await, Some(PhoneEventKind::Hook { off: true }));
    assert_eq!(events.next().await, Some(PhoneEventKind::Dialled));
    // Putting the handset down stops the voice.
    phone.dial("1").unwrap();
    phone.on_hook().unwrap();
    line.read_audio(&mut block).unwrap();
    assert_eq!(block, [0; 160]);
    assert!(matches!(phone.dial("1"), Err(PlantError::OnHook { .. })));
}

#[tokio::test]
async fn the_hardware_side_behaves_like_hardware() {
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    line.set_lamp(Lamp::Neon).unwrap();
    line.set_lamp(Lamp::Off).unwrap();
    line.set_ringing(true).unwrap();
    line.set_ringing(true).unwrap();
    assert_eq!(phone.status().rings, 1);
    phone.off_hook().unwrap();
    assert!(!phone.status().ringing, "ring trip");
    assert_eq!(line.set_ringing(true).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(line.set_lamp(Lamp::Neon).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(event(&mut line).await, LineEvent::OffHook);
    // Power denial looks like on hook, and the telephone comes back by itself.
    line.set_battery(false).unwrap();
    assert_eq!(event(&mut line).await, LineEvent::OnHook);
    phone.capture_start();
    line.write_audio(&[700; 160]).unwrap();
    line.set_battery(true).unwrap();
    assert_eq!(event(&mut line).await, LineEvent::OffHook);
    assert_eq!(phone.status().heard, 0);
    // Taking the port over.
    let mut second = plant.add_line("2/0");
    assert_eq!(event(&mut line).await, LineEvent::Removed);
    let gone = poll_fn(|cx| line.poll_event(cx)).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Closed);
    assert_eq!(line.write_audio(&[0]).unwrap_err().kind(), ErrorKind::Closed);
    drop(line);
    assert_eq!(event(&mut second).await, LineEvent::OffHook, "a lifted handset is told to the new port");
    assert!(phone.status().present);
    drop(second);
    assert!(!phone.status().present);
    phone.on_hook().unwrap();
}

#[test]
fn a_gateway_that_does_not_poll_is_noticed_by_the_telephone() {
    let plant = Plant::new();
    let _line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    let refused = (0..1000).any(|n| {
        let moved = if n % 2 == 0 { phone.off_hook() } else { phone.on_hook() };
        matches!(moved, Err(PlantError::EventsFull { .. }))
    });
    assert!(refused);
}

#[test]
fn recordings_end_where_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let heard = |name: &str| wav::read(std::fs::File::open(path(name)).unwrap()).unwrap();
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();

    // Limit, counted in samples, in the middle of a block.
    phone.record_start(&path("limit"), Some(Duration::from_millis(30)), Start::OffHook).unwrap();
    phone.off_hook().unwrap();
    line.write_audio(&[300; 160]).unwrap();
    line.write_audio(&[400; 160]).unwrap();
    assert_eq!(heard("limit"), [vec![300; 160], vec![400; 80]].concat());
    assert_eq!(phone.status().recording, None);

    // On hook transmission.
    phone.on_hook().unwrap();
    phone.record_start(&path("cid"), None, Start::Now).unwrap();
    line.write_audio(&[500; 160]).unwrap();
    phone.off_hook().unwrap();
    line.write_audio(&[600; 160]).unwrap();
    phone.on_hook().unwrap();
    line.write_audio(&[700; 160]).unwrap();
    phone.record_stop().unwrap();
    assert_eq!(heard("cid"), [vec![500; 160], vec![600; 160], vec![700; 160]].concat());

    // A new recording ends the old one; a long one can be read while it grows.
    phone.off_hook().unwrap();
    phone.record_start(&path("old"), None, Start::OffHook).unwrap();
    line.write_audio(&[800; 8000]).unwrap();
    assert_eq!(heard("old").len(), 8000);
    phone.record_start(&path("new"), None, Start::OffHook).unwrap();
    assert_eq!(heard("old").len(), 8000);
    assert!(phone.play_file(&path("old")).is_ok());
    assert_eq!(phone.status().speaking, 8000);
}

/// RMS in dBm0 (overload point 3.14 dBm0).
fn dbm0(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    20.0 * ((power / samples.len() as f64).sqrt() / 16_140.0).log10()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 0.3, "{found:.2} dBm0, expected {expected}");
}

/// One second of 1 kHz at 0 dBm0.
fn sine() -> Vec<i16> {
    (0..8000)
        .map(|n| (22_826.0 * (std::f64::consts::TAU * f64::from(n) / 8.0).sin()).round() as i16)
        .collect()
}

#[test]
fn a_wire_has_loss_noise_and_echo() {
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    phone.off_hook().unwrap();
    let mut pass = |wire: Wire, to: &[i16], from: &[i16]| {
        phone.set_wire(wire);
        phone.capture_start();
        phone.play(from).unwrap();
        let mut received = vec![];
        for block in to.chunks(160) {
            line.write_audio(block).unwrap();
            let mut out = [0; 160];
            line.read_audio(&mut out).unwrap();
            received.extend(out);
        }
        (phone.capture_stop(), received)
    };
    let silence = vec![0; 8000];
    let (heard, received) = pass(Wire::default(), &sine(), &sine());
    assert!(heard == sine() && received == sine(), "a perfect wire changes nothing");

    let (heard, received) =
        pass(Wire { to_phone_db: -7.0, from_phone_db: -3.0, ..Wire::default() }, &sine(), &sine());
    near(dbm0(&heard), -7.0);
    near(dbm0(&received), -3.0);

    let noisy = Wire { noise_dbm0: Some(-30.0), seed: 5, ..Wire::default() };
    let (heard, received) = pass(noisy.clone(), &silence, &silence);
    near(dbm0(&heard), -30.0);
    near(dbm0(&received), -30.0);
    assert_eq!(pass(noisy, &silence, &silence), (heard, received), "the same seed, the same noise");

    let echo = Wire { echo_loss_db: Some(12.0), echo_delay: 80, ..Wire::default() };
    let (heard, received) = pass(echo, &sine(), &silence);
    assert_eq!(heard, sine());
    assert!(received[..80].iter().all(|sample| *sample == 0));
    near(dbm0(&received[80..]), -12.0);

    // Nonsense is brought into range.
    let wild = Wire { to_phone_db: f64::NAN, noise_dbm0: Some(f64::INFINITY), ren: -1.0, ..Wire::default() };
    let (heard, _) = pass(wild, &silence, &silence);
    assert!(heard.iter().any(|sample| *sample != 0));
    let (heard, _) = pass(Wire { to_phone_db: 20.0, ..Wire::default() }, &[i16::MIN, i16::MAX], &[]);
    assert_eq!(heard, [i16::MIN, i16::MAX]);
}

#[test]
fn bells_share_one_generator() {
    let plant = Plant::new();
    let mut lines: Vec<SimLine> = (0..12).map(|n| plant.add_line(&format!("2/{n}"))).collect();
    let volts = || plant.phone("2/0").unwrap().status().ring_volts;
    assert_eq!(volts(), 0);
    for line in &mut lines[..10] {
        line.set_ringing(true).unwrap();
    }
    assert_eq!(volts(), 100);
    for port in plant.ports() {
        plant.phone(&port).unwrap().set_wire(Wire { ren: 4.0, ..Wire::default() });
    }
    assert_eq!(volts(), 45);
    lines.truncate(1);
    assert_eq!(volts(), 100);
}

#[tokio::test]
async fn a_wire_can_be_changed_over_lines_sock() {
    let (_dir, plant, path) = served();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    phone.off_hook().unwrap();
    phone.capture_start();
    let mut client = Client::connect(&path).await;
    client.ask(json!({"port": "2/0", "do": "wire", "to_phone_db": -6.0})).await;
    line.write_audio(&sine()).unwrap();
    near(dbm0(&phone.capture_stop()), -6.0);
}

#[tokio::test]
async fn a_trunk_seizes_a_ground_start_line() {
    let plant = Plant::new();
    let mut line = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    line.set_battery(false).unwrap(); // the tip is open at rest
    phone.ground().unwrap();
    assert_eq!(event(&mut line).await, LineEvent::RingGround);
    line.set_battery(true).unwrap(); // acknowledged
    assert_eq!(event(&mut line).await, LineEvent::OffHook);
    line.set_battery(false).unwrap();
    assert_eq!(event(&mut line).await, LineEvent::OnHook);
}
