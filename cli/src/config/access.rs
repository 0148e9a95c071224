//! Who may use the router's terminals: users, secrets, terminal lines, banners.

use crate::grammar::ModeKind;
use crate::secret::Secret;
use base64::Engine as _;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Longest public key pasted, in base 64.
const MAX_KEY: usize = 4096;

/// A `username`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// Level after the login, 0 to 15; 1 unless configured.
    pub privilege: u8,
    /// What is to be typed; `None` for `nopassword` and for a user without one, who cannot log in.
    pub secret: Option<Secret>,
    /// `nopassword`.
    pub no_password: bool,
}

/// How a terminal line asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not configured: the line's password on a virtual terminal, nothing elsewhere.
    Default,
    /// `no login`: not at all.
    None,
    /// `login`: the line's own password.
    Password,
    /// `login local`, `login authentication …` and every line after `aaa new-model`: name and password of a user.
    Local,
}

/// Kind of a terminal line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// `line con 0`.
    Console,
    /// `line aux 0`.
    Auxiliary,
    /// `line vty …`: SSH and telnet.
    Virtual,
    /// Any other.
    Other,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// None.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Serial settings of `line con 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialSettings {
    /// bit/s.
    pub speed: u32,
    /// 5 to 8.
    pub databits: u8,
    /// Parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stopbits: u8,
    /// `flowcontrol hardware`.
    pub hardware_flow: bool,
    /// `flowcontrol software`.
    pub software_flow: bool,
}

impl Default for SerialSettings {
    fn default() -> Self {
        SerialSettings {
            speed: 9600,
            databits: 8,
            parity: Parity::None,
            stopbits: 1,
            hardware_flow: false,
            software_flow: false,
        }
    }
}

/// A `line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalLine {
    /// Header of its section, `line vty 0 4`.
    pub header: String,
    /// Kind.
    pub kind: LineKind,
    /// First number within the kind.
    pub first: u16,
    /// Last number.
    pub last: u16,
    /// How it asks who is there.
    pub login: Login,
    /// `password`.
    pub password: Option<Secret>,
    /// Idle time after which the session ends; `None` for never.
    pub exec_timeout: Option<Duration>,
    /// `privilege level`.
    pub privilege: u8,
    /// `transport input`: SSH is taken.
    pub ssh: bool,
    /// `transport input`: telnet is taken.
    pub telnet: bool,
    /// `history size`.
    pub history: u16,
    /// `length`: rows, 0 for no pausing; `None` for what the terminal says.
    pub length: Option<u16>,
    /// `width`: columns; `None` for what the terminal says.
    pub width: Option<u16>,
    /// `logging synchronous`.
    pub synchronous: bool,
    /// `session-limit`.
    pub session_limit: Option<u32>,
    /// `access-class … in`.
    pub access_class: Option<String>,
    /// `no exec`: nobody gets a prompt.
    pub exec: bool,
    /// Banners are shown: `motd-banner`, `exec-banner`.
    pub motd_banner: bool,
    /// See [`TerminalLine::motd_banner`].
    pub exec_banner: bool,
    /// `location`: where it is, for `show terminal`.
    pub location: Option<String>,
    /// `monitor`: log and debug lines are shown from the start.
    pub monitor: bool,
    /// `timeout login response`: how long somebody may take to log in; `None` for what `ip ssh time-out` says.
    pub login_timeout: Option<Duration>,
    /// Serial settings.
    pub serial: SerialSettings,
}

impl TerminalLine {
    /// A line with every setting at its default.
    pub fn new(kind: LineKind, first: u16, last: u16) -> TerminalLine {
        TerminalLine {
            header: String::new(),
            kind,
            first,
            last,
            login: Login::Default,
            password: None,
            exec_timeout: Some(Duration::from_secs(600)),
            privilege: 1,
            ssh: true,
            telnet: false,
            history: 20,
            length: None,
            width: None,
            synchronous: false,
            session_limit: None,
            access_class: None,
            exec: true,
            motd_banner: true,
            exec_banner: true,
            location: None,
            monitor: false,
            login_timeout: None,
            serial: SerialSettings::default(),
        }
    }

