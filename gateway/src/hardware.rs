//! `hardware.toml`: which ports exist. IOS discovers its slots; a Linux box must be told.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use telephony_hal::socket::{Address, BearerAddress};

/// All ports of the box, in the order of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Analogue telephone lines.
    #[serde(default)]
    pub fxs: Vec<Fxs>,
    /// Exchange lines.
    #[serde(default)]
    pub fxo: Vec<Fxo>,
    /// Primary rate trunks.
    #[serde(default)]
    pub pri: Vec<Pri>,
    /// Serial lines to PBXs that speak SMDI.
    #[serde(default)]
    pub smdi: Vec<Smdi>,
    /// The serial line of `line con 0`.
    pub console: Option<SerialConsole>,
    /// Real-time priority of the threads that move the audio of DAHDI's boards: 1 to 99, or 0 for none.
    #[serde(default = "default_priority", rename = "audio-priority")]
    pub audio_priority: u8,
}

/// What the service of our package may use (`LimitRTPRIO=`).
fn default_priority() -> u8 {
    10
}

/// A serial line with the console on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConsole {
    /// The device, `/dev/ttyS0`; it need not be there yet. Speed and the rest are `line con 0`'s.
    pub tty: PathBuf,
}

/// One SMDI line: message waiting over a serial line (Bellcore TR-TSY-000283), the gateway being the message desk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smdi {
    /// What `show mwi trunk` calls it; no voice port may have this name.
    pub name: String,
    /// The device, `/dev/ttyS1`; it need not be there yet.
    pub tty: PathBuf,
    /// bit/s.
    #[serde(default = "default_speed")]
    pub speed: u32,
    /// Data bits, parity and stop bits.
    #[serde(default)]
    pub framing: Framing,
    /// Message desk number, 0 to 999: calls to voice mail at other desks are passed over.
    pub desk: Option<u16>,
    /// Destination patterns of the mailboxes whose lamps the PBX works. A port with `mwi` that a dial peer leads to
    /// goes before.
    pub numbers: Vec<String>,
    /// Length of the PBX's numbers, 1 to 10: of a longer one the last digits are sent, a shorter one is filled up.
    pub digits: Option<u8>,
    /// Digits put before a shorter number, as many of the last ones as are missing; zeros where there are not enough.
    #[serde(default)]
    pub prefix: String,
    /// A request not refused within so many milliseconds is done: 1000 to 60,000.
    #[serde(default = "default_silence")]
    pub silence_ms: u64,
}

/// Data bits, parity and stop bits of an SMDI line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Framing {
    /// 7 data bits, even parity, 1 stop bit.
    #[default]
    #[serde(rename = "7E1")]
    SevenEven,
    /// 8 data bits, no parity, 1 stop bit.
    #[serde(rename = "8N1")]
    EightNone,
}

fn default_speed() -> u32 {
    1200
}

fn default_silence() -> u64 {
    2000
}

impl Smdi {
    /// The number the PBX knows a mailbox by; `None` where SMDI cannot carry it.
    ///
    /// ```
    /// let text = "[[smdi]]\nname = \"pbx\"\ntty = \"/dev/ttyS1\"\nnumbers = [\"47..\"]\ndigits = 7\nprefix = \"555\"\n";
    /// let hardware = gateway::hardware::Hardware::parse(text)?;
    /// assert_eq!(hardware.smdi[0].user("4711").as_deref(), Some("5554711"));
    /// # Ok::<(), gateway::hardware::HardwareError>(())
    /// ```
    #[must_use]
    pub fn user(&self, number: &str) -> Option<String> {
        let number = number.strip_prefix('+').unwrap_or(number);
        if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let user = match self.digits.map(usize::from) {
            None => number.to_owned(),
            Some(digits) => {
                // Padded by zeros, prefix and number; the last digits of all that count.
                let all = format!("{:0>digits$}{}{number}", "", self.prefix);
                all.get(all.len().saturating_sub(digits)..)?.to_owned()
            }
        };
        (user.len() <= mwi::smdi::MAX_DIGITS).then_some(user)
    }

