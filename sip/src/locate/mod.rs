//! Finding the servers of a URI (RFC 3263), and which of them to try.
//!
//! A [`Locator`] asks for DNS look-ups and makes an ordered list of [`Target`]s of the answers; it does no
//! look-ups itself. [`Penalties`] remembers which targets failed, so that the next request tries another
//! one first.
//!
//! ```
//! use sip::locate::{Answer, Locator, LocatorConfig, Query, Srv};
//! let uri = sip::Uri::parse("sip:8000@vm.example;transport=udp")?;
//! let mut locator = Locator::new(&uri, &LocatorConfig::default(), [1; 32])?;
//! let (id, query) = locator.poll_query().expect("a query");
//! assert_eq!(query, Query::Srv("_sip._udp.vm.example".into()));
//! locator.handle_answer(id, Answer::Srv(vec![Srv { priority: 1, weight: 0, port: 5070, target: "a.vm.example".into() }]));
//! let (id, query) = locator.poll_query().expect("a query");
//! assert_eq!(query, Query::A("a.vm.example".into()));
//! locator.handle_answer(id, Answer::Addresses(vec!["192.0.2.9".parse()?]));
//! let targets = locator.targets().expect("all queries are answered");
//! assert_eq!(targets[0].address.to_string(), "192.0.2.9:5070");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::flow::Transport;
use crate::message::{Header, Message, Uri, parse_ip};

/// Most records of one answer that count.
const MAX_RECORDS: usize = 16;
/// Most targets of one URI.
const MAX_TARGETS: usize = 32;

/// What this side can do.
#[derive(Clone, Debug)]
pub struct LocatorConfig {
    /// Transports, the preferred first. Default UDP, TCP.
    pub transports: Vec<Transport>,
    /// Whether IPv4 addresses are looked up. Default true.
    pub ipv4: bool,
    /// Whether IPv6 addresses are looked up. Default false.
    pub ipv6: bool,
    /// Whether NAPTR is asked for. Default true; IOS asks for SRV at once.
    pub naptr: bool,
}

impl Default for LocatorConfig {
    fn default() -> Self {
        LocatorConfig {
            transports: vec![Transport::Udp, Transport::Tcp],
            ipv4: true,
            ipv6: false,
            naptr: true,
        }
    }
}

/// Where to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The transport.
    pub transport: Transport,
    /// Address and port.
    pub address: SocketAddr,
}

/// A DNS look-up. Names are without final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// NAPTR records of a domain.
    Naptr(String),
    /// SRV records of a service name.
    Srv(String),
    /// IPv4 addresses of a host.
    A(String),
    /// IPv6 addresses of a host.
    Aaaa(String),
}

/// A NAPTR record, as far as SIP uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower is first.
    pub order: u16,
    /// Lower is first within an order.
    pub preference: u16,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// Name of the SRV records.
    pub replacement: String,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower is first.
    pub priority: u16,
    /// Share of the load within a priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` or empty says that there is no such service.
    pub target: String,
}

/// What a look-up gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Query::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Query::Srv`].
    Srv(Vec<Srv>),
    /// To [`Query::A`] and [`Query::Aaaa`].
    Addresses(Vec<IpAddr>),
    /// No such name, no such records, no answer.
    Failed,
}

/// Tells which look-up an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueryId(usize);

/// Why a URI leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// Neither `sip:` nor `sips:`.
    #[error("expected a sip or sips URI, got scheme {0:?}")]
    Scheme(String),
    /// The URI wants us to send to a group.
    #[error("{0} is no address of one server")]
    Group(IpAddr),
    /// The URI wants a transport we don't have.
    #[error("transport {0:?} is not available")]
    Transport(String),
}

