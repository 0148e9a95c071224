//! Who may send: the configured voice mail and the trusted list, everybody else is refused (IOS default).

use std::net::{IpAddr, Ipv4Addr};

use cli::config::Config;
use dialpeer::{PeerKind, SessionTarget};
use mwi::config::ServerHost;

/// What a sender is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The voice mail named by `mwi-server`.
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
    /// Addresses the `mwi-server` has, in resolver order.
    pub mwi_server: Vec<IpAddr>,
    /// Times the `mwi-server` name was asked for in vain since it last answered.
    pub lookup_retries: u32,
    names: Vec<Name>,
}

#[derive(Debug)]
struct Name {
    name: String,
    is_mwi_server: bool,
    addresses: Vec<IpAddr>,
}

impl Trust {
    /// The trust of a configuration; addresses of names known from `old` stay until they are asked again.
    #[must_use]
    pub fn new(config: &Config, old: &Trust) -> Self {
        let voip = &config.voice_service_voip;
        let mut trust = Trust {
            authenticate: voip.trusted_authenticate,
            networks: voip.trusted.clone(),
            ..Trust::default()
        };
        let mut name = |name: &str, is_mwi_server: bool| {
            let known = old.names.iter().find(|n| n.name.eq_ignore_ascii_case(name));
            let addresses = known.map(|n| n.addresses.clone()).unwrap_or_default();
            trust.names.push(Name { name: name.to_owned(), is_mwi_server, addresses });
        };
        match config.sip_ua.mwi_server.as_ref().map(|s| &s.host) {
            Some(ServerHost::Dns(host)) => name(host, true),
            Some(ServerHost::Ipv4(address)) => trust.mwi_server.push((*address).into()),
            None => {}
        }
        let targets = config
            .dial_peers
            .iter()
            .filter(|p| p.kind == PeerKind::Voip && !p.shutdown)
            .filter_map(|p| p.session_target.as_ref());
        let mut uses_sip_server = false;
        for target in targets {
            match target {
                SessionTarget::Ipv4 { addr, .. } => trust.addresses.push((*addr).into()),
                SessionTarget::Ipv6 { addr, .. } => trust.addresses.push((*addr).into()),
                SessionTarget::Dns { name: host, .. } => name(host, false),
                SessionTarget::SipServer => uses_sip_server = true,
                _ => {}
            }
        }
        if uses_sip_server {
            match config.sip_ua.sip_server.as_ref().map(|s| &s.host) {
                Some(ServerHost::Dns(host)) => name(host, false),
                Some(ServerHost::Ipv4(address)) => trust.addresses.push((*address).into()),
                None => {}
            }
        }
        trust.names.dedup_by(|a, b| a.name == b.name && a.is_mwi_server == b.is_mwi_server);
        trust.spread();
        trust
    }

    /// Names whose addresses must be looked up.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|n| n.name.as_str())
    }

    /// Addresses of a name, as far as it has been looked up.
    #[must_use]
    pub fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
        let known = self.names.iter().find(|n| n.name.eq_ignore_ascii_case(name));
        known.map(|n| n.addresses.clone()).unwrap_or_default()
    }

    /// Takes the answer of a look-up; an empty one counts as a failure and leaves the old addresses.
    pub fn resolved(&mut self, name: &str, addresses: &[IpAddr]) {
        for known in self.names.iter_mut().filter(|n| n.name.eq_ignore_ascii_case(name)) {
            if addresses.is_empty() {
                if known.is_mwi_server {
                    self.lookup_retries += 1;
                }
            } else {
                known.addresses = addresses.to_vec();
                if known.is_mwi_server {
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
                || self.names.iter().any(|n| n.addresses.contains(&address))
                || matches!(address, IpAddr::V4(v4) if self.networks.iter().any(|n| n.contains(v4)))
        };
        if self.mwi_server.contains(&address) {
            Sender::MwiServer
        } else if !self.authenticate || trusted() {
            Sender::Trusted
        } else {
            Sender::Unknown
        }
    }

    /// IPv4 addresses of the `mwi-server`, as `show sip-ua mwi` lists them.
    #[must_use]
    pub fn mwi_server_ipv4(&self) -> Vec<Ipv4Addr> {
        let v4 = |address: &IpAddr| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        };
        self.mwi_server.iter().filter_map(v4).collect()
    }

    fn spread(&mut self) {
        if let Some(server) = self.names.iter().find(|n| n.is_mwi_server) {
            self.mwi_server = server.addresses.iter().map(IpAddr::to_canonical).collect();
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(trust.names().collect::<Vec<_>>(), ["vm.example.com"]);
        trust.resolved("vm.example.com", &[]);
        assert_eq!(trust.lookup_retries, 1);
        trust.resolved("vm.example.com", &[address]);
        assert_eq!((trust.sender(address), trust.lookup_retries), (Sender::MwiServer, 0));
        trust.resolved("vm.example.com", &[]);
        assert_eq!(trust.sender(address), Sender::MwiServer);
    }

    #[test]
    fn without_authentication_everybody_is_trusted() {
        let trust = trust("voice service voip\n no ip address trusted authenticate\n");
        assert_eq!(trust.sender(IpAddr::from([8, 8, 8, 8])), Sender::Trusted);
    }
}
