//! The daemon around the switch: sockets, lines, clocks and signals, driven by one task on one thread.

mod daemon;
mod occupied;
mod start;
mod trunks;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use telephony_hal::sim::Plant;
use tokio::sync::{broadcast, mpsc};
use tokio::task::{AbortHandle, JoinHandle};

use crate::console::Command;
use crate::console::network::Addresses;
use crate::console::startup::load;
use crate::console::unix::Console;
use crate::hardware::Hardware;
use crate::keep::Keeper;
use crate::simpbx::SimPbx;
pub use start::start;

/// How the daemon is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Startup configuration; `<state-dir>/startup-config` where not given.
    pub config: Option<PathBuf>,
    /// `hardware.toml`; no ports where not given.
    pub hardware: Option<PathBuf>,
    /// Where state and sockets live.
    pub state_dir: PathBuf,
    /// Address SIP listens on where the configuration binds none.
    pub sip_address: IpAddr,
    /// DNS servers to ask in place of those of `ip name-server` or of the host.
    pub dns: Vec<SocketAddr>,
    /// Address of `/metrics` and `/healthz`.
    pub metrics: Option<SocketAddr>,
    /// Where SSH and telnet are served, once the configuration lets somebody in.
    pub terminals: Addresses,
    /// Sockets of a former life, and where ours are kept for the next.
    pub keeper: Keeper,
    /// How long calls may go on after SIGTERM, at most a day.
    pub drain: Duration,
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// `hardware.toml`.
    #[error(transparent)]
    Hardware(#[from] crate::hardware::HardwareError),
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The startup configuration.
    #[error("startup configuration: {0}")]
    Startup(#[from] crate::console::startup::StartupError),
    /// A socket or file.
    #[error("{what}: {source}")]
    Io {
        /// What was to be opened.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A name prometheus refuses.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let what = what.into();
    move |source| RunError::Io { what, source }
}

/// Everything a gateway is made of, read and checked.
#[derive(Debug)]
pub struct Setup {
    /// Ports.
    pub hardware: Hardware,
    /// Configuration text.
    pub config: String,
    /// Where the configuration is saved.
    pub startup: PathBuf,
    /// Where state and sockets live.
    pub state_dir: PathBuf,
    /// Address SIP listens on where the configuration binds none.
    pub sip_address: IpAddr,
    /// SIP port in place of the configured one; 0 lets the system choose.
    pub sip_port: Option<u16>,
    /// DNS servers to ask in place of those of `ip name-server` or of the host.
    pub dns: Vec<SocketAddr>,
    /// Address of `/metrics` and `/healthz`.
    pub metrics: Option<SocketAddr>,
    /// Where SSH and telnet are served, once the configuration lets somebody in.
    pub terminals: Addresses,
    /// Sockets of a former life, and where ours are kept for the next.
    pub keeper: Keeper,
}

/// A gateway that runs in a task of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Gateway {
    /// Addresses SIP listens on by UDP.
    pub udp: Vec<SocketAddr>,
    /// Addresses SIP listens on by TCP.
    pub tcp: Vec<SocketAddr>,
    /// Addresses SIP listens on by TLS.
    pub tls: Vec<SocketAddr>,
    /// Where SSH is served.
    pub ssh: Option<SocketAddr>,
    /// Where telnet is served.
    pub telnet: Option<SocketAddr>,
    /// The telephones of the simulated lines.
    pub plant: Plant,
    /// The simulated PBXs, one a simulated trunk.
    pub pbxs: Vec<SimPbx>,
    /// To the switch, as consoles do.
    pub commands: mpsc::Sender<Command>,
    /// Debug and log lines.
    pub monitor: broadcast::Sender<String>,
    task: JoinHandle<bool>,
    _console: Console,
    helpers: Vec<AbortHandle>,
}

impl Gateway {
    /// Waits until the gateway ends by itself; `true` after `reload`.
    pub async fn ended(&mut self) -> bool {
        (&mut self.task).await.unwrap_or(false)
    }

    /// From now on new calls are refused; the gateway ends with its last call, and no later than after `limit`.
    pub async fn drain(&mut self, limit: Duration) {
        // One that has ended has no calls.
        let _ = self.commands.send(Command::Drain(limit)).await;
    }

    /// Ends the gateway in good order: calls are ended, registrars are told. Takes some seconds at most.
    pub async fn stop(&mut self) {
        // One that has ended already needs no telling.
        if self.commands.send(Command::Stop).await.is_ok() {
            self.ended().await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
        for helper in &self.helpers {
            helper.abort();
        }
    }
}

/// Runs the daemon in the foreground until SIGINT or SIGTERM; `reload` starts it anew.
///
/// SIGTERM lets calls end first ([`Options::drain`]); a second one, or SIGINT, does not.
///
/// # Errors
/// [`RunError`] names what could not be opened or read.
pub fn run_until_signal(options: Options) -> Result<(), RunError> {
    loop {
        // A runtime of its own for each life: dropping it closes every socket but those the keeper has for the next.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(io_error("tokio runtime"))?;
        if !runtime.block_on(run_once(&options))? {
            return Ok(());
        }
    }
}

async fn run_once(options: &Options) -> Result<bool, RunError> {
    // Before anybody is told that we are ready: from then on the service manager may want us to end.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io_error("SIGTERM"))?;
    let hardware = match &options.hardware {
        Some(path) => Hardware::load(path)?,
        None => Hardware::default(),
    };
    let startup = options.config.clone().unwrap_or_else(|| options.state_dir.join("startup-config"));
    let config = match (load(&startup)?, &options.config) {
        (None, Some(path)) => {
            return Err(RunError::Io {
                what: path.display().to_string(),
                source: io::Error::from(io::ErrorKind::NotFound),
            });
        }
        (text, _) => text.unwrap_or_default(),
    };
    let mut gateway = start(Setup {
        hardware,
        config,
        startup,
        state_dir: options.state_dir.clone(),
        sip_address: options.sip_address,
        sip_port: None,
        dns: options.dns.clone(),
        metrics: options.metrics,
        terminals: options.terminals.clone(),
        keeper: options.keeper.clone(),
    })
    .await?;
    let list =
        |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let also = |name: &str, at: Option<SocketAddr>| at.map_or(String::new(), |at| format!(" {name}={at}"));
    let (ssh, telnet) = (also("ssh", gateway.ssh), also("telnet", gateway.telnet));
    let tls = if gateway.tls.is_empty() { String::new() } else { format!(" tls:{}", list(&gateway.tls)) };
    eprintln!("tipringd: ready sip=udp:{} tcp:{}{tls}{ssh}{telnet}", list(&gateway.udp), list(&gateway.tcp));
    tell_manager(&sd_notify::NotifyState::Ready);
    tokio::select! {
        reload = gateway.ended() => return Ok(reload),
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {
            tell_manager(&sd_notify::NotifyState::Stopping);
            gateway.drain(options.drain).await;
            tokio::select! {
                _ = gateway.ended() => return Ok(false),
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
    }
    gateway.stop().await;
    Ok(false)
}

fn tell_manager(state: &sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::debug!(%error, "service manager");
    }
}
