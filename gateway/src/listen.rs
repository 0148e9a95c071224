//! The sockets SIP listens on, opened as the switch wants them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sip::Transport;
use sip::net::{ClientAuth, Identity, Net, NetConfig, NetEvent, TlsConfig, TlsFor};
use tokio::sync::mpsc;

use crate::keep::Keeper;
use crate::leg::sip::tls::TlsSettings;
use crate::leg::sip::transport::TransportSettings;
use crate::service::message::Message;
use crate::service::report::Reporter;
use crate::switch::{Connections, Switch};

/// Whose sockets these are, to the keeper.
pub(crate) const SIP: &str = "sip";

/// Where SIP listens unless the configuration says so, and where certificates are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Address where `bind control` names none.
    pub(crate) fallback: IpAddr,
    /// Port in place of the configured ones; 0 lets the system choose.
    pub(crate) port: Option<u16>,
    /// `<state-dir>/pki`: a directory for each trustpoint.
    pub(crate) pki: PathBuf,
    /// Of sockets that are open already.
    pub(crate) keeper: Keeper,
}

/// Opens the sockets.
///
/// # Errors
/// Those of the system, with what was to be opened.
pub(crate) async fn bind(
    settings: &TransportSettings,
    place: &Place,
    reporter: &Reporter,
) -> Result<(Net, mpsc::Receiver<NetEvent>), (String, io::Error)> {
    bind_with(settings, place, reporter, &Secured::read(settings, place, reporter)).await
}

/// How TLS is spoken, with the certificates read.
struct Secured {
    tls: Option<TlsConfig>,
    tls_for: Vec<TlsFor>,
}

impl Secured {
    /// Says of what cannot be read that it is not spoken.
    fn read(settings: &TransportSettings, place: &Place, reporter: &Reporter) -> Self {
        let read = |tls: &TlsSettings| {
            let report = |why: &String| reporter.report(Message::PkiTrustpoint { name: &tls.name, why });
            read(tls, &place.pki).inspect_err(report).ok()
        };
        let own = settings.tls_for.iter();
        let own = own.map(|(network, prefix, tls)| TlsFor {
            network: *network,
            prefix: *prefix,
            config: read(tls),
        });
        Self { tls: settings.tls.as_ref().and_then(read), tls_for: own.collect() }
    }

    fn is_spoken(&self) -> bool {
        self.tls.is_some() || self.tls_for.iter().any(|own| own.config.is_some())
    }
}

async fn bind_with(
    settings: &TransportSettings,
    place: &Place,
    reporter: &Reporter,
    secured: &Secured,
) -> Result<(Net, mpsc::Receiver<NetEvent>), (String, io::Error)> {
    let address = settings.address.unwrap_or(place.fallback);
    // A socket of all addresses has those of tenants, too. One that this host has not got would keep the others from being opened.
    let others: Vec<IpAddr> = settings.others.iter().copied().filter(|other| is_ours(*other)).collect();
    let config = |address: IpAddr| {
        let beside = if address.is_unspecified() { &[] } else { others.as_slice() };
        let at = |wanted: bool, port| {
            let port = place.port.unwrap_or(port);
            let all = [address].into_iter().chain(beside.iter().copied());
            if wanted { all.map(|address| SocketAddr::new(address, port)).collect() } else { Vec::new() }
        };
        NetConfig {
            sources: others.clone(),
            udp: at(settings.udp, settings.port),
            tcp: at(settings.tcp, settings.port),
            tls: at(secured.is_spoken(), settings.port_secure),
            tls_config: secured.tls.clone(),
            tls_for: secured.tls_for.clone(),
            ..settings.net()
        }
    };
    let failed = |address: IpAddr| {
        let what = format!("SIP on {}", SocketAddr::new(address, settings.port));
        move |error| (what, error)
    };
    match open(config(address), &place.keeper).await {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && address != place.fallback => {
            let opened = open(config(place.fallback), &place.keeper).await;
            if opened.is_ok() {
                reporter.report(Message::SipBind { address: &address, fallback: &place.fallback });
            }
            opened.map_err(failed(place.fallback))
        }
        result => result.map_err(failed(address)),
    }
}

