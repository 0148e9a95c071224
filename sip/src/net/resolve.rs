//! The look-ups of [`crate::locate`], made with hickory-resolver.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig as Servers};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::locate::{Answer, LocateError, Locator, LocatorConfig, Naptr, Query, Srv, Target};
use crate::message::Uri;

/// Whom to ask, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverConfig {
    /// DNS servers, asked over UDP, and over TCP when the answer does not fit. Empty for those of
    /// `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// How long one try may take. Default 2 s.
    pub timeout: Duration,
    /// How often a server that does not answer is asked again. Default 1.
    pub retries: usize,
    /// How long finding a URI's servers may take in all. Default 8 s.
    pub limit: Duration,
    /// Whether `/etc/hosts` is looked into before the DNS. Default true.
    pub hosts: bool,
}

impl Default for ResolverConfig {
    fn default() -> Self {
        ResolverConfig {
            servers: Vec::new(),
            timeout: Duration::from_secs(2),
            retries: 1,
            limit: Duration::from_secs(8),
            hosts: true,
        }
    }
}

/// Makes look-ups, and remembers answers as long as their TTL says.
pub struct Resolver {
    dns: TokioResolver,
    limit: Duration,
    rng: Mutex<StdRng>,
}

impl Resolver {
    /// A resolver. `seed` decides between SRV records of equal priority. Must be used inside a tokio runtime.
    ///
    /// # Errors
    /// `/etc/resolv.conf` is wanted and cannot be read.
    pub fn new(config: &ResolverConfig, seed: [u8; 32]) -> io::Result<Resolver> {
        let mut builder = if config.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(io::Error::other)?
        } else {
            let servers = config.servers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            });
            let servers = Servers::from_parts(None, Vec::new(), servers.collect());
            TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = config.timeout;
        options.attempts = config.retries;
        options.use_hosts_file = if config.hosts { ResolveHosts::Always } else { ResolveHosts::Never };
        let dns = builder.build().map_err(io::Error::other)?;
        Ok(Resolver { dns, limit: config.limit, rng: Mutex::new(StdRng::from_seed(seed)) })
    }

    /// The servers of a URI in the order to try them; none when its name leads nowhere or the DNS does not
    /// answer in time.
    ///
    /// # Errors
    /// [`LocateError`].
    pub async fn locate(&self, uri: &Uri<'_>, config: &LocatorConfig) -> Result<Vec<Target>, LocateError> {
        let mut seed = [0; 32];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        let mut locator = Locator::new(uri, config, seed)?;
        let deadline = Instant::now() + self.limit;
        let mut asked = JoinSet::new();
        loop {
            while let Some((id, query)) = locator.poll_query() {
                let dns = self.dns.clone();
                asked.spawn(async move { (id, look_up(&dns, &query).await) });
            }
            if let Some(targets) = locator.targets() {
                return Ok(targets.to_vec());
            }
            match timeout_at(deadline, asked.join_next()).await {
                Ok(Some(Ok((id, answer)))) => locator.handle_answer(id, answer),
                // A look-up that panicked, nothing asked, or too late: whatever is known now does not help,
                // because the order is not known.
                Ok(Some(Err(_)) | None) | Err(_) => return Ok(Vec::new()),
            }
        }
    }

    /// One look-up.
    pub async fn look_up(&self, query: &Query) -> Answer {
        look_up(&self.dns, query).await
    }
}

async fn look_up(dns: &TokioResolver, query: &Query) -> Answer {
    let (name, kind) = match query {
        Query::Naptr(name) => (name, RecordType::NAPTR),
        Query::Srv(name) => (name, RecordType::SRV),
        Query::A(name) => (name, RecordType::A),
        Query::Aaaa(name) => (name, RecordType::AAAA),
    };
    // With the final dot no search list is tried.
    let Ok(name) = Name::from_str_relaxed(format!("{}.", name.trim_end_matches('.'))) else {
        return Answer::Failed;
    };
    let found = match dns.lookup(name, kind).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(?query, %error, "DNS");
            return Answer::Failed;
        }
    };
    let records = || found.answers().iter().map(|record| &record.data);
    match query {
        Query::Naptr(_) => Answer::Naptr(records().filter_map(naptr).collect()),
        Query::Srv(_) => Answer::Srv(records().filter_map(srv).collect()),
        Query::A(_) | Query::Aaaa(_) => Answer::Addresses(records().filter_map(address).collect()),
    }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    // RFC 3263 4.1: flag "s", the replacement is the name of SRV records; other flags are not used by SIP.
    naptr.flags.eq_ignore_ascii_case(b"s").then(|| Naptr {
        order: naptr.order,
        preference: naptr.preference,
        service: String::from_utf8_lossy(&naptr.services).into_owned(),
        replacement: naptr.replacement.to_ascii(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_ascii() })
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}
