//! A fax terminal of somebody else's: spandsp behind UDPTL or on a telephone line (`t38_end`).

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::{Process, Said, peer};

/// One end of a fax on 127.0.0.1.
#[derive(Debug)]
pub struct FaxEnd {
    process: Process,
    out: Receiver<String>,
    port: u16,
}

impl FaxEnd {
    /// Makes a page, keeps it in `file`, and will send it.
    #[must_use]
    pub fn send(file: &Path) -> Self {
        Self::start("send", file, &[])
    }

    /// Will receive into `file`.
    #[must_use]
    pub fn receive(file: &Path) -> Self {
        Self::start("receive", file, &[])
    }

    /// A fax machine for a telephone's pair, which makes and sends a page: `machine` of `lines.sock` connects it.
    #[must_use]
    pub fn machine_that_sends(file: &Path) -> Self {
        Self::start("send", file, &["audio"])
    }

    /// A fax machine for a telephone's pair, which receives.
    #[must_use]
    pub fn machine_that_receives(file: &Path) -> Self {
        Self::start("receive", file, &["audio"])
    }

    fn start(what: &str, file: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(peer("t38_end"));
        command.arg(what).arg(file).args(more);
        let (process, out, _) = Process::start("t38_end", command);
        let mut end = Self { process, out, port: 0 };
        end.port = end.line("port ", Duration::from_secs(5)).parse().expect("a port");
        end
    }

    /// The port its datagrams are wanted on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Begins, with the other end at this port.
    pub fn begin(&mut self, port: u16) {
        self.process.write_line(&format!("to {port}"));
    }

    /// Waits for the end, and gives what is said of it: `0 pages 1 rows 120 black 21600`.
    ///
    /// # Panics
    /// When it takes longer than 70 s.
    #[must_use]
    #[track_caller]
    pub fn result(&mut self) -> String {
        self.line("result ", Duration::from_secs(70))
    }

    #[track_caller]
    fn line(&mut self, start: &str, limit: Duration) -> String {
        loop {
            match self.out.recv_timeout(limit) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(start) {
                        return rest.to_owned();
                    }
                }
                Err(error) => panic!("t38_end: no {start:?} ({error})\n{}", self.process.log()),
            }
        }
    }
}

/// A session description of T.38 at this port.
#[must_use]
pub fn t38_description(port: u16) -> String {
    format!(
        "v=0\r\no=f 1 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image {port} udptl t38\r\n\
         a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\n\
         a=T38FaxUdpEC:t38UDPRedundancy\r\n"
    )
}

/// Where a message's T.38 is wanted: its port.
///
/// # Panics
/// When the message has none.
#[must_use]
#[track_caller]
pub fn t38_port(said: &Said) -> u16 {
    let rest = said.body.split("m=image ").nth(1).unwrap_or_else(|| panic!("no image: {said:?}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}
