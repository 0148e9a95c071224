//! What `sip-ua` says about every request: how often and how fast it is repeated, how far it may go, how connections
//! are kept. The tables here are what `show sip-ua retry` and `show sip-ua timers` print.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cli::config::{Config, Node};
use sip::session_timer::SessionTimerConfig;
use sip::{EndpointConfig, Method, Retransmission, Retransmissions};

/// `retry` by its keyword, with IOS's default.
const RETRIES: [(&str, u32); 15] = [
    ("invite", 6),
    ("response", 6),
    ("bye", 10),
    ("cancel", 10),
    ("prack", 10),
    ("comet", 10),
    ("rel1xx", 6),
    ("notify", 10),
    ("refer", 10),
    ("register", 6),
    ("info", 6),
    ("subscribe", 6),
    ("update", 6),
    ("options", 6),
    ("publish", 6),
];
/// `timers` in milliseconds whose default is 500.
const TIMERS: [&str; 13] = [
    "trying",
    "connect",
    "disconnect",
    "prack",
    "rel1xx",
    "notify",
    "update",
    "refer",
    "register",
    "info",
    "options",
    "comet",
    "publish",
];
/// The default of all of them, ms.
const T1: u32 = 500;

/// Settings of the SIP user agent that count for calls and for everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// In the order of [`RETRIES`].
    retries: [u32; RETRIES.len()],
    /// In the order of [`TIMERS`], ms.
    timers: [u32; TIMERS.len()],
    /// `timers expires`.
    pub expires: Duration,
    /// `timers hold`, minutes.
    hold: u32,
    /// `timers connection aging`: how long a TCP connection without traffic stays.
    pub aging: Duration,
    /// `timers connection aging tls`.
    pub aging_tls: Duration,
    /// `timers connection establish tcp`.
    pub establish: Duration,
    /// `timers connection establish tls`: connection and handshake.
    pub establish_tls: Duration,
    /// `timers registrar registrar-cache`: how long the registrar's addresses are believed; `None` for `ttl`.
    pub registrar_cache: Option<Duration>,
    /// `max-forwards`.
    pub max_forwards: u8,
    /// `transport switch udp tcp`: requests that are too long for UDP go by TCP.
    pub switch_to_tcp: bool,
    /// `no redirection` makes it false: a 3xx is a refusal.
    pub redirection: bool,
}

