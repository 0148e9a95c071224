//! `tipringd`: the daemon, the offline check and the demonstration.

mod arguments;
mod inherited;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Command, RunArgs};
use clap::Parser as _;
use gateway::console::network::Addresses;
use gateway::keep::Keeper;
use gateway::run::Options;
use gateway::service::lines::{DELAY, Lines};

/// A call is some hundred small allocations, of which this allocator makes a quarter less work than the system's. Without
/// transparent huge pages, which would double what a call holds.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(args) => run(args),
        Command::Check { json, files } => return check(&files, json),
        Command::Hardware { write } => hardware(write),
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
    let inherited = inherited::take();
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIPRING_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let (lines, _lines_end) = Lines::new(std::io::stderr(), DELAY).map_err(|e| format!("log thread: {e}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).init();
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
        keeper: Keeper::new(std::env::var_os("NOTIFY_SOCKET"), inherited),
        drain: Duration::from_secs(args.drain),
    };
    gateway::run::run_until_signal(options).map_err(|e| e.to_string())
}

fn hardware(write: Option<PathBuf>) -> Result<(), String> {
    let found =
        telephony_hal::dahdi::version().and_then(|version| Ok((version, telephony_hal::dahdi::spans()?)));
    let (version, spans) = found.map_err(|e| e.to_string())?;
    let text = gateway::discover::hardware_toml(&version, &spans);
    let Some(path) = write else {
        return std::io::stdout().write_all(text.as_bytes()).map_err(|e| e.to_string());
    };
    let mut file = std::fs::File::create_new(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.write_all(text.as_bytes()).map_err(|e| format!("{}: {e}", path.display()))?;
    eprintln!("tipringd: {} spans written to {}", spans.len(), path.display());
    Ok(())
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
