//! The switch in virtual time, with a PBX of our own stack at the other end of each trunk.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use qsig::{MwiAction, MwiAnswer, Span, SpanConfig};
use sip::{Flow, Message, Method, Transport};
use telephony_hal::LineEvent;
use telephony_hal::line::Tone;

use super::*;

mod bodies;
mod counted;
mod hand;
mod host;
mod hunt;
mod outage;
mod pbx;
mod refused;
mod ringer;
mod servers;
mod shown;
mod storm;

const CONFIG: &str = "\
isdn switch-type primary-qsig
trunk group PBX
controller E1 1/0
 pri-group timeslots 1-31
controller E1 1/1
 pri-group timeslots 1-31
interface Serial1/0:15
 isdn protocol-emulate network
 trunk-group PBX 1
interface Serial1/1:15
 isdn protocol-emulate network
 trunk-group PBX 2
voice-port 1/0:15
 mwi
voice-port 1/1:15
 mwi
voice-port 2/0
 mwi
voice-port 2/1
dial-peer voice 1 pots
 destination-pattern 8000
 port 2/0
dial-peer voice 2 pots
 destination-pattern 8002
 port 2/0
dial-peer voice 3 pots
 destination-pattern 8001
 port 2/1
dial-peer voice 4 pots
 destination-pattern 47..
 port 1/0:15
dial-peer voice 5 pots
 trunkgroup PBX
 destination-pattern 48..
dial-peer voice 6 pots
 destination-pattern 949..
 port 1/0:15
 prefix 49
sip-ua
 mwi-server ipv4:192.0.2.10 unsolicited
";

const HARDWARE: &str = "\
[[fxs]]
port = \"2/0\"
backend = \"sim\"
[[fxs]]
port = \"2/1\"
backend = \"sim\"
[[pri]]
controller = \"E1 1/0\"
backend = \"sim\"
[[pri]]
controller = \"E1 1/1\"
backend = \"sim\"
";

/// A PBX: what it was asked, and what it answers.
struct Pbx {
    span: Span,
    link: bool,
    answer: Option<MwiAnswer>,
    heard: Vec<(String, bool)>,
    /// How long it takes to answer, and what it has not answered yet.
    slow: Duration,
    open: Vec<(Instant, qsig::IndicationId)>,
    /// Users it was asked about, and what it says waits for each.
    asked: Vec<String>,
    list: Vec<qsig::MwiStatus>,
    /// The latest request as it came.
    request: Option<qsig::MwiRequest>,
}