impl AgentSettings {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::read(config, None)
    }

    /// Those of a tenant: what its section says, and what `sip-ua` says where that is silent.
    #[must_use]
    pub fn read(config: &Config, tenant: Option<&Node>) -> Self {
        let ua = config.tree().section("sip-ua");
        let sections = || tenant.into_iter().chain(ua);
        let sip = config.tree().section("voice service voip").and_then(|voip| voip.subsection("sip"));
        let number = |words: &str| sections().find_map(|section| number(section, words));
        let minutes =
            |words: &str, default| Duration::from_secs(60 * u64::from(number(words).unwrap_or(default)));
        let seconds = |words: &str, default| Duration::from_secs(u64::from(number(words).unwrap_or(default)));
        let cache = ["timers registrar registrar-cache ", "timers dns registrar-cache "]
            .into_iter()
            .find_map(|words| sections().find_map(|section| section.value(words)));
        let switches = |node: Option<&Node>| node.is_some_and(|node| node.has("transport switch udp tcp"));
        Self {
            retries: RETRIES.map(|(name, default)| number(&format!("retry {name} ")).unwrap_or(default)),
            timers: TIMERS.map(|name| number(&format!("timers {name} ")).unwrap_or(T1)),
            expires: Duration::from_millis(u64::from(number("timers expires ").unwrap_or(180_000))),
            hold: number("timers hold ").unwrap_or(2880),
            aging: minutes("timers connection aging ", 5),
            aging_tls: minutes("timers connection aging tls ", 60),
            establish: seconds("timers connection establish tcp ", 20),
            establish_tls: seconds("timers connection establish tls ", 20),
            registrar_cache: match cache {
                Some("ttl") => None,
                text => Some(Duration::from_secs(text.and_then(|n| n.parse().ok()).unwrap_or(3600))),
            },
            max_forwards: number("max-forwards ").and_then(|n| n.try_into().ok()).unwrap_or(70),
            switch_to_tcp: switches(ua) || switches(sip),
            redirection: switch(sections(), "redirection").unwrap_or(true),
        }
    }

    /// The endpoint: how it repeats, and the methods and packages served.
    #[must_use]
    pub fn endpoint(&self) -> EndpointConfig {
        EndpointConfig {
            server: Some(concat!("Tipring/", env!("CARGO_PKG_VERSION")).to_owned()),
            retransmissions: self.retransmissions(),
            max_forwards: self.max_forwards,
            tcp_above: self.switch_to_tcp.then_some(EndpointConfig::SWITCH_ABOVE),
            allow: vec![
                Method::Invite,
                Method::Options,
                Method::Bye,
                Method::Cancel,
                Method::Ack,
                Method::Prack,
                Method::Update,
                Method::Refer,
                Method::Notify,
                Method::Subscribe,
                Method::Info,
            ],
            allow_events: ["message-summary", "telephone-event", "kpml"].map(str::to_owned).to_vec(),
            accept: vec!["application/sdp".to_owned(), "application/simple-message-summary".to_owned()],
            check_subscribe_events: false,
            ..EndpointConfig::default()
        }
    }

    /// `retry` and `timers` as the stack has them.
    #[must_use]
    pub fn retransmissions(&self) -> Retransmissions {
        let of = |timer: &str, retry: &str| Retransmission {
            first: Some(self.timer(timer)),
            count: Some(self.retry(retry)),
        };
        Retransmissions {
            invite: of("trying", "invite"),
            bye: of("disconnect", "bye"),
            cancel: of("disconnect", "cancel"),
            prack: of("prack", "prack"),
            notify: of("notify", "notify"),
            register: of("register", "register"),
            info: of("info", "info"),
            options: of("options", "options"),
            refer: of("refer", "refer"),
            subscribe: Retransmission { first: None, count: Some(self.retry("subscribe")) },
            update: of("update", "update"),
            publish: of("publish", "publish"),
            other: Retransmission::default(),
            response: of("connect", "response"),
            rel1xx: of("rel1xx", "rel1xx"),
        }
    }

    /// How often a message of this kind is sent again.
    fn retry(&self, name: &str) -> u32 {
        RETRIES.iter().zip(self.retries).find(|((known, _), _)| *known == name).map_or(6, |(_, count)| count)
    }

    /// How long the first wait of this kind is, ms.
    fn ms(&self, name: &str) -> u32 {
        TIMERS.iter().zip(self.timers).find(|(known, _)| **known == name).map_or(T1, |(_, ms)| ms)
    }

    fn timer(&self, name: &str) -> Duration {
        Duration::from_millis(u64::from(self.ms(name)))
    }

    /// `show sip-ua retry`.
    #[must_use]
    pub fn show_retry(&self) -> String {
        let mut out = String::from("SIP UA Retry Values\n");
        for pair in RETRIES.chunks(2) {
            let words = |(name, _): &(&str, u32)| match *name {
                "rel1xx" => format!("reliable 1xx count = {}", self.retry(name)),
                name => format!("{name} retry count = {}", self.retry(name)),
            };
            let _ = writeln!(out, "{}", pair.iter().map(words).collect::<Vec<_>>().join(" "));
        }
        out
    }

    /// `show sip-ua timers`, with the line breaks of IOS.
    #[must_use]
    pub fn show_timers(&self) -> String {
        let ms = |name: &str| format!("{name} {}", self.ms(name));
        let cache = match self.registrar_cache {
            Some(time) => format!("{} seconds", time.as_secs()),
            None => "ttl".to_owned(),
        };
        format!(
            "SIP UA Timer Values (millisecs unless noted)\n{}, expires {}, {}, {}\n{}, {}, {}, {}\n{}, {}, {}, {},hold {} minutes\n\
             , register-dns-cache {cache}\ntcp/udp aging {} minutes\ntls aging {} minutes\ntls establish {} seconds\n",
            ms("trying"),
            self.expires.as_millis(),
            ms("connect"),
            ms("disconnect"),
            ms("prack"),
            ms("rel1xx"),
            ms("notify"),
            ms("update"),
            ms("refer"),
            ms("register"),
            ms("info"),
            ms("options"),
            self.hold,
            self.aging.as_secs() / 60,
            self.aging_tls.as_secs() / 60,
            self.establish_tls.as_secs(),
        )
    }
}

/// `retry` and `timers` of a tenant; `None` where it has none of its own.
#[must_use]
pub fn own_retransmissions(config: &Config, tenant: &Node) -> Option<Arc<Retransmissions>> {
    let own = tenant.lines().any(|line| line.starts_with("retry ") || line.starts_with("timers "));
    own.then(|| Arc::new(AgentSettings::read(config, Some(tenant)).retransmissions()))
}