    fn check(&self) -> Result<(), HardwareError> {
        let bad = |problem: String| HardwareError::Smdi { name: self.name.clone(), problem };
        for pattern in &self.numbers {
            if let Err(error) = pattern.parse::<dialpeer::Pattern>() {
                return Err(bad(format!("numbers {pattern:?}: {error}")));
            }
        }
        if self.digits.is_some_and(|digits| !(1..=10).contains(&digits)) {
            return Err(bad("digits expects 1 to 10".into()));
        }
        if !self.prefix.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(bad(format!("prefix {:?} expects digits", self.prefix)));
        }
        if !(50..=115_200).contains(&self.speed) {
            return Err(bad("speed expects 50 to 115200".into()));
        }
        if !(1000..=60_000).contains(&self.silence_ms) {
            return Err(bad("silence_ms expects 1000 to 60000".into()));
        }
        if self.desk.is_some_and(|desk| desk > 999) {
            return Err(bad("desk expects 0 to 999".into()));
        }
        Ok(())
    }
}

/// Who cancels the echo of a pair (`echo-cancel` of its voice port).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EchoCanceller {
    /// The gateway, the same on every board.
    #[default]
    Own,
    /// The canceller that `dahdi_cfg` has attached to the channel: the board's own, or one of the kernel's.
    Board,
}

/// One FXS port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fxs {
    /// Voice port name as the configuration spells it, e.g. `2/0` or `0/1/3`.
    pub port: String,
    /// What drives the line.
    pub backend: FxsBackend,
    /// With backend `dahdi`: the channel's number in `lsdahdi`.
    pub channel: Option<u32>,
    /// With backend `dahdi`: who cancels the echo of the pair.
    #[serde(default, rename = "echo-canceller")]
    pub echo_canceller: EchoCanceller,
}

/// What drives an FXS port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FxsBackend {
    /// The simulator: a telephone played over `lines.sock`.
    Sim,
    /// A port of a DAHDI board.
    Dahdi,
}

/// One FXO port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fxo {
    /// Voice port name, e.g. `0/1/0`.
    pub port: String,
    /// What drives the line.
    pub backend: FxoBackend,
    /// With backend `sim`: the FXS port of this box at the other end of the pair, which plays the exchange.
    #[serde(rename = "wired-to")]
    pub wired_to: Option<String>,
    /// With backend `dahdi`: the channel's number in `lsdahdi`.
    pub channel: Option<u32>,
    /// With backend `dahdi`: who cancels the echo of the pair.
    #[serde(default, rename = "echo-canceller")]
    pub echo_canceller: EchoCanceller,
}

