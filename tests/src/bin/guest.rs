//! The gateway on the real kernel: runs in the emulated guest of `tests/guest`, with DAHDI and the driver `kernel-drivers/vline`
//! loaded (`lines=4 e1=1`), and plays the telephones and the PBX at the other ends of the wires. Each step prints `ok`; the
//! first that does not hold ends the program. What telephones heard is left in `$QD_OUT`.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::f64::consts::TAU;
use std::future::poll_fn;
use std::path::Path;
use std::time::{Duration, Instant};

use media::dtmf::sequence;
use media::locale::DtmfLevels;
use media::tone::ToneGenerator;
use system_tests::{Pbx, Tipringd, Value, VoiceMail, finish, json};
use telephony_hal::dahdi::{DahdiB, DahdiFxo, DahdiSpan};
use telephony_hal::{BChannel as _, FxoEvent, FxoLine as _, Span as _, wav};
use tokio::runtime::Runtime;
use tokio::time::{interval, timeout};

/// Without local bypass, so that gains and echo cancellers are at work in every call.
const CONFIG: &str = "isdn switch-type primary-qsig\nno voice local-bypass\n!\n\
    controller E1 3/0\n pri-group timeslots 1-31\n!\n\
    interface Serial3/0:15\n isdn switch-type primary-qsig\n isdn protocol-emulate user\n!\n\
    voice-port 3/0:15\n mwi\n!\n\
    voice-port 1/0\n cptone US\n vmwi fsk\n mwi\n caller-id enable\n station-id number 100\n!\n\
    voice-port 1/1\n cptone US\n caller-id enable\n station-id number 101\n no echo-cancel enable\n!\n\
    voice-port 1/2\n cptone US\n vmwi dc-voltage\n mwi\n!\n\
    dial-peer voice 100 pots\n destination-pattern 100\n port 1/0\n!\n\
    dial-peer voice 101 pots\n destination-pattern 101\n port 1/1\n!\n\
    dial-peer voice 102 pots\n destination-pattern 102\n port 1/2\n!\n\
    dial-peer voice 47 pots\n destination-pattern 47..\n port 3/0:15\n forward-digits all\n!\n\
    sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hardware = found();
    let mut gateway = without_boards(&hardware);
    ok("tipringd starts without the boards of its hardware file, and takes them up when they come");
    let mut house = House::open(runtime);
    house.telephone_to_telephone();
    house.lamps_and_tones(&gateway);
    let mut pbx = Pbx::start(&["-c", "dahdi:55", "-s", "network"]);
    pbx.wait_up();
    house.notify_reaches_the_pbx(&gateway, &mut pbx);
    house.call_to_the_pbx(&gateway, &mut pbx);
    house.cable(&gateway, &mut pbx);
    house.crash(&mut gateway, &mut pbx);
    house.sip_to_a_telephone(&gateway);
    house.board_pulled_out(&gateway);
    let pbx = house.trunk_pulled_out(&gateway, pbx);
    house.reloaded(&gateway, pbx);
    println!("all passed");
}

fn ok(what: &str) {
    println!("ok   {what}");
}

/// `dahdi_cfg` of the analogue boards, and of the trunk.
const LINES: &str = "fxoks=1-4\nfxsks=5-8\nechocanceller=mg2,1\nloadzone=us\ndefaultzone=us\n";
const TRUNK: &str = "span=3,1,0,ccs,hdb3,crc4\nspan=4,0,0,ccs,hdb3,crc4\nbchan=9-23,25-39\ndchan=24\n\
    bchan=40-54,56-70\ndchan=55\nloadzone=us\ndefaultzone=us\n";

/// The driver's boards, in the order of their spans.
const BOARDS: [&str; 2] = ["analogue", "e1-0"];

/// The driver is unloaded and loaded so often, unless the time is over before.
const RELOADS: u32 = 100;
const RELOAD_TIME: Duration = Duration::from_secs(70);