/// `min-se` where none is configured, as IOS has it, in seconds.
const MIN_SE: u32 = 1800;

/// `min-se` and `session refresh`: of a tenant, or of `sip` of `voice service voip` where it says nothing.
#[must_use]
pub fn session_timer(config: &Config, tenant: Option<&Node>) -> SessionTimerConfig {
    let voip = config.tree().section("voice service voip");
    let sip = voip.and_then(|voip| voip.subsection("sip"));
    let sections = || tenant.into_iter().chain(sip);
    let line = sections().find_map(|section| section.value("min-se ")).unwrap_or_default();
    let min_se = line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(MIN_SE).max(90);
    let expires = line.split_once("session-expires ").and_then(|(_, rest)| rest.trim().parse().ok());
    let expires: u32 = expires.unwrap_or(min_se);
    let refreshes = switch(sections(), "session refresh").unwrap_or(false);
    SessionTimerConfig {
        interval: refreshes.then_some(expires.max(min_se)),
        min_se,
        ..SessionTimerConfig::default()
    }
}

/// Whether the first section that says anything of it has it on.
pub(super) fn switch<'a>(mut sections: impl Iterator<Item = &'a Node>, words: &str) -> Option<bool> {
    sections.find_map(|section| {
        section.lines().find_map(|line| match line.strip_prefix("no ") {
            Some(off) => (off == words).then_some(false),
            None => (line == words).then_some(true),
        })
    })
}

/// The number behind `words`; a line that goes on with another word is another setting.
fn number(node: &Node, words: &str) -> Option<u32> {
    node.lines().find_map(|line| line.strip_prefix(words)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A sample of the corpus without its prompt.
    fn sample(text: &str) -> String {
        text.lines().skip(1).map(|line| format!("{}\n", line.trim_end())).collect()
    }

    #[test]
    fn retries_and_timers_are_shown_as_a_router_does() {
        let text = "sip-ua\n retry response 1\n retry bye 1\n retry cancel 1\n";
        let settings = AgentSettings::new(&Config::parse(text).config);
        let shown = settings.show_retry();
        assert!(shown.starts_with(&sample(include_str!("testdata/show_sip-ua_retry.txt"))), "{shown}");
        let defaults = AgentSettings::new(&Config::default());
        assert_eq!(defaults.show_timers(), sample(include_str!("testdata/show_sip-ua_timers.txt")));
    }

    #[test]
    fn an_engineers_numbers_are_those_of_the_stack() {
        let text = "sip-ua\n retry invite 2\n timers trying 100\n timers connect 200\n retry response 3\n \
                    max-forwards 12\n timers connection aging 10\n timers connection aging tls 90\n \
                    timers connection establish tls 7\n timers registrar registrar-cache ttl\n no redirection\n!\n\
                    voice service voip\n sip\n  transport switch udp tcp\n";
        let parsed = Config::parse(text);
        let refused: Vec<_> =
            parsed.messages.iter().filter(|m| !matches!(m.kind, cli::config::MessageKind::Acted)).collect();
        assert!(refused.is_empty(), "{refused:?}");
        let settings = AgentSettings::new(&parsed.config);
        let endpoint = settings.endpoint();
        let timers = &endpoint.timers;
        assert_eq!(endpoint.retransmissions.invite.wait(timers, false), Duration::from_millis(700));
        assert_eq!(
            endpoint.retransmissions.response,
            Retransmission { first: Some(Duration::from_millis(200)), count: Some(3) }
        );
        assert_eq!((endpoint.max_forwards, endpoint.tcp_above), (12, Some(1300)));
        assert_eq!((settings.aging.as_secs(), settings.aging_tls.as_secs()), (600, 5400));
        assert_eq!((settings.establish_tls.as_secs(), settings.registrar_cache), (7, None));
        assert!(!settings.redirection);
        // What nobody configured is as IOS has it.
        let ios = Retransmissions::ios();
        let own = AgentSettings::new(&Config::default()).endpoint().retransmissions;
        let all = |r: &Retransmissions| {
            [r.invite, r.bye, r.cancel, r.prack, r.notify, r.register, r.options, r.response, r.rel1xx]
                .map(|r| (r.count, r.interval(timers)))
        };
        assert_eq!(all(&own), all(&ios));
    }
}