impl Pbx {
    fn new() -> Self {
        Self {
            span: Span::new(SpanConfig::default()),
            link: false,
            answer: Some(MwiAnswer::Result),
            heard: Vec::new(),
            slow: Duration::ZERO,
            open: Vec::new(),
            asked: Vec::new(),
            list: Vec::new(),
            request: None,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.span.poll_timeout().into_iter().chain(self.open.iter().map(|(at, _)| *at)).min()
    }

    /// A request of the gateway.
    fn take(&mut self, now: Instant, id: qsig::IndicationId, request: qsig::MwiRequest) {
        let user = request.served_user.digits().to_owned();
        let action = request.action;
        self.request = Some(request);
        if action == MwiAction::Interrogate {
            self.asked.push(user);
            self.span.answer_mwi(now, id, MwiAnswer::InterrogateResult(self.list.clone()));
            return;
        }
        self.heard.push((user, action == MwiAction::Activate));
        self.open.push((now + self.slow, id));
        self.answer_due(now);
    }

    fn answer_due(&mut self, now: Instant) {
        let due: Vec<_> = self.open.extract_if(.., |(at, _)| *at <= now).collect();
        if let Some(answer) = &self.answer {
            for (_, id) in due {
                self.span.answer_mwi(now, id, answer.clone());
            }
        }
    }
}

struct Bench {
    switch: Switch,
    now: Instant,
    committed: Receiver<Committed>,
    pbx: Vec<Pbx>,
    /// Status of each answered NOTIFY by its Call-ID.
    answers: Vec<(String, u16)>,
    /// What the PBXs' own operations came to.
    outcomes: Vec<qsig::MwiOutcome>,
    /// Its answers as they were.
    replies: Vec<Message>,
    /// SUBSCRIBEs the gateway sent.
    requests: Vec<Message>,
    directory: tempfile::TempDir,
    /// What was written on SMDI lines: line, octets.
    serial: Vec<(usize, Bytes)>,
    /// What was done to lines, since the test last looked.
    volts: Vec<(usize, LineAction)>,
    sent: u32,
}

impl Bench {
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), CONFIG)
    }

    fn open(directory: tempfile::TempDir, config: &str) -> Self {
        Self::open_at(directory, config, 1_800_000_000)
    }

    /// A daemon that starts when the clock on the wall says so many seconds since 1970.
    fn open_at(directory: tempfile::TempDir, config: &str, seconds: u64) -> Self {
        Self::open_on(HARDWARE, directory, config, seconds)
    }

    fn open_on(hardware: &str, directory: tempfile::TempDir, config: &str, seconds: u64) -> Self {
        let now = Instant::now();
        let (tx, committed) = channel();
        let (store, records) = Store::open(directory.path(), move |c| tx.send(c).unwrap_or(())).unwrap();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let parsed = Config::parse(config);
        let switch = Switch::new(
            now,
            Parts {
                clock: Clock::new(now, wall),
                hardware: Hardware::parse(hardware).unwrap(),
                config: parsed.config,
                store,
                records,
                metrics: Metrics::new().unwrap(),
                seed: [7; 32],
                local_address: |_| Some([192, 0, 2, 1].into()),
            },
        )
        .unwrap();
        Self {
            switch,
            now,
            committed,
            pbx: vec![Pbx::new(), Pbx::new()],
            answers: Vec::new(),
            outcomes: Vec::new(),
            replies: Vec::new(),
            requests: Vec::new(),
            directory,
            serial: Vec::new(),
            volts: Vec::new(),
            sent: 0,
        }
    }

    /// The daemon is killed and started again.
    fn restart(self, config: &str) -> Self {
        self.restart_at(config, 1_800_000_000)
    }

    /// The same, and the clock on the wall jumped in between.
    fn restart_at(self, config: &str, seconds: u64) -> Self {
        let Self { switch, directory, .. } = self;
        drop(switch);
        Self::open_at(directory, config, seconds)
    }

    fn link(&mut self, trunk: usize, up: bool) {
        self.pbx[trunk].link = up;
        self.pbx[trunk].span.handle_link(self.now, up);
        self.switch.handle_trunk_link(self.now, trunk, up);
        self.settle();
    }

    fn notify(&mut self, number: &str, waiting: bool) -> String {
        self.sent += 1;
        let call_id = format!("c{}", self.sent);
        self.notify_as(number, waiting, &call_id, 1);
        call_id
    }

    fn notify_as(&mut self, number: &str, waiting: bool, call_id: &str, cseq: u32) {
        let word = if waiting { "yes" } else { "no" };
        self.send(number, &format!("Messages-Waiting: {word}\r\n"), call_id, cseq);
    }

    fn notify_body(&mut self, number: &str, call_id: &str, body: &str) {
        self.send(number, body, call_id, 1);
    }

    fn send(&mut self, number: &str, body: &str, call_id: &str, cseq: u32) {
        self.sent += 1;
        self.receive(&format!(
            "NOTIFY sip:{number}@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{}\r\n\
             From: <sip:vm@192.0.2.10>;tag=a\r\nTo: <sip:{number}@gw>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\n\
             Event: message-summary\r\nContent-Length: {}\r\n\r\n{body}",
            self.sent,
            body.len()
        ));
    }

    /// A message from the voice mail.
    fn receive(&mut self, text: &str) {
        self.receive_from([192, 0, 2, 10], text);
    }

    fn receive_from(&mut self, from: [u8; 4], text: &str) {
        let flow = Flow {
            transport: Transport::Udp,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            remote: SocketAddr::from((from, 5060)),
            connection: None,
        };
        self.switch.handle_sip(self.now, flow, Bytes::from(text.to_owned()));
        self.settle();
    }

    fn status(&self, call_id: &str) -> Option<u16> {
        self.answers.iter().find(|(id, _)| id == call_id).map(|(_, status)| *status)
    }

    /// Moves octets until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut idle = self.exchange();
            // A commit takes as long as the disk takes.
            let patience = if idle { Duration::from_secs(20) } else { Duration::ZERO };
            if !(self.switch.tickets.is_empty() && self.switch.indications.is_empty())
                && let Ok(committed) = self.committed.recv_timeout(patience)
            {
                idle = false;
                self.switch.handle_committed(self.now, &committed);
            }
            if idle {
                return;
            }
        }
    }

    /// Moves octets between the switch and the PBXs, while the disk does nothing; says whether there were none.
    fn exchange(&mut self) -> bool {
        let mut none = true;
        loop {
            let mut idle = true;
            while let Some(output) = self.switch.poll_output() {
                idle = false;
                match output {
                    Output::Sip(transmit) => {
                        let reply = Message::parse(transmit.payload).unwrap();
                        if reply.is_request() {
                            let repeated = self.requests.iter().any(|r| r.as_bytes() == reply.as_bytes());
                            if !repeated {
                                self.requests.push(reply);
                            }
                            continue;
                        }
                        let id = reply.call_id().unwrap().to_owned();
                        self.answers.push((id, reply.status().unwrap().as_u16()));
                        self.replies.push(reply);
                    }
                    Output::Frame { trunk, frame } if self.pbx[trunk].link => {
                        self.pbx[trunk].span.handle_frame(self.now, &frame);
                    }
                    Output::Serial { line, octets } => self.serial.push((line, octets)),
                    Output::Line { line, action } => self.volts.push((line, action)),
                    _ => {}
                }
            }
            for trunk in 0..self.pbx.len() {
                let pbx = &mut self.pbx[trunk];
                while let Some(event) = pbx.span.poll_event() {
                    idle = false;
                    if let qsig::Event::MwiDone { outcome, .. } = event {
                        self.outcomes.push(outcome);
                    } else if let qsig::Event::MwiIndication { id, request } = event {
                        pbx.take(self.now, id, request);
                    }
                }
                while let Some(frame) = self.pbx[trunk].span.poll_frame() {
                    idle = false;
                    if self.pbx[trunk].link {
                        self.switch.handle_trunk_frame(self.now, trunk, &frame);
                    }
                }
            }
            if idle {
                return none;
            }
            none = false;
        }
    }

    /// Lets virtual time pass.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let spans = self.pbx.iter().filter_map(Pbx::poll_timeout);
            let next = spans.chain(self.switch.poll_timeout()).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            for pbx in &mut self.pbx {
                pbx.span.handle_timeout(self.now);
                pbx.answer_due(self.now);
            }
            self.settle();
        }
        self.now = end;
    }

    fn tone_off_hook(&mut self, line: usize) -> Tone {
        self.switch.handle_line(self.now, line, LineEvent::OffHook);
        self.wait(Duration::from_millis(200));
        let tone = self.switch.lines[line].line().tone();
        self.switch.handle_line(self.now, line, LineEvent::OnHook);
        self.wait(Duration::from_secs(5));
        tone
    }
}

