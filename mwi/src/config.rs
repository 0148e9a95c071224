//! What `sip-ua` says about the voice mail server.
//!
//! One line of IOS configuration, as a type that prints itself the way `show running-config` does:
//!
//! ```
//! use mwi::config::{MwiServer, ServerHost};
//!
//! let mut server = MwiServer::new(ServerHost::Ipv4([192, 0, 10, 150].into()));
//! server.unsolicited = true;
//! assert_eq!(server.to_string(), "mwi-server ipv4:192.0.10.150 expires 3600 port 5060 transport udp unsolicited");
//! ```

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Subscription expiry without `expires`, in seconds.
pub const DEFAULT_EXPIRES: u32 = 3600;
/// Range of `expires`, in seconds.
pub const EXPIRES_RANGE: RangeInclusive<u32> = 1..=999_999;
/// SIP port without `port`.
pub const DEFAULT_PORT: u16 = 5060;
/// Range of `port`.
pub const PORT_RANGE: RangeInclusive<u16> = 1..=65_535;
/// Longest host name accepted after `dns:`, in octets (RFC 1035 2.3.4).
pub const MAX_HOST_NAME: usize = 253;

/// The voice mail server of this gateway: `mwi-server` in `sip-ua`.
///
/// [`fmt::Display`] gives the running-config line with every field, as IOS writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MwiServer {
    /// Where the server is.
    pub host: ServerHost,
    /// Expiry asked for in SUBSCRIBE, seconds, 1 to 999999.
    pub expires: u32,
    /// The server's SIP port, 1 to 65535.
    pub port: u16,
    /// Transport towards the server.
    pub transport: Transport,
    /// The server sends NOTIFY without having been asked; no SUBSCRIBE goes out.
    pub unsolicited: bool,
}

impl MwiServer {
    /// The server at `host` with IOS's defaults: 3600 s, port 5060, UDP, subscribed.
    pub fn new(host: ServerHost) -> Self {
        Self {
            host,
            expires: DEFAULT_EXPIRES,
            port: DEFAULT_PORT,
            transport: Transport::Udp,
            unsolicited: false,
        }
    }

    /// Whether `expires` and `port` lie in the ranges IOS accepts.
    ///
    /// # Errors
    /// [`ConfigError::Range`] names the first field outside its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !EXPIRES_RANGE.contains(&self.expires) {
            return Err(ConfigError::Range { field: "expires", found: self.expires, max: 999_999 });
        }
        if !PORT_RANGE.contains(&self.port) {
            return Err(ConfigError::Range { field: "port", found: u32::from(self.port), max: 65_535 });
        }
        Ok(())
    }
}

impl fmt::Display for MwiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mwi-server {} expires {} port {} transport {}",
            self.host, self.expires, self.port, self.transport
        )?;
        if self.unsolicited { f.write_str(" unsolicited") } else { Ok(()) }
    }
}

impl FromStr for MwiServer {
    type Err = ConfigError;

    /// Reads the line as [`fmt::Display`] writes it, with any of the words behind the host left out.
    ///
    /// ```
    /// use mwi::config::MwiServer;
    ///
    /// let line = "mwi-server dns:vm.example.com expires 60 port 7012 transport tcp unsolicited";
    /// assert_eq!(line.parse::<MwiServer>()?.to_string(), line);
    /// # Ok::<(), mwi::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] for a host or transport of another form and numbers out of range; what is no number counts as 0.
    fn from_str(line: &str) -> Result<Self, ConfigError> {
        let mut words = line.split_whitespace().skip_while(|word| *word == "mwi-server");
        let mut server = Self::new(words.next().unwrap_or_default().parse()?);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_default();
            match word {
                "expires" => server.expires = value().parse().unwrap_or(0),
                "port" => server.port = value().parse().unwrap_or(0),
                "transport" => server.transport = value().parse()?,
                "unsolicited" => server.unsolicited = true,
                _ => {}
            }
        }
        server.validate()?;
        Ok(server)
    }
}

/// Address or name of the voice mail server: `ipv4:A.B.C.D` or `dns:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServerHost {
    /// `ipv4:A.B.C.D`
    Ipv4(Ipv4Addr),
    /// `dns:NAME`, a name to look up, at most [`MAX_HOST_NAME`] octets.
    Dns(String),
}

impl fmt::Display for ServerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(address) => write!(f, "ipv4:{address}"),
            Self::Dns(name) => write!(f, "dns:{name}"),
        }
    }
}

impl FromStr for ServerHost {
    type Err = ConfigError;

