//! `cargo xtask`: sets a machine up, tests, benchmarks. `cargo xtask help` lists the commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod compliance;
mod deb;
mod demo;
mod features;
mod fuzz;
mod libtest;
mod manual;
mod messages;
mod programs;
mod setup;
mod shell;
mod test;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Sets a machine up, tests, benchmarks")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs what the tests need (as root; else prints the line to type) and builds the test peers
    Setup {
        /// Only look: fail with the line to type if anything is missing, change nothing
        #[arg(long)]
        check: bool,
    },
    /// Set-up, then every test; checks that each row of docs/features.toml is proved
    Test {
        /// Run only tests whose name contains this; the feature rows are not checked then
        filter: Option<String>,
        /// Take the set-up as done
        #[arg(long)]
        no_setup: bool,
    },
    /// Format, file lengths, lints, documentation, licences and advisories
    Lint,
    /// `lint`, then `test`
    Ci,
    /// Writes the feature table of README.md from docs/features.toml
    Features {
        /// Only look: fail when README.md is not current
        #[arg(long)]
        check: bool,
    },
    /// Measures in release builds
    Bench {
        /// What
        #[arg(value_enum)]
        name: bench::Name,
    },
    /// Fuzzes: fails on a crash, on a slow input, and on a target without committed inputs
    Fuzz {
        /// Only these
        targets: Vec<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Put what earlier runs found into the committed corpus, made small, instead
        #[arg(long, conflicts_with = "seconds")]
        minimise: bool,
    },
    /// Writes the command reference docs/commands from the grammar, docs/messages.md from the sources,
    /// docs/sip-compliance.md from its table and the tests, manual pages and shell completion of the programs
    Manual {
        /// Only look: fail when one of them is not current
        #[arg(long)]
        check: bool,
    },
    /// Builds the Debian packages tipring and tipring-dkms
    Deb {
        /// Which build goes in
        #[arg(long, value_enum, default_value = "release")]
        build: deb::Build,
        /// Where the packages go
        #[arg(long, default_value = "target/debian")]
        out: std::path::PathBuf,
    },
    /// Runs `tipringd demo --json` and checks every step
    DemoCheck,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup { check } => setup::setup(setup::Scope::Everything, check),
        Command::Test { filter, no_setup } => test::test(filter.as_deref(), no_setup),
        Command::Lint => ci::lint(),
        Command::Ci => ci::ci(),
        Command::Features { check } => features::readme(check),
        Command::Bench { name } => bench::bench(name),
        Command::Fuzz { targets, minimise: true, .. } => fuzz::fuzz(&targets, fuzz::Job::Minimise),
        Command::Fuzz { targets, seconds, .. } => fuzz::fuzz(&targets, fuzz::Job::Run { seconds }),
        Command::Manual { check } => manual::manual(check),
        Command::Deb { build, out } => deb::deb(build, &out),
        Command::DemoCheck => demo::check(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            if !why.is_empty() {
                eprintln!("cargo xtask: {why}");
            }
            ExitCode::FAILURE
        }
    }
}