    /// From the words of a header: `line vty 0 4`, `line con 0`, `line 0 15`.
    pub fn from_header(header: &str) -> TerminalLine {
        let mut kind = LineKind::Other;
        let mut numbers = Vec::new();
        for word in header.split(' ').skip(1) {
            match word {
                "con" | "console" => kind = LineKind::Console,
                "aux" => kind = LineKind::Auxiliary,
                "vty" => kind = LineKind::Virtual,
                number => numbers.extend(number.parse::<u16>().ok()),
            }
        }
        let first = numbers.first().copied().unwrap_or(0);
        let last = numbers.get(1).copied().unwrap_or(first).max(first);
        TerminalLine { header: header.to_owned(), ..TerminalLine::new(kind, first, last) }
    }
}

/// `login block-for`: after too many failures nobody is let in for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginBlock {
    /// How long.
    pub quiet: Duration,
    /// Failures that start it.
    pub attempts: u32,
    /// Within this time.
    pub within: Duration,
}

/// `privilege exec level N COMMAND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLevel {
    /// Level the command needs.
    pub level: u8,
    /// Its first words.
    pub command: String,
}

/// Everything that decides who may do what at a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Users by name, in the order of the configuration.
    pub users: Vec<User>,
    /// `enable secret` by level.
    pub enable_secrets: BTreeMap<u8, Secret>,
    /// `enable password` by level; counts where there is no secret.
    pub enable_passwords: BTreeMap<u8, Secret>,
    /// `aaa new-model`.
    pub aaa: bool,
    /// Terminal lines that the configuration mentions.
    pub lines: Vec<TerminalLine>,
    /// `banner motd`.
    pub banner_motd: Option<String>,
    /// `banner login`.
    pub banner_login: Option<String>,
    /// `banner exec`.
    pub banner_exec: Option<String>,
    /// `login block-for`.
    pub block: Option<LoginBlock>,
    /// `privilege exec level`.
    pub levels: Vec<CommandLevel>,
    /// `alias exec NAME COMMAND`.
    pub aliases: BTreeMap<String, String>,
    /// `alias MODE NAME COMMAND` of the configuration modes that [`alias_modes`] knows, by mode and name.
    pub mode_aliases: BTreeMap<(String, String), String>,
    /// `logging on`: without it only consoles show log lines.
    pub logs: bool,
    /// `logging console`: the least severe lines shown there, 0 to 7; `None` for none.
    pub console_log: Option<u8>,
    /// `logging monitor`: the same for other terminals with `terminal monitor`.
    pub monitor_log: Option<u8>,
    /// `ip ssh time-out`: seconds a login may take, 1 to 120.
    pub ssh_timeout: Duration,
    /// `ip ssh authentication-retries`: 0 to 5.
    pub ssh_retries: u8,
}

impl Default for Access {
    fn default() -> Self {
        Access {
            users: Vec::new(),
            enable_secrets: BTreeMap::new(),
            enable_passwords: BTreeMap::new(),
            aaa: false,
            lines: Vec::new(),
            banner_motd: None,
            banner_login: None,
            banner_exec: None,
            block: None,
            levels: Vec::new(),
            aliases: BTreeMap::new(),
            mode_aliases: BTreeMap::new(),
            logs: true,
            console_log: Some(7),
            monitor_log: Some(7),
            ssh_timeout: Duration::from_secs(120),
            ssh_retries: 3,
        }
    }
}

/// The modes that the word of `alias MODE …` means; none for a word without meaning here.
pub fn alias_modes(word: &str) -> &'static [ModeKind] {
    match word {
        "configure" => &[ModeKind::Global],
        "controller" => &[ModeKind::Controller],
        "dial-peer" => &[ModeKind::PotsPeer, ModeKind::VoipPeer],
        "interface" => &[ModeKind::Interface],
        "line" => &[ModeKind::Line],
        "sip-ua" => &[ModeKind::SipUa],
        "voice-port" => &[ModeKind::VoicePort],
        _ => &[],
    }
}