/// The daemon, started while its boards are pulled out; then they are put in.
fn without_boards(hardware: &str) -> Tipringd {
    for board in BOARDS {
        control(&format!("{board}/present"), "0");
    }
    let gateway = Tipringd::start(CONFIG, hardware);
    let ports = gateway.show("show voice port summary");
    let down = ports.lines().filter(|line| line.starts_with("1/") && line.contains(" down ")).count();
    assert_eq!(down, 4, "{ports}");
    let log = gateway.show("show logging");
    assert!(log.contains("%LINK-4-DEVICE: voice-port 1/0: "), "{log}");
    assert!(log.contains("%CONTROLLER-4-DEVICE: Controller E1 3/0: "), "{log}");
    for board in BOARDS {
        control(&format!("{board}/present"), "1");
    }
    configure(&format!("{LINES}{TRUNK}"));
    all_back(&gateway);
    gateway
}

/// Waits until every port of the boards is taken up.
fn all_back(gateway: &Tipringd) {
    gateway.show_until("show voice port summary", Duration::from_secs(10), |shown| {
        shown.lines().filter(|line| line.starts_with("1/") && line.contains(" dorm ")).count() == 4
    });
    gateway
        .show_until("show controllers e1", Duration::from_secs(10), |shown| shown.contains("E1 3/0 is up"));
}

/// Ports of the first and the third span: what is left is the telephones' and the PBX's.
fn found() -> String {
    let mut command = std::process::Command::new(system_tests::Profile::Debug.binaries().join("tipringd"));
    command.arg("hardware");
    let run = finish(command, Duration::from_secs(10));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let parts: Vec<&str> = run.stdout.split("\n# span ").collect();
    assert_eq!(parts.len(), 5, "{}", run.stdout);
    assert!(parts[3].contains("controller = \"E1 3/0\""), "{}", run.stdout);
    let first = "backend = \"dahdi\"\nchannel = 1\n";
    assert!(parts[1].contains(first), "{}", run.stdout);
    // The kernel's canceller on the first line, ours on the others.
    let lines = parts[1].replace(first, &format!("{first}echo-canceller = \"board\"\n"));
    format!("# span {lines}\n# span {}", parts[3])
}

/// The telephones on lines 1 to 3, at the far ends of ports 1/0 to 1/2.
struct House {
    runtime: Runtime,
    telephones: Vec<Telephone>,
}

struct Telephone {
    line: DahdiFxo,
    off: bool,
}

impl House {
    fn open(runtime: Runtime) -> Self {
        let mut house = Self { runtime, telephones: Vec::new() };
        house.plug_in();
        house
    }

    /// Three telephones, on hook, in place of those that were there.
    fn plug_in(&mut self) {
        self.telephones.clear();
        let _inside = self.runtime.enter();
        self.telephones =
            (5..=7).map(|channel| Telephone { line: DahdiFxo::open(channel).unwrap(), off: false }).collect();
        // The kernel holds ringing back for 2 s after an opening.
        std::thread::sleep(Duration::from_millis(2500));
    }

    fn hook(&mut self, telephone: usize, off: bool) {
        let telephone = &mut self.telephones[telephone];
        telephone.line.set_hook(off).unwrap();
        telephone.off = off;
        if !off {
            // Longer than a flash.
            std::thread::sleep(Duration::from_millis(1200));
        }
    }

    /// What every telephone hears in `time` while each says what it is given, over and over (nothing: silence).
    fn talk(&mut self, time: Duration, says: [&[i16]; 3]) -> [Vec<i16>; 3] {
        let telephones = &mut self.telephones;
        self.runtime.block_on(async {
            let mut heard = [const { Vec::new() }; 3];
            let mut words = says.map(|words| words.iter().copied().cycle());
            let mut tick = interval(Duration::from_millis(20));
            for _ in 0..time.as_millis() / 20 {
                tick.tick().await;
                for ((telephone, words), heard) in telephones.iter_mut().zip(&mut words).zip(&mut heard) {
                    let mut samples = [0; 320];
                    let read = telephone.line.read_audio(&mut samples).unwrap();
                    heard.extend_from_slice(&samples[..read]);
                    if telephone.off {
                        let block: Vec<i16> = words.by_ref().take(160).collect();
                        let silence = vec![0; 160];
                        telephone.line.write_audio(if block.is_empty() { &silence } else { &block }).unwrap();
                    }
                }
            }
            heard
        })
    }

    fn hear(&mut self, telephone: usize, time: Duration) -> Vec<i16> {
        std::mem::take(&mut self.talk(time, [&[], &[], &[]])[telephone])
    }

