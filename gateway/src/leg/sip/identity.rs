//! Who calls, who answered, who diverted: between SIP headers and the parties of calls.

use sip::{Header, Message, NameAddr};

use super::policy::{AssertedId, HeaderPolicy};
use crate::leg::{MAX_DIGITS, Party, Presentation, RedirectReason, Redirection};

/// Diversions read of one message.
const MAX_DIVERSIONS: usize = 10;

/// The party of the headers that say who sent the message: P-Asserted-Identity, Remote-Party-ID, else From (a request)
/// or nothing (a response).
#[must_use]
pub fn sender(message: &Message) -> Option<Party> {
    let privacy = message.header(Header::Privacy).is_some_and(|value| {
        let value = value.to_str();
        value.split([';', ',']).any(|word| matches!(word.trim(), "id" | "user" | "header" | "critical"))
    });
    let restrict = |mut party: Party| {
        if privacy {
            party.presentation = Presentation::Restricted;
            party.name_presentation = Presentation::Restricted;
        }
        party
    };
    if let Some(asserted) = first(message, Header::PAssertedIdentity) {
        return Some(restrict(Party { screening: 3, ..party(&asserted) }));
    }
    if let Some(remote) = first(message, Header::RemotePartyId) {
        let mut party = party(&remote);
        withhold(&mut party, &remote);
        party.screening = u8::from(remote.params().text("screen").is_some_and(|s| s == "yes"));
        return Some(restrict(party));
    }
    if !message.is_request() {
        return None;
    }
    let from = message.from().ok()?;
    let mut caller = party(&from);
    if from.uri().ok().and_then(|uri| uri.user()).is_some_and(|user| user.eq_ignore_ascii_case("anonymous")) {
        caller = Party {
            presentation: Presentation::Restricted,
            name_presentation: Presentation::Restricted,
            ..Party::default()
        };
    }
    Some(restrict(caller))
}

/// The diversions of an INVITE, the last of which stands first (RFC 5806).
#[must_use]
pub fn redirection(message: &Message) -> Option<Redirection> {
    let found: Vec<NameAddr<'_>> =
        message.addresses(Header::Diversion).filter_map(Result::ok).take(MAX_DIVERSIONS).collect();
    let last = found.first()?;
    let counter = |address: &NameAddr<'_>| {
        address.params().text("counter").and_then(|count| count.parse::<u8>().ok()).unwrap_or(1)
    };
    let count = found.iter().map(counter).fold(0u8, u8::saturating_add).max(1);
    let reason = match last.params().text("reason").as_deref() {
        Some("unconditional") => RedirectReason::Unconditional,
        Some("user-busy") => RedirectReason::Busy,
        Some("no-answer") => RedirectReason::NoReply,
        _ => RedirectReason::Unknown,
    };
    let diverter = |address: &NameAddr<'_>| {
        let mut party = party(address);
        withhold(&mut party, address);
        party
    };
    let original = found.get(1..).and_then(<[_]>::last).map(diverter);
    Some(Redirection { from: diverter(last), original, reason, count })
}

/// The Cisco-Guid, four numbers; zeros where there is none that can be read.
#[must_use]
pub fn guid(message: &Message) -> [u32; 4] {
    let Some(value) = message.header(Header::CiscoGuid) else { return [0; 4] };
    let text = value.to_str();
    let numbers: Option<Vec<u32>> = text.trim().split('-').map(|number| number.parse().ok()).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).unwrap_or_default()
}

/// The cause in a `Reason: Q.850` header (RFC 3326).
#[must_use]
pub fn q850(message: &Message) -> Option<u8> {
    message.list(Header::Reason).find_map(|value| {
        let text = value.to_str();
        let (protocol, params) = text.split_once(';')?;
        if !protocol.trim().eq_ignore_ascii_case("Q.850") {
            return None;
        }
        let cause = params.split(';').find_map(|p| p.trim().strip_prefix("cause="))?;
        cause.trim().parse().ok().filter(|cause| (1..=127).contains(cause))
    })
}

/// `"Alice" <sip:1000@host>`, for From and identities.
#[must_use]
pub fn address(party: &Party, host: &str) -> String {
    let user = if party.number.is_empty() { "unknown" } else { party.number.as_str() };
    let uri = format!("<sip:{}@{host}>", escape_user(user));
    match party.name.as_deref() {
        Some(name) if !name.is_empty() => format!("\"{}\" {uri}", quote(name)),
        _ => uri,
    }
}

/// From of a call: what may be shown of number and name.
#[must_use]
pub fn from(party: &Party, host: &str) -> String {
    let name = party.shown_name().filter(|name| !name.is_empty());
    match party.presentation {
        Presentation::Allowed => address(&Party { name: name.map(str::to_owned), ..party.clone() }, host),
        Presentation::Restricted | Presentation::Unavailable => {
            format!("\"{}\" <sip:anonymous@{host}>", quote(name.unwrap_or("anonymous")))
        }
    }
}