/// What drives an FXO port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FxoBackend {
    /// A pair of wires to an FXS port of the same box.
    Sim,
    /// A port of a DAHDI board.
    Dahdi,
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
    /// With backend `socket`: where the octets of its B channels come from and go to by UDP, `IP:PORT,IP:PORT`, ours and the
    /// peer's. Without it the trunk has no audio.
    pub bearers: Option<String>,
    /// With backend `dahdi`: the span's number in `dahdi_scan`.
    pub span: Option<u32>,
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
    /// A span of a DAHDI board.
    Dahdi,
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
    /// A priority that the system does not have.
    #[error("hardware file: audio-priority {found}, expected 0 to 99")]
    AudioPriority {
        /// What stands there.
        found: u8,
    },
    /// A port or controller is named twice.
    #[error("hardware file: {what} {name} stands there twice, expected each once")]
    Duplicate {
        /// `fxs port` or `controller`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An exchange line that leads nowhere.
    #[error(
        "hardware file: fxo port {port} is wired to {found:?}, expected an fxs port that no other is wired to"
    )]
    Wired {
        /// The FXO port.
        port: String,
        /// What it is wired to.
        found: String,
    },
    /// A board's port without the board's number, or a number where no board is.
    #[error("hardware file: {what} {name}: {problem}")]
    Board {
        /// `fxs port`, `fxo port` or `controller`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A controller name of another form.
    #[error("hardware file: controller {found:?}, expected \"E1 SLOT/PORT\" or \"T1 SLOT/PORT\"")]
    Controller {
        /// What stands there.
        found: String,
    },
    /// An SMDI line that cannot be.
    #[error("hardware file: smdi {name}: {problem}")]
    Smdi {
        /// The line.
        name: String,
        /// What is wrong and what was expected.
        problem: String,
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
        if hardware.audio_priority > 99 {
            return Err(HardwareError::AudioPriority { found: hardware.audio_priority });
        }
        for (at, fxs) in hardware.fxs.iter().enumerate() {
            if hardware.fxs.iter().skip(at + 1).any(|other| other.port == fxs.port) {
                return Err(HardwareError::Duplicate { what: "fxs port", name: fxs.port.clone() });
            }
        }
        for (at, fxo) in hardware.fxo.iter().enumerate() {
            let mut others = hardware.fxo.iter().skip(at + 1);
            let twice = others.clone().any(|other| other.port == fxo.port);
            if twice || hardware.fxs.iter().any(|fxs| fxs.port == fxo.port) {
                return Err(HardwareError::Duplicate { what: "fxo port", name: fxo.port.clone() });
            }
            fxo.check(&hardware.fxs, &mut others)?;
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
            pri.bearer_address()?;
            pri.dahdi_span()?;
        }
        for (at, smdi) in hardware.smdi.iter().enumerate() {
            if hardware.smdi.iter().skip(at + 1).any(|other| other.name == smdi.name) {
                return Err(HardwareError::Duplicate { what: "smdi", name: smdi.name.clone() });
            }
            smdi.check()?;
        }
        hardware.check_boards()?;
        Ok(hardware)
    }

    /// Whether any port is on a board of DAHDI.
    #[must_use]
    pub fn has_boards(&self) -> bool {
        self.fxs.iter().any(|fxs| fxs.backend == FxsBackend::Dahdi)
            || self.fxo.iter().any(|fxo| fxo.backend == FxoBackend::Dahdi)
            || self.pri.iter().any(|pri| pri.backend == PriBackend::Dahdi)
    }

    /// Every board's port has its number, and no two the same.
    fn check_boards(&self) -> Result<(), HardwareError> {
        let fxs = self.fxs.iter().map(|fxs| ("fxs port", &fxs.port, fxs.dahdi_channel()));
        let fxo = self.fxo.iter().map(|fxo| ("fxo port", &fxo.port, fxo.dahdi_channel()));
        let pri = self.pri.iter().map(|pri| ("controller", &pri.controller, pri.dahdi_span()));
        let mut channels = HashSet::new();
        let mut spans = HashSet::new();
        for (what, name, number) in fxs.chain(fxo).chain(pri) {
            let Some(number) = number? else { continue };
            let taken = if what == "controller" { &mut spans } else { &mut channels };
            if !taken.insert(number) {
                let problem = format!("number {number} stands there twice, expected each once");
                return Err(HardwareError::Board { what, name: name.clone(), problem });
            }
        }
        Ok(())
    }
}

impl EchoCanceller {
    /// Only a board has one.
    fn check(self, what: &'static str, name: &str, dahdi: bool) -> Result<(), HardwareError> {
        if self == Self::Own || dahdi {
            return Ok(());
        }
        let problem = "echo-canceller = \"board\" expects backend \"dahdi\"".into();
        Err(HardwareError::Board { what, name: name.to_owned(), problem })
    }
}

impl Fxs {
    /// The board's channel where the backend is `dahdi`.
    ///
    /// # Errors
    /// [`HardwareError::Board`] when it is missing, or given for another backend.
    pub fn dahdi_channel(&self) -> Result<Option<u32>, HardwareError> {
        let dahdi = self.backend == FxsBackend::Dahdi;
        self.echo_canceller.check("fxs port", &self.port, dahdi)?;
        number("fxs port", &self.port, "channel", dahdi, self.channel)
    }
}