    fn dial(&mut self, telephone: usize, digits: &str) {
        let spec = sequence(digits, DtmfLevels { low_dbm0: -8.0, high_dbm0: -6.0 }, 100, 100).unwrap();
        let mut tones = vec![0; 1600 * digits.len()];
        ToneGenerator::new(&spec).fill(&mut tones);
        let mut says: [&[i16]; 3] = [&[], &[], &[]];
        says[telephone] = &tones;
        self.talk(Duration::from_millis(200 * u64::try_from(digits.len()).unwrap()), says);
    }

    /// Lifts a telephone and dials until `arrived`, as people do whose digits were not heard: a busy host makes holes in tones.
    fn call<T>(
        &mut self,
        telephone: usize,
        digits: &str,
        mut arrived: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        for _ in 0..3 {
            self.hook(telephone, true);
            self.hear(telephone, Duration::from_millis(2500));
            self.dial(telephone, digits);
            if let Some(arrived) = arrived(self) {
                return arrived;
            }
            println!("     {digits} was not heard");
            self.hook(telephone, false);
        }
        panic!("{digits} does not get through");
    }

    fn call_telephone(&mut self, from: usize, digits: &str, to: usize) {
        self.call(from, digits, |house| {
            house.comes(to, FxoEvent::Ringing(true), Duration::from_secs(6)).is_ok().then_some(())
        });
    }

    /// A call to the PBX; gives the timeslot.
    fn call_pbx(&mut self, from: usize, digits: &str, pbx: &mut Pbx) -> u64 {
        let answered = self.call(from, digits, |_| {
            pbx.events().comes(&json!({"ev": "call", "state": "answered"}), Duration::from_secs(6))
        });
        answered.get("chan").and_then(Value::as_u64).unwrap()
    }

    fn wait(&mut self, telephone: usize, expected: FxoEvent) {
        let came = self.comes(telephone, expected, Duration::from_secs(10));
        assert!(came.is_ok(), "telephone {telephone}: no {expected:?}, came {came:?}");
    }

    /// Waits for an event; else gives those that came.
    fn comes(&mut self, telephone: usize, expected: FxoEvent, limit: Duration) -> Result<(), Vec<FxoEvent>> {
        let line = &mut self.telephones[telephone].line;
        let mut others = Vec::new();
        let came = self.runtime.block_on(async {
            let until = async {
                loop {
                    match poll_fn(|cx| line.poll_event(cx)).await.unwrap() {
                        event if event == expected => return,
                        event => others.push(event),
                    }
                }
            };
            timeout(limit, until).await
        });
        came.map_err(|_| others)
    }

    fn telephone_to_telephone(&mut self) {
        self.hook(0, true);
        save("dial-tone", &self.hear(0, Duration::from_secs(3)));
        self.hook(0, false);
        self.call_telephone(0, "101", 1);
        self.wait(1, FxoEvent::Ringing(false));
        save("caller-id", &self.hear(1, Duration::from_millis(3500)));
        ok("ringing in our cadence");
        self.wait(1, FxoEvent::Ringing(true));
        self.hook(1, true);
        self.hear(1, Duration::from_secs(1));
        let tone_1004 = tone(1004.0);
        for (speaker, listener) in [(0, 1), (1, 0)] {
            let mut says: [&[i16]; 3] = [&[], &[], &[]];
            says[speaker] = &tone_1004;
            let heard = self.talk(Duration::from_secs(2), says);
            let level = level(&heard[listener][8000..], 1004.0);
            assert!((2000.0..9000.0).contains(&level), "telephone {listener} hears {level:.0} of 8000");
        }
        ok("both hear each other");
        self.hook(0, false);
        self.hook(1, false);
    }

