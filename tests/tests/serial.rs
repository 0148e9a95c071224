//! The console on a serial line: a pseudo terminal stands for the tty, with somebody at its other end.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::termios::{ControlFlags, InputFlags};
use system_tests::{SerialEnd, Tipringd};

const CONFIG: &str = "hostname Branch\nenable secret 0 topmost\nline con 0\n password 0 letmein\n login\n speed 19200\n \
    databits 7\n parity odd\n stopbits 2\n flowcontrol software\n";

fn start(config: &str) -> (Tipringd, SerialEnd, PathBuf) {
    let folder = tempfile::tempdir().unwrap().keep();
    let tty = folder.join("ttyS0");
    let terminal = SerialEnd::plug(&tty);
    let gateway = Tipringd::start(config, &format!("[console]\ntty = {:?}\n", tty.to_str().unwrap()));
    (gateway, terminal, folder)
}

#[test]
fn the_console_asks_for_its_password_and_follows_the_line_s_settings() {
    let (gateway, mut terminal, folder) = start(CONFIG);
    terminal.hears("Branch con0 is now available");
    terminal.hears("Press RETURN to get started.");
    let is = terminal.settings();
    assert_eq!(terminal.speed(), 19200);
    // a pseudo terminal has eight data bits and no parity whatever it is told; what it keeps of both is PARODD
    let kept = ControlFlags::PARODD | ControlFlags::CSTOPB;
    assert_eq!(is.control_flags & kept, kept, "{is:?}");
    assert!(is.input_flags.contains(InputFlags::IXON), "{is:?}");
    terminal.says(b"\r");
    terminal.hears("Password: ");
    terminal.says(b"wrong\r");
    terminal.hears("Password: ");
    terminal.says(b"letmein\r");
    terminal.hears("Branch>");
    terminal.says(b"enable\r");
    terminal.hears("Password: ");
    terminal.says(b"topmost\r");
    let asked = terminal.hears("Branch#");
    assert!(!asked.contains("topmost"), "{asked}");
    terminal.says(b"show users\r");
    let users = terminal.hears("Peer Address");
    assert!(users.contains("*  0 con 0"), "{users}");
    // a change of the line's settings is taken over at once, by the session that makes it
    terminal.says(b"configure terminal\rline con 0\rspeed 115200\rdatabits 8\rno parity\rstopbits 1\rflowcontrol none\rend\r");
    terminal.hears("Branch(config-line)#end\r\n");
    let end = Instant::now() + Duration::from_secs(5);
    while terminal.speed() != 115_200 || terminal.settings().input_flags.contains(InputFlags::IXON) {
        assert!(Instant::now() < end, "{:?}", terminal.settings());
        std::thread::sleep(Duration::from_millis(20));
    }
    let is = terminal.settings();
    assert!(!is.control_flags.intersects(kept), "{is:?}");
    // leaving makes the console free again
    terminal.says(b"exit\r");
    terminal.hears("Press RETURN to get started.");
    assert!(gateway.show("show running-config | section line con").contains(" speed 115200\n"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_tty_that_vanishes_is_opened_again_when_it_is_back() {
    let (gateway, mut terminal, folder) = start("hostname Branch\n");
    terminal.hears("Press RETURN to get started.");
    terminal.says(b"\r");
    terminal.hears("Branch>");
    gateway.show_until("show users", Duration::from_secs(5), |s| s.contains("con 0"));
    drop(terminal);
    gateway.show_until("show users", Duration::from_secs(5), |s| !s.contains("con 0"));
    let mut terminal = SerialEnd::plug(&folder.join("ttyS0"));
    terminal.hears("Press RETURN to get started.");
    terminal.says(b"\r");
    terminal.hears("Branch>");
    terminal.says(b"show privilege\r");
    terminal.hears("Current privilege level is 1");
    let log = gateway.log();
    assert!(log.contains(" is gone") && log.contains(" is back"), "{log}");
    std::fs::remove_dir_all(folder).unwrap();
}
