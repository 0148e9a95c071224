//! How TLS is spoken: `crypto signaling` of `sip-ua`, `voice class tls-profile` and `tls-cipher`, `transport tcp tls`.

use std::net::{IpAddr, Ipv4Addr};

use cli::config::{Config, Node};
use dialpeer::PeerKind;
use sip::net::TlsVersion;

use crate::service::names::Place;
use crate::service::servers::destinations;

/// What `strict-cipher` leaves, of the suites we have: those with RSA and AES, and TLS 1.3. (IOS has four with CBC besides, which
/// are spoken here by nobody.)
const STRICT: [&str; 5] = [
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
];
/// What `ecdsa-cipher` leaves.
const ECDSA: [&str; 5] = [
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
];
/// The suites a `voice class tls-cipher` may name that we have, in IOS's spelling and in ours.
const CIPHERS: [(&str, &str); 7] = [
    ("AES128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"),
    ("AES256_GCM_SHA384", "TLS13_AES_256_GCM_SHA384"),
    ("CHACHA20_POLY1305_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"),
    ("ECDHE_ECDSA_AES128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE_ECDSA_AES256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE_RSA_AES128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE_RSA_AES256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
];

/// How TLS is spoken with all peers, or with those of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// As the log names it: the trustpoint, or `tls-profile N`.
    pub name: String,
    /// Whose certificate, key and issuers are used: the name of a directory. Empty where a profile names none.
    pub trustpoint: String,
    /// `client-vtp`: the directory whose issuers are believed instead.
    pub verification: Option<String>,
    /// `cn-san validate server`: a server's certificate has to name the host we call, or one of `permitted`.
    pub check_names: bool,
    /// `cn-san validate client`: the certificate of who calls us has to bear a name of `permitted`.
    pub check_clients: bool,
    /// `cn-san 1-10`; for a `crypto signaling … cn-san-validate client`, which has no list, the hosts that dial peers lead to.
    pub permitted: Vec<String>,
    /// Whether servers are told whom we look for. A profile does so with `sni send`, and without a profile it is done always.
    pub sni: bool,
    /// Names of [`sip::net::TlsConfig::ciphers`]; empty for all.
    pub ciphers: Vec<String>,
    /// `curve-size 384`.
    pub only_p384: bool,
    /// Oldest and newest version spoken.
    pub versions: (TlsVersion, TlsVersion),
}

/// `crypto signaling default`.
#[must_use]
pub fn of_all(config: &Config, ua: &Node) -> Option<TlsSettings> {
    spoken(config, ua, ua.value("crypto signaling default ")?)
}