    fn lamps_and_tones(&mut self, gateway: &Tipringd) {
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        for (name, waiting) in [("vmwi-on", true), ("vmwi-off", false), ("vmwi-on-again", true)] {
            assert_eq!(voice_mail.notify("100", waiting).status, 200);
            save(name, &self.hear(0, Duration::from_secs(5)));
        }
        self.hook(0, true);
        save("stutter-dial-tone", &self.hear(0, Duration::from_secs(5)));
        self.hook(0, false);
        ok("a NOTIFY is answered; its sounds are recorded");
        assert_eq!(voice_mail.notify("102", true).status, 200);
        lamp("analogue/line3/state", "lamp=hvdc");
        assert_eq!(voice_mail.notify("102", false).status, 200);
        lamp("analogue/line3/state", "lamp=off");
        let port = gateway.show("show voice port 1/2");
        assert!(
            port.contains("message lamp by high voltage, neon, line reversal; battery reversal"),
            "{port}"
        );
        ok("lamp voltage on and off, by what the board has");
    }

    fn notify_reaches_the_pbx(&mut self, gateway: &Tipringd, pbx: &mut Pbx) {
        gateway.show_until("show isdn status", Duration::from_secs(10), |shown| {
            shown.contains("MULTIPLE_FRAME_ESTABLISHED")
        });
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        for on in [true, false] {
            assert_eq!(voice_mail.notify("4711", on).status, 200);
            pbx.lamp("4711", on);
        }
        ok("SIP NOTIFY becomes QSIG MWI at libpri over a kernel D channel");
    }