#[test]
fn a_line_stutters_until_its_last_mailbox_is_empty() {
    let mut bench = Bench::new();
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    for (number, waiting, tone) in [
        ("8000", true, Tone::Stutter),
        ("8002", true, Tone::Stutter),
        ("8000", false, Tone::Stutter),
        ("8002", false, Tone::Dial),
    ] {
        let id = bench.notify(number, waiting);
        assert_eq!(bench.status(&id), Some(200));
        assert_eq!(bench.tone_off_hook(0), tone, "after {number} {waiting}");
    }
}

#[test]
fn each_way_a_number_can_lead_has_its_answer() {
    let mut bench = Bench::new();
    bench.link(0, true);
    for (number, status) in [("8000", 200), ("4711", 200), ("8001", 481), ("5000", 404), ("", 404)] {
        let id = bench.notify(number, true);
        assert_eq!(bench.status(&id), Some(status), "{number:?}");
    }
    let counted = bench.switch.show(bench.now, &cli::session::Show::SipUaStatistics).unwrap();
    for row in ["Ok 0/2", "NotFound 0/2", "CallLegNonExistent 0/1", "NOTIFY 5/0"] {
        assert!(counted.contains(row), "{row} in\n{counted}");
    }
}

#[test]
fn the_answer_waits_for_the_pbx_and_is_its_verdict() {
    let mut bench = Bench::new();
    bench.link(0, true);
    for (answer, status) in [
        (MwiAnswer::Result, 200),
        (MwiAnswer::ShortResult, 200),
        (MwiAnswer::Error(6), 404),
        (MwiAnswer::Error(0), 403),
        (MwiAnswer::Reject(1), 501),
        (MwiAnswer::Cause(1), 404),
        (MwiAnswer::Cause(34), 503),
    ] {
        bench.pbx[0].answer = Some(answer.clone());
        let id = bench.notify("4711", true);
        assert_eq!(bench.status(&id), Some(status), "{answer:?}");
        bench.pbx[0].answer = Some(MwiAnswer::Result);
        bench.wait(Duration::from_secs(600));
    }
    bench.pbx[0].answer = Some(MwiAnswer::Silent);
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), None);
    bench.wait(Duration::from_secs(31));
    assert_eq!(bench.status(&id), Some(504));
}

