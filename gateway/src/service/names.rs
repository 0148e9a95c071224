//! Names that are looked up, now and then again (RFC 3263).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cli::config::Config;
use mwi::config::ServerHost;
use sip::Transport;

/// How long an answer is believed before it is asked for again.
const REFRESH: Duration = Duration::from_secs(60);

/// A server's name and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// With the domain of `ip domain name`, where it has none of its own.
    pub name: String,
    /// A port that was typed: then no SRV record is asked for.
    pub port: Option<u16>,
    /// How it is to be reached.
    pub transport: Transport,
    /// When it is asked for again.
    pub every: Duration,
}

impl Lookup {
    /// A server that the configuration names.
    #[must_use]
    pub fn new(config: &Config, name: &str, port: Option<u16>, transport: Transport) -> Self {
        let domain = || {
            let lines = config.tree().nodes().iter().map(|node| node.line.as_str());
            lines
                .filter_map(|l| l.strip_prefix("ip domain name ").or(l.strip_prefix("ip domain-name ")))
                .next()
        };
        let bare = !name.contains('.') && !name.eq_ignore_ascii_case("localhost");
        let name = match domain().filter(|_| bare) {
            Some(domain) => format!("{name}.{domain}"),
            None => name.to_owned(),
        };
        Self { name: name.to_ascii_lowercase(), port, transport, every: REFRESH }
    }

    /// The same, asked for again after this time.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// What [`sip::net::Resolver::locate`] takes.
    #[must_use]
    pub fn uri(&self) -> String {
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        let transport = self.transport.as_str().to_ascii_lowercase();
        format!("sip:{}{port};transport={transport}", self.name)
    }

    /// Whether both ask for the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.port == other.port && self.transport == other.transport
    }
}

/// A server of the configuration: an address, or a name to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address that needs no look-up.
    Address(SocketAddr),
    /// A name.
    Name(Lookup),
}

impl Place {
    /// A `dns:` or `ipv4:` host.
    #[must_use]
    pub fn of(config: &Config, host: &ServerHost, port: Option<u16>, transport: Transport) -> Self {
        match host {
            ServerHost::Ipv4(v4) => Self::at((*v4).into(), port, transport),
            ServerHost::Dns(name) => Self::Name(Lookup::new(config, name, port, transport)),
        }
    }

    /// An address.
    #[must_use]
    pub fn at(address: IpAddr, port: Option<u16>, transport: Transport) -> Self {
        Self::Address(SocketAddr::new(address, port.unwrap_or(transport.default_port())))
    }
}

/// DNS servers of `ip name-server`, in order; empty for those of the host.
#[must_use]
pub fn name_servers(config: &Config) -> Vec<SocketAddr> {
    let lines = config.tree().nodes().iter();
    let servers = lines.filter_map(|node| node.line.strip_prefix("ip name-server "));
    let addresses = servers.flat_map(str::split_whitespace).filter_map(|word| word.parse::<IpAddr>().ok());
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_gets_the_domain_of_the_configuration() {
        let config = Config::parse("ip domain name example.net\nip name-server 192.0.2.1 192.0.2.2\n").config;
        let uri = |name: &str, port, transport| Lookup::new(&config, name, port, transport).uri();
        assert_eq!(uri("Proxy", None, Transport::Udp), "sip:proxy.example.net;transport=udp");
        assert_eq!(uri("a.example.com", Some(5070), Transport::Tls), "sip:a.example.com:5070;transport=tls");
        assert_eq!(uri("localhost", None, Transport::Tcp), "sip:localhost;transport=tcp");
        let servers: Vec<_> = name_servers(&config).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "192.0.2.2:53"]);
    }
}
