//! Running other programs.

use std::path::Path;
use std::process::{Command, Stdio};

/// Why a command failed, for people. Empty when everything has been said already.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Root of the workspace.
pub(crate) fn root() -> &'static Path {
    system_tests::workspace_root()
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", system_tests::target_dir()).stdin(Stdio::null());
    // what cargo told this program about itself must not reach what it builds
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command with its output passed through; its failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> Outcome {
    say(&line(command));
    let status = command.status().map_err(|e| format!("{}: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", line(command))) }
}

/// Runs a command and gives its standard output when it succeeds.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let out = command.stdin(Stdio::null()).output().map_err(|e| format!("{}: {e}", line(command)))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        Err(format!("`{}` failed ({}): {}", line(command), out.status, String::from_utf8_lossy(&out.stderr)))
    }
}

/// A line of progress on standard error.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    if let Some(name) = Path::new(command.get_program()).file_name() {
        words = vec![name.to_string_lossy().into_owned()];
    }
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}