    fn call_to_the_pbx(&mut self, gateway: &Tipringd, pbx: &mut Pbx) {
        pbx.policy("call=answer");
        let channel = self.call_pbx(0, "4711", pbx);
        let mut bearer = self.bearer(u8::try_from(channel).unwrap());
        let (line, runtime) = (&mut self.telephones[0].line, &self.runtime);
        let tone_octets: Vec<u8> = tone(1004.0).iter().map(|sample| a_law(*sample)).collect();
        let heard = runtime.block_on(async {
            let mut tick = interval(Duration::from_millis(20));
            let mut heard = Vec::new();
            let mut octets = tone_octets.iter().copied().cycle();
            for _ in 0..150 {
                tick.tick().await;
                let block: Vec<u8> = octets.by_ref().take(160).collect();
                let mut aside = [0; 160];
                bearer.read(&mut aside).unwrap();
                bearer.write(&block).unwrap();
                let mut samples = [0; 320];
                let read = line.read_audio(&mut samples).unwrap();
                heard.extend_from_slice(&samples[..read]);
                line.write_audio(&[0; 160]).unwrap();
            }
            heard
        });
        let level = level(&heard[12_000..], 1004.0);
        assert!((2000.0..9000.0).contains(&level), "the telephone hears {level:.0} of 8000");
        assert_eq!(canceller(), "ACTIVE", "in a call the kernel cancels the echo of the line");
        ok("a call from a telephone to libpri, its B channel heard");
        let telephone = &mut self.telephones[0];
        telephone.line.set_hook(false).unwrap();
        telephone.off = false;
        let start = Instant::now();
        pbx.wait(&json!({"ev": "call", "state": "cleared", "chan": channel}));
        println!("     cleared {} ms after the handset was put down", start.elapsed().as_millis());
        gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Total call-legs: 0")
        });
    }

    /// The PBX's end of a bearer.
    fn bearer(&self, timeslot: u8) -> DahdiB {
        let _inside = self.runtime.enter();
        DahdiSpan::open(4).unwrap().open_b(timeslot).unwrap()
    }

    /// SIPp calls a telephone and sends back what it hears of it, which is an echo to a canceller: this port has none.
    fn sip_to_a_telephone(&mut self, gateway: &Tipringd) {
        let scenario = system_tests::workspace_root().join("tests/guest/echo.xml");
        let mut command = std::process::Command::new("sipp");
        let target = gateway.sip().to_string();
        command.current_dir("/tmp").env("TERM", "dumb").arg(target).arg("-sf").arg(scenario);
        command.args([
            "-s",
            "101",
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-rtp_echo",
            "-m",
            "1",
            "-nostdin",
        ]);
        command.args(["-timeout", "40", "-timeout_error"]);
        let (mut sipp, _, _) = system_tests::Process::start("sipp", command);
        self.wait(1, FxoEvent::Ringing(true));
        self.hook(1, true);
        self.hear(1, Duration::from_secs(1));
        let tone_1004 = tone(1004.0);
        let heard = self.talk(Duration::from_secs(3), [&[], &tone_1004, &[]]);
        save("sip-echo", &heard[1]);
        let level = level(&heard[1][12_000..], 1004.0);
        assert!((1000.0..9000.0).contains(&level), "the telephone hears {level:.0} of 8000 come back");
        println!(
            "     the telephone's {level:.0} of 8000 come back from SIP, {:?}",
            self.telephones[1].line.slips()
        );
        ok("SIPp calls a telephone: audio out by RTP and back");
        assert_eq!(policies(gateway.pid(), "span-1"), [FIFO], "the thread of the telephones' span");
        ok("the audio of a board is moved by one thread, in real time");
        self.hook(1, false);
        assert!(sipp.wait(Duration::from_secs(15)).success(), "{}", sipp.log());
        gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Total call-legs: 0")
        });
    }

    /// The analogue boards are pulled out while two telephones talk, and put back.
    fn board_pulled_out(&mut self, gateway: &Tipringd) {
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("102", true).status, 200);
        lamp("analogue/line3/state", "lamp=hvdc");
        self.call_telephone(0, "101", 1);
        self.hook(1, true);
        self.hear(1, Duration::from_secs(1));
        control("analogue/present", "0");
        gateway.show_until("show call active voice brief", Duration::from_secs(10), |shown| {
            shown.contains("Total call-legs: 0")
        });
        let history = gateway.show("show call history voice");
        assert!(history.contains("DisconnectCause=1B"), "{history}");
        let ports = gateway.show("show voice port summary");
        assert!(ports.lines().any(|line| line.starts_with("1/0 ") && line.contains(" down ")), "{ports}");
        ok("a board pulled out: its call is released, cause 27");
        control("analogue/present", "1");
        configure(LINES);
        let start = Instant::now();
        // Nobody told the lamp again: the gateway does.
        lamp("analogue/line3/state", "lamp=hvdc");
        println!("     the lamp shines again {} ms after dahdi_cfg", start.elapsed().as_millis());
        let ports = gateway.show_until("show voice port summary", Duration::from_secs(10), |shown| {
            shown.lines().filter(|line| line.starts_with("1/") && line.contains(" dorm ")).count() == 4
        });
        assert!(!ports.contains(" down "), "{ports}");
        self.plug_in();
        self.talk_to_each_other();
        assert_eq!(voice_mail.notify("102", false).status, 200);
        lamp("analogue/line3/state", "lamp=off");
        ok("the board put back: lamps shine, telephones call each other");
    }

    fn talk_to_each_other(&mut self) {
        self.call_telephone(0, "101", 1);
        self.hook(1, true);
        self.hear(1, Duration::from_secs(1));
        let tone_1004 = tone(1004.0);
        let heard = self.talk(Duration::from_secs(2), [&tone_1004, &[], &[]]);
        let level = level(&heard[1][8000..], 1004.0);
        assert!((2000.0..9000.0).contains(&level), "the telephone hears {level:.0} of 8000");
        self.hook(0, false);
        self.hook(1, false);
    }

    /// The trunk's board is pulled out under a call, and put back.
    fn trunk_pulled_out(&mut self, gateway: &Tipringd, mut pbx: Pbx) -> Pbx {
        pbx.policy("call=answer");
        self.call_pbx(0, "4711", &mut pbx);
        self.hear(0, Duration::from_secs(1));
        control("e1-0/present", "0");
        gateway
            .show_until("show isdn status", Duration::from_secs(20), |shown| shown.contains("DEACTIVATED"));
        pbx.kill();
        // The other line goes on as if nothing was.
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("102", true).status, 200);
        lamp("analogue/line3/state", "lamp=hvdc");
        control("e1-0/present", "1");
        configure(TRUNK);
        let mut pbx = Pbx::start(&["-c", "dahdi:55", "-s", "network"]);
        pbx.wait_up();
        gateway.show_until("show isdn status", Duration::from_secs(20), |shown| {
            shown.contains("MULTIPLE_FRAME_ESTABLISHED")
        });
        // The PBX knows nothing of the call any more, and is asked (Q.931 5.8.10).
        gateway.show_until("show call active voice brief", Duration::from_secs(20), |shown| {
            shown.contains("Total call-legs: 0")
        });
        self.hook(0, false);
        assert_eq!(voice_mail.notify("4714", true).status, 200);
        pbx.lamp("4714", true);
        self.call_to_the_pbx(gateway, &mut pbx);
        ok("a trunk's board pulled out under a call and put back: the call ends, the next one is heard");
        pbx
    }

    /// The driver is unloaded and loaded again and again while the gateway runs.
    fn reloaded(&mut self, gateway: &Tipringd, pbx: Pbx) {
        let Some(module) = std::env::args().nth(1) else { panic!("usage: guest MODULE.ko") };
        self.telephones.clear();
        pbx.kill();
        let start = Instant::now();
        let mut cycles = 0;
        let pid = gateway.pid();
        let before = memory(pid);
        while cycles < RELOADS && start.elapsed() < RELOAD_TIME {
            for board in BOARDS {
                control(&format!("{board}/present"), "0");
            }
            command("rmmod", &["dahdi_vline"]);
            command("insmod", &[&module, "lines=4", "e1=1"]);
            cycles += 1;
            if cycles.is_multiple_of(10) {
                configure(&format!("{LINES}{TRUNK}"));
                // Back each time, whenever it is asked.
                all_back(gateway);
            }
        }
        if !cycles.is_multiple_of(10) {
            configure(&format!("{LINES}{TRUNK}"));
        }
        assert_eq!(gateway.pid(), pid, "another daemon");
        let grown = memory(pid).saturating_sub(before);
        println!("     {cycles} times in {} s, the daemon grew by {grown} kB", start.elapsed().as_secs());
        assert!(cycles >= 20, "{cycles} cycles only");
        let mut pbx = Pbx::start(&["-c", "dahdi:55", "-s", "network"]);
        pbx.wait_up();
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("4715", true).status, 200);
        pbx.lamp("4715", true);
        self.plug_in();
        self.talk_to_each_other();
        ok("the driver unloaded and loaded again and again: lines and trunk at work");
    }

    fn cable(&mut self, gateway: &Tipringd, pbx: &mut Pbx) {
        control("e1-0/cable", "1");
        gateway.show_until("show controllers e1", Duration::from_secs(10), |shown| {
            shown.contains("E1 3/0 is down")
        });
        gateway
            .show_until("show isdn status", Duration::from_secs(20), |shown| shown.contains("DEACTIVATED"));
        control("e1-0/cable", "0");
        for (sent, words) in [("2", "  Receiver is getting AIS."), ("0", "  No alarms detected.")] {
            control("e1-0/b/send", sent);
            gateway.show_until("show controllers e1", Duration::from_secs(10), |shown| shown.contains(words));
        }
        gateway.show_until("show isdn status", Duration::from_secs(20), |shown| {
            shown.contains("MULTIPLE_FRAME_ESTABLISHED")
        });
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("4712", true).status, 200);
        pbx.lamp("4712", true);
        ok("the cable pulled and back");
    }

    fn crash(&mut self, gateway: &mut Tipringd, pbx: &mut Pbx) {
        pbx.policy("call=answer");
        assert_eq!(VoiceMail::udp(gateway.sip()).notify("102", true).status, 200);
        lamp("analogue/line3/state", "lamp=hvdc");
        let channel = self.call_pbx(0, "4711", pbx);
        self.hear(0, Duration::from_secs(1));
        gateway.kill_9();
        // Nobody has the line open: its lamp shines on.
        std::thread::sleep(Duration::from_millis(500));
        let line = std::fs::read_to_string("/sys/kernel/debug/dahdi_vline/analogue/line3/state").unwrap();
        assert!(line.contains("lamp=hvdc"), "{line}");
        let start = Instant::now();
        gateway.restart();
        println!("     ready again after {} ms", start.elapsed().as_millis());
        assert_eq!(gateway.lamp("100"), Some(true), "{}", gateway.show("show sip-ua mwi"));
        let heard = self.hear(0, Duration::from_secs(3));
        let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(loudest > 500, "a telephone that is off hook at the start gets no tone: {loudest}");
        self.hook(0, false);
        gateway.show_until("show isdn status", Duration::from_secs(20), |shown| {
            shown.contains("MULTIPLE_FRAME_ESTABLISHED")
        });
        // The PBX's half of the call is cleared, by RESTART of its channel.
        pbx.wait(&json!({"ev": "call", "state": "restarted", "chan": channel}));
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        lamp("analogue/line3/state", "lamp=hvdc");
        assert_eq!(voice_mail.notify("102", false).status, 200);
        lamp("analogue/line3/state", "lamp=off");
        assert_eq!(voice_mail.notify("4713", true).status, 200);
        pbx.lamp("4713", true);
        self.call_to_the_pbx(gateway, pbx);
        ok(
            "killed in a call and started again: the PBX's half is cleared, lamps known, lines and trunk at work",
        );
    }
}

