//! Where things are: the workspace, the target directory, the built peers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};

/// Root of the workspace.
#[must_use]
pub fn workspace_root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // cargo names the package it runs; a binary moved from another checkout would know the wrong one
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        package.parent().expect("every package lies in the workspace").to_owned()
    })
}

/// The cargo target directory this program was built into.
///
/// # Panics
/// When the program does not lie in one.
#[must_use]
pub fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("own path");
    let found = exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    found.unwrap_or_else(|| panic!("{} is not below a cargo target directory", exe.display())).to_owned()
}

/// Builds the peers into `target/peers` (at once when they are fresh) and gives that directory.
///
/// # Errors
/// What make said when it failed: mostly that `libpri-dev` or `libspandsp-dev` is not installed.
pub fn build_peers() -> Result<PathBuf, String> {
    let out = target_dir().join("peers");
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let lock = File::create(out.join(".lock")).map_err(|e| e.to_string())?;
    // several test programs may come here at once
    let _held = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e.to_string())?;
    let made = Command::new("make")
        .arg("-s")
        .arg("-C")
        .arg(workspace_root().join("tests/peers"))
        .arg(format!("OUT={}", out.display()))
        .env_remove("MAKEFLAGS")
        .output()
        .map_err(|e| format!("make: {e} (run `cargo xtask setup`)"))?;
    if made.status.success() {
        Ok(out)
    } else {
        Err(format!(
            "the peers do not build (run `cargo xtask setup`):\n{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        ))
    }
}

/// Path of one built peer: `libpri_pbx`, `tone_measure`, `t38_end`, `adsi_decode`, `adsi_gen`.
///
/// # Panics
/// When the peers do not build.
#[must_use]
pub fn peer(name: &str) -> PathBuf {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build_peers) {
        Ok(dir) => dir.join(name),
        Err(why) => panic!("{why}"),
    }
}
