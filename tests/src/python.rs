//! Python programs from PyPI that drive routers, in a virtual environment of the target directory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use crate::{target_dir, workspace_root};

/// Makes `target/venv` from `tests/automation/requirements.txt` and `collections.py` (at once when it is as these say) and gives
/// its `python`. Ansible's collections are in `target/venv/collections`, genie's parsers in `target/venv/genie`.
///
/// # Errors
/// What Python or pip said.
pub fn python() -> Result<PathBuf, String> {
    let venv = target_dir().join("venv");
    std::fs::create_dir_all(&venv).map_err(|e| format!("{}: {e}", venv.display()))?;
    let lock = File::create(venv.join(".lock")).map_err(|e| e.to_string())?;
    // several test programs may come here at once
    let _held = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e.to_string())?;
    let automation = workspace_root().join("tests/automation");
    let (wanted, collections) = (automation.join("requirements.txt"), automation.join("collections.py"));
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let text = read(&wanted)? + &read(&collections)?;
    let stamp = venv.join("installed.txt");
    let program = venv.join("bin/python3");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(program);
    }
    let run = |mut command: Command| {
        let out = command.output().map_err(|e| format!("{command:?}: {e} (run `cargo xtask setup`)"))?;
        match out.status.success() {
            true => Ok(()),
            false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr))),
        }
    };
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&venv);
    run(make)?;
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
    run(pip)?;
    let mut unpack = Command::new(&program);
    unpack.arg(&collections).args([venv.join("collections"), venv.join("genie")]);
    run(unpack)?;
    std::fs::write(&stamp, text).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(program)
}
