//! Who may send: the configured voice mail and the trusted list, everybody else is refused (IOS default).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cli::config::Config;
use dialpeer::{PeerKind, SessionTarget};
use mwi::config::MwiServer;
use sip::{Flow, Transport};

use super::names::{Lookup, Place};
use super::servers::{destinations, keepalive_targets, mwi_servers, registrar_tenant, registrars};

/// What a sender is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A voice mail named by `mwi-server`.
    MwiServer,
    /// On the trusted list, or the target of a dial peer.
    Trusted,
    /// Nobody we know.
    Unknown,
}

/// The senders of a configuration, names resolved as far as known.
#[derive(Debug, Default)]
pub struct Trust {
    authenticate: bool,
    networks: Vec<cli::config::Network>,
    addresses: Vec<IpAddr>,
    /// Each `mwi-server`, that of `sip-ua` first.
    mail: Vec<Mail>,
    /// Times the `mwi-server` name was asked for in vain since it last answered.
    pub lookup_retries: u32,
    names: Vec<Name>,
    /// Connections whose peer has shown a certificate with a name that is permitted. Later ones have greater numbers.
    certified: BTreeSet<u64>,
}

/// Most connections that are remembered as certified.
const MAX_CERTIFIED: usize = 4096;

/// A `mwi-server`.
#[derive(Debug)]
struct Mail {
    server: MwiServer,
    place: Place,
    /// In resolver order, as far as known.
    addresses: Vec<IpAddr>,
}

#[derive(Debug)]
struct Name {
    lookup: Lookup,
    /// What its addresses are to us.
    sender: Sender,
    targets: Vec<SocketAddr>,
}

impl Name {
    fn has(&self, address: IpAddr) -> bool {
        self.targets.iter().any(|target| target.ip().to_canonical() == address)
    }
}

impl Trust {
    /// The trust of a configuration; addresses of names known from `old` stay until they are asked again.
    #[must_use]
    pub fn new(config: &Config, old: &Trust) -> Self {
        let voip = &config.voice_service_voip;
        let mut trust = Trust {
            authenticate: voip.trusted_authenticate,
            networks: voip.trusted.clone(),
            certified: old.certified.clone(),
            ..Trust::default()
        };
        for server in mwi_servers(config) {
            let transport = match server.transport {
                mwi::config::Transport::Udp => Transport::Udp,
                mwi::config::Transport::Tcp => Transport::Tcp,
            };
            let place = Place::of(config, &server.host, Some(server.port), transport);
            let addresses = match &place {
                Place::Address(address) => vec![address.ip()],
                Place::Name(lookup) => {
                    trust.ask(lookup.clone(), Sender::MwiServer, old);
                    Vec::new()
                }
            };
            trust.mail.push(Mail { server, place, addresses });
        }
        let peers = config.dial_peers.iter().filter(|p| p.kind == PeerKind::Voip && !p.shutdown);
        for peer in peers {
            for place in destinations(config, peer) {
                match place {
                    Place::Address(address) => trust.addresses.push(address.ip()),
                    Place::Name(lookup) => trust.ask(lookup, Sender::Trusted, old),
                }
            }
        }
        // Who keeps our registrations sends us calls only where a peer leads there.
        let callers: Vec<Option<u32>> = config
            .dial_peers
            .iter()
            .filter(|peer| peer.session_target == Some(SessionTarget::Registrar))
            .map(|peer| registrar_tenant(config, peer))
            .collect();
        for registrar in registrars(config) {
            let calls = callers.contains(&registrar.tenant);
            let sender = if calls { Sender::Trusted } else { Sender::Unknown };
            match registrar.place {
                Place::Address(address) if calls => trust.addresses.push(address.ip()),
                Place::Address(_) => {}
                Place::Name(lookup) => trust.ask(lookup, sender, old),
            }
        }
        for target in keepalive_targets(config) {
            // Whoever is asked whether he lives may not call for that.
            if let Place::Name(lookup) = target.place {
                trust.ask(lookup, Sender::Unknown, old);
            }
        }
        trust.spread();
        trust
    }

