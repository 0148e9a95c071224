//! baresip, a SIP telephone of other people's: what it says is a tone, what it hears a file.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Measured, Process, free_ports, tone_measure, write_tone};

/// How long it may take to do what is waited for.
const LONG: Duration = Duration::from_secs(30);
/// Seconds of its tone.
const SAID: u32 = 60;

/// A running baresip. Dropped, it ends.
#[derive(Debug)]
pub struct Baresip {
    process: Process,
    lines: Receiver<String>,
    port: u16,
    dir: TempDir,
}

impl Baresip {
    /// Starts it with one account, `<sip:bare@127.0.0.1>;regint=0;answermode=auto` for instance, and waits until it listens.
    /// In calls it says a tone of 440 Hz at -10 dBm0.
    ///
    /// # Panics
    /// When it does not within 30 s.
    #[must_use]
    #[track_caller]
    pub fn start(account: &str) -> Self {
        Self::saying(account, 440.0)
    }

    /// The same with another tone.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    #[track_caller]
    pub fn saying(account: &str, hz: f64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        // The next one is for TLS.
        let port = free_ports(2);
        let (path, tone) = (dir.path().display(), dir.path().join("said.wav"));
        write_tone(&tone, hz, SAID);
        let config = format!(
            "sip_listen 127.0.0.1:{port}\nmodule_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\n\
             module_tmp account.so\nmodule_app menu.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
             audio_source aufile,{}\naudio_player aubridge,x\nsnd_path {path}\n",
            tone.display()
        );
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("temporary file");
        };
        write("config", &config);
        write("accounts", &format!("{account}\n"));
        write("contacts", "");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(dir.path());
        let (process, lines, _) = Process::start("baresip", command);
        let baresip = Self { process, lines, port, dir };
        baresip.listens();
        baresip
    }

    fn listens(&self) {
        let end = Instant::now() + LONG;
        let wanted = format!(":{:04X}", self.port);
        let is_it = |line: &str| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&wanted));
        while !std::fs::read_to_string("/proc/thread-self/net/udp").is_ok_and(|open| open.lines().any(is_it))
        {
            assert!(Instant::now() < end, "baresip does not listen on {}", self.port);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Calls `uri`.
    pub fn dial(&mut self, uri: &str) {
        self.process.write_line(&format!("/dial {uri}"));
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.process.write_line("/hangup");
    }

    /// Waits until it prints a line with this text, passing over others.
    ///
    /// # Panics
    /// When it does not within 30 s.
    #[track_caller]
    pub fn wait(&self, text: &str) {
        let end = Instant::now() + LONG;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(_) => panic!("baresip does not say {text:?}\n{}", self.process.log()),
            }
        }
    }

    /// What it heard in the call that has just ended, as spandsp measures it. It is forgotten here.
    ///
    /// # Panics
    /// When there was no call.
    #[must_use]
    #[track_caller]
    pub fn heard(&self) -> Measured {
        let files = std::fs::read_dir(self.dir.path()).expect("its directory");
        let mut heard: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        heard.retain(|path| path.to_string_lossy().ends_with("-dec.wav"));
        heard.sort();
        let last = heard.pop().unwrap_or_else(|| panic!("baresip heard nothing\n{}", self.process.log()));
        let measured = tone_measure(&last);
        std::fs::remove_file(last).expect("our own file");
        measured
    }
}
