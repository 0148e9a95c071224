//! The listeners of SSH and telnet: open while the configuration lets somebody in by them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use sip::net::OpenSocket;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::terminals::Transport;
use super::unix::Shared;
use super::{ssh, telnet};
use crate::keep::Keeper;
use crate::service::message::Message;

/// Where terminals are served, if anywhere.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// SSH.
    pub ssh: Option<SocketAddr>,
    /// Telnet.
    pub telnet: Option<SocketAddr>,
}

/// The listeners. Dropping it closes them; sessions go on.
#[derive(Debug)]
pub struct Listeners {
    addresses: Addresses,
    key: PathBuf,
    shared: Shared,
    keeper: Keeper,
    ssh: Option<Listener>,
    telnet: Option<Listener>,
}

#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listeners {
    /// Nothing is open before [`Listeners::refresh`]. `key` is the file of SSH's host key.
    #[must_use]
    pub fn new(addresses: Addresses, key: PathBuf, shared: Shared, keeper: Keeper) -> Listeners {
        Listeners { addresses, key, shared, keeper, ssh: None, telnet: None }
    }

    /// Opens and closes listeners as the configuration now says.
    ///
    /// # Errors
    /// What the system said of an address or of the host key; the other transport is served nevertheless.
    pub async fn refresh(&mut self) -> io::Result<()> {
        let wanted = |transport, address: Option<SocketAddr>| {
            address.filter(|_| self.shared.terminals.takes(transport))
        };
        let (ssh, telnet) =
            (wanted(Transport::Ssh, self.addresses.ssh), wanted(Transport::Telnet, self.addresses.telnet));
        let telnet_result = match (telnet, &self.telnet) {
            (Some(address), None) => self.listen("telnet", address).await.and_then(|listener| {
                let address = listener.local_addr()?;
                let task = tokio::spawn(telnet::serve(listener, self.shared.clone()));
                self.telnet = Some(Listener { address, task });
                Ok(())
            }),
            (None, _) => {
                self.telnet = None;
                self.keeper.keep("telnet", Vec::new());
                Ok(())
            }
            _ => Ok(()),
        };
        match (ssh, &self.ssh) {
            (Some(address), None) => {
                let key = ssh::host_key(&self.key)?;
                let listener = self.listen("ssh", address).await?;
                let address = listener.local_addr()?;
                let task = tokio::spawn(ssh::serve(listener, key, self.shared.clone()));
                self.ssh = Some(Listener { address, task });
            }
            (None, _) => {
                self.ssh = None;
                self.keeper.keep("ssh", Vec::new());
            }
            _ => {}
        }
        telnet_result
    }

    /// Listens, on a socket of a former life where there is one.
    async fn listen(&self, owner: &'static str, address: SocketAddr) -> io::Result<TcpListener> {
        let listener = match self.keeper.take(owner, &[(true, address)]).pop() {
            Some(open) => TcpListener::from_std(OwnedFd::from(open).into())?,
            None => TcpListener::bind(address).await?,
        };
        let again = listener.as_fd().try_clone_to_owned()?;
        self.keeper.keep(owner, vec![OpenSocket::new(again)?]);
        Ok(listener)
    }

    /// As [`Listeners::refresh`]; what cannot be opened is logged.
    pub async fn refresh_or_say(&mut self) {
        if let Err(error) = self.refresh().await {
            self.shared.reporter.report(Message::TerminalsListen { error: &error });
        }
    }

    /// Where SSH is served now.
    #[must_use]
    pub fn ssh(&self) -> Option<SocketAddr> {
        self.ssh.as_ref().map(|l| l.address)
    }

    /// Where telnet is served now.
    #[must_use]
    pub fn telnet(&self) -> Option<SocketAddr> {
        self.telnet.as_ref().map(|l| l.address)
    }
}