#[test]
fn a_trunk_that_is_down_gets_the_newest_state_when_it_returns() {
    let mut bench = Bench::new();
    for (number, waiting) in
        [("4711", true), ("4712", true), ("4711", false), ("4712", false), ("4712", true)]
    {
        let id = bench.notify(number, waiting);
        assert_eq!(bench.status(&id), Some(200));
    }
    bench.link(0, true);
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), false), ("4712".to_owned(), true)]);
}

#[test]
fn a_link_lost_under_an_operation_is_our_affair() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.pbx[0].answer = None;
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), None);
    bench.link(0, false);
    bench.wait(Duration::from_secs(30));
    assert_eq!(bench.status(&id), Some(200));
    bench.pbx[0].answer = Some(MwiAnswer::Result);
    bench.pbx[0].heard.clear();
    bench.link(0, true);
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)]);
}

#[test]
fn a_trunk_group_is_hunted_in_order() {
    let mut bench = Bench::new();
    bench.link(1, true);
    let id = bench.notify("4811", true);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!(bench.pbx[1].heard, [("4811".to_owned(), true)]);
    bench.link(0, true);
    bench.notify("4812", true);
    assert_eq!(bench.pbx[0].heard, [("4812".to_owned(), true)]);
}

#[test]
fn a_trunk_that_does_not_answer_is_followed_by_the_next() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.link(1, true);
    bench.pbx[0].answer = Some(MwiAnswer::Cause(102));
    let id = bench.notify("4811", true);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!(bench.pbx[1].heard, [("4811".to_owned(), true)]);
    assert!(bench.switch.trunks[0].queue.is_empty());
}

#[test]
fn what_was_queued_is_delivered_after_a_restart_and_lamps_are_right_at_once() {
    let mut bench = Bench::new();
    bench.notify("4711", true);
    bench.notify("8000", true);
    let mut bench = bench.restart(CONFIG);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    bench.link(0, true);
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)]);
    let mut bench = bench.restart(CONFIG);
    bench.link(0, true);
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.pbx[0].heard, [], "what the PBX has confirmed is not sent again");
}