impl Fxo {
    /// The board's channel where the backend is `dahdi`.
    ///
    /// # Errors
    /// [`HardwareError::Board`] when it is missing, or given for another backend.
    pub fn dahdi_channel(&self) -> Result<Option<u32>, HardwareError> {
        let dahdi = self.backend == FxoBackend::Dahdi;
        self.echo_canceller.check("fxo port", &self.port, dahdi)?;
        number("fxo port", &self.port, "channel", dahdi, self.channel)
    }

    /// A simulated one leads to a simulated telephone's port that no other leads to.
    fn check<'a>(
        &self,
        fxs: &[Fxs],
        others: &mut impl Iterator<Item = &'a Self>,
    ) -> Result<(), HardwareError> {
        let wired =
            |found: &str| Err(HardwareError::Wired { port: self.port.clone(), found: found.to_owned() });
        match (self.backend, &self.wired_to) {
            (FxoBackend::Sim, Some(to)) => {
                let exists = fxs.iter().any(|fxs| fxs.port == *to && fxs.backend == FxsBackend::Sim);
                if !exists || others.any(|other| other.wired_to.as_ref() == Some(to)) {
                    return wired(to);
                }
                Ok(())
            }
            (FxoBackend::Sim, None) => wired(""),
            (FxoBackend::Dahdi, None) => Ok(()),
            (FxoBackend::Dahdi, Some(_)) => Err(HardwareError::Board {
                what: "fxo port",
                name: self.port.clone(),
                problem: "backend \"dahdi\" takes no wired-to, expected backend \"sim\"".into(),
            }),
        }
    }
}

