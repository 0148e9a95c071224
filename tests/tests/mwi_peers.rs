//! Message waiting with other people's programs: Kamailio as the server that is subscribed to, baresip as a telephone that
//! subscribes here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use system_tests::{Kamailio, Process, Tipringd, VoiceMail, free_port};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);
const HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n";
const TELEPHONE: &str =
    "voice-port 2/0\n mwi\n!\ndial-peer voice 8 pots\n destination-pattern 8000\n port 2/0\n!\n";
/// Tables of Kamailio's presence server, as its package has them.
const TABLES: &str = "/usr/share/kamailio/dbtext/kamailio";

/// A presence server that keeps message-summary, and forgets everything when it ends.
fn kamailio(port: u16) -> Kamailio {
    Kamailio::start(port, |dir| {
        for table in ["version", "presentity", "active_watchers", "watchers"] {
            std::fs::copy(Path::new(TABLES).join(table), dir.join(table)).unwrap();
        }
        let tables = dir.display();
        format!(
            r#"
loadmodule "db_text.so"
loadmodule "presence.so"
loadmodule "presence_mwi.so"
modparam("presence", "db_url", "text://{tables}")
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "min_expires", 2)
request_route {{
    if (is_method("SUBSCRIBE")) {{ handle_subscribe(); exit; }}
    if (is_method("PUBLISH")) {{ handle_publish(); exit; }}
    sl_send_reply("405", "Method Not Allowed");
}}
"#
        )
    })
}

/// The voice mail behind Kamailio publishes a mailbox's state; the entity tag of what it published.
fn publish(server: SocketAddr, waiting: bool, earlier: Option<&str>) -> String {
    let mut voice_mail = VoiceMail::udp(server);
    let text = voice_mail.text("8000", waiting).method("PUBLISH").set("Expires", "600");
    let text = text.without("Subscription-State");
    let text = match earlier {
        Some(tag) => text.set("SIP-If-Match", tag),
        None => text,
    };
    let answer = voice_mail.ask(&text.render());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("SIP-ETag").unwrap().to_owned()
}

#[test]
fn kamailio_is_subscribed_to_refreshed_and_subscribed_to_again_when_it_forgot_everything() {
    for transport in ["udp", "tcp"] {
        let port = free_port();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let first = kamailio(port);
        let gateway = Tipringd::start(
            &format!(
                "{TELEPHONE}sip-ua\n mwi-server ipv4:127.0.0.1 expires 4 port {port} transport {transport}\n"
            ),
            HARDWARE,
        );
        let subscribed = |shown: &str| shown.contains("Subscription 8000 (port 2/0): subscribed, refresh in");
        gateway.show_until("show mwi", LONG, subscribed);
        let tag = publish(server, true, None);
        gateway.lamp_becomes("8000", true);
        assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
        // Longer than it was granted: what comes then comes in a refreshed dialog.
        std::thread::sleep(Duration::from_secs(6));
        publish(server, false, Some(&tag));
        gateway.lamp_becomes("8000", false);

        drop(first);
        let _second = kamailio(port);
        // Its news reach the telephone when the gateway has found out and subscribed anew.
        publish(server, true, None);
        let end = Instant::now() + Duration::from_secs(60);
        while gateway.lamp("8000") != Some(true) {
            assert!(Instant::now() < end, "{}", gateway.show("show mwi"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// baresip's outbound proxy: takes its registration, and hands on everything else, to the gateway and back.
struct Outbound {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Outbound {
    fn start(gateway: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut telephone, mut asked) = (None, 0);
            let mut octets = [0; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((n, from)) = socket.recv_from(&mut octets) else { continue };
                if from == gateway {
                    // To where its `rport` says that the request came from: here.
                    socket.send_to(&octets[..n], telephone.unwrap()).unwrap();
                    continue;
                }
                telephone = Some(from);
                let text = String::from_utf8_lossy(&octets[..n]);
                if text.starts_with("REGISTER ") {
                    // baresip 1.0 subscribes without end when it is registered before it is ready. It asks again after 500 ms.
                    asked += 1;
                    if asked == 1 {
                        continue;
                    }
                    let copied = |line: &&str| {
                        ["Via", "From", "To", "Call-ID", "CSeq", "Contact"]
                            .iter()
                            .any(|name| line.starts_with(&format!("{name}: ")))
                    };
                    let lines: Vec<&str> = text.lines().filter(copied).collect();
                    let answer =
                        format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
                    socket.send_to(answer.as_bytes(), from).unwrap();
                } else {
                    socket.send_to(&octets[..n], gateway).unwrap();
                }
            }
        });
        Self { port, stop, thread: Some(thread) }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// baresip with an account for mailbox `user` at the gateway, and its words.
struct Baresip {
    process: Process,
    lines: Receiver<String>,
    _directory: TempDir,
}

impl Baresip {
    /// A telephone that registers, and then subscribes for `message-summary` at the gateway.
    fn subscribe(user: &str, gateway: SocketAddr, proxy: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let modules = "/usr/lib/baresip/modules";
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{}\nmodule_path {modules}\nmodule stdio.so\nmodule g711.so\n\
             module_tmp account.so\nmodule_app menu.so\nmodule_app mwi.so\n",
            free_port()
        );
        std::fs::write(directory.path().join("config"), config).unwrap();
        let account =
            format!("<sip:{user}@{gateway};transport=udp>;regint=60;outbound=\"sip:127.0.0.1:{proxy}\"\n");
        std::fs::write(directory.path().join("accounts"), account).unwrap();
        std::fs::write(directory.path().join("contacts"), "").unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(directory.path());
        let (process, lines, _) = Process::start("baresip", command);
        Self { process, lines, _directory: directory }
    }

    /// Waits until it says this.
    #[track_caller]
    fn wait(&self, text: &str) {
        let end = Instant::now() + LONG;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            if line.contains(text) {
                return;
            }
        }
        // What it said stands in the log that a failing test shows.
        panic!("baresip does not say {text:?}");
    }
}

#[test]
fn baresip_subscribes_and_is_told_at_once_and_of_each_change() {
    let gateway =
        Tipringd::start(&format!("{TELEPHONE}sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"), HARDWARE);
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    let proxy = Outbound::start(gateway.sip());
    let mut baresip = Baresip::subscribe("8000", gateway.sip(), proxy.port);
    baresip.wait("Messages-Waiting: yes");
    baresip.wait("Voice-Message: 2/");
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 1"));
    assert_eq!(voice_mail.notify("8000", false).status, 200);
    baresip.wait("Messages-Waiting: no");
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    baresip.wait("Messages-Waiting: yes");
    // It takes its leave when it ends.
    baresip.process.write_line("/quit");
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 0"));
}
