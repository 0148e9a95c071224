//! Where a file is, as IOS writes it.

use std::fmt;

/// Longest name of a file or directory, in octets.
const MAX_NAME: usize = 128;
/// Deepest directory.
const MAX_DEPTH: usize = 16;

/// A disk of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// `flash:`, which stays.
    Flash,
    /// `tmp:`, empty at every start.
    Temporary,
}

impl Disk {
    /// `flash:`, `tmp:`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Disk::Flash => "flash:",
            Disk::Temporary => "tmp:",
        }
    }
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 1350.
    Tftp,
    /// RFC 959.
    Ftp,
    /// Plain.
    Http,
    /// Over TLS.
    Https,
    /// rcp over SSH.
    Scp,
}

impl Scheme {
    const ALL: [(&'static str, Scheme); 5] = [
        ("tftp:", Scheme::Tftp),
        ("ftp:", Scheme::Ftp),
        ("http:", Scheme::Http),
        ("https:", Scheme::Https),
        ("scp:", Scheme::Scp),
    ];

    /// `tftp:` and so on.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        Scheme::ALL.iter().find(|(_, scheme)| *scheme == self).map_or("", |(prefix, _)| prefix)
    }

    /// The port where the URL names none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Scheme::Tftp => 69,
            Scheme::Ftp => 21,
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Scp => 22,
        }
    }
}

/// A file on a server. Parts the URL leaves out are asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// How.
    pub scheme: Scheme,
    /// Who.
    pub user: Option<String>,
    /// Password in the URL.
    pub password: Option<String>,
    /// Name or address.
    pub host: Option<String>,
    /// Port.
    pub port: u16,
    /// Path on the server, without the slash in front; empty if not given.
    pub path: String,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `running-config`, `system:running-config`.
    Running,
    /// `startup-config`, `nvram:startup-config`.
    Startup,
    /// `nvram:` itself.
    Nvram,
    /// `null:`.
    Null,
    /// A file or directory on a disk; the root for an empty path.
    Local {
        /// The disk.
        disk: Disk,
        /// Components, none of them `.` or `..`.
        path: Vec<String>,
    },
    /// A file on a server.
    Remote(Remote),
}

/// A text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// `..` beyond the root, a control character, a long name, a deep path.
    #[error("%Error opening {0} (Invalid path)")]
    Path(String),
    /// No such file system.
    #[error("%Error opening {0} (No such device)")]
    Device(String),
    /// Not `scheme://host/path`.
    #[error("%Error parsing URL {0}, expected {1}//host/path")]
    Url(String, &'static str),
}

impl Place {
    /// Reads a path or URL; a bare name is on `flash:`.
    ///
    /// # Errors
    /// [`PlaceError`] says what is wrong with it.
    ///
    /// ```
    /// use gateway::files::Place;
    /// assert_eq!(Place::parse("flash:/a/./b/../c.cfg").unwrap().to_string(), "flash:/a/c.cfg");
    /// assert!(Place::parse("flash:/../etc/passwd").is_err());
    /// assert_eq!(Place::parse("tftp://10.0.0.1/x.cfg").unwrap().to_string(), "tftp://10.0.0.1/x.cfg");
    /// ```
    pub fn parse(text: &str) -> Result<Place, PlaceError> {
        let lower = text.to_ascii_lowercase();
        if let Some((prefix, scheme)) = Scheme::ALL.iter().find(|(prefix, _)| lower.starts_with(prefix)) {
            return remote(text, prefix, *scheme).map(Place::Remote);
        }
        let (device, path) = match text.split_once(':') {
            Some((device, path)) => (device.to_ascii_lowercase(), path),
            None => (String::new(), text),
        };
        let plain = path.trim_start_matches('/');
        match device.as_str() {
            "" if lower == "running-config" => Ok(Place::Running),
            "" if lower == "startup-config" => Ok(Place::Startup),
            "" | "flash" | "flash0" | "bootflash" | "disk0" => local(Disk::Flash, text, path),
            "tmp" => local(Disk::Temporary, text, path),
            "system" if plain == "running-config" => Ok(Place::Running),
            "nvram" if plain == "startup-config" => Ok(Place::Startup),
            "nvram" if plain.is_empty() => Ok(Place::Nvram),
            "null" => Ok(Place::Null),
            "system" | "nvram" => Err(PlaceError::Path(text.to_owned())),
            _ => Err(PlaceError::Device(text.to_owned())),
        }
    }

    /// The last component of the path, if there is one.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        match self {
            Place::Running => Some("running-config"),
            Place::Startup => Some("startup-config"),
            Place::Nvram | Place::Null => None,
            Place::Local { path, .. } => path.last().map(String::as_str),
            Place::Remote(remote) => remote.path.rsplit('/').next().filter(|name| !name.is_empty()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Running => f.write_str("system:running-config"),
            Place::Startup => f.write_str("nvram:startup-config"),
            Place::Nvram => f.write_str("nvram:/"),
            Place::Null => f.write_str("null:"),
            Place::Local { disk, path } => write!(f, "{}/{}", disk.prefix(), path.join("/")),
            Place::Remote(remote) => remote.fmt(f),
        }
    }
}

/// Without user and password.
impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = if self.port == self.scheme.port() { String::new() } else { format!(":{}", self.port) };
        let host = self.host.as_deref().unwrap_or("");
        write!(f, "{}//{host}{port}/{}", self.scheme.prefix(), self.path)
    }
}

/// As [`fmt::Display`]: a password is never shown.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn local(disk: Disk, text: &str, path: &str) -> Result<Place, PlaceError> {
    let invalid = || PlaceError::Path(text.to_owned());
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(invalid)?),
            name if name.len() > MAX_NAME || name.chars().any(char::is_control) => return Err(invalid()),
            name => parts.push(name.to_owned()),
        }
    }
    if parts.len() > MAX_DEPTH { Err(invalid()) } else { Ok(Place::Local { disk, path: parts }) }
}

fn remote(text: &str, prefix: &'static str, scheme: Scheme) -> Result<Remote, PlaceError> {
    let shown = || PlaceError::Url(prefix.to_owned(), prefix);
    let rest = text.get(prefix.len()..).unwrap_or("");
    let mut remote =
        Remote { scheme, user: None, password: None, host: None, port: scheme.port(), path: String::new() };
    if text.len() > 1024 || text.chars().any(char::is_control) {
        return Err(shown());
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return if rest.is_empty() { Ok(remote) } else { Err(shown()) };
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    path.clone_into(&mut remote.path);
    let host = match authority.rsplit_once('@') {
        Some((who, host)) => {
            let (user, password) = match who.split_once(':') {
                Some((user, password)) => (user, Some(password.to_owned())),
                None => (who, None),
            };
            (remote.user, remote.password) = (Some(user.to_owned()), password);
            host
        }
        None => authority,
    };
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) => (address, after.strip_prefix(':')),
        None => match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
    };
    if let Some(port) = port {
        remote.port = port.parse().map_err(|_| shown())?;
    }
    remote.host = Some(host.to_owned()).filter(|host| !host.is_empty());
    Ok(remote)
}
