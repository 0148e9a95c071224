//! What the configuration says about the headers of calls: who we say is calling, what is hidden, what is passed on.
//!
//! A dial peer's `voice-class sip …` goes before its `voice class tenant`, that before `sip` of `voice service voip`, and that
//! before `sip-ua`.

use cli::config::{Body, Config, Node};
use sip::{Header, Message};

use crate::leg::{Party, Presentation};

/// Header lines passed on from one INVITE to the next, and their longest value.
const MAX_PASSED: usize = 32;
const MAX_VALUE: usize = 1024;

/// Who we say we are beside From (`asserted-id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertedId {
    /// `pai`: P-Asserted-Identity.
    Pai,
    /// `ppi`: P-Preferred-Identity.
    Ppi,
}

/// What the Privacy header says (`privacy`, `privacy-policy`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivacySettings {
    /// `privacy id critical`: what every call of ours says, whoever calls.
    always: Option<String>,
    /// `privacy-policy send-always`: `Privacy: none` where nothing is hidden.
    send_always: bool,
}

/// Header settings of the calls on a dial peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// `asserted-id`.
    pub asserted_id: Option<AssertedId>,
    /// `privacy` and `privacy-policy`.
    pub privacy: PrivacySettings,
    /// `privacy-policy strip diversion`.
    pub strip_diversion: bool,
    /// `header-passing`, `pass-thru headers unsupp`: what nobody here knows goes on to the other SIP side.
    pub passes_headers: bool,
    /// `error-passthru`: the status of one SIP side is that of the other.
    pub passes_errors: bool,
}

impl HeaderPolicy {
    /// That of `sip` of `voice service voip` and `sip-ua`, or of a dial peer with those behind it.
    #[must_use]
    pub fn new(config: &Config, peer: Option<&Node>) -> Self {
        let tree = config.tree();
        let sip = tree.section("voice service voip").and_then(|voip| voip.subsection("sip"));
        let ua = tree.section("sip-ua");
        let tenant = peer.and_then(|peer| tenant(tree, peer));
        let find = |words: &str| -> Option<String> {
            let own = peer.and_then(|peer| setting(peer, &format!("voice-class sip {words}")));
            let own = own.filter(|rest| *rest != "system");
            let own = own.or_else(|| tenant.and_then(|tenant| setting(tenant, words)));
            own.or_else(|| sip.and_then(|sip| setting(sip, words)))
                .or_else(|| ua.and_then(|ua| setting(ua, words)))
                .map(str::to_owned)
        };
        let policy = find("privacy-policy").unwrap_or_default();
        Self {
            asserted_id: match find("asserted-id").as_deref() {
                Some("pai") => Some(AssertedId::Pai),
                Some("ppi") => Some(AssertedId::Ppi),
                _ => None,
            },
            privacy: PrivacySettings {
                always: find("privacy")
                    .filter(|words| !words.is_empty() && words != "pstn" && words != "disable")
                    .map(|words| words.split_whitespace().collect::<Vec<_>>().join(";")),
                send_always: policy == "send-always",
            },
            strip_diversion: policy == "strip diversion",
            passes_headers: find("header-passing").is_some()
                || find("pass-thru headers").as_deref() == Some("unsupp"),
            passes_errors: find("error-passthru").is_some(),
        }
    }

    /// The Privacy header of a call of `party`; none where nothing is to be said.
    pub(super) fn privacy(&self, party: &Party) -> Option<String> {
        let restricted = party.presentation == Presentation::Restricted;
        let asserted = self.asserted_id.is_some();
        match &self.privacy.always {
            Some(words) => Some(words.clone()),
            None if restricted && (asserted || self.privacy.send_always) => Some("id".to_owned()),
            None if self.privacy.send_always => Some("none".to_owned()),
            None => None,
        }
    }
}

/// The `voice class tenant` of a dial peer.
pub(crate) fn tenant<'a>(tree: &'a Body, peer: &Node) -> Option<&'a Node> {
    let tag = peer.value("voice-class sip tenant ")?;
    tree.section(&format!("voice class tenant {}", tag.trim()))
}

/// What stands behind `words` in a section; `""` for a line that is just them.
fn setting<'a>(section: &'a Node, words: &str) -> Option<&'a str> {
    section.lines().find_map(|line| {
        let rest = line.strip_prefix(words)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
    })
}

/// `calling-info` of `sip-ua`: who calls, changed on the way between the telephone network and SIP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallingInfo {
    from: Replaced,
    remote_party: Replaced,
    to_pstn: Replaced,
    discards_to_sip: bool,
    discards_to_pstn: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Replaced {
    name: Option<String>,
    number: Option<String>,
}

impl Replaced {
    fn set(&mut self, what: &str, value: &str) {
        match what {
            "name" => self.name = Some(value.trim_matches('"').to_owned()),
            _ => self.number = Some(value.to_owned()),
        }
    }

    fn apply(&self, party: &mut Party) {
        if let Some(name) = &self.name {
            party.name = Some(name.clone());
        }
        if let Some(number) = &self.number {
            party.number.clone_from(number);
        }
    }
}

