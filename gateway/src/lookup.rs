//! Looking up the names the switch wants, on and on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sip::Transport;
use sip::locate::LocatorConfig;
use sip::net::{Resolver, ResolverConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::service::message::{LogLine, Message};
use crate::service::names::Lookup;
use crate::service::report::Reporter;

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// What a look-up has found: targets in the order to try them, none when it failed.
pub(crate) type Found = (Lookup, Vec<SocketAddr>);

/// Tasks that ask the DNS, one for each name. Dropped, they end.
pub(crate) struct Lookups {
    tasks: Vec<JoinHandle<()>>,
    answers: mpsc::Sender<Found>,
    /// Servers to ask whatever the configuration says.
    servers: Vec<SocketAddr>,
    config: LocatorConfig,
    seed: [u8; 32],
    reporter: Reporter,
}

impl Lookups {
    /// Asks nobody yet. `own` is the address SIP listens on: its family is the one that can be reached.
    pub(crate) fn new(
        servers: Vec<SocketAddr>,
        own: IpAddr,
        seed: [u8; 32],
        reporter: Reporter,
    ) -> (Self, mpsc::Receiver<Found>) {
        let (answers, receiver) = mpsc::channel(16);
        let config = LocatorConfig {
            transports: vec![Transport::Udp, Transport::Tcp, Transport::Tls],
            ipv4: own.is_ipv4(),
            ipv6: own.is_ipv6(),
            naptr: false,
        };
        (Self { tasks: Vec::new(), answers, servers, config, seed, reporter }, receiver)
    }

    /// Asks for these names from now on, and for no others.
    pub(crate) fn ask(&mut self, names: Vec<Lookup>, servers: Vec<SocketAddr>) {
        self.stop();
        if names.is_empty() {
            return;
        }
        let servers = if self.servers.is_empty() { servers } else { self.servers.clone() };
        let config = ResolverConfig { servers, ..ResolverConfig::default() };
        let resolver = match Resolver::new(&config, self.seed) {
            Ok(resolver) => Arc::new(resolver),
            Err(error) => {
                self.reporter.report(Message::SipNoDns { error: &error });
                return;
            }
        };
        for name in names {
            let task = keep_asking(
                name,
                Arc::clone(&resolver),
                self.config.clone(),
                self.answers.clone(),
                self.reporter.clone(),
            );
            self.tasks.push(tokio::spawn(task));
        }
    }

    fn stop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep_asking(
    name: Lookup,
    resolver: Arc<Resolver>,
    config: LocatorConfig,
    answers: mpsc::Sender<Found>,
    reporter: Reporter,
) {
    let text = name.uri();
    let Ok(uri) = sip::Uri::parse(&text) else {
        reporter.report(Message::SipNoName { name: &name.name });
        return;
    };
    let mut missing = false;
    loop {
        let mut said = None;
        let targets: Vec<SocketAddr> = match resolver.locate(&uri, &config).await {
            Ok(found) => found.into_iter().map(|target| target.address).collect(),
            Err(error) => {
                said = Some(LogLine::from(Message::SipLookup { name: &text, error: &error }));
                Vec::new()
            }
        };
        // A server that stays unknown is told of once, not every few seconds.
        let failed = targets.is_empty();
        if failed && !std::mem::replace(&mut missing, failed) {
            reporter.report(said.unwrap_or_else(|| Message::SipNowhere { name: &text }.into()));
        }
        missing = failed;
        let pause = if targets.is_empty() { RETRY } else { name.every };
        if answers.send((name.clone(), targets)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