/// One URI's way to its targets.
#[derive(Debug)]
pub struct Locator {
    config: LocatorConfig,
    rng: StdRng,
    domain: String,
    secure: bool,
    stage: Stage,
    queries: VecDeque<(QueryId, Query)>,
    /// Every query asked, by identifier; `None` once it is answered.
    open: Vec<Option<Query>>,
    /// SRV names in order of preference with what they gave.
    services: Vec<(Transport, String, Vec<Srv>)>,
    candidates: Vec<Candidate>,
    addresses: HashMap<String, Vec<IpAddr>>,
    targets: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Naptr,
    Srv,
    Addresses,
    Done,
}

#[derive(Clone, Debug)]
struct Candidate {
    transport: Transport,
    host: String,
    port: u16,
}

impl Locator {
    /// Begins. Drain [`Locator::poll_query`], give every answer to [`Locator::handle_answer`], until
    /// [`Locator::targets`] has them. `seed` decides between SRV records of equal priority.
    ///
    /// # Errors
    /// [`LocateError`].
    pub fn new(uri: &Uri<'_>, config: &LocatorConfig, seed: [u8; 32]) -> Result<Locator, LocateError> {
        if !uri.is_sip() {
            return Err(LocateError::Scheme(uri.scheme().to_owned()));
        }
        let secure = uri.is_sips();
        //= RFC 3263 4: "We define TARGET as the value of the maddr parameter of the URI, if present,
        //= otherwise, the host value of the hostport component of the URI."
        let host = uri.param("maddr").filter(|maddr| !maddr.is_empty()).or(uri.host()).unwrap_or_default();
        let wanted = match uri.param("transport") {
            None | Some("") => None,
            Some(name) => {
                let known = match name.to_ascii_lowercase().as_str() {
                    "udp" if !secure => Some(Transport::Udp),
                    "tcp" if !secure => Some(Transport::Tcp),
                    "tcp" | "tls" => Some(Transport::Tls),
                    _ => None,
                };
                let known = known.filter(|transport| config.transports.contains(transport));
                Some(known.ok_or_else(|| LocateError::Transport(name.to_owned()))?)
            }
        };
        let fallback = if secure { Transport::Tls } else { Transport::Udp };
        if secure && !config.transports.contains(&Transport::Tls) {
            return Err(LocateError::Transport("tls".into()));
        }
        let mut locator = Locator {
            config: config.clone(),
            rng: StdRng::from_seed(seed),
            domain: host.to_owned(),
            secure,
            stage: Stage::Done,
            queries: VecDeque::new(),
            open: Vec::new(),
            services: Vec::new(),
            candidates: Vec::new(),
            addresses: HashMap::new(),
            targets: Vec::new(),
        };
        //= RFC 3263 4.1: "Otherwise, if no transport protocol is specified, but the TARGET is a numeric IP
        //= address, the client SHOULD use UDP for a SIP URI, and TCP for a SIPS URI. Similarly, if no
        //= transport protocol is specified, and the TARGET is not numeric, but an explicit port is
        //= provided, the client SHOULD use UDP for a SIP URI, and TCP for a SIPS URI."
        let transport = wanted.unwrap_or(fallback);
        if let Some(address) = parse_ip(host) {
            if is_group(address) {
                return Err(LocateError::Group(address));
            }
            let port = uri.port().unwrap_or(transport.default_port());
            locator.targets.push(Target { transport, address: SocketAddr::new(address, port) });
        } else if let Some(port) = uri.port() {
            locator.candidates.push(Candidate { transport, host: host.to_owned(), port });
            locator.ask_addresses();
        } else if let Some(transport) = wanted {
            locator.ask_services(vec![(transport, service_name(transport, host))]);
        } else if config.naptr {
            locator.stage = Stage::Naptr;
            locator.ask(Query::Naptr(host.to_owned()));
        } else {
            locator.ask_own_services();
        }
        Ok(locator)
    }

    /// The next look-up to make.
    pub fn poll_query(&mut self) -> Option<(QueryId, Query)> {
        self.queries.pop_front()
    }

