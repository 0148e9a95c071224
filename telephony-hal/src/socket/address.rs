//! Where a socket trunk listens or connects.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Address of a socket trunk, written as in `hardware.toml`.
///
/// ```
/// use telephony_hal::socket::Address;
/// let address: Address = "tcp-listen:127.0.0.1:7931".parse().unwrap();
/// assert_eq!(address.to_string(), "tcp-listen:127.0.0.1:7931");
/// assert!("udp:127.0.0.1:1".parse::<Address>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `tcp-listen:HOST:PORT`: wait for the peer. Port 0 picks a free one.
    TcpListen(SocketAddr),
    /// `tcp-connect:HOST:PORT`: call the peer, again and again.
    TcpConnect(SocketAddr),
    /// `unix-listen:PATH`: wait for the peer on a `SOCK_SEQPACKET` socket.
    UnixListen(PathBuf),
    /// `unix-connect:PATH`: call the peer's `SOCK_SEQPACKET` socket.
    UnixConnect(PathBuf),
}

/// Why a text is not an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The word before the first colon is unknown.
    #[error(
        "{found:?} is no trunk address, expected tcp-listen:, tcp-connect:, unix-listen: or unix-connect:"
    )]
    Scheme {
        /// The whole text.
        found: String,
    },
    /// A TCP address is not `IP:PORT`.
    #[error("{found:?} is no IP:PORT, expected for example 127.0.0.1:7931 or [::1]:7931")]
    Socket {
        /// What stands after the scheme.
        found: String,
    },
    /// A Unix path is empty or longer than the 107 octets the kernel takes.
    #[error("the socket path has {len} octets, expected 1 to 107")]
    Path {
        /// Its length in octets.
        len: usize,
    },
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let socket = |rest: &str| rest.parse().map_err(|_| AddressError::Socket { found: rest.into() });
        let path = |rest: &str| match rest.len() {
            1..=107 => Ok(PathBuf::from(rest)),
            len => Err(AddressError::Path { len }),
        };
        match text.split_once(':') {
            Some(("tcp-listen", rest)) => socket(rest).map(Self::TcpListen),
            Some(("tcp-connect", rest)) => socket(rest).map(Self::TcpConnect),
            Some(("unix-listen", rest)) => path(rest).map(Self::UnixListen),
            Some(("unix-connect", rest)) => path(rest).map(Self::UnixConnect),
            _ => Err(AddressError::Scheme { found: text.into() }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpListen(addr) => write!(f, "tcp-listen:{addr}"),
            Self::TcpConnect(addr) => write!(f, "tcp-connect:{addr}"),
            Self::UnixListen(path) => write!(f, "unix-listen:{}", path.display()),
            Self::UnixConnect(path) => write!(f, "unix-connect:{}", path.display()),
        }
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_reads_back() {
        for text in [
            "tcp-listen:127.0.0.1:7931",
            "tcp-listen:[::]:0",
            "tcp-connect:[fe80::1]:65535",
            "unix-listen:/run/tipring/trunk 1:0",
            "unix-connect:relative",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let json = serde_json::to_string(&address).unwrap();
            assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let says = |text: &str, expected: &str| {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        says("", "expected tcp-listen:");
        says("tcp:127.0.0.1:1", "expected tcp-listen:");
        says("tcp-listen:localhost:7931", "expected for example 127.0.0.1:7931");
        says("tcp-connect:127.0.0.1", "no IP:PORT");
        says("unix-listen:", "0 octets, expected 1 to 107");
        says(&format!("unix-listen:/{}", "x".repeat(107)), "108 octets");
        assert!(serde_json::from_str::<Address>("\"udp:1\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(tcp|unix)?-?(listen|connect)?:?\\PC*") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
            }
        }
    }
}
