//! Message waiting with other people's programs: Kamailio as the server that is subscribed to.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use system_tests::{Kamailio, Tipringd, VoiceMail, free_port};

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