    /// Takes an answer. One that was not asked for, or of another type, counts as failed or is passed over.
    pub fn handle_answer(&mut self, id: QueryId, answer: Answer) {
        let Some(query) = self.open.get_mut(id.0).and_then(Option::take) else { return };
        match (query, answer) {
            (Query::Naptr(_), Answer::Naptr(records)) => return self.take_naptr(records),
            (Query::Naptr(_), _) => return self.ask_own_services(),
            (Query::Srv(name), Answer::Srv(records)) => {
                let ordered = self.by_weight(records);
                if let Some((.., found)) = self.services.iter_mut().find(|(_, known, _)| *known == name) {
                    *found = ordered;
                }
            }
            (Query::A(host) | Query::Aaaa(host), Answer::Addresses(found)) => {
                let known = self.addresses.entry(host).or_default();
                known.extend(found.into_iter().take(MAX_RECORDS));
            }
            _ => {}
        }
        if self.open.iter().all(Option::is_none) {
            match self.stage {
                Stage::Srv => self.take_services(),
                Stage::Addresses => self.finish(),
                Stage::Naptr | Stage::Done => {}
            }
        }
    }

    /// The targets in the order to try them, once all look-ups are answered. Empty when the name leads
    /// nowhere.
    pub fn targets(&self) -> Option<&[Target]> {
        (self.stage == Stage::Done).then_some(self.targets.as_slice())
    }

    fn ask(&mut self, query: Query) {
        let id = QueryId(self.open.len());
        self.open.push(Some(query.clone()));
        self.queries.push_back((id, query));
    }

    fn take_naptr(&mut self, mut records: Vec<Naptr>) {
        records.truncate(MAX_RECORDS);
        records.sort_by_key(|record| (record.order, record.preference));
        let services: Vec<(Transport, String)> = records
            .into_iter()
            .filter_map(|record| {
                let transport = match record.service.to_ascii_uppercase().as_str() {
                    "SIP+D2U" => Transport::Udp,
                    "SIP+D2T" => Transport::Tcp,
                    "SIPS+D2T" => Transport::Tls,
                    _ => return None,
                };
                //= RFC 3263 4.1: "a client resolving a SIPS URI MUST discard any services that do not
                //= contain "SIPS" as the protocol in the service field."
                let usable = self.config.transports.contains(&transport)
                    && (!self.secure || transport == Transport::Tls);
                usable.then_some((transport, without_dot(&record.replacement)))
            })
            .collect();
        if services.is_empty() { self.ask_own_services() } else { self.ask_services(services) }
    }

    /// RFC 3263 4.1: without NAPTR the client asks for the SRV records of each transport it has.
    fn ask_own_services(&mut self) {
        let usable: Vec<Transport> = match self.secure {
            true => vec![Transport::Tls],
            false => self.config.transports.clone(),
        };
        let services =
            usable.iter().map(|transport| (*transport, service_name(*transport, &self.domain))).collect();
        self.ask_services(services);
    }

    fn ask_services(&mut self, services: Vec<(Transport, String)>) {
        self.stage = Stage::Srv;
        for (transport, name) in services {
            if self.services.iter().any(|(_, known, _)| *known == name) {
                continue;
            }
            self.ask(Query::Srv(name.clone()));
            self.services.push((transport, name, Vec::new()));
        }
    }

    fn take_services(&mut self) {
        let services = std::mem::take(&mut self.services);
        //= RFC 2782: "A Target of "." means that the service is decidedly not available at this domain."
        let denied = services
            .iter()
            .any(|(.., records)| records.iter().any(|srv| without_dot(&srv.target).is_empty()));
        for (transport, _, records) in &services {
            for record in records {
                let host = without_dot(&record.target);
                if !host.is_empty() {
                    self.candidates.push(Candidate { transport: *transport, host, port: record.port });
                }
            }
        }
        if self.candidates.is_empty() && !denied {
            //= RFC 3263 4.2: "If no SRV records were found, the client performs an A or AAAA record lookup
            //= of the domain name."
            let transport = match services.as_slice() {
                [(only, ..)] => *only,
                _ if self.secure => Transport::Tls,
                _ => Transport::Udp,
            };
            let port = transport.default_port();
            self.candidates.push(Candidate { transport, host: self.domain.clone(), port });
        }
        self.candidates.truncate(MAX_TARGETS);
        self.ask_addresses();
    }