/// A board's number, there when it must be and only then.
fn number(
    what: &'static str,
    name: &str,
    key: &str,
    dahdi: bool,
    number: Option<u32>,
) -> Result<Option<u32>, HardwareError> {
    let problem = match (dahdi, number) {
        (true, Some(1..)) | (false, None) => return Ok(number),
        (true, _) => format!("backend \"dahdi\" expects {key} = N, a number from 1"),
        (false, Some(_)) => format!("{key} expects backend \"dahdi\""),
    };
    Err(HardwareError::Board { what, name: name.to_owned(), problem })
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

    /// The board's span where the backend is `dahdi`.
    ///
    /// # Errors
    /// [`HardwareError::Board`] when it is missing, or given for another backend.
    pub fn dahdi_span(&self) -> Result<Option<u32>, HardwareError> {
        number("controller", &self.controller, "span", self.backend == PriBackend::Dahdi, self.span)
    }

    /// The socket's address where the backend is `socket`.
    ///
    /// # Errors
    /// [`HardwareError::Address`] when it is missing, malformed, or given for another backend.
    pub fn socket_address(&self) -> Result<Option<Address>, HardwareError> {
        let problem =
            |problem: String| HardwareError::Address { controller: self.controller.clone(), problem };
        match (self.backend, &self.address) {
            (PriBackend::Sim | PriBackend::Dahdi, None) => Ok(None),
            (PriBackend::Sim | PriBackend::Dahdi, Some(_)) => {
                Err(problem("address expects backend \"socket\"; this backend takes no address".into()))
            }
            (PriBackend::Socket, None) => {
                Err(problem("backend \"socket\" expects address = \"tcp-listen:IP:PORT\" or the like".into()))
            }
            (PriBackend::Socket, Some(text)) => {
                text.parse().map(Some).map_err(|e| problem(format!("address {text:?}: {e}")))
            }
        }
    }

    /// The addresses of the B channels where the backend is `socket` and they are carried.
    ///
    /// # Errors
    /// [`HardwareError::Address`] when they are malformed, or given for another backend.
    pub fn bearer_address(&self) -> Result<Option<BearerAddress>, HardwareError> {
        let problem =
            |problem: String| HardwareError::Address { controller: self.controller.clone(), problem };
        match (self.backend, &self.bearers) {
            (_, None) => Ok(None),
            (PriBackend::Socket, Some(text)) => {
                text.parse().map(Some).map_err(|e| problem(format!("bearers: {e}")))
            }
            (PriBackend::Sim | PriBackend::Dahdi, Some(_)) => {
                Err(problem("bearers expects backend \"socket\"; this backend has its own".into()))
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
            ("[[fxo]]\nport=\"0/1/0\"\nbackend=\"sim\"\nwired-to=\"2/0\"", "expected an fxs port"),
            (
                "[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"\n[[fxo]]\nport=\"0/1/0\"\nbackend=\"sim\"\nwired-to=\"2/0\"\n\
                 [[fxo]]\nport=\"0/1/1\"\nbackend=\"sim\"\nwired-to=\"2/0\"",
                "no other",
            ),
            (
                "[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"\n[[fxo]]\nport=\"2/0\"\nbackend=\"sim\"\nwired-to=\"2/0\"",
                "twice",
            ),
            ("[[fxs]]\nport=\"2/0\"\nbackend=\"dahdi\"", "expects channel = N"),
            ("[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"\nchannel=1", "expects backend \"dahdi\""),
            (
                "[[fxs]]\nport=\"2/0\"\nbackend=\"dahdi\"\nchannel=3\n[[fxo]]\nport=\"2/1\"\nbackend=\"dahdi\"\nchannel=3",
                "number 3 stands there twice",
            ),
            (
                "[[fxs]]\nport=\"2/0\"\nbackend=\"dahdi\"\nchannel=3\n[[fxo]]\nport=\"2/1\"\nbackend=\"sim\"\nwired-to=\"2/0\"",
                "expected an fxs port",
            ),
            ("[[fxo]]\nport=\"2/1\"\nbackend=\"dahdi\"\nchannel=3\nwired-to=\"2/0\"", "takes no wired-to"),
            ("[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"dahdi\"", "expects span = N"),
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
            (
                "[[fxs]]\nport=\"2/0\"\nbackend=\"sim\"\necho-canceller=\"board\"",
                "fxs port 2/0: echo-canceller = \"board\" expects",
            ),
            ("audio-priority = 100", "audio-priority 100, expected 0 to 99"),
            ("[[smdi]]\nname=\"a\"\ntty=\"/dev/ttyS1\"\nnumbers=[\"4(\"]", "smdi a: numbers \"4(\""),
            ("[[smdi]]\nname=\"a\"\ntty=\"/dev/ttyS1\"\nnumbers=[]\ndigits=11", "1 to 10"),
            ("[[smdi]]\nname=\"a\"\ntty=\"/dev/ttyS1\"\nnumbers=[]\nframing=\"7N2\"", "7E1"),
        ] {
            let error = Hardware::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_mailbox_has_the_number_its_pbx_gives_it() {
        let smdi = |more: &str| {
            let text = format!("[[smdi]]\nname=\"a\"\ntty=\"/dev/ttyS1\"\nnumbers=[\".T\"]\n{more}");
            Hardware::parse(&text).unwrap().smdi.remove(0)
        };
        let user = |more: &str, number: &str| smdi(more).user(number).unwrap_or_default();
        assert_eq!(user("", "4711"), "4711");
        assert_eq!(user("", "+4711"), "4711");
        assert_eq!(user("", "12345678901"), "");
        assert_eq!(user("", "*98"), "");
        assert_eq!(user("digits=7", "4711"), "0004711");
        assert_eq!(user("digits=7\nprefix=\"555\"", "4711"), "5554711");
        assert_eq!(user("digits=4\nprefix=\"555\"", "5550100"), "0100");
        assert_eq!(user("digits=10\nprefix=\"21255\"", "50100"), "2125550100");
    }

    #[test]
    fn a_trunk_has_the_voice_port_ios_gives_it() {
        let text = "[[pri]]\ncontroller=\"T1 0/1/0\"\nbackend=\"sim\"\n[[pri]]\ncontroller=\"E1 1/0\"\nbackend=\"socket\"\naddress=\"tcp-listen:127.0.0.1:7931\"";
        let hardware = Hardware::parse(text).unwrap();
        let ports: Vec<_> = hardware.pri.iter().map(|p| p.voice_port().unwrap()).collect();
        assert_eq!(ports, ["0/1/0:23", "1/0:15"]);
    }
}
