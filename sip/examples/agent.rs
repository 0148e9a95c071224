//! A small user agent for the command line and for tests: calls, answers, holds, transfers, by arguments and
//! by commands on standard input; what happens is printed as JSON, one object a line.
//!
//! ```text
//! cargo run -p sip --example agent -- --listen 127.0.0.1:5070 --answer 500
//! {"event":"ready","udp":"127.0.0.1:5070","tcp":"127.0.0.1:5070"}
//! ```
//!
//! Arguments (times in ms):
//!
//! * `--listen ADDRESS:PORT`: UDP and TCP; port 0 lets the system choose. Default 127.0.0.1:0.
//! * `--answer TIME`: answers calls after that; `--ring` says 180 first, `--reliable` says it reliably and
//!   with the answer. `--reject STATUS`, `--redirect CONTACT` instead. Without any, commands decide.
//! * `--hangup TIME`: hangs up that long after the answer, on both sides.
//! * `--auth USER:PASSWORD`: for 401 and 407. `--session-expires SECONDS`. `--update`: changes go by UPDATE.
//! * `--from URI`: who we are. Default `sip:agent@` and our address.
//! * `--calls N`: ends after that many calls have ended.
//!
//! Commands, where CALL is the number of `"call"` in the events:
//!
//! * `call URI [via ADDRESS:PORT] [tcp] [delayed] [route URI] [replaces CALL]`
//! * `progress CALL STATUS [sdp] [reliable]`, `answer CALL`, `reject CALL STATUS`,
//!   `redirect CALL STATUS CONTACT…`
//! * `hold CALL`, `resume CALL`, `update CALL`, `info CALL TEXT`, `refer CALL URI`, `transfer CALL TO-CALL`,
//!   `hangup CALL`, `wait CALL TIME COMMAND…` (a command later), `quit`

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sip::call::{
    CallConfig, CallError, CallEvent, CallId, Content, CredentialsProvider, Invite, Refer, ReferId, UaEvent,
    UserAgent, escape_header,
};
use sip::digest::Credentials;
use sip::net::{Net, NetConfig, NetEvent};
use sip::sdp::{Direction, Format, Local, LocalMedia, OfferAnswer, Origin, Sdp};
use sip::{EndpointConfig, Event, Flow, Header, Message, Method, Reply, Transport, Uri};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Default)]
struct Options {
    listen: Option<SocketAddr>,
    answer: Option<u64>,
    ring: bool,
    reliable: bool,
    reject: Option<u16>,
    redirect: Option<String>,
    hangup: Option<u64>,
    auth: Option<(String, String)>,
    session_expires: Option<u32>,
    update: bool,
    from: Option<String>,
    calls: Option<usize>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument}: a value is missing"));
            match argument.as_str() {
                "--listen" => options.listen = Some(value()?.parse()?),
                "--answer" => options.answer = Some(value()?.parse()?),
                "--ring" => options.ring = true,
                "--reliable" => options.reliable = true,
                "--reject" => options.reject = Some(value()?.parse()?),
                "--redirect" => options.redirect = Some(value()?),
                "--hangup" => options.hangup = Some(value()?.parse()?),
                "--auth" => {
                    let both = value()?;
                    let (user, password) = both.split_once(':').ok_or("--auth: expected USER:PASSWORD")?;
                    options.auth = Some((user.to_owned(), password.to_owned()));
                }
                "--session-expires" => options.session_expires = Some(value()?.parse()?),
                "--update" => options.update = true,
                "--from" => options.from = Some(value()?),
                "--calls" => options.calls = Some(value()?.parse()?),
                other => return Err(format!("{other}: no such argument").into()),
            }
        }
        Ok(options)
    }
}

/// What the agent knows of a call.
struct Session {
    number: usize,
    media: OfferAnswer,
    direction: Direction,
    offer: Option<Sdp>,
    /// The call that asked for this one, and by which REFER.
    referrer: Option<(CallId, ReferId)>,
}