/// Opens what is not open already. From now on the keeper keeps just these.
async fn open(config: NetConfig, keeper: &Keeper) -> io::Result<(Net, mpsc::Receiver<NetEvent>)> {
    let streams = config.tcp.iter().chain(&config.tls).map(|address| (true, *address));
    let wanted: Vec<_> = config.udp.iter().map(|address| (false, *address)).chain(streams).collect();
    let opened = Net::bind_over(config, keeper.take(SIP, &wanted)).await?;
    keeper.keep(SIP, opened.0.sockets()?);
    Ok(opened)
}

/// Whether this host has an address.
fn is_ours(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

/// [`bind`], while the sockets before are still being closed.
///
/// # Errors
/// As [`bind`], when the ports do not become free within a second.
pub(crate) async fn rebind(
    settings: &TransportSettings,
    place: &Place,
    reporter: &Reporter,
) -> Result<(Net, mpsc::Receiver<NetEvent>), (String, io::Error)> {
    let secured = Secured::read(settings, place, reporter);
    for _ in 0..50 {
        match bind_with(settings, place, reporter, &secured).await {
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            result => return result,
        }
    }
    bind_with(settings, place, reporter, &secured).await
}

/// What the sockets have to say about connections.
pub(crate) fn connections(net: &Net) -> Connections {
    let (udp, tcp, tls) = (net.udp_addrs(), net.tcp_addrs(), net.tls_addrs());
    let of = |transport, addresses: Vec<SocketAddr>| {
        addresses.into_iter().map(move |address| (transport, address))
    };
    let counters = net.counters();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Connections {
        open: net.connections(),
        listening: of(Transport::Udp, udp)
            .chain(of(Transport::Tcp, tcp))
            .chain(of(Transport::Tls, tls))
            .collect(),
        send_failures: count(&counters.send_failures),
        failures: count(&counters.closed_silent) + count(&counters.closed_stalled),
        aged_out: count(&counters.closed_idle),
    }
}

/// Reads `cert.pem` (our chain), `key.pem` and `ca.pem` (whom we believe, if there is one) of a trustpoint; `ca.pem` of that of
/// `client-vtp`, where one is named.
fn read(tls: &TlsSettings, pki: &Path) -> Result<TlsConfig, String> {
    if tls.trustpoint.is_empty() {
        return Err("the tls-profile names no trustpoint".to_owned());
    }
    let file = |trustpoint: &str, name: &str| {
        let path = pki.join(trustpoint).join(name);
        std::fs::read(&path).map_err(|error| (path.display().to_string(), error))
    };
    let said = |(path, error): (String, io::Error)| format!("{path}: {error}");
    let chain = file(&tls.trustpoint, "cert.pem").map_err(said)?;
    let key = file(&tls.trustpoint, "key.pem").map_err(said)?;
    let mut config = TlsConfig {
        identities: vec![Identity::from_pem(&chain, &key).map_err(|error| error.to_string())?],
        client_auth: ClientAuth::Off,
        check_names: tls.check_names,
        check_clients: tls.check_clients,
        permitted: tls.permitted.clone(),
        sni: tls.sni,
        min_version: tls.versions.0,
        max_version: tls.versions.1,
        ciphers: tls.ciphers.clone(),
        only_p384: tls.only_p384,
        ..TlsConfig::default()
    };
    match file(tls.verification.as_ref().unwrap_or(&tls.trustpoint), "ca.pem") {
        Ok(pem) => {
            config.trust_pem(&pem).map_err(|error| error.to_string())?;
            // Who has told us whom to believe wants to know who calls.
            config.client_auth = ClientAuth::Required;
        }
        Err((_, error)) if error.kind() == io::ErrorKind::NotFound && !tls.asks_for_issuers() => {}
        Err(error) => return Err(said(error)),
    }
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

/// Tells the switch which ports the system has given it.
pub(crate) fn tell_ports(now: Instant, switch: &mut Switch, net: &Net) {
    let plain = [net.udp_addrs(), net.tcp_addrs()].concat();
    let port = |of: &[SocketAddr], else_: u16| of.first().map_or(else_, SocketAddr::port);
    let ports = (port(&plain, switch.listen().port), port(&net.tls_addrs(), switch.listen().port_secure));
    switch.set_sip_ports(now, ports.0, ports.1);
}