#[test]
fn a_late_notify_changes_nothing() {
    let mut bench = Bench::new();
    bench.notify_as("8000", true, "dialog", 5);
    bench.notify_as("8000", false, "dialog", 4);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    assert_eq!(bench.answers.iter().map(|(_, s)| *s).collect::<Vec<_>>(), [200, 200]);
}

#[test]
fn the_pbx_is_called_by_the_number_its_telephones_have() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify("94911", true);
    assert_eq!(bench.pbx[0].heard, [("4911".to_owned(), true)], "prefix is obeyed as for a call");
    assert!(
        bench
            .switch
            .show(bench.now, &cli::session::Show::Mwi(cli::session::MwiQuery::default()))
            .unwrap()
            .contains("94911")
    );
}

#[test]
fn configuration_changes_reach_lamps_and_trunks() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify("8000", true);
    let without = CONFIG.replace("voice-port 2/0\n mwi\n", "voice-port 2/0\n");
    bench.switch.apply(bench.now, Config::parse(&without).config);
    bench.settle();
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    bench.switch.apply(bench.now, Config::parse(CONFIG).config);
    bench.settle();
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    assert!(bench.switch.trunks[0].span.is_up());
    let no_group = CONFIG.replacen(" pri-group timeslots 1-31\n", "", 1);
    bench.switch.apply(bench.now, Config::parse(&no_group).config);
    bench.settle();
    assert!(!bench.switch.trunks[0].span.is_up());
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(200), "queued until the trunk is configured again");
    bench.switch.apply(bench.now, Config::parse(CONFIG).config);
    bench.settle();
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)]);
}

#[test]
fn a_change_of_configuration_does_not_repeat_an_operation_under_way() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.pbx[0].answer = None;
    bench.notify("4711", true);
    // Even a change of the dial plan, which looks every number up anew.
    for change in ["hostname Renamed\n", "dial-peer voice 99 pots\n destination-pattern 99..\n port 1/0:15\n"]
    {
        bench.switch.apply(bench.now, Config::parse(&format!("{CONFIG}!\n{change}")).config);
        bench.settle();
        assert_eq!(bench.switch.trunks[0].queue.waiting(), 0, "queued behind itself by {change}");
    }
    assert_eq!(bench.pbx[0].heard.len(), 1);
    // Its outcome still finds its mailbox: the silent PBX has it queued, and hears of it again.
    bench.pbx[0].answer = Some(MwiAnswer::Result);
    bench.wait(Duration::from_secs(120));
    assert!(bench.switch.trunks[0].queue.is_empty());
    assert_eq!(bench.switch.deliveries.get("4711").map(Delivery::word), Some("delivered"));
}

#[test]
fn a_change_elsewhere_does_not_end_back_off() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.pbx[0].answer = Some(MwiAnswer::Cause(34));
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(503));
    let renamed = format!("{CONFIG}!\nhostname Renamed\n");
    bench.switch.apply(bench.now, Config::parse(&renamed).config);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.pbx[0].heard.len(), 1, "the PBX said later");
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.pbx[0].heard.len(), 2);
}

#[test]
fn number_source_and_answer_to_queued_news_are_settings() {
    let config = CONFIG.replace(
        "sip-ua\n",
        "sip-ua\n tipring mwi number-source message-account\n tipring mwi when-queued retry-later\n",
    );
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(503));
    bench.link(0, true);
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)], "queued all the same");
    bench.notify_body("8002", "m", "Messages-Waiting: yes\nMessage-Account: sip:4712@vm\n");
    assert_eq!(bench.pbx[0].heard.last(), Some(&("4712".to_owned(), true)));
}