struct Agent {
    ua: UserAgent,
    net: Net,
    options: Options,
    address: SocketAddr,
    from: String,
    media_port: u16,
    sessions: HashMap<CallId, Session>,
    numbers: BTreeMap<usize, CallId>,
    later: Vec<(Instant, String)>,
    ended: usize,
    next: usize,
    quit: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let listen = match options.listen {
        Some(address) => address,
        None => "127.0.0.1:0".parse()?,
    };
    // The same port for both, when the system chooses.
    let (net, mut network) = bind(listen).await?;
    let address = *net.udp_addrs().first().ok_or("no UDP socket")?;
    // Nobody listens to the media; the port is held so that nobody else gets it.
    let media = UdpSocket::bind((address.ip(), 0))?;
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut calls = CallConfig { prefer_update: options.update, ..CallConfig::default() };
    if let Some(seconds) = options.session_expires {
        calls.session_timer.interval = Some(seconds);
    }
    if let Some((user, password)) = options.auth.clone() {
        calls.credentials = Some(CredentialsProvider::new(move |_| Some(Credentials::new(&user, &password))));
    }
    let endpoint = EndpointConfig { server: Some("Tipring agent".into()), ..EndpointConfig::default() };
    let from = options.from.clone().unwrap_or_else(|| format!("sip:agent@{address}"));
    say(json!({
        "event": "ready", "udp": address.to_string(), "tcp": net.tcp_addrs().first().map(ToString::to_string),
    }));
    let mut agent = Agent {
        ua: UserAgent::new(endpoint, calls, seed),
        net,
        options,
        address,
        from,
        media_port: media.local_addr()?.port(),
        sessions: HashMap::new(),
        numbers: BTreeMap::new(),
        later: Vec::new(),
        ended: 0,
        next: 1,
        quit: false,
    };
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    let mut open = true;
    while !agent.quit {
        agent.drain();
        let later = agent.later.iter().map(|(at, _)| *at).min();
        let wake = [agent.ua.poll_timeout(), later].into_iter().flatten().min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            event = network.recv() => match event {
                Some(NetEvent::Received { flow, data }) => {
                    agent.ua.handle_received(Instant::now(), flow, data);
                }
                Some(NetEvent::Closed { flow } | NetEvent::SendFailed { flow }) => {
                    agent.ua.handle_transport_error(Instant::now(), &flow);
                }
                Some(_) => {}
                None => break,
            },
            line = commands.next_line(), if open => match line? {
                Some(line) => agent.command(&line),
                None => open = false,
            },
            () = tokio::time::sleep_until(wake.into()) => agent.on_time(),
        }
        agent.drain();
        if agent.options.calls.is_some_and(|calls| agent.ended >= calls) {
            break;
        }
    }
    // What was just said has to leave the machine.
    tokio::time::sleep(Duration::from_millis(50)).await;
    say(json!({ "event": "done", "ended": agent.ended }));
    Ok(())
}