/// `crypto signaling remote-addr`: how it is spoken with the peers of a network, given by an address and the bits that count.
#[must_use]
pub fn of_networks(config: &Config, ua: &Node) -> Vec<(IpAddr, u8, TlsSettings)> {
    let networks = ua.lines().filter_map(|line| {
        let mut words = line.strip_prefix("crypto signaling remote-addr ")?.splitn(3, ' ');
        let (network, mask): (Ipv4Addr, Ipv4Addr) =
            (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        // Of a mask with gaps the bits before the first count.
        let prefix = u8::try_from(u32::from(mask).leading_ones()).ok()?;
        Some((network.into(), prefix, spoken(config, ua, words.next()?)?))
    });
    networks.collect()
}

/// What `trustpoint …` or `tls-profile N` says.
fn spoken(config: &Config, ua: &Node, signaling: &str) -> Option<TlsSettings> {
    let plain = TlsSettings {
        name: String::new(),
        trustpoint: String::new(),
        verification: None,
        check_names: false,
        check_clients: false,
        permitted: Vec::new(),
        sni: true,
        ciphers: Vec::new(),
        only_p384: false,
        versions: versions(ua),
    };
    match signaling.split_once(' ')? {
        ("tls-profile", tag) => Some(profiled(config, tag, plain)),
        ("trustpoint", rest) => Some(inline(config, rest, plain)),
        _ => None,
    }
}

/// `transport tcp tls [VERSION [minimum]]`.
fn versions(ua: &Node) -> (TlsVersion, TlsVersion) {
    let mut words = ua.value("transport tcp tls ").unwrap_or_default().split_whitespace();
    let version = match words.next() {
        Some("v1.2") => Some(TlsVersion::V1_2),
        Some("v1.3") => Some(TlsVersion::V1_3),
        _ => None,
    };
    let least = words.next() == Some("minimum");
    let newest = version.filter(|_| !least).unwrap_or(TlsVersion::V1_3);
    (version.unwrap_or(TlsVersion::V1_2), newest)
}

/// `trustpoint NAME` and what follows it.
fn inline(config: &Config, rest: &str, mut settings: TlsSettings) -> TlsSettings {
    let mut words = rest.split_whitespace();
    settings.trustpoint = words.next().unwrap_or_default().to_owned();
    settings.name.clone_from(&settings.trustpoint);
    while let Some(word) = words.next() {
        match word {
            "cn-san-validate" => {
                settings.validate(words.next().unwrap_or_default());
                if settings.check_clients {
                    settings.permitted = hosts(config);
                }
            }
            "client-vtp" => settings.verification = words.next().map(ToOwned::to_owned),
            "strict-cipher" => settings.ciphers = STRICT.map(str::to_owned).to_vec(),
            "ecdsa-cipher" => settings.ciphers = ECDSA.map(str::to_owned).to_vec(),
            "curve-size" => settings.only_p384 = true,
            _ => {}
        }
    }
    settings
}

/// `voice class tls-profile`; one that is not there has no trustpoint.
fn profiled(config: &Config, tag: &str, mut settings: TlsSettings) -> TlsSettings {
    settings.name = format!("tls-profile {tag}");
    settings.sni = false;
    let class = config.tree().section(&format!("voice class tls-profile {tag}"));
    for line in class.into_iter().flat_map(Node::lines) {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["trustpoint", name] => settings.trustpoint = (*name).to_owned(),
            ["client-vtp", name] => settings.verification = Some((*name).to_owned()),
            ["cn-san", "validate", whom] => settings.validate(whom),
            ["cn-san", _, name] => settings.permitted.push((*name).to_owned()),
            ["cipher", "strict-cipher"] => settings.ciphers = STRICT.map(str::to_owned).to_vec(),
            ["cipher", "ecdsa-cipher", curve @ ..] => {
                settings.ciphers = ECDSA.map(str::to_owned).to_vec();
                settings.only_p384 = !curve.is_empty();
            }
            ["cipher", class] => settings.ciphers = listed(config, class),
            ["sni", "send"] => settings.sni = true,
            _ => {}
        }
    }
    settings
}

impl TlsSettings {
    /// Whether it makes no sense without issuers that we believe.
    #[must_use]
    pub fn asks_for_issuers(&self) -> bool {
        self.check_clients || self.verification.is_some()
    }

    /// What stands behind `cn-san validate`.
    fn validate(&mut self, whom: &str) {
        self.check_names = matches!(whom, "server" | "bidirectional");
        self.check_clients = matches!(whom, "client" | "bidirectional");
    }
}

/// The suites of a `voice class tls-cipher` in their order, those we lack left out. A class that leaves none, or is not there,
/// gives a name that nobody has: better no TLS than a weaker one than was asked for.
fn listed(config: &Config, class: &str) -> Vec<String> {
    let section = config.tree().section(&format!("voice class tls-cipher {class}"));
    let mut suites: Vec<(u8, &str)> = section
        .into_iter()
        .flat_map(Node::lines)
        .filter_map(|line| {
            let (place, name) = line.strip_prefix("cipher ")?.split_once(' ')?;
            let (_, ours) = CIPHERS.iter().find(|(ios, _)| *ios == name)?;
            Some((place.parse().ok()?, *ours))
        })
        .collect();
    suites.sort_by_key(|(place, _)| *place);
    if suites.is_empty() {
        return vec![format!("of voice class tls-cipher {class}")];
    }
    suites.into_iter().map(|(_, suite)| suite.to_owned()).collect()
}