#[test]
fn clearing_a_mailbox_darkens_its_lamp_for_good() {
    let mut bench = Bench::new();
    bench.notify("8000", true);
    assert!(bench.switch.clear_mwi(bench.now, Some("8001")).error);
    assert!(!bench.switch.clear_mwi(bench.now, Some("8000")).error);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    let mut bench = bench.restart(CONFIG);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
}

/// Any order of NOTIFYs, cuts and refusals ends with every lamp of the PBX as its mailbox says.
#[test]
fn storms_end_with_every_lamp_right() {
    use std::collections::BTreeMap;
    for seed in 0..8_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let mut bench = Bench::new();
        bench.link(0, true);
        let mut wanted = BTreeMap::new();
        for _ in 0..200 {
            match next(20) {
                0 => bench.link(0, next(2) == 0),
                1 => bench.wait(Duration::from_millis(next(20_000))),
                2 => {
                    bench.pbx[0].answer =
                        [None, Some(MwiAnswer::Cause(34)), Some(MwiAnswer::Result)][next(3) as usize].clone()
                }
                _ => {
                    let number = format!("47{:02}", next(30));
                    let waiting = next(2) == 0;
                    bench.notify(&number, waiting);
                    wanted.insert(number, waiting);
                }
            }
        }
        bench.pbx[0].answer = Some(MwiAnswer::Result);
        bench.link(0, true);
        bench.wait(Duration::from_secs(3600));
        let lamps: BTreeMap<_, _> = bench.pbx[0].heard.iter().cloned().collect();
        assert_eq!(lamps, wanted, "seed {seed}");
        assert!(bench.switch.trunks[0].queue.is_empty(), "seed {seed}");
        assert!(bench.switch.waiting.is_empty(), "seed {seed}");
        assert!(bench.switch.tickets.is_empty(), "seed {seed}");
    }
}

#[test]
fn the_pbx_can_light_and_ask_about_a_telephone_of_ours() {
    use qsig::{MwiOutcome, MwiRequest, PartyNumber};
    let mut bench = Bench::new();
    bench.link(0, true);
    let ask = |bench: &mut Bench, action, number: &str| {
        let mut request = MwiRequest::new(action, PartyNumber::Unknown(number.to_owned()));
        request.messages = (action == MwiAction::Activate).then_some(3);
        bench.pbx[0].span.invoke_mwi(bench.now, request).unwrap();
        bench.settle();
        bench.outcomes.pop().unwrap()
    };
    assert_eq!(ask(&mut bench, MwiAction::Activate, "8000"), MwiOutcome::Done);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    let MwiOutcome::Interrogated(list) = ask(&mut bench, MwiAction::Interrogate, "8000") else { panic!() };
    assert_eq!(list.iter().map(|s| s.messages).collect::<Vec<_>>(), [Some(3)]);
    assert_eq!(ask(&mut bench, MwiAction::Deactivate, "8000"), MwiOutcome::Done);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    assert_eq!(ask(&mut bench, MwiAction::Interrogate, "8000"), MwiOutcome::Interrogated(Vec::new()));
    for foreign in ["8001", "4711", "1"] {
        assert_eq!(ask(&mut bench, MwiAction::Activate, foreign), MwiOutcome::Error(6), "{foreign}");
    }
}

#[test]
fn what_a_pbx_says_after_a_restart_is_news_however_it_counts_its_operations() {
    use qsig::{MwiRequest, PartyNumber};
    let mut bench = Bench::new();
    bench.link(0, true);
    let tell = |bench: &mut Bench, action| {
        let request = MwiRequest::new(action, PartyNumber::Unknown("8000".to_owned()));
        bench.pbx[0].span.invoke_mwi(bench.now, request).unwrap();
        bench.settle();
    };
    tell(&mut bench, MwiAction::Activate);
    tell(&mut bench, MwiAction::Deactivate);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    let mut bench = bench.restart(CONFIG);
    bench.link(0, true);
    tell(&mut bench, MwiAction::Activate);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
}

