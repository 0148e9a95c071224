//! The sockets that a service manager keeps while the daemon is started again: `tests/peers/manager.py` is the manager.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use system_tests::{Console, Process, Profile, VoiceMail, free_port, workspace_root};
use tempfile::TempDir;

const CONFIG: &str = "voice-port 2/0\n mwi\n!\n\
    dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
    line vty 0 4\n no login\n transport input telnet\n!\n\
    sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n!\n";
const LIMIT: Duration = Duration::from_secs(20);

/// A service manager and its daemon.
struct Manager {
    process: Process,
    said: Receiver<String>,
    dir: TempDir,
    telnet: u16,
}

impl Manager {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("hardware.toml"), "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n").unwrap();
        let telnet = free_port();
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(workspace_root().join("tests/peers/manager.py"))
            .arg(at("notify"))
            .arg(Profile::Debug.binaries().join("tipringd"))
            .args(["run", "--sip-address", "127.0.0.1", "--metrics", "off", "--ssh", "off"])
            .args(["--telnet", &format!("127.0.0.1:{telnet}")])
            .args(["--config".into(), at("startup.cfg")])
            .args(["--hardware".into(), at("hardware.toml")])
            .args(["--state-dir".into(), at("state")]);
        let (process, said, _) = Process::start("manager", command);
        Self { process, said, dir, telnet }
    }

    fn configure(&self, sip: u16) -> SocketAddr {
        let listen = format!("voice service voip\n sip\n  listen-port non-secure {sip}\n!\n");
        std::fs::write(self.at("startup.cfg"), format!("{CONFIG}{listen}")).unwrap();
        SocketAddr::from(([127, 0, 0, 1], sip))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives an order and everything that is said until `last`, without that.
    fn order(&mut self, order: &str, last: &str) -> BTreeSet<String> {
        self.process.write_line(order);
        self.until(last)
    }

    fn until(&mut self, last: &str) -> BTreeSet<String> {
        let mut said = BTreeSet::new();
        loop {
            match self.said.recv_timeout(LIMIT) {
                Ok(line) if line == last => return said,
                Ok(line) => assert!(said.insert(line.clone()), "{line} twice"),
                Err(error) => panic!("no {last:?} ({error}): {said:?}"),
            }
        }
    }

    /// Starts the daemon; tells what came into the store and what left it.
    fn start(&mut self) -> BTreeSet<String> {
        self.order("start", "said READY=1")
    }
}

fn set<const N: usize>(lines: [String; N]) -> BTreeSet<String> {
    lines.into_iter().collect()
}

#[test]
fn what_comes_while_the_daemon_is_dead_is_answered_by_the_next_life_once_each() {
    let mut manager = Manager::new();
    let sip = manager.configure(free_port());
    let (port, telnet) = (sip.port(), manager.telnet);
    let stored = manager.start();
    let expected = set([
        format!("stored udp-127.0.0.1-{port} unwatched"),
        format!("stored tcp-127.0.0.1-{port} unwatched"),
        format!("stored tcp-127.0.0.1-{telnet} unwatched"),
    ]);
    assert_eq!(stored, expected);
    let mut mail = VoiceMail::udp(sip);
    assert_eq!(mail.notify("8000", false).status, 200);
    assert!(manager.order("kill", "ended -9").is_empty());

    // Nobody lives.
    let requests: Vec<String> =
        (0..20).map(|n| String::from_utf8(mail.text("8000", n % 2 == 1).render()).unwrap()).collect();
    let mut callers: Vec<VoiceMail> = (0..3).map(|_| VoiceMail::tcp(sip)).collect();
    for request in &requests {
        mail.send(request.as_bytes());
    }
    for caller in &mut callers {
        let options = caller
            .text("8000", true)
            .method("OPTIONS")
            .without("Event")
            .without("Content-Type")
            .body("")
            .render();
        caller.send(&options);
    }
    let mut terminal = TcpStream::connect(("127.0.0.1", telnet)).unwrap();

    assert!(manager.start().is_empty(), "what is kept already is not given once more");
    let call_id = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{text}"))
    };
    let mut open: BTreeSet<String> = requests.iter().map(|request| call_id(request)).collect();
    assert_eq!(open.len(), 20);
    for _ in 0..20 {
        let answer = mail.receive(LIMIT).unwrap_or_else(|| panic!("not answered: {open:?}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = answer.header("Call-ID").unwrap();
        assert!(open.remove(id), "{id} is answered twice");
    }
    // The next answer is the next request's: nothing of the twenty comes again.
    let last = mail.text("8000", true).render();
    let answer = mail.ask(&last);
    assert_eq!(answer.header("Call-ID").unwrap(), call_id(&String::from_utf8(last).unwrap()));
    for mut caller in callers {
        let answer = caller.receive(LIMIT).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    terminal.set_read_timeout(Some(LIMIT)).unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains('>') {
        let mut octets = [0; 256];
        let read = terminal.read(&mut octets).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&octets[..read]);
    }
    terminal.write_all(b"exit\r").unwrap();

    // An ordinary end: what becomes of the store is the manager's business (systemd empties it when a service is stopped).
    assert_eq!(manager.order("end", "ended 0"), set(["said STOPPING=1".to_owned()]));
}

#[test]
fn what_nobody_listens_on_any_more_leaves_the_store() {
    let mut manager = Manager::new();
    let first = manager.configure(free_port()).port();
    let second = free_port();
    let third = free_port();
    let both = |what: &str, port: u16, tail: &str| {
        ["udp", "tcp"].map(|kind| format!("{what} {kind}-127.0.0.1-{port}{tail}"))
    };
    assert!(manager.start().is_superset(&both("stored", first, " unwatched").into()));
    manager.order("kill", "ended -9");

    // Another configuration, and something that is no socket.
    manager.configure(second);
    manager.process.write_line("put rubbish /dev/null");
    let mut expected: BTreeSet<String> = both("stored", second, " unwatched").into();
    expected.extend(both("removed", first, ""));
    expected.insert("removed rubbish".into());
    assert_eq!(manager.start(), expected);
    // Free for others, as the manager has closed its own, too.
    let other = UdpSocket::bind(("127.0.0.1", first)).unwrap();
    assert_eq!(other.local_addr().unwrap().port(), first);

    // Another port while it runs, and back: the socket before is not needed any more.
    let mut console = Console::connect(&manager.at("state/console.sock"));
    let mut listen = |port: u16| {
        for line in ["enable", "configure terminal", "voice service voip", "sip"] {
            console.exec(line);
        }
        console.exec(&format!("listen-port non-secure {port}"));
        console.exec("end");
    };
    for (old, new) in [(second, third), (third, second)] {
        listen(new);
        let [udp, last] = both("stored", new, " unwatched");
        let mut expected: BTreeSet<String> = both("removed", old, "").into();
        expected.insert(udp);
        assert_eq!(manager.until(&last), expected);
        let sip = SocketAddr::from(([127, 0, 0, 1], new));
        assert_eq!(VoiceMail::udp(sip).notify("8000", true).status, 200);
    }
    manager.order("kill", "ended -9");
    let mut mail = VoiceMail::udp(SocketAddr::from(([127, 0, 0, 1], second)));
    let waits = mail.text("8000", false).render();
    mail.send(&waits);
    assert!(manager.start().is_empty());
    assert_eq!(mail.receive(LIMIT).unwrap().status, 200);
}
