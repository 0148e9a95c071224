//! `hardware.toml`: which ports exist. IOS discovers its slots; a Linux box must be told.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use telephony_hal::socket::Address;

/// All ports of the box, in the order of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Analogue telephone lines.
    #[serde(default)]
    pub fxs: Vec<Fxs>,
    /// Primary rate trunks.
    #[serde(default)]
    pub pri: Vec<Pri>,
    /// The serial line of `line con 0`.
    pub console: Option<SerialConsole>,
}

/// A serial line with the console on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConsole {
    /// The device, `/dev/ttyS0`; it need not be there yet. Speed and the rest are `line con 0`'s.
    pub tty: PathBuf,
}

/// One FXS port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fxs {
    /// Voice port name as the configuration spells it, e.g. `2/0` or `0/1/3`.
    pub port: String,
    /// What drives the line.
    pub backend: FxsBackend,
}

/// What drives an FXS port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FxsBackend {
    /// The simulator: a telephone played over `lines.sock`.
    Sim,
}

/// One primary rate trunk.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pri {
    /// Controller as the configuration spells it: `E1 1/0` or `T1 0/0/0`.
    pub controller: String,
    /// What carries the D channel.
    pub backend: PriBackend,
    /// Socket address, with backend `socket`: `tcp-listen:IP:PORT`, `tcp-connect:IP:PORT`,
    /// `unix-listen:PATH`, `unix-connect:PATH`.
    pub address: Option<String>,
    /// Capture of the D channel (pcap, link type LINUX_LAPD), written while the daemon runs.
    pub pcap: Option<PathBuf>,
}

/// What carries a trunk's D channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriBackend {
    /// A simulated QSIG PBX inside the daemon.
    Sim,
    /// Frames over a TCP or Unix socket.
    Socket,
}

/// Why a `hardware.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HardwareError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML of the expected form.
    #[error("hardware file: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A port or controller is named twice.
    #[error("hardware file: {what} {name} stands there twice, expected each once")]
    Duplicate {
        /// `fxs port` or `controller`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A controller name of another form.
    #[error("hardware file: controller {found:?}, expected \"E1 SLOT/PORT\" or \"T1 SLOT/PORT\"")]
    Controller {
        /// What stands there.
        found: String,
    },
    /// A socket trunk without address, or an address on another backend.
    #[error("hardware file: controller {controller}: {problem}")]
    Address {
        /// The controller.
        controller: String,
        /// What is wrong and what was expected.
        problem: String,
    },
}

impl Hardware {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`HardwareError`] names the place and what was expected.
    pub fn load(path: &Path) -> Result<Self, HardwareError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| HardwareError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Parses and checks the text of a `hardware.toml`.
    ///
    /// ```
    /// let hardware = gateway::hardware::Hardware::parse(
    ///     "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    /// )?;
    /// assert_eq!(hardware.fxs[0].port, "2/0");
    /// # Ok::<(), gateway::hardware::HardwareError>(())
    /// ```
    ///
    /// # Errors
    /// [`HardwareError`] names the place and what was expected.
    pub fn parse(text: &str) -> Result<Self, HardwareError> {
        let hardware: Self = toml::from_str(text)?;
        for (at, fxs) in hardware.fxs.iter().enumerate() {
            if hardware.fxs.iter().skip(at + 1).any(|other| other.port == fxs.port) {
                return Err(HardwareError::Duplicate { what: "fxs port", name: fxs.port.clone() });
            }
        }
        for (at, pri) in hardware.pri.iter().enumerate() {
            let (kind, name) = pri.split()?;
            for other in hardware.pri.iter().skip(at + 1) {
                if other.split()? == (kind, name) {
                    return Err(HardwareError::Duplicate {
                        what: "controller",
                        name: pri.controller.clone(),
                    });
                }
            }
            pri.socket_address()?;
        }
        Ok(hardware)
    }
}

/// E1 or T1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// 2048 kbit/s, D channel on timeslot 16, channel name `:15`.
    E1,
    /// 1544 kbit/s, D channel on timeslot 24, channel name `:23`.
    T1,
}

impl LineKind {
    /// The index IOS puts behind the colon for the D channel.
    #[must_use]
    pub fn d_channel(self) -> u8 {
        match self {
            Self::E1 => 15,
            Self::T1 => 23,
        }
    }
}

impl Pri {
    /// Kind and slot of the controller.
    ///
    /// # Errors
    /// [`HardwareError::Controller`] when the name has another form.
    pub fn split(&self) -> Result<(LineKind, &str), HardwareError> {
        let bad = || HardwareError::Controller { found: self.controller.clone() };
        let mut words = self.controller.split_whitespace();
        let (Some(kind), Some(slot), None) = (words.next(), words.next(), words.next()) else {
            return Err(bad());
        };
        if !slot.starts_with(|c: char| c.is_ascii_digit())
            || !slot.chars().all(|c| c.is_ascii_digit() || c == '/')
        {
            return Err(bad());
        }
        match kind.to_ascii_lowercase().as_str() {
            "e1" => Ok((LineKind::E1, slot)),
            "t1" => Ok((LineKind::T1, slot)),
            _ => Err(bad()),
        }
    }

    /// Name of the trunk's voice port and D channel, e.g. `1/0:15`.
    ///
    /// # Errors
    /// [`HardwareError::Controller`] when the controller name has another form.
    pub fn voice_port(&self) -> Result<String, HardwareError> {
        let (kind, slot) = self.split()?;
        Ok(format!("{slot}:{}", kind.d_channel()))
    }

    /// The socket's address where the backend is `socket`.
    ///
    /// # Errors
    /// [`HardwareError::Address`] when it is missing, malformed, or given for another backend.
    pub fn socket_address(&self) -> Result<Option<Address>, HardwareError> {
        let problem =
            |problem: String| HardwareError::Address { controller: self.controller.clone(), problem };
        match (self.backend, &self.address) {
            (PriBackend::Sim, None) => Ok(None),
            (PriBackend::Sim, Some(_)) => {
                Err(problem("backend \"sim\" takes no address, expected backend \"socket\"".into()))
            }
            (PriBackend::Socket, None) => {
                Err(problem("backend \"socket\" expects address = \"tcp-listen:IP:PORT\" or the like".into()))
            }
            (PriBackend::Socket, Some(text)) => {
                text.parse().map(Some).map_err(|e| problem(format!("address {text:?}: {e}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"\n[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"", "twice"),
            ("[[fxs]]\nport=\"2/0\"\nbackend=\"magic\"", "magic"),
            ("[[pri]]\ncontroller=\"J1 0\"\nbackend=\"sim\"", "expected \"E1 SLOT/PORT\""),
            ("[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"socket\"", "expects address"),
            (
                "[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"sim\"\naddress=\"tcp-listen:127.0.0.1:1\"",
                "takes no",
            ),
            (
                "[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"sim\"\n[[pri]]\ncontroller=\"e1  1/0\"\nbackend=\"sim\"",
                "twice",
            ),
            (
                "[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"socket\"\naddress=\"carrier-pigeon:1\"",
                "carrier-pigeon",
            ),
        ] {
            let error = Hardware::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_trunk_has_the_voice_port_ios_gives_it() {
        let text = "[[pri]]\ncontroller=\"T1 0/1/0\"\nbackend=\"sim\"\n[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"socket\"\naddress=\"tcp-listen:127.0.0.1:7931\"";
        let hardware = Hardware::parse(text).unwrap();
        let ports: Vec<_> = hardware.pri.iter().map(|p| p.voice_port().unwrap()).collect();
        assert_eq!(ports, ["0/1/0:23", "1/0:15"]);
    }
}