    fn ask(&mut self, lookup: Lookup, sender: Sender, old: &Trust) {
        if self.names.iter().any(|n| n.lookup.is_same(&lookup) && n.sender == sender) {
            return;
        }
        let known = old.names.iter().find(|n| n.lookup.is_same(&lookup));
        let targets = known.map(|n| n.targets.clone()).unwrap_or_default();
        self.names.push(Name { lookup, sender, targets });
    }

    /// Names whose addresses must be looked up.
    pub fn names(&self) -> Vec<Lookup> {
        let mut names: Vec<Lookup> = Vec::new();
        for name in &self.names {
            if !names.iter().any(|known| known.is_same(&name.lookup)) {
                names.push(name.lookup.clone());
            }
        }
        names
    }

    /// Where a server is, as far as it is known, the first to be tried first.
    #[must_use]
    pub fn targets(&self, place: &Place) -> Vec<SocketAddr> {
        match place {
            Place::Address(address) => vec![*address],
            Place::Name(lookup) => {
                let known = self.names.iter().find(|n| n.lookup.is_same(lookup));
                known.map(|n| n.targets.clone()).unwrap_or_default()
            }
        }
    }

    /// Takes the answer of a look-up; an empty one counts as a failure and leaves the old addresses.
    pub fn resolved(&mut self, lookup: &Lookup, targets: &[SocketAddr]) {
        for known in self.names.iter_mut().filter(|n| n.lookup.is_same(lookup)) {
            if targets.is_empty() {
                if known.sender == Sender::MwiServer {
                    self.lookup_retries += 1;
                }
            } else {
                known.targets = targets.to_vec();
                if known.sender == Sender::MwiServer {
                    self.lookup_retries = 0;
                }
            }
        }
        self.spread();
    }

    /// What the owner of an address is to us.
    #[must_use]
    pub fn sender(&self, address: IpAddr) -> Sender {
        let address = address.to_canonical();
        let trusted = || {
            self.addresses.contains(&address)
                || self.names.iter().any(|n| n.sender == Sender::Trusted && n.has(address))
                || matches!(address, IpAddr::V4(v4) if self.networks.iter().any(|n| n.contains(v4)))
        };
        if self.mail.iter().any(|mail| mail.addresses.contains(&address)) {
            Sender::MwiServer
        } else if !self.authenticate || trusted() {
            Sender::Trusted
        } else {
            Sender::Unknown
        }
    }

    /// What who sends this way is to us: [`Trust::sender`] of his address. Who has shown a certificate whose name is permitted
    /// (`cn-san validate client`) need not be on the list, as in IOS.
    #[must_use]
    pub fn sender_by(&self, flow: &Flow) -> Sender {
        match self.sender(flow.remote.ip()) {
            Sender::Unknown if flow.connection.is_some_and(|id| self.certified.contains(&id)) => {
                Sender::Trusted
            }
            sender => sender,
        }
    }

    /// The peer of a connection has shown who it is.
    pub fn certify(&mut self, connection: u64) {
        self.certified.insert(connection);
        if self.certified.len() > MAX_CERTIFIED {
            self.certified.pop_first();
        }
    }

    /// A connection is gone.
    pub fn forget(&mut self, connection: u64) {
        self.certified.remove(&connection);
    }

    /// Whether a voice mail at this address may tell what nobody subscribed to: `unsolicited`.
    #[must_use]
    pub fn tells_unasked(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.mail.iter().any(|mail| mail.server.unsolicited && mail.addresses.contains(&address))
    }