/// The voice mail's answer to a SUBSCRIBE of ours.
fn answer(subscribe: &Message, status: &str, more: &str) -> String {
    let header = |name: &str| subscribe.header(name).unwrap().to_str().into_owned();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=vm\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
        header("Via"),
        header("From"),
        header("To"),
        header("Call-ID"),
        header("CSeq"),
    )
}

#[test]
fn without_unsolicited_each_telephone_is_subscribed_for() {
    let config = CONFIG.replace(" unsolicited\n", " expires 600\n");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(1));
    let subscribes = std::mem::take(&mut bench.requests);
    let users: Vec<_> = subscribes.iter().map(|s| s.uri().unwrap().user().unwrap().into_owned()).collect();
    assert_eq!(subscribes.len(), 2, "{users:?}");
    let subscribe = subscribes.iter().find(|s| s.request_uri() == Some("sip:8000@192.0.2.10")).unwrap();
    assert_eq!(subscribe.method(), Some(Method::Subscribe));
    assert_eq!(subscribe.header("Expires").unwrap().to_str(), "600");
    assert_eq!(subscribe.header("Contact").unwrap().to_str(), "<sip:8000@192.0.2.1:5060>");

    // A NOTIFY that belongs to no subscription is refused; one that does changes the tone.
    let id = bench.notify("8000", true);
    assert_eq!(bench.status(&id), Some(481));
    bench.receive(&answer(subscribe, "200 OK", "Expires: 600\r\nContact: <sip:vm@192.0.2.10>\r\n"));
    let call_id = subscribe.call_id().unwrap();
    let tag = subscribe.from().unwrap().tag().unwrap();
    let body = "Messages-Waiting: yes\r\n";
    bench.receive(&format!(
        "NOTIFY sip:8000@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKn\r\nFrom: <sip:8000@192.0.2.10>;tag=vm\r\n\
         To: <sip:8000@192.0.2.1>;tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: 9 NOTIFY\r\nEvent: message-summary\r\n\
         Subscription-State: active;expires=600\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(bench.status(call_id), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);

    // It is refreshed in its dialog before it expires.
    bench.requests.clear();
    let of_dialog = |bench: &Bench| bench.requests.iter().find(|r| r.call_id().unwrap() == call_id).cloned();
    let mut waited = 0;
    while of_dialog(&bench).is_none() {
        assert!(waited < 600, "expired without a refresh");
        waited += 5;
        bench.wait(Duration::from_secs(5));
    }
    let refresh = of_dialog(&bench).unwrap();
    assert_eq!(refresh.to().unwrap().tag(), Some("vm"));
    assert_eq!(refresh.request_uri(), Some("sip:vm@192.0.2.10"));

    // `no mwi` on the port ends it.
    bench.receive(&answer(&refresh, "200 OK", "Expires: 600\r\n"));
    bench.requests.clear();
    let without = config.replace("voice-port 2/0\n mwi\n", "voice-port 2/0\n");
    bench.switch.apply(bench.now, Config::parse(&without).config);
    bench.settle();
    let ended = of_dialog(&bench).unwrap();
    assert_eq!(ended.header("Expires").unwrap().to_str(), "0");
}

#[test]
fn a_subscription_refused_or_unanswered_is_tried_again_later() {
    let config = CONFIG.replace(" unsolicited\n", "\n");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(1));
    let subscribes = std::mem::take(&mut bench.requests);
    bench.receive(&answer(&subscribes[0], "423 Interval Too Brief", "Min-Expires: 7200\r\n"));
    bench.wait(Duration::from_secs(1));
    let again = std::mem::take(&mut bench.requests);
    assert!(again.iter().any(|s| s.header("Expires").unwrap().to_str() == "7200"));
    bench.wait(Duration::from_secs(1200));
    assert!(bench.requests.len() > 4, "unanswered SUBSCRIBEs go on: {}", bench.requests.len());
}
