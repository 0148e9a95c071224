//! `tipringd`: the daemon, the offline check and the demonstration.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gateway::console::network::Addresses;
use gateway::run::Options;

#[derive(Parser)]
#[command(name = "tipringd", version, about = "Voice gateway: SIP to analogue lines and QSIG trunks")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    /// Show the main job on simulated telephones and a simulated PBX.
    Demo {
        /// Steps as JSON lines, no console afterwards.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Startup configuration; `<state-dir>/startup-config` where this is not given.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Which ports exist; without it there are none.
    #[arg(long)]
    hardware: Option<PathBuf>,
    /// Where state, sockets and the saved configuration live.
    #[arg(long, default_value = "tipring-state", env = "TIPRING_STATE_DIR")]
    state_dir: PathBuf,
    /// Address SIP listens on where `bind control` names none.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    sip_address: IpAddr,
    /// DNS server to ask for the names of SIP servers, in place of `ip name-server` or the host's; may be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Vec<SocketAddr>,
    /// Metrics and health over HTTP: an address and port, or `off`.
    #[arg(long, default_value = "127.0.0.1:9467")]
    metrics: String,
    /// SSH, once a user is configured: an address and port, or `off`.
    #[arg(long, default_value = "0.0.0.0:22")]
    ssh: String,
    /// Telnet, while a line vty has `transport input telnet`: an address and port, or `off`.
    #[arg(long, default_value = "0.0.0.0:23")]
    telnet: String,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Check { json, files } => return check(&files, json),
        Command::Demo { json } => gateway::demo::run(json).map_err(|e| e.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tipringd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: RunArgs) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIPRING_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let address = |option: &str, text: &str| match text {
        "off" => Ok(None),
        text => text
            .parse::<SocketAddr>()
            .map(Some)
            .map_err(|e| format!("{option} {text}: {e}, expected an address like 127.0.0.1:9467, or off")),
    };
    let options = Options {
        config: args.config,
        hardware: args.hardware,
        state_dir: args.state_dir,
        sip_address: args.sip_address,
        dns: args.dns,
        metrics: address("--metrics", &args.metrics)?,
        terminals: Addresses {
            ssh: address("--ssh", &args.ssh)?,
            telnet: address("--telnet", &args.telnet)?,
        },
    };
    gateway::run::run_until_signal(options).map_err(|e| e.to_string())
}

fn check(files: &[PathBuf], json: bool) -> ExitCode {
    let reports = cli::check::check(files);
    let mut out = std::io::stdout().lock();
    for report in &reports {
        let text = match json {
            true => serde_json::to_string(report).unwrap_or_default() + "\n",
            false => report.to_string(),
        };
        // A reader that has left (`| head`) has seen what it wanted.
        if out.write_all(text.as_bytes()).is_err() {
            break;
        }
    }
    if reports.iter().all(cli::check::FileReport::is_clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
