//! The far end of a serial line of the gateway's.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{Termios, tcgetattr};

use crate::finish;

/// How long something may take to come over the line.
const LONG: Duration = Duration::from_secs(20);

/// Who sits at the other end of a serial line: a pseudo terminal stands for the line, and the gateway opens it by the
/// name it was plugged in under.
pub struct SerialEnd {
    master: PtyMaster,
    name: String,
    /// Kept open, so that the line does not hang up while the gateway has it closed.
    line: File,
    seen: String,
}

impl SerialEnd {
    /// A pseudo terminal that `link` leads to; what was there is replaced.
    #[must_use]
    pub fn plug(link: &Path) -> Self {
        // Not for the gateway to inherit: an end that stays open there would never hang up.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname_r(&master).unwrap();
        let flags = OFlag::O_NOCTTY.bits();
        let line = File::options().read(true).write(true).custom_flags(flags).open(&name).unwrap();
        let _ = std::fs::remove_file(link);
        symlink(&name, link).unwrap();
        Self { master, name, line, seen: String::new() }
    }

    /// Sends `octets`, in pieces that the kernel holds for a slow reader.
    pub fn says(&mut self, octets: &[u8]) {
        for part in octets.chunks(256) {
            self.master.write_all(part).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until `wanted` has come since the last time, and gives what came up to it.
    #[track_caller]
    pub fn hears(&mut self, wanted: &str) -> String {
        let end = Instant::now() + LONG;
        loop {
            self.listen();
            if let Some(at) = self.seen.find(wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            assert!(Instant::now() < end, "no {wanted:?} in {:?}", self.seen);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that has come since the last time; it is not given again.
    #[must_use]
    pub fn heard(&mut self) -> String {
        self.listen();
        std::mem::take(&mut self.seen)
    }

    /// Speed of the line in bit/s, asked of the kernel: C libraries before 2.42 cannot tell every speed.
    #[must_use]
    pub fn speed(&self) -> u32 {
        let program = "import fcntl,struct,sys\n\
            got=fcntl.ioctl(open(sys.argv[1]),0x802C542A,bytes(44))\nprint(struct.unpack_from('I',got,40)[0])";
        let mut python = Command::new("python3");
        python.args(["-c", program, &self.name]);
        finish(python, LONG).stdout.trim().parse().unwrap()
    }

    /// The line's settings, as the gateway has made them.
    #[must_use]
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.line).unwrap()
    }

    fn listen(&mut self) {
        let mut octets = [0; 1024];
        while let Ok(n @ 1..) = self.master.read(&mut octets) {
            self.seen.push_str(&String::from_utf8_lossy(&octets[..n]));
        }
    }
}
