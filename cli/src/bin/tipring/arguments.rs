//! What `tipring` is called with. `cargo xtask manual` writes completion and manual page from it.

use clap::Parser;
use std::path::PathBuf;

/// Console of a Tipring gateway.
///
/// Without a command or file: an interactive console if there is a terminal, else standard input is pushed as
/// configuration.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// Socket of the gateway's console [default: console.sock in $TIPRING_STATE_DIR, ./tipring-state or /var/lib/tipring]
    #[arg(short, long)]
    pub(crate) socket: Option<PathBuf>,
    /// Run an EXEC command and print its output; may be given several times
    #[arg(short, long = "command", value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Apply all lines that are not refused instead of none after the first refused line
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Use the gateway's own line editor on the raw terminal
    #[arg(long)]
    pub(crate) raw: bool,
    /// Configuration to push
    pub(crate) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) tool: Option<Tool>,
}

#[derive(clap::Subcommand)]
pub(crate) enum Tool {
    /// Play the telephone on a simulated line
    Phone {
        /// Voice port, such as 2/0
        port: String,
        /// Socket of the simulator's lines [default: lines.sock beside the console's socket]
        #[arg(short, long)]
        socket: Option<PathBuf>,
    },
}