impl Access {
    /// Settings of the line with this number; the defaults where the configuration does not mention it. Its
    /// [`TerminalLine::login`] is never [`Login::Default`].
    pub fn line(&self, kind: LineKind, number: u16) -> TerminalLine {
        let mut line = self
            .lines
            .iter()
            .find(|l| l.kind == kind && (l.first..=l.last).contains(&number))
            .cloned()
            .unwrap_or_else(|| TerminalLine::new(kind, number, number));
        line.login = match line.login {
            _ if self.aaa => Login::Local,
            Login::Default if kind == LineKind::Virtual => Login::Password,
            Login::Default => Login::None,
            login => login,
        };
        line
    }

    /// Numbers of the virtual terminals: 0 to 4 unless more are configured.
    pub fn virtual_terminals(&self) -> u16 {
        let configured = self.lines.iter().filter(|l| l.kind == LineKind::Virtual).map(|l| l.last + 1);
        configured.max().unwrap_or(0).max(5)
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|u| u.name == name)
    }

    /// What `enable LEVEL` asks for: the secret of the level, else its password.
    pub fn enable(&self, level: u8) -> Option<&Secret> {
        self.enable_secrets.get(&level).or_else(|| self.enable_passwords.get(&level))
    }

    /// Sets what `banner motd`, `banner login` or `banner exec` (the key) shows.
    pub(crate) fn set_banner(&mut self, key: &str, text: Option<String>) {
        match key {
            "banner motd" => self.banner_motd = text,
            "banner login" => self.banner_login = text,
            "banner exec" => self.banner_exec = text,
            _ => {}
        }
    }
}

/// The level that `command` (in canonical spelling) needs, where `privilege exec` moved it: the longest entry that it
/// begins with counts.
pub fn level_of(levels: &[CommandLevel], command: &str) -> Option<u8> {
    let begins = |words: &str| {
        command.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    levels.iter().filter(|l| begins(&l.command)).max_by_key(|l| l.command.len()).map(|l| l.level)
}

/// One entry of a standard access list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AccessEntry {
    permit: bool,
    address: Ipv4Addr,
    /// Bits that may differ.
    wildcard: Ipv4Addr,
}

/// A standard IP access list, as `access-class` uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList {
    entries: Vec<AccessEntry>,
}

impl AccessList {
    /// Adds what stands behind the list's number or name: `permit 10.0.0.0 0.255.255.255`, `deny any`, `remark …`.
    /// False if it is neither of these.
    pub fn push(&mut self, text: &str) -> bool {
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit())) {
            words.next();
        }
        let permit = match words.next() {
            Some("permit") => true,
            Some("deny") => false,
            Some("remark") => return true,
            _ => return false,
        };
        let mut next = words.next();
        if next == Some("host") {
            next = words.next();
        }
        let (address, wildcard) = match next {
            Some("any") => (Some(Ipv4Addr::UNSPECIFIED), Some(Ipv4Addr::BROADCAST)),
            Some(address) => (
                address.parse().ok(),
                words.next().filter(|w| *w != "log").map_or(Some(Ipv4Addr::UNSPECIFIED), |w| w.parse().ok()),
            ),
            None => (None, None),
        };
        match (address, wildcard) {
            (Some(address), Some(wildcard)) => {
                self.entries.push(AccessEntry { permit, address, wildcard });
                true
            }
            _ => false,
        }
    }

    /// True if the list lets the address in; what no entry names is denied. IPv6 is never in an IPv4 list.
    pub fn permits(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address.to_canonical() else { return false };
        let address = u32::from(address);
        let hit = |e: &&AccessEntry| {
            let care = !u32::from(e.wildcard);
            address & care == u32::from(e.address) & care
        };
        self.entries.iter().find(hit).is_some_and(|e| e.permit)
    }
}

impl super::Config {
    /// The standard access list of this number or name; `None` if there is none, which lets everybody in as on a
    /// router.
    pub fn access_list(&self, name: &str) -> Option<AccessList> {
        let mut list = AccessList::default();
        let mut found = false;
        let numbered = format!("access-list {name} ");
        let named = format!("ip access-list standard {name}");
        for node in self.tree.nodes() {
            if let Some(entry) = node.line.strip_prefix(&numbered) {
                found |= list.push(entry);
            } else if node.line == named {
                found = true;
                let body = node.section.iter().flat_map(|(_, body)| body.nodes());
                body.for_each(|n| {
                    list.push(&n.line);
                });
            }
        }
        found.then_some(list)
    }

