//! The console on a serial line: a pseudo terminal stands for the tty, with somebody at its other end.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{ControlFlags, InputFlags, Termios, tcgetattr};
use system_tests::{Tipringd, finish};

const CONFIG: &str = "hostname Branch\nenable secret 0 topmost\nline con 0\n password 0 letmein\n login\n speed 19200\n \
    databits 7\n parity odd\n stopbits 2\n flowcontrol software\n";

/// Somebody's terminal at the other end of the line.
struct Terminal {
    master: PtyMaster,
    name: String,
    /// Kept open, so that the line does not hang up while nobody has it open.
    slave: File,
    seen: String,
}

impl Terminal {
    /// A pseudo terminal that `link` leads to.
    fn plug(link: &Path) -> Terminal {
        // Not for the gateway to inherit: an end that stays open there would never hang up.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname_r(&master).unwrap();
        let flags = OFlag::O_NOCTTY.bits();
        let slave = File::options().read(true).write(true).custom_flags(flags).open(&name).unwrap();
        let _ = std::fs::remove_file(link);
        symlink(&name, link).unwrap();
        Terminal { master, name, slave, seen: String::new() }
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `wanted` has come since the last time.
    fn sees(&mut self, wanted: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let mut octets = [0; 1024];
            if let Ok(n) = self.master.read(&mut octets) {
                self.seen.push_str(&String::from_utf8_lossy(&octets[..n]));
            }
            if let Some(at) = self.seen.find(wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            assert!(Instant::now() < end, "no {wanted:?} in {:?}", self.seen);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// bit/s, asked of the kernel: C libraries before 2.42 cannot tell every speed.
    fn speed(&self) -> u32 {
        let program = "import fcntl,struct,sys\n\
            got=fcntl.ioctl(open(sys.argv[1]),0x802C542A,bytes(44))\nprint(struct.unpack_from('I',got,40)[0])";
        let mut python = Command::new("python3");
        python.args(["-c", program, &self.name]);
        finish(python, Duration::from_secs(20)).stdout.trim().parse().unwrap()
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }
}

fn start(config: &str) -> (Tipringd, Terminal, PathBuf) {
    let folder = tempfile::tempdir().unwrap().keep();
    let tty = folder.join("ttyS0");
    let terminal = Terminal::plug(&tty);
    let gateway = Tipringd::start(config, &format!("[console]\ntty = {:?}\n", tty.to_str().unwrap()));
    (gateway, terminal, folder)
}

#[test]
fn the_console_asks_for_its_password_and_follows_the_line_s_settings() {
    let (gateway, mut terminal, folder) = start(CONFIG);
    terminal.sees("Branch con0 is now available");
    terminal.sees("Press RETURN to get started.");
    let is = terminal.settings();
    assert_eq!(terminal.speed(), 19200);
    // a pseudo terminal has eight data bits and no parity whatever it is told; what it keeps of both is PARODD
    let kept = ControlFlags::PARODD | ControlFlags::CSTOPB;
    assert_eq!(is.control_flags & kept, kept, "{is:?}");
    assert!(is.input_flags.contains(InputFlags::IXON), "{is:?}");
    terminal.types("\r");
    terminal.sees("Password: ");
    terminal.types("wrong\r");
    terminal.sees("Password: ");
    terminal.types("letmein\r");
    terminal.sees("Branch>");
    terminal.types("enable\r");
    terminal.sees("Password: ");
    terminal.types("topmost\r");
    let asked = terminal.sees("Branch#");
    assert!(!asked.contains("topmost"), "{asked}");
    terminal.types("show users\r");
    let users = terminal.sees("Peer Address");
    assert!(users.contains("*  0 con 0"), "{users}");
    // a change of the line's settings is taken over at once, by the session that makes it
    terminal.types("configure terminal\rline con 0\rspeed 115200\rdatabits 8\rno parity\rstopbits 1\rflowcontrol none\rend\r");
    terminal.sees("Branch(config-line)#end\r\n");
    let end = Instant::now() + Duration::from_secs(5);
    while terminal.speed() != 115_200 || terminal.settings().input_flags.contains(InputFlags::IXON) {
        assert!(Instant::now() < end, "{:?}", terminal.settings());
        std::thread::sleep(Duration::from_millis(20));
    }
    let is = terminal.settings();
    assert!(!is.control_flags.intersects(kept), "{is:?}");
    // leaving makes the console free again
    terminal.types("exit\r");
    terminal.sees("Press RETURN to get started.");
    assert!(gateway.show("show running-config | section line con").contains(" speed 115200\n"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_tty_that_vanishes_is_opened_again_when_it_is_back() {
    let (gateway, mut terminal, folder) = start("hostname Branch\n");
    terminal.sees("Press RETURN to get started.");
    terminal.types("\r");
    terminal.sees("Branch>");
    gateway.show_until("show users", Duration::from_secs(5), |s| s.contains("con 0"));
    drop(terminal);
    gateway.show_until("show users", Duration::from_secs(5), |s| !s.contains("con 0"));
    let mut terminal = Terminal::plug(&folder.join("ttyS0"));
    terminal.sees("Press RETURN to get started.");
    terminal.types("\r");
    terminal.sees("Branch>");
    terminal.types("show privilege\r");
    terminal.sees("Current privilege level is 1");
    let log = gateway.log();
    assert!(log.contains(" is gone") && log.contains(" is back"), "{log}");
    std::fs::remove_dir_all(folder).unwrap();
}
