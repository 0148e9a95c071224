//! Kamailio, whose routes are the test's.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Process;

/// A running Kamailio on loopback, UDP and TCP, with the modules that every proxy needs. Dropped, it ends with its workers.
#[derive(Debug)]
pub struct Kamailio {
    _process: Process,
    /// Where it listens.
    pub port: u16,
    _dir: TempDir,
}

impl Kamailio {
    /// Starts it on `port` and waits until it listens. `routes` is the rest of its configuration: further modules, their
    /// parameters, `request_route`. It is given a directory for files of its own, which goes when Kamailio does.
    ///
    /// # Panics
    /// When it does not listen within 20 s.
    #[must_use]
    #[track_caller]
    pub fn start(port: u16, routes: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let routes = routes(dir.path());
        let config = format!(
            r#"
debug=0
log_stderror=yes
fork=no
children=2
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{routes}"#
        );
        let file = dir.path().join("kamailio.cfg");
        std::fs::write(&file, config).expect("temporary file");
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(&file).args(["-DD", "-E", "-Y"]).arg(dir.path()).args(["-m", "32", "-M", "4"]);
        let (process, ..) = Process::start("kamailio", command);
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "kamailio does not listen on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { _process: process, port, _dir: dir }
    }
}
