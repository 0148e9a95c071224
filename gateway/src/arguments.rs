//! What `tipringd` is called with. `cargo xtask manual` writes completion and manual pages from it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "tipringd", version, about = "Voice gateway: SIP to analogue lines and QSIG trunks")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the gateway in the foreground.
    Run(RunArgs),
    /// Read configurations offline and say what would be acted on, kept, or refused.
    Check {
        /// One JSON object per file.
        #[arg(long)]
        json: bool,
        /// Configuration files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Say which boards DAHDI has found, as a hardware.toml.
    Hardware {
        /// Write it to this file, which must not exist yet, instead of printing it.
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "hardware.toml")]
        write: Option<PathBuf>,
    },
    /// Show the main job on simulated telephones and a simulated PBX.
    Demo {
        /// Steps as JSON lines, no console afterwards.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// Startup configuration; `<state-dir>/startup-config` where this is not given.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Which ports exist; without it there are none.
    #[arg(long)]
    pub(crate) hardware: Option<PathBuf>,
    /// Where state, sockets and the saved configuration live.
    #[arg(long, default_value = "tipring-state", env = "TIPRING_STATE_DIR")]
    pub(crate) state_dir: PathBuf,
    /// Address SIP listens on where `bind control` names none.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub(crate) sip_address: IpAddr,
    /// DNS server to ask for the names of SIP servers, in place of `ip name-server` or the host's; may be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) dns: Vec<SocketAddr>,
    /// Metrics and health over HTTP: an address and port, or `off`.
    #[arg(long, default_value = "127.0.0.1:9467")]
    pub(crate) metrics: String,
    /// SSH, once a user is configured: an address and port, or `off`.
    #[arg(long, default_value = "0.0.0.0:22")]
    pub(crate) ssh: String,
    /// Telnet, while a line vty has `transport input telnet`: an address and port, or `off`.
    #[arg(long, default_value = "0.0.0.0:23")]
    pub(crate) telnet: String,
    /// How many seconds calls under way may go on after SIGTERM, while new ones are refused. A second SIGTERM ends them.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) drain: u64,
}
