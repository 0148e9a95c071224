//! The gateway under test: `tipringd` in a process of its own, `tipring` as its console.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Console, Finished, Lines, Process, finish, free_port, target_dir, workspace_root};

/// How the binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As `cargo build` does.
    Debug,
    /// As `cargo build --release` does: benchmarks.
    Release,
}

impl Profile {
    /// Builds `tipringd` and `tipring` once and gives the directory they are in.
    ///
    /// # Panics
    /// With cargo's words when they do not build.
    #[must_use]
    #[track_caller]
    pub fn binaries(self) -> PathBuf {
        static BUILT: [OnceLock<Result<(), String>>; 2] = [OnceLock::new(), OnceLock::new()];
        let (cell, name) = match self {
            Self::Debug => (&BUILT[0], "debug"),
            Self::Release => (&BUILT[1], "release"),
        };
        if let Err(why) = cell.get_or_init(|| self.build()) {
            panic!("tipringd and tipring do not build:\n{why}");
        }
        target_dir().join(name)
    }

    fn build(self) -> Result<(), String> {
        // whoever sets this has built them a moment ago, as `cargo xtask test` does
        if std::env::var_os("TIPRING_BUILT").is_some() {
            return Ok(());
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["build", "--quiet", "--locked", "--bin", "tipringd", "--bin", "tipring"])
            .current_dir(workspace_root())
            .env("CARGO_TARGET_DIR", target_dir());
        if self == Self::Release {
            cargo.arg("--release");
        }
        let out = cargo.output().map_err(|e| format!("cargo: {e}"))?;
        out.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

/// What a run of `tipringd` is given.
#[derive(Debug, Clone)]
pub struct Run {
    /// IOS configuration; the SIP port is added.
    pub config: String,
    /// `hardware.toml`.
    pub hardware: String,
    /// Which build.
    pub profile: Profile,
    /// Further arguments.
    pub args: Vec<String>,
}

/// A running gateway with a state directory of its own. Dropped, it is killed; its log is shown if the test fails.
#[derive(Debug)]
pub struct Tipringd {
    run: Run,
    dir: TempDir,
    sip: SocketAddr,
    process: Process,
}

impl Tipringd {
    /// Starts a debug build with this configuration and `hardware.toml` and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not within 20 s.
    #[must_use]
    #[track_caller]
    pub fn start(config: &str, hardware: &str) -> Self {
        Self::start_run(Run {
            config: config.to_owned(),
            hardware: hardware.to_owned(),
            profile: Profile::Debug,
            args: Vec::new(),
        })
    }

    /// Starts what `run` says.
    ///
    /// # Panics
    /// When it is not ready within 20 s.
    #[must_use]
    #[track_caller]
    pub fn start_run(run: Run) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let sip = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let sip_port = format!("!\nvoice service voip\n sip\n  listen-port non-secure {port}\n!\n");
        std::fs::write(dir.path().join("startup.cfg"), format!("{}{sip_port}", run.config))
            .expect("temporary file");
        std::fs::write(dir.path().join("hardware.toml"), &run.hardware).expect("temporary file");
        let process = spawn(&run, dir.path(), sip);
        Self { run, dir, sip, process }
    }

    /// Where it listens for SIP, UDP and TCP.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// A directory for files of the test, gone with the daemon.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has written to standard output and standard error since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// SIGKILL.
    pub fn kill_9(&mut self) {
        self.process.kill();
    }

    /// SIGTERM: it ends with the last of its calls.
    #[track_caller]
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits until it has ended in good order.
    ///
    /// # Panics
    /// When it does not within 10 s, or says that it failed.
    #[track_caller]
    pub fn ended(&mut self) {
        let status = self.process.wait(Duration::from_secs(10));
        assert!(status.success(), "{status}\n{}", self.process.log());
    }

    /// [`Self::terminate`] and [`Self::ended`].
    #[track_caller]
    pub fn stop(&mut self) {
        self.terminate();
        self.ended();
    }

    /// Starts it again with the same configuration, hardware, port and state directory.
    ///
    /// # Panics
    /// When it is not ready within 20 s.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(&self.run, self.dir.path(), self.sip);
    }