async fn bind(listen: SocketAddr) -> std::io::Result<(Net, tokio::sync::mpsc::Receiver<NetEvent>)> {
    let mut tries = 0;
    loop {
        let port = match listen.port() {
            0 => UdpSocket::bind(listen)?.local_addr()?.port(),
            port => port,
        };
        let address = SocketAddr::new(listen.ip(), port);
        let config = NetConfig { udp: vec![address], tcp: vec![address], ..NetConfig::default() };
        match Net::bind(config).await {
            Ok(bound) => return Ok(bound),
            Err(error) if listen.port() != 0 || tries > 20 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

fn say(value: Value) {
    println!("{value}");
}

impl Agent {
    fn local(&self, direction: Direction) -> Local {
        Local {
            origin: Origin {
                username: "agent".into(),
                session_id: "1".into(),
                version: "1".into(),
                address: format!("IN IP4 {}", self.address.ip()),
            },
            address: self.address.ip(),
            media: vec![LocalMedia {
                kind: "audio".into(),
                protocol: "RTP/AVP".into(),
                port: self.media_port,
                formats: vec![
                    Format::new(0, "PCMU", 8000),
                    Format::new(8, "PCMA", 8000),
                    Format::new(101, "telephone-event", 8000).with_parameters("0-15"),
                ],
                direction,
                ptime: Some(20),
                attributes: Vec::new(),
            }],
            prefer_own_order: false,
        }
    }

    fn add(&mut self, id: CallId, referrer: Option<(CallId, ReferId)>) -> usize {
        let number = self.next;
        self.next += 1;
        let session = Session {
            number,
            media: OfferAnswer::new(1_000_000 + number as u64),
            direction: Direction::SendRecv,
            offer: None,
            referrer,
        };
        self.sessions.insert(id, session);
        self.numbers.insert(number, id);
        number
    }

    /// Our description: the answer to the offer that is open, else an offer.
    fn describe(&mut self, id: CallId) -> Option<Content> {
        let direction = self.sessions.get(&id)?.direction;
        let local = self.local(direction);
        let session = self.sessions.get_mut(&id)?;
        let sdp = match session.offer.take() {
            Some(offer) => {
                session.media.handle_offer(offer).ok()?;
                session.media.make_answer(&local).ok()?.0
            }
            None => session.media.make_offer(&local).ok()?,
        };
        Some(Content::sdp(sdp.to_string()))
    }

    fn drain(&mut self) {
        loop {
            while let Some(event) = self.ua.poll_event() {
                match event {
                    UaEvent::Call(id, event) => self.call_event(id, event),
                    UaEvent::Other(Event::Request { id, request, .. }) => {
                        say(json!({ "event": "request", "method": request.method().map(|m| m.to_string()) }));
                        let _ = self.ua.endpoint_mut().respond(Instant::now(), id, Reply::new(481));
                    }
                    UaEvent::Other(_) => {}
                }
            }
            let Some(transmit) = self.ua.poll_transmit() else { return };
            self.net.send(transmit);
        }
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        self.ua.handle_timeout(now);
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Instant, String)> = due;
        for (_, command) in due {
            self.command(&command);
        }
    }

    fn after(&mut self, ms: u64, command: String) {
        self.later.push((Instant::now() + Duration::from_millis(ms), command));
    }

    fn call_event(&mut self, id: CallId, event: CallEvent) {
        let now = Instant::now();
        if let CallEvent::Incoming { offer, .. } = &event {
            self.add(id, None);
            self.take_offer(id, offer.as_deref());
        }
        let Some(number) = self.sessions.get(&id).map(|session| session.number) else { return };
        let mut told = describe_event(&event);
        told["call"] = number.into();
        say(told);
        let outcome = match event {
            CallEvent::Incoming { .. } => self.decide(id, number),
            CallEvent::Offer { sdp, .. } => {
                self.take_offer(id, Some(&sdp));
                match self.describe(id) {
                    Some(content) => self.ua.answer_offer(now, id, content),
                    None => self.ua.refuse_offer(now, id, 488, Content::new()),
                }
            }
            CallEvent::OfferRequested { .. } => match self.describe(id) {
                Some(content) => self.ua.answer_offer(now, id, content),
                None => self.ua.refuse_offer(now, id, 500, Content::new()),
            },
            CallEvent::Answer { sdp, early: false, .. } => {
                if let (Ok(sdp), Some(session)) = (Sdp::parse(&sdp), self.sessions.get_mut(&id))
                    && let Err(error) = session.media.handle_answer(&sdp)
                {
                    say(json!({ "event": "error", "call": number, "error": error.to_string() }));
                }
                Ok(())
            }
            CallEvent::OfferRefused { .. } => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.media.cancel();
                }
                Ok(())
            }
            CallEvent::Progress { status, .. } => self.tell_referrer(id, status, false),
            CallEvent::Answered { .. } => {
                let told = self.tell_referrer(id, 200, true);
                self.schedule_hangup(number);
                told
            }
            CallEvent::Acknowledged { .. } => {
                self.schedule_hangup(number);
                Ok(())
            }
            CallEvent::Referred { refer, to, .. } => self.referred(id, refer, &to),
            CallEvent::Request { transaction, .. } => self.ua.respond(now, transaction, Reply::new(200)),
            CallEvent::Failed { status, .. } => {
                let told = self.tell_referrer(id, status, true);
                self.over(id, number);
                told
            }
            CallEvent::Ended { .. } => {
                self.over(id, number);
                Ok(())
            }
            _ => Ok(()),
        };
        self.report(number, outcome);
    }

    fn report(&self, number: usize, outcome: Result<(), CallError>) {
        if let Err(error) = outcome {
            say(json!({ "event": "error", "call": number, "error": error.to_string() }));
        }
    }

    fn over(&mut self, id: CallId, number: usize) {
        self.sessions.remove(&id);
        self.numbers.remove(&number);
        self.ended += 1;
    }

    fn take_offer(&mut self, id: CallId, offer: Option<&[u8]>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.offer = offer.and_then(|offer| Sdp::parse(offer).ok());
        }
    }

    fn schedule_hangup(&mut self, number: usize) {
        if let Some(ms) = self.options.hangup {
            self.after(ms, format!("hangup {number}"));
        }
    }

    fn decide(&mut self, id: CallId, number: usize) -> Result<(), CallError> {
        let now = Instant::now();
        if let Some(status) = self.options.reject {
            return self.ua.reject(now, id, status, Content::new());
        }
        if let Some(contact) = self.options.redirect.clone() {
            return self.ua.redirect(now, id, 302, &[contact], Content::new());
        }
        if self.options.reliable {
            let content = self.describe(id).unwrap_or_default();
            self.ua.progress(now, id, 183, content, true)?;
        } else if self.options.ring {
            self.ua.progress(now, id, 180, Content::new(), false)?;
        }
        if let Some(ms) = self.options.answer {
            self.after(ms, format!("answer {number}"));
        }
        Ok(())
    }

    fn referred(&mut self, id: CallId, refer: ReferId, to: &str) -> Result<(), CallError> {
        let now = Instant::now();
        self.ua.accept_refer(now, id, refer)?;
        let Some((uri, replaces)) = split_refer_to(to) else {
            return self.ua.notify_refer(now, id, refer, 400, None);
        };
        let Some(flow) = self.flow_to(&uri, None, false) else {
            return self.ua.notify_refer(now, id, refer, 404, None);
        };
        let content = match replaces {
            Some(replaces) => Content::new().header(Header::Replaces, replaces),
            None => Content::new(),
        };
        if self.place(&uri, flow, content, false, Vec::new(), Some((id, refer))).is_err() {
            return self.ua.notify_refer(now, id, refer, 503, None);
        }
        Ok(())
    }

    fn tell_referrer(&mut self, id: CallId, status: u16, last: bool) -> Result<(), CallError> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let referrer = if last { session.referrer.take() } else { session.referrer };
        match referrer {
            Some((call, refer)) => self.ua.notify_refer(Instant::now(), call, refer, status, None),
            None => Ok(()),
        }
    }

    fn flow_to(&self, uri: &str, via: Option<SocketAddr>, tcp: bool) -> Option<Flow> {
        let parsed = Uri::parse(uri).ok()?;
        let remote = match via {
            Some(address) => address,
            None => SocketAddr::new(parsed.ip()?, parsed.port().unwrap_or(5060)),
        };
        let tcp = tcp || parsed.param("transport").is_some_and(|name| name.eq_ignore_ascii_case("tcp"));
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        Some(Flow { transport, local: self.address, remote, connection: None })
    }

    fn place(
        &mut self,
        uri: &str,
        flow: Flow,
        mut content: Content,
        delayed: bool,
        routes: Vec<String>,
        referrer: Option<(CallId, ReferId)>,
    ) -> Result<usize, CallError> {
        let mut media = OfferAnswer::new(2_000_000 + self.next as u64);
        if !delayed && let Ok(sdp) = media.make_offer(&self.local(Direction::SendRecv)) {
            content.sdp = Some(sdp.to_string().into());
        }
        let mut invite = Invite::new(uri, &format!("<{}>", self.from), flow).content(content);
        invite.routes = routes;
        let id = self.ua.invite(Instant::now(), invite)?;
        let number = self.add(id, referrer);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.media = media;
        }
        say(json!({ "event": "calling", "call": number, "uri": uri }));
        Ok(number)
    }

    fn command(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((verb, rest)) = words.split_first() else { return };
        match *verb {
            "quit" => self.quit = true,
            "call" => {
                if let Err(error) = self.command_call(rest) {
                    say(json!({ "event": "error", "error": error }));
                }
            }
            verb => {
                let number = rest.first().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
                let Some(id) = self.numbers.get(&number).copied() else {
                    say(json!({ "event": "error", "call": number, "error": "no such call" }));
                    return;
                };
                let outcome = self.command_in_call(verb, id, rest.get(1..).unwrap_or_default());
                self.report(number, outcome);
            }
        }
    }

    fn command_call(&mut self, words: &[&str]) -> Result<(), String> {
        let (uri, rest) = words.split_first().ok_or("call: a URI is missing")?;
        let (mut via, mut tcp, mut delayed, mut routes) = (None, false, false, Vec::new());
        let mut content = Content::new();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().copied().ok_or(format!("{word}: a value is missing"));
            match *word {
                "via" => via = Some(value()?.parse().map_err(|error| format!("via: {error}"))?),
                "tcp" => tcp = true,
                "delayed" => delayed = true,
                "route" => routes.push(value()?.to_owned()),
                "replaces" => {
                    let number: usize = value()?.parse().map_err(|error| format!("replaces: {error}"))?;
                    let id = self.numbers.get(&number).copied().ok_or("replaces: no such call")?;
                    let replaces = self.ua.replaces(id).map_err(|error| error.to_string())?;
                    content = content.header(Header::Replaces, replaces);
                }
                other => return Err(format!("call: {other}?")),
            }
        }
        let flow = self.flow_to(uri, via, tcp).ok_or("call: the URI has no numeric address")?;
        self.place(uri, flow, content, delayed, routes, None).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn command_in_call(&mut self, verb: &str, id: CallId, words: &[&str]) -> Result<(), CallError> {
        let now = Instant::now();
        let status = words.first().and_then(|status| status.parse::<u16>().ok()).unwrap_or(0);
        match verb {
            "progress" => {
                let content = match words.contains(&"sdp") {
                    true => self.describe(id).unwrap_or_default(),
                    false => Content::new(),
                };
                self.ua.progress(now, id, status, content, words.contains(&"reliable"))
            }
            "answer" => {
                // With a reliable 183 the answer has been given.
                let said = self.sessions.get(&id).is_some_and(|session| session.media.last().is_some());
                let content = if said { Content::new() } else { self.describe(id).unwrap_or_default() };
                self.ua.answer(now, id, content)
            }
            "reject" => self.ua.reject(now, id, status, Content::new()),
            "redirect" => {
                let contacts: Vec<String> = words.iter().skip(1).map(|word| (*word).to_owned()).collect();
                self.ua.redirect(now, id, status, &contacts, Content::new())
            }
            "hold" | "resume" => {
                let direction = if verb == "hold" { Direction::SendOnly } else { Direction::SendRecv };
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.direction = direction;
                }
                let content = self.describe(id).ok_or(CallError::Pending)?;
                let outcome = self.ua.offer(now, id, content);
                if outcome.is_err()
                    && let Some(session) = self.sessions.get_mut(&id)
                {
                    session.media.cancel();
                }
                outcome
            }
            "update" => {
                let identity = Content::new().header(Header::PAssertedIdentity, format!("<{}>", self.from));
                self.ua.update(now, id, identity)
            }
            "info" => {
                let info = Content::new().body("text/plain", words.join(" "));
                self.ua.request(now, id, Method::Info, info).map(|_| ())
            }
            "refer" => {
                let to = words.first().copied().unwrap_or_default();
                self.ua.refer(now, id, &Refer::new(to)).map(|_| ())
            }
            "transfer" => {
                let other = words.first().and_then(|number| self.numbers.get(&number.parse().ok()?)).copied();
                let other = other.ok_or(CallError::State("no such call to transfer to"))?;
                let replaces = escape_header(&self.ua.replaces(other)?);
                let target = self.ua.remote_target(other)?;
                self.ua.refer(now, id, &Refer::new(&format!("{target}?Replaces={replaces}"))).map(|_| ())
            }
            "hangup" => self.ua.hangup(now, id, Content::new().q850(16)),
            "wait" => {
                let ms = u64::from(status);
                self.after(ms, words.get(1..).unwrap_or_default().join(" "));
                Ok(())
            }
            _ => Err(CallError::State("no such command")),
        }
    }
}