/// What `privacy` of Remote-Party-ID and Diversion says of a party.
fn privacy(party: &Party) -> &'static str {
    let hides = |what: Presentation| what == Presentation::Restricted;
    match (hides(party.presentation), hides(party.name_presentation)) {
        (true, false) if party.name.is_some() => "uri",
        (true, _) => "full",
        (false, true) => "name",
        (false, false) => "off",
    }
}

/// Takes `privacy` of Remote-Party-ID and Diversion: `full`, `name`, `uri` or `off`, each with `-network` or without. A word
/// nobody knows hides everything.
fn withhold(party: &mut Party, address: &NameAddr<'_>) {
    let words = address.params().text("privacy").unwrap_or_default();
    for word in words.split(',').map(|word| word.trim().split('-').next().unwrap_or_default()) {
        let word = word.to_ascii_lowercase();
        if !matches!(word.as_str(), "" | "off" | "name") {
            party.presentation = Presentation::Restricted;
        }
        if !matches!(word.as_str(), "" | "off" | "uri") {
            party.name_presentation = Presentation::Restricted;
        }
    }
}

/// Identity headers beside From, and Privacy. `role` is `calling` or `called`; `remote_party_id` is the setting of that name.
#[must_use]
pub fn identity(
    party: &Party,
    host: &str,
    role: &str,
    policy: &HeaderPolicy,
    remote_party_id: bool,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Some(privacy) = policy.privacy(party) {
        headers.push((Header::Privacy.as_str().to_owned(), privacy));
    }
    let restricted = party.presentation == Presentation::Restricted;
    if party.number.is_empty() && !restricted {
        return headers;
    }
    let whole = address(party, host);
    match policy.asserted_id {
        Some(kind) => {
            // `Privacy: id` hides the whole identity; a name alone can only be left out.
            let nameless = !restricted && party.shown_name().is_none();
            let whole = if nameless { address(&Party { name: None, ..party.clone() }, host) } else { whole };
            let name = match kind {
                AssertedId::Pai => Header::PAssertedIdentity,
                AssertedId::Ppi => Header::PPreferredIdentity,
            };
            headers.push((name.as_str().to_owned(), whole));
        }
        None if remote_party_id => {
            let privacy = privacy(party);
            let screen = if matches!(party.screening, 1 | 3) { "yes" } else { "no" };
            headers.push((
                Header::RemotePartyId.as_str().to_owned(),
                format!("{whole};party={role};screen={screen};privacy={privacy}"),
            ));
        }
        None => {}
    }
    headers
}

/// Diversion headers (RFC 5806), last diversion first.
#[must_use]
pub fn diversion(redirection: &Redirection, host: &str) -> Vec<(String, String)> {
    let reason = match redirection.reason {
        RedirectReason::Unknown => "unknown",
        RedirectReason::Unconditional => "unconditional",
        RedirectReason::Busy => "user-busy",
        RedirectReason::NoReply => "no-answer",
    };
    let line = |party: &Party, reason: &str, count: u8| {
        let privacy = if party.presentation == Presentation::Unavailable { "full" } else { privacy(party) };
        let value =
            format!("{};privacy={privacy};reason={reason};counter={count};screen=no", address(party, host));
        (Header::Diversion.as_str().to_owned(), value)
    };
    let rest = redirection.count.saturating_sub(1).max(1);
    let mut headers = vec![line(
        &redirection.from,
        reason,
        if redirection.original.is_some() { 1 } else { redirection.count.max(1) },
    )];
    headers.extend(redirection.original.as_ref().map(|party| line(party, "unknown", rest)));
    headers
}

/// Digits of a user part: parameters and separators cut off.
#[must_use]
pub fn number_of(user: &str) -> String {
    let user = user.split(';').next().unwrap_or_default();
    let dialable = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+' | 'A'..='D' | 'a'..='d');
    let bare: String = user.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
    let kept = if bare.chars().all(dialable) { bare } else { user.to_owned() };
    kept.chars().filter(|c| !c.is_control()).take(MAX_DIGITS).collect()
}

fn first(message: &Message, header: Header) -> Option<NameAddr<'_>> {
    message.addresses(header).filter_map(Result::ok).next()
}

fn party(address: &NameAddr<'_>) -> Party {
    let user = address.uri().ok().and_then(|uri| {
        let user = if uri.is_tel() {
            uri.as_str().split_once(':').map(|(_, rest)| rest.to_owned().into())
        } else {
            uri.user()
        };
        user.map(|user| number_of(&user))
    });
    let name: String = address.display().chars().filter(|c| !c.is_control()).take(80).collect();
    let number = user.unwrap_or_default();
    let dialable = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c));
    Party {
        number_type: u8::from(number.starts_with('+')),
        plan: u8::from(dialable),
        name: (!name.is_empty()).then_some(name),
        number,
        ..Party::default()
    }
}

fn quote(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c => vec![c],
        })
        .collect()
}