    fn ask_addresses(&mut self) {
        self.stage = Stage::Addresses;
        let mut hosts: Vec<String> = Vec::new();
        for candidate in &self.candidates {
            if !hosts.contains(&candidate.host) && parse_ip(&candidate.host).is_none() {
                hosts.push(candidate.host.clone());
            }
        }
        for host in hosts {
            if self.config.ipv4 {
                self.ask(Query::A(host.clone()));
            }
            if self.config.ipv6 {
                self.ask(Query::Aaaa(host));
            }
        }
        if self.open.iter().all(Option::is_none) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.stage = Stage::Done;
        for candidate in &self.candidates {
            let literal: Vec<IpAddr> = parse_ip(&candidate.host).into_iter().collect();
            let found = self.addresses.get(&candidate.host).unwrap_or(&literal);
            for address in found.iter().filter(|address| !is_group(**address)) {
                let address = SocketAddr::new(*address, candidate.port);
                let target = Target { transport: candidate.transport, address };
                if !self.targets.contains(&target) && self.targets.len() < MAX_TARGETS {
                    self.targets.push(target);
                }
            }
        }
    }

    /// RFC 2782: by priority; within one, drawn by weight.
    fn by_weight(&mut self, mut records: Vec<Srv>) -> Vec<Srv> {
        records.truncate(MAX_RECORDS);
        records.sort_by_key(|record| (record.priority, record.weight));
        let mut ordered = Vec::with_capacity(records.len());
        while let Some(priority) = records.first().map(|record| record.priority) {
            let same = records.iter().take_while(|record| record.priority == priority).count();
            let sum: u32 = records.iter().take(same).map(|record| u32::from(record.weight)).sum();
            //= RFC 2782: "choose a uniform random number between 0 and the sum computed (inclusive), and
            //= select the RR whose running sum value is the first in the selected order which is greater
            //= than or equal to the random number selected."
            let drawn = self.rng.next_u32() % (sum + 1);
            let mut running = 0;
            let at = records.iter().take(same).position(|record| {
                running += u32::from(record.weight);
                running >= drawn
            });
            ordered.push(records.remove(at.unwrap_or(0)));
        }
        ordered
    }
}

/// Multicast, broadcast or unspecified: nobody's own address.
fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || address.is_unspecified() || address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}

fn service_name(transport: Transport, domain: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{domain}"),
        Transport::Tcp => format!("_sip._tcp.{domain}"),
        Transport::Tls => format!("_sips._tcp.{domain}"),
    }
}

fn without_dot(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

/// Which targets failed lately: by timeout, ICMP, a closed connection, or 503 (RFC 3263 4.3, RFC 3261
/// 21.5.4).
#[derive(Clone, Debug, Default)]
pub struct Penalties {
    until: HashMap<Target, Instant>,
}

/// Most targets remembered; the one whose time is over first makes room.
const MAX_PENALTIES: usize = 1024;

impl Penalties {
    /// Nobody has failed.
    pub fn new() -> Penalties {
        Penalties::default()
    }

    /// Puts a target behind the others for `time`: Retry-After of its 503, else what the user thinks right.
    pub fn punish(&mut self, now: Instant, target: Target, time: Duration) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= MAX_PENALTIES
            && let Some(first) = self.until.iter().min_by_key(|(_, until)| **until).map(|(target, _)| *target)
        {
            self.until.remove(&first);
        }
        self.until.insert(target, now + time);
    }

    /// A target answered: it is as good as any.
    pub fn pardon(&mut self, target: &Target) {
        self.until.remove(target);
    }

    /// Whether a target is to be avoided.
    pub fn is_punished(&self, now: Instant, target: &Target) -> bool {
        self.until.get(target).is_some_and(|until| *until > now)
    }

    /// The targets in the order to try them now: the unpunished as they come, then the punished, the one
    /// whose time is over first in front. Nobody is left out: with all of them punished a try is better
    /// than none.
    pub fn order(&self, now: Instant, targets: &[Target]) -> Vec<Target> {
        let mut ordered = targets.to_vec();
        ordered.sort_by_key(|target| self.until.get(target).filter(|until| **until > now).copied());
        ordered
    }
}