/// URI without headers, and the Replaces header among them.
fn split_refer_to(to: &str) -> Option<(String, Option<String>)> {
    let uri = Uri::parse(to).ok()?;
    let replaces = uri
        .headers()
        .find(|(name, _)| name.eq_ignore_ascii_case("replaces"))
        .map(|(_, value)| value.into_owned());
    Some((to.split('?').next()?.to_owned(), replaces))
}

fn describe_event(event: &CallEvent) -> Value {
    let text = |sdp: &[u8]| String::from_utf8_lossy(sdp).into_owned();
    let reason = |message: &Option<Message>| {
        message.as_ref().and_then(|message| Some(message.header(Header::Reason)?.to_str().into_owned()))
    };
    match event {
        CallEvent::Incoming { request, offer, replaces, .. } => json!({
            "event": "incoming", "from": request.header("From").map(|from| from.to_string()),
            "offer": offer.as_deref().map(text), "replaces": replaces.is_some(),
        }),
        CallEvent::Progress { status, reliable, .. } => {
            json!({ "event": "progress", "status": status, "reliable": reliable })
        }
        CallEvent::Answered { .. } => json!({ "event": "answered" }),
        CallEvent::Acknowledged { .. } => json!({ "event": "acknowledged" }),
        CallEvent::Offer { sdp, .. } => json!({ "event": "offer", "sdp": text(sdp) }),
        CallEvent::OfferRequested { .. } => json!({ "event": "offer_requested" }),
        CallEvent::OfferWithdrawn => json!({ "event": "offer_withdrawn" }),
        CallEvent::Answer { sdp, early, .. } => {
            json!({ "event": "answer", "sdp": text(sdp), "early": early })
        }
        CallEvent::OfferRefused { status, .. } => json!({ "event": "offer_refused", "status": status }),
        CallEvent::Updated { .. } => json!({ "event": "updated" }),
        CallEvent::Referred { to, .. } => json!({ "event": "referred", "to": to }),
        CallEvent::ReferAccepted { subscribed, .. } => {
            json!({ "event": "refer_accepted", "subscribed": subscribed })
        }
        CallEvent::ReferProgress { status, last, .. } => {
            json!({ "event": "refer_progress", "status": status, "last": last })
        }
        CallEvent::ReferFailed { status, .. } => json!({ "event": "refer_failed", "status": status }),
        CallEvent::Request { request, .. } => json!({
            "event": "request", "method": request.method().map(|method| method.to_string()),
            "body": text(request.body()),
        }),
        CallEvent::Response { status, .. } => json!({ "event": "response", "status": status }),
        CallEvent::Redirected { contacts, following, .. } => {
            json!({ "event": "redirected", "contacts": contacts, "following": following })
        }
        CallEvent::Failed { status, retry_after, response } => json!({
            "event": "failed", "status": status, "retry_after": retry_after, "reason": reason(response),
        }),
        CallEvent::Ended { by, message } => {
            json!({ "event": "ended", "by": format!("{by:?}"), "reason": reason(message) })
        }
        other => json!({ "event": format!("{other:?}") }),
    }
}