impl CallingInfo {
    /// That of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut info = Self::default();
        let lines = config.tree().section("sip-ua").into_iter().flat_map(Node::lines);
        for line in lines.filter_map(|line| line.strip_prefix("calling-info ")) {
            let mut words = line.splitn(5, ' ');
            let all = [words.next(), words.next(), words.next(), words.next(), words.next()];
            match all.map(Option::unwrap_or_default) {
                ["pstn-to-sip", "unscreened", "discard", ..] => info.discards_to_sip = true,
                ["pstn-to-sip", "from", what, "set", value] => info.from.set(what, value),
                ["pstn-to-sip", "remote-party-id" | "asserted-id", what, "set", value] => {
                    info.remote_party.set(what, value);
                }
                ["sip-to-pstn", "unscreened", "discard", ..] => info.discards_to_pstn = true,
                ["sip-to-pstn", what, "set", value, rest] => {
                    info.to_pstn.set(what, format!("{value} {rest}").trim());
                }
                _ => {}
            }
        }
        info
    }

    /// Who calls, for From and for the identity headers of a call that comes from the telephone network.
    pub(super) fn pstn_to_sip(&self, calling: &Party) -> (Party, Party) {
        let mut party = calling.clone();
        if self.discards_to_sip {
            discard(&mut party);
        }
        let (mut from, mut identity) = (party.clone(), party);
        self.from.apply(&mut from);
        self.remote_party.apply(&mut identity);
        (from, identity)
    }

    /// Changes who calls, for a call that goes from SIP to the telephone network.
    pub(crate) fn sip_to_pstn(&self, calling: &mut Party) {
        if self.discards_to_pstn {
            discard(calling);
        }
        self.to_pstn.apply(calling);
    }
}

/// Takes name and number of somebody nobody has looked at.
fn discard(party: &mut Party) {
    if !matches!(party.screening, 1 | 3) {
        party.name = None;
        party.number.clear();
    }
}

/// The header lines of an INVITE that nobody here knows, for the other SIP side.
pub(super) fn unknown_headers(message: &Message) -> Vec<(String, String)> {
    let unknown = message.all_headers().filter(|(name, value)| {
        name.len() > 1 && Header::from_bytes(name.as_bytes()).is_none() && value.as_bytes().len() <= MAX_VALUE
    });
    unknown.map(|(name, value)| (name.to_owned(), value.to_str().into_owned())).take(MAX_PASSED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let parsed = Config::parse(text);
        let odd: Vec<_> =
            parsed.messages.iter().filter(|m| m.kind != cli::config::MessageKind::Acted).collect();
        assert!(odd.is_empty(), "{odd:?}");
        parsed.config
    }

    fn of_peer(config: &Config, tag: &str) -> HeaderPolicy {
        HeaderPolicy::new(config, config.tree().section(&format!("dial-peer voice {tag} voip")))
    }

    #[test]
    fn a_dial_peer_goes_before_the_service() {
        let config = config(
            "voice service voip\n sip\n  asserted-id pai\n  error-passthru\n  privacy pstn\n!\n\
             dial-peer voice 1 voip\n session protocol sipv2\n voice-class sip asserted-id ppi\n \
             voice-class sip privacy header id critical\n voice-class sip header-passing\n!\n\
             dial-peer voice 2 voip\n session protocol sipv2\n voice-class sip privacy-policy send-always\n!\n",
        );
        let (one, two) = (of_peer(&config, "1"), of_peer(&config, "2"));
        assert_eq!((one.asserted_id, two.asserted_id), (Some(AssertedId::Ppi), Some(AssertedId::Pai)));
        assert_eq!((one.passes_headers, two.passes_headers, one.passes_errors), (true, false, true));
        let open = Party::new("1000");
        let hidden = Party { presentation: Presentation::Restricted, ..open.clone() };
        assert_eq!(one.privacy(&open).as_deref(), Some("header;id;critical"));
        assert_eq!(two.privacy(&open).as_deref(), Some("none"));
        assert_eq!(two.privacy(&hidden).as_deref(), Some("id"));
        assert_eq!(HeaderPolicy::default().privacy(&hidden), None, "Remote-Party-ID says it");
    }

    #[test]
    fn calling_info_names_and_discards() {
        let screened = Party { screening: 3, name: Some("Ada".into()), ..Party::new("1000") };
        let claimed = Party { screening: 0, ..screened.clone() };
        let none = CallingInfo::new(&config(""));
        assert_eq!(none.pstn_to_sip(&claimed), (claimed.clone(), claimed.clone()));
        let info = CallingInfo::new(&config(
            "sip-ua\n calling-info pstn-to-sip unscreened discard\n calling-info pstn-to-sip from name set Main Office\n \
             calling-info pstn-to-sip remote-party-id number set 5550000\n calling-info sip-to-pstn number set 5551111\n",
        ));
        let (from, identity) = info.pstn_to_sip(&claimed);
        assert_eq!((from.number.as_str(), from.name.as_deref()), ("", Some("Main Office")));
        assert_eq!((identity.number.as_str(), identity.name), ("5550000", None));
        let (from, identity) = info.pstn_to_sip(&screened);
        assert_eq!((from.number.as_str(), from.name.as_deref()), ("1000", Some("Main Office")));
        assert_eq!((identity.number.as_str(), identity.name.as_deref()), ("5550000", Some("Ada")));
        let mut calling = claimed;
        info.sip_to_pstn(&mut calling);
        assert_eq!((calling.number.as_str(), calling.name.as_deref()), ("5551111", Some("Ada")));
    }
}