    /// Public keys of users, from `ip ssh pubkey-chain`.
    pub fn ssh_keys(&self) -> SshKeys {
        let mut keys = SshKeys::default();
        let chain = self.tree.nodes().iter().filter(|n| n.key == "ip ssh pubkey-chain");
        for user in chain.filter_map(|n| n.section.as_ref()).flat_map(|(_, body)| body.nodes()) {
            let (Some(name), Some((_, body))) = (user.key.strip_prefix("username "), &user.section) else {
                continue;
            };
            for line in body.nodes() {
                let hash = match (&line.section, line.line.split_whitespace().nth(2)) {
                    (Some((_, rows)), _) => pasted(rows.nodes().iter().map(|n| n.line.as_str())),
                    (None, hash) => hash.and_then(hash16),
                };
                keys.hashes.extend(hash.map(|hash| (name.to_owned(), hash)));
            }
        }
        keys
    }
}

/// Public keys of users for SSH, as `ip ssh pubkey-chain` names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshKeys {
    /// User and MD5 of the key's octets.
    hashes: Vec<(String, [u8; 16])>,
}

impl SshKeys {
    /// True if the user has the key with these octets (RFC 4253 6.6).
    pub fn contains(&self, user: &str, key: &[u8]) -> bool {
        let hash = md5(key);
        self.hashes.iter().any(|(name, known)| name == user && *known == hash)
    }
}

/// MD5 of a key that stands over several rows, or as in `authorized_keys`: kind, key, comment.
fn pasted<'a>(rows: impl Iterator<Item = &'a str>) -> Option<[u8; 16]> {
    let mut text = String::new();
    for row in rows {
        let mut words = row.split_whitespace();
        let (first, second) = (words.next().unwrap_or(""), words.next());
        let part = second.unwrap_or(first);
        if text.len() + part.len() > MAX_KEY {
            return None;
        }
        text.push_str(part);
    }
    base64::engine::general_purpose::STANDARD.decode(&text).ok().map(|key| md5(&key))
}

fn md5(octets: &[u8]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(octets).into()
}

fn hash16(text: &str) -> Option<[u8; 16]> {
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(u128::to_be_bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {

    #[test]
    fn public_keys_are_read_in_every_form() {
        // `printf abcdefghijklmnopqrstuvwxyz | md5sum` and `| base64`.
        let key = b"abcdefghijklmnopqrstuvwxyz";
        for form in [
            "key-hash ssh-rsa C3FCD3D76192E4007DFB496CCA67E13B",
            "key-string\n   YWJjZGVmZ2hpamts\n   bW5vcHFyc3R1dnd4eXo=\n   exit",
            "key-string\n   ssh-rsa YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo= ann@desk\n   exit",
        ] {
            let text =
                format!("ip ssh pubkey-chain\n  username ann\n   {form}\n  username bob\n!\nhostname X\n");
            let config = super::super::Config::parse(&text).config;
            assert_eq!(config.hostname, "X");
            let keys = config.ssh_keys();
            assert!(keys.contains("ann", key), "{form}: {keys:?}\n{}", config.running());
            assert!(config.access.users.is_empty(), "a user of the chain is none of the router");
            assert!(!keys.contains("bob", key) && !keys.contains("ann", b"other"), "{form}");
        }
    }

    #[test]
    fn an_access_list_denies_what_it_does_not_name() {
        let text = "access-list 10 permit 10.1.0.0 0.0.255.255\naccess-list 10 deny 192.0.2.7\naccess-list 10 permit 192.0.2.0 0.0.0.255\n\
                    ip access-list standard ADMIN\n remark offices\n 10 permit host 198.51.100.1\n";
        let config = super::super::Config::parse(text).config;
        let ten = config.access_list("10").unwrap();
        for (address, permitted) in [
            ("10.1.200.3", true),
            ("10.2.0.1", false),
            ("192.0.2.7", false),
            ("192.0.2.8", true),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(ten.permits(address.parse().unwrap()), permitted, "{address}");
        }
        let admin = config.access_list("ADMIN").unwrap();
        assert!(admin.permits("198.51.100.1".parse().unwrap()));
        assert!(!admin.permits("198.51.100.2".parse().unwrap()));
        assert_eq!(config.access_list("11"), None);
    }
}