    /// Reads `ipv4:A.B.C.D` or `dns:NAME`; the scheme in any case.
    ///
    /// # Errors
    /// [`ConfigError::Host`] when neither form fits.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Host { found: text.chars().take(64).collect() };
        let (scheme, rest) = text.split_once(':').ok_or_else(bad)?;
        if scheme.eq_ignore_ascii_case("ipv4") {
            return rest.parse().map(Self::Ipv4).map_err(|_| bad());
        }
        let name_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if scheme.eq_ignore_ascii_case("dns")
            && !rest.is_empty()
            && rest.len() <= MAX_HOST_NAME
            && rest.chars().all(name_like)
        {
            return Ok(Self::Dns(rest.to_owned()));
        }
        Err(bad())
    }
}

/// SIP transport towards the voice mail server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// `udp`, the default.
    #[default]
    Udp,
    /// `tcp`
    Tcp,
}

impl Transport {
    /// The number `show sip-ua mwi` prints: 1 for UDP, 2 for TCP.
    pub fn number(self) -> u8 {
        match self {
            Self::Udp => 1,
            Self::Tcp => 2,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl FromStr for Transport {
    type Err = ConfigError;

    /// Reads `udp` or `tcp`, in any case.
    ///
    /// # Errors
    /// [`ConfigError::Transport`] for anything else.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text.eq_ignore_ascii_case("udp") {
            Ok(Self::Udp)
        } else if text.eq_ignore_ascii_case("tcp") {
            Ok(Self::Tcp)
        } else {
            Err(ConfigError::Transport { found: text.chars().take(64).collect() })
        }
    }
}

/// Why a piece of `mwi-server` was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not `ipv4:A.B.C.D` and not `dns:NAME`.
    #[error("mwi-server host is {found:?}, expected ipv4:A.B.C.D or dns:NAME")]
    Host {
        /// What stood there, at most 64 characters of it.
        found: String,
    },
    /// Not `udp` and not `tcp`.
    #[error("transport is {found:?}, expected udp or tcp")]
    Transport {
        /// What stood there, at most 64 characters of it.
        found: String,
    },
    /// A number outside its range.
    #[error("{field} is {found}, expected 1 to {max}")]
    Range {
        /// The keyword.
        field: &'static str,
        /// The number that came.
        found: u32,
        /// The largest number allowed.
        max: u32,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_written_with_every_field() {
        let mut server = MwiServer::new("dns:test.example.com".parse().unwrap());
        assert_eq!(
            server.to_string(),
            "mwi-server dns:test.example.com expires 3600 port 5060 transport udp"
        );
        server.expires = 60;
        server.port = 7012;
        server.transport = Transport::Tcp;
        server.unsolicited = true;
        assert_eq!(
            server.to_string(),
            "mwi-server dns:test.example.com expires 60 port 7012 transport tcp unsolicited"
        );
    }

    #[test]
    fn hosts_are_read_and_printed_alike() {
        for text in ["ipv4:9.13.40.83", "dns:unity-vm.example1.com"] {
            assert_eq!(text.parse::<ServerHost>().unwrap().to_string(), text);
        }
        assert_eq!("DNS:a".parse::<ServerHost>(), Ok(ServerHost::Dns("a".into())));
        for text in ["", "ipv4:", "ipv4:1.2.3", "ipv4:1.2.3.256", "dns:", "dns:a b", "ipv6:::1", "1.2.3.4"] {
            assert!(text.parse::<ServerHost>().is_err(), "{text}");
        }
        assert!(format!("dns:{}", "a".repeat(254)).parse::<ServerHost>().is_err());
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        let server: MwiServer = "mwi-server ipv4:192.0.2.1".parse().unwrap();
        assert_eq!(server, MwiServer::new(ServerHost::Ipv4([192, 0, 2, 1].into())));
        assert_eq!(server.to_string().parse(), Ok(server));
        for line in [
            "",
            "mwi-server",
            "mwi-server ipv4:192.0.2.1 port 0",
            "mwi-server dns:a expires never",
            "dns:a transport tls",
        ] {
            assert!(line.parse::<MwiServer>().is_err(), "{line}");
        }
    }

    #[test]
    fn ranges_are_those_of_ios() {
        let mut server = MwiServer::new(ServerHost::Ipv4(Ipv4Addr::LOCALHOST));
        for (expires, port, good) in
            [(1, 1, true), (999_999, 65_535, true), (0, 1, false), (1_000_000, 1, false), (1, 0, false)]
        {
            (server.expires, server.port) = (expires, port);
            assert_eq!(server.validate().is_ok(), good, "{expires} {port}");
        }
    }
}
