//! A Unified CM on the other end of a SIP trunk, as a script: it sends and expects whole messages and writes down every one, so
//! that a test can compare what went over the wire with the row of a flow. It shares no code with the gateway.

mod text;
mod wire;

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{Said, free_port};
use text::Headers;
use wire::Wire;

/// How long a message is waited for.
const LONG: Duration = Duration::from_secs(10);

/// How a trunk travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS, by `openssl s_server`: its certificate, its key, the issuers it believes (PEM files).
    Tls {
        /// Certificate.
        cert: PathBuf,
        /// Key.
        key: PathBuf,
        /// Issuers.
        issuers: PathBuf,
    },
}

/// One call as the Unified CM sees it.
#[derive(Debug, Clone)]
pub struct TrunkCall {
    /// Call-ID.
    pub id: String,
    /// From of what we send, with tag.
    pub own: String,
    /// To of what we send.
    pub far: String,
    /// Request-URI of what we send.
    pub target: String,
    /// Number of our last request.
    pub cseq: u32,
    /// Who our Contact and Remote-Party-ID say we are.
    pub user: String,
    invite: Option<Invite>,
}

/// What an ACK repeats of the INVITE.
#[derive(Debug, Clone)]
struct Invite {
    cseq: u32,
    via: String,
    uri: String,
}

/// The Unified CM.
#[derive(Debug)]
pub struct UnifiedCm {
    transport: TrunkTransport,
    wire: Wire,
    address: SocketAddr,
    gateway: SocketAddr,
    /// Where each request came from, by its branch.
    came: HashMap<String, u64>,
    seen: HashSet<String>,
    repeated: usize,
    ladder: Vec<(bool, String)>,
    calls: u32,
    branches: u32,
    /// Version of the description made last.
    version: u32,
}