/// Escapes what may not stand in the user part of a URI (RFC 3261 25.1).
pub(crate) fn escape_user(user: &str) -> String {
    let mut out = String::new();
    for octet in user.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::*;

    fn invite(headers: &str) -> Message {
        let text = format!(
            "INVITE sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
             From: \"Al \\\"X\\\"\" <sip:1000@192.0.2.9>;tag=1\r\nTo: <sip:8000@192.0.2.1>\r\nCall-ID: 1\r\n\
             CSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    #[test]
    fn the_most_trusted_header_says_who_calls() {
        let from = sender(&invite("")).unwrap();
        assert_eq!((from.number.as_str(), from.name.as_deref()), ("1000", Some("Al \"X\"")));
        let rpid = "Remote-Party-ID: <sip:+15551@h>;party=calling;screen=yes;privacy=full\r\n";
        let hidden = sender(&invite(rpid)).unwrap();
        assert_eq!((hidden.number.as_str(), hidden.presentation), ("+15551", Presentation::Restricted));
        assert_eq!((hidden.screening, hidden.number_type), (1, 1));
        let pai =
            sender(&invite(&format!("{rpid}P-Asserted-Identity: <tel:2000>\r\nPrivacy: id\r\n"))).unwrap();
        assert_eq!(
            (pai.number.as_str(), pai.screening, pai.presentation),
            ("2000", 3, Presentation::Restricted)
        );
    }

    #[test]
    fn diversions_go_there_and_back() {
        let message = invite(
            "Diversion: <sip:3000@h>;reason=no-answer;counter=1\r\nDiversion: <sip:4000@h>;reason=user-busy;counter=2\r\n",
        );
        let read = redirection(&message).unwrap();
        assert_eq!(
            (read.from.number.as_str(), read.reason, read.count),
            ("3000", RedirectReason::NoReply, 3)
        );
        assert_eq!(read.original.as_ref().map(|p| p.number.as_str()), Some("4000"));
        let written: String =
            diversion(&read, "gw").into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let again = redirection(&invite(&written)).unwrap();
        assert_eq!(
            (again.from.number, again.reason, again.count),
            ("3000".into(), RedirectReason::NoReply, 3)
        );
    }

    #[test]
    fn causes_and_guids_are_read() {
        let message =
            invite("Reason: SIP;cause=200, Q.850;cause=17;text=\"busy\"\r\nCisco-Guid: 1-2-3-4294967295\r\n");
        assert_eq!((q850(&message), guid(&message)), (Some(17), [1, 2, 3, u32::MAX]));
        assert_eq!(q850(&invite("Reason: Q.850;cause=900\r\n")), None);
    }

    #[test]
    fn restricted_parties_are_not_named_in_from() {
        let party = Party { name: Some("Bob \"b\"".into()), ..Party::new("1000") };
        assert_eq!(from(&party, "gw"), "\"Bob \\\"b\\\"\" <sip:1000@gw>");
        let (open, shut) = (Presentation::Allowed, Presentation::Restricted);
        let cases = [
            (open, open, "off", "\"Bob \\\"b\\\"\" <sip:1000@gw>"),
            (open, shut, "name", "<sip:1000@gw>"),
            (shut, open, "uri", "\"Bob \\\"b\\\"\" <sip:anonymous@gw>"),
            (shut, shut, "full", "\"anonymous\" <sip:anonymous@gw>"),
        ];
        for (number, name, privacy, written) in cases {
            let hidden = Party { presentation: number, name_presentation: name, ..party.clone() };
            assert_eq!(from(&hidden, "gw"), written, "{privacy}");
            let headers = identity(&hidden, "gw", "calling", &HeaderPolicy::default(), true);
            // The true values stand in the identity, and whoever shows them has to look at `privacy`.
            let want = format!("\"Bob \\\"b\\\"\" <sip:1000@gw>;party=calling;screen=no;privacy={privacy}");
            assert_eq!(headers[0].1, want);
            let read = sender(&invite(&format!("Remote-Party-ID: {}\r\n", headers[0].1))).unwrap();
            assert_eq!((read.presentation, read.name_presentation), (number, name), "{privacy}");
        }
        let nameless = Party { presentation: shut, ..Party::new("1000") };
        let headers = identity(&nameless, "gw", "calling", &HeaderPolicy::default(), true);
        assert!(headers[0].1.ends_with(";privacy=full"), "{headers:?}");
        let pai = HeaderPolicy { asserted_id: Some(AssertedId::Pai), ..HeaderPolicy::default() };
        let unnamed = Party { name_presentation: shut, ..party };
        assert_eq!(identity(&unnamed, "gw", "calling", &pai, true)[0].1, "<sip:1000@gw>");
        for (words, number, name) in
            [("name-network", open, shut), ("uri", shut, open), ("full", shut, shut), ("id", shut, shut)]
        {
            let line = format!("Remote-Party-ID: \"B\" <sip:1@h>;privacy={words}\r\n");
            let read = sender(&invite(&line)).unwrap();
            assert_eq!((read.presentation, read.name_presentation), (number, name), "{words}");
        }
        assert_eq!(number_of("1-800.555;phone-context=x"), "1800555");
        assert_eq!(number_of("alice.b"), "alice.b");
    }
}