fn tone(hz: f64) -> Vec<i16> {
    // A second; in range by its amplitude.
    #[expect(clippy::cast_possible_truncation)]
    let sample = |at: u32| (8000.0 * (TAU * hz * f64::from(at) / 8000.0).sin()) as i16;
    (0..8000).map(sample).collect()
}

/// Amplitude at `hz`, as most windows of 50 ms have it: a busy host makes holes, and slips, across which the phase is another.
fn level(samples: &[i16], hz: f64) -> f64 {
    let mut levels: Vec<f64> = samples.chunks_exact(400).map(|window| amplitude(window, hz)).collect();
    levels.sort_by(f64::total_cmp);
    levels.get(levels.len() / 2).copied().unwrap_or(0.0)
}

fn amplitude(samples: &[i16], hz: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (sample, at) in samples.iter().zip(0u32..) {
        let phase = TAU * hz * f64::from(at) / 8000.0;
        real += f64::from(*sample) * phase.cos();
        imaginary += f64::from(*sample) * phase.sin();
    }
    let count = u32::try_from(samples.len()).unwrap().max(1);
    real.hypot(imaginary) * 2.0 / f64::from(count)
}

fn a_law(sample: i16) -> u8 {
    let mut octet = [0];
    media::g711::encode(media::g711::Law::A, &[sample], &mut octet);
    octet[0]
}