    /// The telephones.
    #[must_use]
    #[track_caller]
    pub fn lines(&self) -> Lines {
        Lines::connect(&self.state_dir().join("lines.sock"))
    }

    /// A console session that stays.
    #[must_use]
    #[track_caller]
    pub fn console(&self) -> Console {
        Console::connect(&self.state_dir().join("console.sock"))
    }

    /// Runs `tipring` with these arguments on this daemon's console.
    #[track_caller]
    pub fn tipring(&self, args: &[&str]) -> Finished {
        let mut command = Command::new(self.run.profile.binaries().join("tipring"));
        command.arg("-s").arg(self.state_dir().join("console.sock")).args(args).current_dir(self.dir.path());
        finish(command, Duration::from_secs(15))
    }

    /// Output of one EXEC command.
    ///
    /// # Panics
    /// When the console refuses it.
    #[must_use]
    #[track_caller]
    pub fn show(&self, command: &str) -> String {
        let run = self.tipring(&["-c", command]);
        assert_eq!(run.code, Some(0), "{command}: {}{}", run.stdout, run.stderr);
        run.stdout.replace('\r', "")
    }

    /// Polls a `show` command for up to `limit` until its output is as wanted, and gives it.
    ///
    /// # Panics
    /// With the last output when it never is.
    #[track_caller]
    pub fn show_until(&self, command: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + limit;
        loop {
            let shown = self.show(command);
            if wanted(&shown) {
                return shown;
            }
            assert!(
                Instant::now() < end,
                "{command} did not come to what was wanted within {limit:?}:\n{shown}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Last `mwi status` of `endpoint` in `show sip-ua mwi`: `Some(true)` for ON.
    #[must_use]
    #[track_caller]
    pub fn lamp(&self, endpoint: &str) -> Option<bool> {
        lamp_in(&self.show("show sip-ua mwi"), endpoint)
    }

    /// Polls `show sip-ua mwi` for up to 5 s until `endpoint` is ON or OFF as wanted.
    ///
    /// # Panics
    /// When it never is.
    #[track_caller]
    pub fn lamp_becomes(&self, endpoint: &str, on: bool) {
        self.show_until("show sip-ua mwi", Duration::from_secs(5), |shown| {
            lamp_in(shown, endpoint) == Some(on)
        });
    }
}

fn lamp_in(shown: &str, endpoint: &str) -> Option<bool> {
    shown.lines().rev().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["endpoint", name, "mwi", "status", status] if *name == endpoint => Some(*status == "ON"),
            _ => None,
        }
    })
}

#[track_caller]
fn spawn(run: &Run, dir: &Path, sip: SocketAddr) -> Process {
    let mut command = Command::new(run.profile.binaries().join("tipringd"));
    command
        .arg("run")
        .arg("--config")
        .arg(dir.join("startup.cfg"))
        .arg("--hardware")
        .arg(dir.join("hardware.toml"))
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(["--sip-address", "127.0.0.1"])
        .args(&run.args)
        .env_remove("TIPRING_LOG")
        .current_dir(dir);
    if !run.args.iter().any(|arg| arg == "--metrics") {
        // the default port is one for all
        command.args(["--metrics", "off"]);
    }
    for terminal in ["--ssh", "--telnet"] {
        if !run.args.iter().any(|arg| arg == terminal) {
            command.args([terminal, "off"]);
        }
    }
    let (mut process, _, err) = Process::start("tipringd", command);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match err.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) if line.starts_with("tipringd: ready") => {
                assert!(line.contains(&format!("udp:{sip}")), "ready on another port than {sip}: {line}");
                return process;
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => panic!("tipringd is not ready after 20 s"),
            Err(RecvTimeoutError::Disconnected) => {
                let status = process.wait(Duration::from_secs(5));
                panic!("tipringd ended before it was ready ({status}):\n{}", process.log());
            }
        }
    }
}