/// The hosts that dial peers lead to, as their session targets spell them.
fn hosts(config: &Config) -> Vec<String> {
    let peers = config.dial_peers.iter().filter(|peer| peer.kind == PeerKind::Voip && !peer.shutdown);
    let mut hosts: Vec<String> = peers
        .flat_map(|peer| destinations(config, peer))
        .map(|place| match place {
            Place::Address(address) => address.ip().to_string(),
            Place::Name(lookup) => lookup.name,
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::super::transport::TransportSettings;
    use super::super::transport::tests::settings;
    use super::*;

    #[test]
    fn a_trustpoint_says_whose_names_count() {
        let of = |rest: &str| {
            let peers = "dial-peer voice 1 voip\n session target dns:cm.example\n!\n\
                         dial-peer voice 2 voip\n session target ipv4:192.0.2.7:5071\n!\n\
                         dial-peer voice 3 voip\n session target dns:off.example\n shutdown\n!\n";
            settings(&format!("{peers}sip-ua\n crypto signaling default trustpoint GW{rest}\n")).tls
        };
        let plain = of("").map(|tls| (tls.check_names, tls.check_clients, tls.permitted, tls.sni));
        assert_eq!(plain, Some((false, false, vec![], true)));
        let known = || vec!["192.0.2.7".to_owned(), "cm.example".to_owned()];
        for (whom, names, clients, permitted) in [
            ("server", true, false, vec![]),
            ("client", false, true, known()),
            ("bidirectional", true, true, known()),
        ] {
            let tls = of(&format!(" cn-san-validate {whom}"));
            let found = tls.map(|tls| (tls.check_names, tls.check_clients, tls.permitted));
            assert_eq!(found, Some((names, clients, permitted)), "{whom}");
        }
        let all = of(" cn-san-validate server client-vtp PEERS strict-cipher");
        let found = all.map(|tls| (tls.trustpoint, tls.check_names, tls.verification, tls.ciphers));
        let strict = STRICT.map(str::to_owned).to_vec();
        assert_eq!(found, Some(("GW".into(), true, Some("PEERS".into()), strict)));
    }

    #[test]
    fn a_version_may_be_the_only_one_or_the_least() {
        let of = |rest: &str| {
            let text = format!("sip-ua\n crypto signaling default trustpoint GW\n transport tcp tls{rest}\n");
            settings(&text).tls.map(|tls| tls.versions)
        };
        let (two, three) = (TlsVersion::V1_2, TlsVersion::V1_3);
        assert_eq!(of(""), Some((two, three)));
        assert_eq!(of(" v1.2"), Some((two, two)));
        assert_eq!(of(" v1.3"), Some((three, three)));
        assert_eq!(of(" v1.2 minimum"), Some((two, three)));
    }

    #[test]
    fn networks_have_trustpoints_and_profiles_of_their_own() {
        let text = "voice class tls-profile 7\n trustpoint CM\n cn-san validate bidirectional\n \
                    cn-san 1 *.example.com\n cn-san 2 cm.example\n client-vtp PEERS\n cipher ecdsa-cipher curve-size 384\n \
                    sni send\n!\n\
                    sip-ua\n crypto signaling default trustpoint GW\n \
                    crypto signaling remote-addr 192.0.2.0 255.255.255.0 trustpoint NEAR cn-san-validate server\n \
                    crypto signaling remote-addr 192.0.2.7 255.255.255.255 tls-profile 7\n \
                    crypto signaling remote-addr 192.0.2.8 255.255.255.255 tls-profile 8\n";
        let found = settings(text).tls_for;
        let said: Vec<_> = found
            .iter()
            .map(|(network, bits, tls)| {
                (network.to_string(), *bits, tls.trustpoint.as_str(), tls.check_names, tls.sni)
            })
            .collect();
        assert_eq!(
            said,
            [
                ("192.0.2.0".to_owned(), 24, "NEAR", true, true),
                ("192.0.2.7".to_owned(), 32, "CM", true, true),
                // A profile that is not there.
                ("192.0.2.8".to_owned(), 32, "", false, false),
            ]
        );
        let Some((_, _, profile)) = found.get(1) else { unreachable!("three were seen") };
        assert!(profile.check_clients && profile.only_p384);
        assert_eq!(profile.permitted, ["*.example.com", "cm.example"]);
        assert_eq!(profile.verification.as_deref(), Some("PEERS"));
        assert_eq!(profile.ciphers, ECDSA);
    }

    #[test]
    fn suites_are_named_as_ios_names_them_and_tried_in_their_order() {
        let of = |class: &str| {
            let text = format!(
                "{class}voice class tls-profile 1\n trustpoint GW\n cipher 5\n!\n\
                 sip-ua\n crypto signaling default tls-profile 1\n"
            );
            let parsed = Config::parse(&text);
            TransportSettings::new(&parsed.config).tls.map(|tls| tls.ciphers).unwrap_or_default()
        };
        let class = "voice class tls-cipher 5\n cipher 2 AES256_GCM_SHA384\n cipher 1 ECDHE_RSA_AES128_GCM_SHA256\n \
                     cipher 3 RSA_WITH_AES_128_CBC_SHA\n!\n";
        assert_eq!(of(class), ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS13_AES_256_GCM_SHA384"]);
        let known = sip::net::TlsConfig::cipher_names();
        for (_, name) in CIPHERS {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
        for name in STRICT.iter().chain(&ECDSA) {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
        // Weak ones alone, or no class at all: nothing rather than anything.
        for weak in ["voice class tls-cipher 5\n cipher 1 DHE_RSA_AES128_GCM_SHA256\n!\n", ""] {
            let found = of(weak);
            assert!(matches!(found.as_slice(), [none] if !known.contains(none)), "{found:?}");
        }
    }
}