/// Leaves what a telephone heard for the ears on the host: the guest's processor is slow.
fn save(name: &str, samples: &[i16]) {
    let dir = std::env::var_os("QD_OUT").unwrap_or_else(|| "/tmp".into());
    let path = Path::new(&dir).join(name).with_extension("wav");
    let mut file = wav::WavWriter::new(std::fs::File::create(&path).unwrap(), 1).unwrap();
    file.write(samples).unwrap();
    file.finish().unwrap();
}

/// `dahdi_cfg` with this configuration.
fn configure(text: &str) {
    std::fs::write("/tmp/guest.conf", text).unwrap();
    command("dahdi_cfg", &["-c", "/tmp/guest.conf"]);
}

fn command(program: &str, arguments: &[&str]) {
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    let run = finish(command, Duration::from_secs(20));
    assert_eq!(run.code, Some(0), "{program} {arguments:?}: {}{}", run.stdout, run.stderr);
}

/// `SCHED_FIFO`.
const FIFO: u32 = 1;

/// Scheduling policies of a process's threads of this name: proc(5), field 41 of `stat`.
fn policies(pid: u32, name: &str) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let named = stats.filter(|stat| stat.contains(&format!("({name})")));
    named.map(|stat| stat.rsplit(") ").next().unwrap().split(' ').nth(38).unwrap().parse().unwrap()).collect()
}

/// Memory of a process, kB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// `ACTIVE` or `INACTIVE`: the kernel's canceller of the first line.
fn canceller() -> String {
    let channels = std::fs::read_dir("/sys/bus/dahdi_spans/devices/span-1").unwrap().flatten();
    let read = |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let mut first = channels.map(|entry| entry.path()).filter(|folder| read(folder, "channo").trim() == "1");
    read(&first.next().unwrap(), "ec_state").trim().to_owned()
}

fn control(path: &str, value: &str) {
    std::fs::write(Path::new("/sys/kernel/debug/dahdi_vline").join(path), value).unwrap();
}

fn lamp(path: &str, wanted: &str) {
    let path = Path::new("/sys/kernel/debug/dahdi_vline").join(path);
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let state = std::fs::read_to_string(&path).unwrap();
        if state.contains(wanted) {
            return;
        }
        assert!(Instant::now() < end, "no {wanted}: {state}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
