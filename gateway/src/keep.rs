//! Listening sockets that outlive the daemon: the service manager keeps a copy of each (systemd's file descriptor store,
//! `FileDescriptorStoreMax=`) and hands it to the next life. What arrives in between waits in the system and is answered.
//!
//! A socket is known by its kind and address. The owners of sockets ([`Keeper::keep`]) say which they use; what a former life
//! had and nobody wants any more is closed, and taken out of the store.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use sip::net::OpenSocket;

/// The sockets kept. Clones are of the same ones.
///
/// ```
/// use gateway::keep::Keeper;
/// use sip::net::OpenSocket;
///
/// let keeper = Keeper::default();
/// let socket = OpenSocket::new(std::net::UdpSocket::bind("127.0.0.1:0")?.into())?;
/// let address = socket.address();
/// keeper.keep("sip", vec![socket]);
/// // Whoever used it is gone; the socket is still there.
/// assert_eq!(keeper.take("sip", &[(false, address)]).len(), 1);
/// keeper.keep("sip", Vec::new());
/// assert!(keeper.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Keeper(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// `$NOTIFY_SOCKET`.
    manager: Option<OsString>,
    sockets: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    socket: OpenSocket,
    /// Its name in the store.
    name: String,
    /// Who uses it; nobody yet after it was inherited.
    owner: Option<&'static str>,
}

impl Keeper {
    /// With the service manager at `manager` (`$NOTIFY_SOCKET`), and the descriptors and names it has handed over. Those that are
    /// no listening sockets are closed and taken out of the store.
    #[must_use]
    pub fn new(manager: Option<OsString>, inherited: Vec<(OwnedFd, String)>) -> Self {
        let mut kept = Kept { manager, sockets: Vec::new() };
        for (descriptor, name) in inherited {
            match OpenSocket::new(descriptor) {
                Ok(socket) => kept.sockets.push(Entry { socket, name, owner: None }),
                Err(error) => {
                    tracing::warn!(%error, name, "descriptor of the service manager");
                    kept.forget(&name);
                }
            }
        }
        Self(Arc::new(Mutex::new(kept)))
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept().sockets.is_empty()
    }

    /// Gives the kept ones of these kinds (`true`: TCP) and addresses to `owner`, who will listen there, and closes those that
    /// would be in its way: its own and nobody's of the same kind and port on another address.
    #[must_use]
    pub fn take(&self, owner: &'static str, wanted: &[(bool, SocketAddr)]) -> Vec<OpenSocket> {
        let mut kept = self.kept();
        let of = |socket: &OpenSocket| (socket.is_stream(), socket.address());
        kept.release(|entry| {
            let (stream, address) = of(&entry.socket);
            let clashes = |(other, wanted): &(bool, SocketAddr)| {
                *other == stream && wanted.port() == address.port() && wanted.is_ipv4() == address.is_ipv4()
            };
            let free = entry.owner.is_none_or(|other| other == owner);
            free && !wanted.contains(&(stream, address)) && wanted.iter().any(clashes)
        });
        let wanted = kept.sockets.iter().filter(|entry| wanted.contains(&of(&entry.socket)));
        wanted.filter_map(|entry| entry.socket.try_clone().ok()).collect()
    }

    /// From now on these are all that `owner` listens on; others that were its own are closed.
    pub fn keep(&self, owner: &'static str, sockets: Vec<OpenSocket>) {
        let mut kept = self.kept();
        let used: Vec<_> = sockets.iter().map(|socket| (socket.is_stream(), socket.address())).collect();
        kept.release(|entry| {
            let known = used.contains(&(entry.socket.is_stream(), entry.socket.address()));
            entry.owner == Some(owner) && !known
        });
        for socket in sockets {
            let known = kept.sockets.iter_mut().find(|entry| {
                entry.socket.is_stream() == socket.is_stream() && entry.socket.address() == socket.address()
            });
            match known {
                Some(entry) => entry.owner = Some(owner),
                None => kept.add(socket, owner),
            }
        }
    }

    /// Closes what a former life listened on and this one does not.
    pub fn release_unused(&self) {
        self.kept().release(|entry| entry.owner.is_none());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, socket: OpenSocket, owner: &'static str) {
        let kind = if socket.is_stream() { "tcp" } else { "udp" };
        // A colon must not be in a name (sd_notify(3)).
        let host = socket.address().ip().to_string().replace(':', ".");
        let name = format!("{kind}-{host}-{}", socket.address().port());
        // FDPOLL=0: an ICMP error of a datagram that we have sent makes a socket "fail", which is no reason to drop it.
        self.tell(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}"), Some(&socket));
        self.sockets.push(Entry { socket, name, owner: Some(owner) });
    }

    fn release(&mut self, gone: impl Fn(&Entry) -> bool) {
        for entry in self.sockets.extract_if(.., |entry| gone(entry)).collect::<Vec<_>>() {
            tracing::debug!(name = entry.name, "listening no more");
            self.forget(&entry.name);
        }
    }

    fn forget(&self, name: &str) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), None);
    }

    fn tell(&self, message: &str, socket: Option<&OpenSocket>) {
        if let Some(manager) = &self.manager
            && let Err(error) = notify(manager, message, socket)
        {
            tracing::debug!(%error, message, "service manager");
        }
    }
}

fn notify(manager: &OsStr, message: &str, socket: Option<&OpenSocket>) -> io::Result<()> {
    let to = match manager.as_bytes() {
        [b'@', name @ ..] => UnixAddr::from_abstract_name(name)?,
        _ => UnixAddr::from_pathname(manager)?,
    };
    let datagrams = UnixDatagram::unbound()?;
    datagrams.connect_addr(&to)?;
    let descriptors: Vec<_> = socket.map(|socket| socket.as_fd().as_raw_fd()).into_iter().collect();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &rights[..] };
    let octets = [IoSlice::new(message.as_bytes())];
    sendmsg::<()>(datagrams.as_raw_fd(), &octets, control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_cannot_be_used_or_is_in_the_way_leaves_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let told = || {
            let mut octets = [0; 256];
            let read = manager.recv(&mut octets).unwrap();
            String::from_utf8_lossy(&octets[..read]).replace('\n', " ")
        };
        let old = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = old.local_addr().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let inherited =
            vec![(old.into(), "old".into()), (file.into(), "file".into()), (other.into(), "other".into())];
        let keeper = Keeper::new(Some(path.into()), inherited);
        assert_eq!(told(), "FDSTOREREMOVE=1 FDNAME=file");
        let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
        assert!(keeper.take("sip", &[(true, everywhere)]).is_empty(), "another kind is in nobody's way");
        assert!(keeper.take("sip", &[(false, everywhere)]).is_empty());
        assert_eq!(told(), "FDSTOREREMOVE=1 FDNAME=old");
        let new = UdpSocket::bind(everywhere).unwrap();
        keeper.keep("sip", vec![OpenSocket::new(new.into()).unwrap()]);
        let name = format!("udp-0.0.0.0-{}", address.port());
        assert_eq!(told(), format!("FDSTORE=1 FDPOLL=0 FDNAME={name}"));
        keeper.release_unused();
        assert_eq!(told(), "FDSTOREREMOVE=1 FDNAME=other");
        assert_eq!(keeper.take("ssh", &[(false, everywhere)]).len(), 1);
        keeper.keep("sip", Vec::new());
        assert_eq!(told(), format!("FDSTOREREMOVE=1 FDNAME={name}"));
        assert!(keeper.is_empty());
    }
}