    /// IPv4 addresses of a `mwi-server`, as `show sip-ua mwi` lists them.
    #[must_use]
    pub fn mwi_server_ipv4(&self, server: &MwiServer) -> Vec<Ipv4Addr> {
        let v4 = |address: &IpAddr| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        };
        let known = self.mail.iter().find(|mail| mail.server == *server);
        known.map(|mail| mail.addresses.iter().filter_map(v4).collect()).unwrap_or_default()
    }

    fn spread(&mut self) {
        for mail in &mut self.mail {
            let Place::Name(lookup) = &mail.place else { continue };
            let known = self.names.iter().find(|n| n.sender == Sender::MwiServer && n.lookup.is_same(lookup));
            let targets = known.into_iter().flat_map(|name| &name.targets);
            mail.addresses = targets.map(|target| target.ip().to_canonical()).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn trust(text: &str) -> Trust {
        Trust::new(&Config::parse(text).config, &Trust::default())
    }

    #[test]
    fn only_the_server_and_trusted_peers_may_send() {
        let trust = trust(
            "voice service voip\n ip address trusted list\n  ipv4 192.0.2.0 255.255.255.128\n!\n\
             dial-peer voice 1 voip\n session target ipv4:198.51.100.7\n!\n\
             sip-ua\n mwi-server ipv4:203.0.113.5 unsolicited\n!\n",
        );
        for (address, sender) in [
            ("203.0.113.5", Sender::MwiServer),
            ("::ffff:203.0.113.5", Sender::MwiServer),
            ("192.0.2.127", Sender::Trusted),
            ("192.0.2.128", Sender::Unknown),
            ("198.51.100.7", Sender::Trusted),
            ("198.51.100.8", Sender::Unknown),
            ("2001:db8::1", Sender::Unknown),
        ] {
            assert_eq!(address.parse().map(|a| trust.sender(a)), Ok(sender), "{address}");
        }
    }

    #[test]
    fn a_name_counts_once_it_is_resolved_and_stays_when_dns_goes_away() {
        let mut trust = trust("sip-ua\n mwi-server dns:vm.example.com unsolicited\n");
        let address = IpAddr::from([192, 0, 2, 9]);
        assert_eq!(trust.sender(address), Sender::Unknown);
        let names = trust.names();
        let [name] = names.as_slice() else { panic!("{names:?}") };
        assert_eq!(name.uri(), "sip:vm.example.com:5060;transport=udp");
        trust.resolved(name, &[]);
        assert_eq!(trust.lookup_retries, 1);
        trust.resolved(name, &[SocketAddr::new(address, 5060)]);
        assert_eq!((trust.sender(address), trust.lookup_retries), (Sender::MwiServer, 0));
        trust.resolved(name, &[]);
        assert_eq!(trust.sender(address), Sender::MwiServer);
    }

    #[test]
    fn a_certified_connection_needs_no_list_while_it_lasts() {
        let mut known = trust("");
        let by = |connection| Flow {
            transport: Transport::Tls,
            local: SocketAddr::from(([192, 0, 2, 1], 5061)),
            remote: SocketAddr::from(([192, 0, 2, 9], 40_000)),
            connection,
        };
        known.certify(7);
        let mut known = Trust::new(&Config::default(), &known);
        assert_eq!(known.sender_by(&by(Some(7))), Sender::Trusted);
        for other in [None, Some(8)] {
            assert_eq!(known.sender_by(&by(other)), Sender::Unknown, "{other:?}");
        }
        known.forget(7);
        assert_eq!(known.sender_by(&by(Some(7))), Sender::Unknown);
        for connection in 0..=MAX_CERTIFIED as u64 {
            known.certify(connection);
        }
        assert_eq!(known.sender_by(&by(Some(0))), Sender::Unknown);
        assert_eq!(known.sender_by(&by(Some(1))), Sender::Trusted);
    }

    #[test]
    fn without_authentication_everybody_is_trusted() {
        let trust = trust("voice service voip\n no ip address trusted authenticate\n");
        assert_eq!(trust.sender(IpAddr::from([8, 8, 8, 8])), Sender::Trusted);
    }
}