/// How a request to a target ended without an answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// [`crate::Event::ClientTimeout`].
    Timeout,
    /// [`crate::Event::TransportFailed`]: ICMP, connection refused or lost, TLS.
    Transport,
    /// 503, with its Retry-After in seconds.
    Unavailable(Option<u32>),
}

impl Failure {
    /// What a response means: `Some` for a 503, `None` for every other, which is an answer.
    pub fn of(response: &Message) -> Option<Failure> {
        let unavailable = response.status().is_some_and(|status| status == 503);
        unavailable.then(|| Failure::Unavailable(response.seconds(Header::RetryAfter).ok().flatten()))
    }

    /// How long the target is put behind the others.
    fn penalty(self) -> Duration {
        match self {
            Failure::Timeout | Failure::Transport => Duration::from_secs(32),
            //= RFC 3261 21.5.4: "If no Retry-After is given, the client MUST act as if it had received a 500
            //= (Server Internal Error) response."
            Failure::Unavailable(None) => Duration::ZERO,
            Failure::Unavailable(Some(seconds)) => Duration::from_secs(u64::from(seconds.min(86_400))),
        }
    }
}

/// One request's way through the targets of its URI (RFC 3263 4.3).
///
/// ```
/// # use std::time::Instant;
/// use sip::locate::{Failover, Failure, Penalties, Target};
/// # use sip::Transport;
/// # let target = |n: u8| Target { transport: Transport::Udp, address: ([192, 0, 2, n], 5060).into() };
/// # let now = Instant::now();
/// let mut penalties = Penalties::new(); // one for all requests
/// let mut failover = Failover::new(now, &[target(1), target(2)], &penalties);
/// assert_eq!(failover.target(), Some(target(1))); // send the request there
/// // It times out: send it again, as a new transaction, to
/// assert_eq!(failover.handle_failure(now, &mut penalties, Failure::Timeout), Some(target(2)));
/// // The next request does not wait for the dead one.
/// assert_eq!(Failover::new(now, &[target(1), target(2)], &penalties).target(), Some(target(2)));
/// ```
#[derive(Clone, Debug)]
pub struct Failover {
    left: VecDeque<Target>,
}

impl Failover {
    /// Begins with the first target that has not failed lately.
    pub fn new(now: Instant, targets: &[Target], penalties: &Penalties) -> Failover {
        Failover { left: penalties.order(now, targets).into() }
    }

    /// Where the request is to go now; `None` when all have failed.
    pub fn target(&self) -> Option<Target> {
        self.left.front().copied()
    }

    /// The request failed at the present target: the next one, or `None` when it was the last and the
    /// failure is to be told to the user.
    pub fn handle_failure(
        &mut self,
        now: Instant,
        penalties: &mut Penalties,
        failure: Failure,
    ) -> Option<Target> {
        let failed = self.left.pop_front()?;
        let time = failure.penalty();
        if !time.is_zero() {
            penalties.punish(now, failed, time);
        }
        self.target()
    }

    /// The present target answered, with whatever but 503.
    pub fn handle_answer(&mut self, penalties: &mut Penalties) {
        if let Some(target) = self.left.front() {
            penalties.pardon(target);
        }
    }
}