impl UnifiedCm {
    /// One on a free port of 127.0.0.1.
    #[must_use]
    pub fn new(transport: TrunkTransport) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, transport)
    }

    /// One on a free port of another address; by TCP its connections come from 127.0.0.1 all the same.
    #[must_use]
    pub fn at(ip: Ipv4Addr, transport: TrunkTransport) -> Self {
        let address = SocketAddr::from((ip, free_port()));
        let wire = Wire::listen(&transport, address);
        Self {
            transport,
            wire,
            address,
            gateway: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            came: HashMap::new(),
            seen: HashSet::new(),
            repeated: 0,
            ladder: Vec::new(),
            calls: 0,
            branches: 0,
            version: 0,
        }
    }

    /// The other end of the trunk.
    pub fn set_gateway(&mut self, gateway: SocketAddr) {
        self.gateway = gateway;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How its trunk travels.
    #[must_use]
    pub fn transport(&self) -> &TrunkTransport {
        &self.transport
    }

    /// Whether the certificate that the gateway has shown is of this common name: "X.509 Subject Name" of the trunk's security
    /// profile.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        // `CN=x` or `CN = x`, among other attributes.
        let subject = self.wire.subject();
        let mut attributes = subject.split(',').filter_map(|attribute| attribute.split_once('='));
        attributes.any(|(kind, value)| kind.trim() == "CN" && value.trim() == name)
    }

    /// `transport=…` of our URIs, with the semicolon; nothing over UDP.
    fn parameter(&self) -> &'static str {
        match self.transport {
            TrunkTransport::Udp => "",
            TrunkTransport::Tcp => ";transport=tcp",
            TrunkTransport::Tls { .. } => ";transport=tls",
        }
    }

    /// Closes every connection, as when the node dies; it listens on.
    pub fn break_connections(&mut self) {
        self.wire.close();
    }

    /// The node of a TCP trunk dies: its connections end and nobody listens, until it [`revives`](Self::revives).
    ///
    /// # Panics
    /// When the port does not close or open within 10 s.
    pub fn dies(&mut self) {
        self.wire.dies(true);
        self.until_listening(false);
    }

    /// It listens again.
    ///
    /// # Panics
    /// As [`dies`](Self::dies).
    pub fn revives(&mut self) {
        self.wire.dies(false);
        self.until_listening(true);
    }

    fn until_listening(&self, listens: bool) {
        let end = Instant::now() + LONG;
        while std::net::TcpStream::connect(self.address).is_ok() != listens {
            assert!(Instant::now() < end, "the port of the node did not change");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A new call of ours from `from` to `to` at the gateway. Nothing is sent yet.
    pub fn call(&mut self, from: &str, to: &str) -> TrunkCall {
        self.calls += 1;
        let (call, address, gateway) = (self.calls, self.address, self.gateway);
        TrunkCall {
            id: format!("a5{call:04x}00-{:08x}-{call}-7f000001@{}", address.port(), address.ip()),
            own: format!("<sip:{from}@{}>;tag=5d{call:02x}c0de-{}-{call}", address.ip(), address.port()),
            far: format!("<sip:{to}@{}>", gateway.ip()),
            target: format!("sip:{to}@{gateway}"),
            cseq: 100,
            user: from.to_owned(),
            invite: None,
        }
    }

    /// The same call once more under another Call-ID, as after a 422.
    pub fn again(&mut self, call: &TrunkCall) -> TrunkCall {
        let new = self.call("0", "0");
        let far = call.far.split(";tag=").next().unwrap_or_default().to_owned();
        TrunkCall { id: new.id, far, cseq: 100, invite: None, ..call.clone() }
    }

    /// Sends a request of a call with what a Unified CM writes; lines of `headers` take the place of those of the same name, and
    /// an empty one takes its name away. ACK has the number of the INVITE.
    pub fn send(&mut self, call: &mut TrunkCall, method: &str, headers: &str, body: impl AsRef<[u8]>) {
        if method != "ACK" {
            call.cseq += 1;
        }
        self.branches += 1;
        let via = self.via();
        let cseq = match &call.invite {
            Some(invite) if method == "ACK" => invite.cseq,
            _ => call.cseq,
        };
        if method == "INVITE" {
            call.invite = Some(Invite { cseq, via: via.clone(), uri: call.target.clone() });
        }
        // Digits go to the host alone.
        let digits = method == "NOTIFY" && headers.contains("telephone-event");
        let uri = match call.target.split_once('@') {
            Some((_, host)) if digits => format!("sip:{host}"),
            _ => call.target.clone(),
        };
        let mut text = Headers::new(&format!("{method} {uri} SIP/2.0"));
        text.add("Via", &via);
        text.add("From", &call.own);
        text.add("To", &call.far);
        text.add("Date", "Thu, 19 Nov 2026 10:20:30 GMT");
        text.add("Call-ID", &call.id);
        text.add("User-Agent", "Cisco-CUCM6.0");
        text.add("CSeq", &format!("{cseq} {method}"));
        text.add("Max-Forwards", "70");
        self.request_headers(call, method, &mut text);
        text.replace(headers);
        self.put(text, body.as_ref(), None);
    }

    fn via(&self) -> String {
        let name = match self.transport {
            TrunkTransport::Udp => "UDP",
            TrunkTransport::Tcp => "TCP",
            TrunkTransport::Tls { .. } => "TLS",
        };
        format!("SIP/2.0/{name} {};branch=z9hG4bK{}x{}", self.address, self.address.port(), self.branches)
    }

    fn contact(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        format!("<sip:{user}{at}{}{}>", self.address, self.parameter())
    }

    fn request_headers(&self, call: &TrunkCall, method: &str, text: &mut Headers) {
        let identity =
            format!("<sip:{}@{}>;party=calling;screen=yes;privacy=off", call.user, self.address.ip());
        match method {
            "INVITE" => {
                text.add("Remote-Party-ID", &identity);
                text.add("Supported", "timer,replaces");
                text.add("Min-SE", "1800");
                text.add("Allow", text::ALLOW);
                text.add("Contact", &self.contact(&call.user));
                text.add("Expires", "180");
                text.add("Allow-Events", "presence");
                text.add("Session-Expires", "1800");
            }
            "UPDATE" => {
                text.add("Contact", &self.contact(&call.user));
                text.add("Remote-Party-ID", &identity);
            }
            "ACK" => text.add("Allow-Events", "presence"),
            "SUBSCRIBE" | "NOTIFY" => text.add("Contact", &self.contact("")),
            _ => {}
        }
    }

    /// Acknowledges a refusal of our INVITE, in its own transaction.
    ///
    /// # Panics
    /// When there was none.
    pub fn acknowledge_refusal(&mut self, call: &TrunkCall) {
        let invite = call.invite.clone().expect("an INVITE of ours");
        let mut text = Headers::new(&format!("ACK {} SIP/2.0", invite.uri));
        text.add("Via", &invite.via);
        text.add("From", &call.own);
        text.add("To", &call.far);
        text.add("Call-ID", &call.id);
        text.add("CSeq", &format!("{} ACK", invite.cseq));
        text.add("Max-Forwards", "70");
        self.put(text, &[], None);
    }

    /// Cancels our INVITE.
    ///
    /// # Panics
    /// When there was none.
    pub fn cancel(&mut self, call: &TrunkCall) {
        let invite = call.invite.clone().expect("an INVITE of ours");
        let mut text = Headers::new(&format!("CANCEL {} SIP/2.0", invite.uri));
        text.add("Via", &invite.via);
        text.add("From", &call.own);
        text.add("To", call.far.split(";tag=").next().unwrap_or_default());
        text.add("Call-ID", &call.id);
        text.add("CSeq", &format!("{} CANCEL", invite.cseq));
        text.add("Max-Forwards", "70");
        self.put(text, &[], None);
    }

    /// Answers a request of the gateway with what a Unified CM writes; `headers` as for [`send`](Self::send).
    pub fn reply(&mut self, call: &TrunkCall, request: &Said, status: u16, headers: &str, body: &str) {
        let mut text = Headers::new(&format!("SIP/2.0 {status} {}", text::phrase(status)));
        for (name, value) in &request.headers {
            if matches!(name.as_str(), "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" | "Timestamp") {
                text.add(name, value);
            }
        }
        // 100 is without a tag, as everybody's is.
        let to = request.header("To");
        text.add("To", if to.contains(";tag=") || status == 100 { to } else { &call.own });
        text.add("Date", "Thu, 19 Nov 2026 10:20:30 GMT");
        if request.method() == "INVITE" && (101..300).contains(&status) {
            let party =
                format!("<sip:{}@{}>;party=called;screen=yes;privacy=off", call.user, self.address.ip());
            text.add("Allow", text::ALLOW);
            text.add("Allow-Events", "presence");
            text.add("Remote-Party-ID", &party);
            text.add("Contact", &self.contact(&call.user));
        }
        if request.method() == "INVITE" && status == 200 {
            text.add("Supported", "replaces");
            if request.list("Supported").contains("timer") {
                text.add("Session-Expires", "1800;refresher=uas");
                text.add("Require", "timer");
            }
        }
        text.replace(headers);
        let branch = text::branch(request.header("Via"));
        let way = self.came.get(&branch).copied();
        self.put(text, body.as_bytes(), way);
    }

    fn put(&mut self, mut text: Headers, body: &[u8], way: Option<u64>) {
        if body.starts_with(b"v=0") && !text.has("Content-Type") {
            text.add("Content-Type", "application/sdp");
        }
        let octets = text.finish(body);
        let said = Said::parse(&String::from_utf8_lossy(&octets));
        self.ladder.push((true, text::notation(&said)));
        self.wire.send(way, self.gateway, &octets);
    }

    /// Sends octets as they stand, and writes nothing down.
    pub fn send_octets(&mut self, octets: &[u8]) {
        self.wire.send(None, self.gateway, octets);
    }

    /// The next message, repetitions left out.
    fn next(&mut self, limit: Duration) -> Option<Said> {
        let end = Instant::now() + limit;
        loop {
            let (way, said) = self.wire.receive(end.saturating_duration_since(Instant::now()))?;
            if !self.seen.insert(text::key(&said)) {
                self.repeated += 1;
                continue;
            }
            if !said.method().is_empty() {
                self.came.insert(text::branch(said.header("Via")), way);
            }
            self.ladder.push((false, text::notation(&said)));
            return Some(said);
        }
    }

    /// The next message, which has to be of this call and as in the rows of flows: `183*`, `NOTIFY(kpml)+x`.
    ///
    /// # Panics
    /// When another one comes, or none within 10 s.
    #[track_caller]
    pub fn gets(&mut self, call: &mut TrunkCall, what: &str) -> Said {
        let Some(said) = self.next(LONG) else { panic!("no {what}, after {}", self.drawn()) };
        assert_eq!(text::notation(&said), what, "after {}\n{said:?}", self.drawn());
        assert_eq!(said.header("Call-ID"), call.id, "another call: {said:?}");
        call.learn(&said);
        said
    }

    /// The next messages, which have to be these, in whatever order; given in the order asked for.
    ///
    /// # Panics
    /// When another one comes, or not all within 10 s.
    #[track_caller]
    pub fn gets_all(&mut self, call: &mut TrunkCall, what: &[&str]) -> Vec<Said> {
        let mut found: Vec<Option<Said>> = vec![None; what.len()];
        for _ in what {
            let Some(said) = self.next(LONG) else { panic!("no {what:?}, after {}", self.drawn()) };
            let notation = text::notation(&said);
            let place = (0..what.len()).find(|at| found[*at].is_none() && what[*at] == notation);
            let Some(place) = place else { panic!("no {what:?} but {notation}, after {}", self.drawn()) };
            call.learn(&said);
            found[place] = Some(said);
        }
        found.into_iter().flatten().collect()
    }

    /// The next message, which has to be as said and of one of these calls.
    ///
    /// # Panics
    /// When another one comes, or none within 10 s.
    #[track_caller]
    pub fn gets_any(&mut self, calls: &mut [&mut TrunkCall], what: &str) -> Said {
        let Some(said) = self.next(LONG) else { panic!("no {what}, after {}", self.drawn()) };
        assert_eq!(text::notation(&said), what, "after {}\n{said:?}", self.drawn());
        let call = calls.iter_mut().find(|call| call.id == said.header("Call-ID"));
        call.unwrap_or_else(|| panic!("another call: {said:?}")).learn(&said);
        said
    }

    /// The next message, which has to be one of these, of whatever call.
    ///
    /// # Panics
    /// When another one comes, or none within 10 s.
    #[track_caller]
    pub fn gets_one_of(&mut self, what: &[&str]) -> Said {
        let Some(said) = self.next(LONG) else { panic!("none of {what:?}, after {}", self.drawn()) };
        let notation = text::notation(&said);
        assert!(what.contains(&notation.as_str()), "{notation}, not {what:?}, after {}", self.drawn());
        said
    }

    /// The INVITE of a new call for `number`, and its call.
    ///
    /// # Panics
    /// When something else comes, or nothing within 10 s.
    #[track_caller]
    pub fn called(&mut self, number: &str) -> (TrunkCall, Said) {
        let Some(said) = self.next(LONG) else { panic!("no INVITE, after {}", self.drawn()) };
        assert!(said.start.starts_with(&format!("INVITE sip:{number}@")), "{said:?}");
        self.calls += 1;
        let call = TrunkCall {
            id: said.header("Call-ID").to_owned(),
            own: format!("{};tag=5d{:02x}c0de-{}", said.header("To"), self.calls, self.address.port()),
            far: said.header("From").to_owned(),
            target: text::uri(said.header("Contact")),
            cseq: 100,
            user: number.to_owned(),
            invite: None,
        };
        (call, said)
    }

    /// A request outside calls about `number`, and the call as which to answer it.
    ///
    /// # Panics
    /// When something else comes, or nothing within 10 s.
    #[track_caller]
    pub fn told(&mut self, what: &str, number: &str) -> (TrunkCall, Said) {
        let said = self.gets_one_of(&[what]);
        assert_eq!(said.start.split(['@', ' ']).nth(1), Some(format!("sip:{number}").as_str()), "{said:?}");
        let mut call = self.call(number, "0");
        said.header("Call-ID").clone_into(&mut call.id);
        call.own = format!("{};tag=5d{:02x}c0de", said.header("To"), self.calls);
        (call, said)
    }

    /// Nothing comes for so long.
    ///
    /// # Panics
    /// When something does.
    #[track_caller]
    pub fn gets_nothing(&mut self, time: Duration) {
        if let Some(said) = self.next(time) {
            panic!("unexpected after {}\n{said:?}", self.drawn());
        }
    }

    /// Everything since the last time, as the rows of flows write it: `→` is the side that sent the first message.
    #[must_use]
    pub fn ladder(&mut self) -> String {
        let drawn = self.drawn();
        self.ladder.clear();
        drawn
    }

    fn drawn(&self) -> String {
        let first = self.ladder.first().is_some_and(|(ours, _)| *ours);
        let step =
            |(ours, what): &(bool, String)| format!("{}{what}", if *ours == first { '→' } else { '←' });
        self.ladder.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    /// Messages that came more than once.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.repeated
    }

    /// A description with the next version: media at `at`, these payload types, further lines (a direction) where a Unified CM
    /// puts them, that is between the codecs.
    #[must_use]
    pub fn sdp(&mut self, at: SocketAddr, payloads: &str, direction: &str) -> String {
        self.version += 1;
        self.same_sdp(at, payloads, direction)
    }

    /// A description with the version of the last one.
    #[must_use]
    pub fn same_sdp(&self, at: SocketAddr, payloads: &str, direction: &str) -> String {
        text::sdp(self.address.ip(), self.version, at, payloads, direction)
    }

    /// The placeholder that stands for a stream to come: port 4000.
    #[must_use]
    pub fn placeholder(&mut self, direction: &str) -> String {
        self.sdp(SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)), "0 8 18 101", direction)
    }

    /// The description of a call on hold.
    #[must_use]
    pub fn hold(&mut self) -> String {
        self.sdp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 20_000)), "0 101", "a=inactive")
    }
}

impl TrunkCall {
    /// Tags and targets of what came.
    fn learn(&mut self, said: &Said) {
        let contact = said.header("Contact");
        if let Some(status) = said.status() {
            if said.header("From") == self.own && said.header("To").contains(";tag=") {
                said.header("To").clone_into(&mut self.far);
            }
            if (101..300).contains(&status) && said.header("CSeq").ends_with("INVITE") && !contact.is_empty()
            {
                self.target = text::uri(contact);
            }
        } else if matches!(said.method(), "INVITE" | "UPDATE") && !contact.is_empty() {
            self.target = text::uri(contact);
        }
    }
}
