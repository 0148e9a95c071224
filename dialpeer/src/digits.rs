//! Which digits of the called number go to the other network.

use crate::peer::{DialPeer, ForwardDigits};

/// The digits a peer sends for the called number. A POTS peer: `forward-digits` or digit strip, then `prefix` in front; a VoIP peer:
/// all of them, with `tech-prefix` in front.
///
/// Without `forward-digits`, `digit-strip` removes the leading digits the destination pattern matched explicitly;
/// `no digit-strip` sends all. A `,` of the prefix stays in the result: a pause of 1 s for whoever dials.
/// `called` is the number after translation.
///
/// ```
/// use dialpeer::{DialPeer, PeerKind, digits_sent};
///
/// let mut peer = DialPeer::new(9, PeerKind::Pots);
/// peer.destination_pattern = Some("9T".parse()?);
/// assert_eq!(digits_sent(&peer, "90301234"), "0301234");
/// peer.prefix = Some("0,".into());
/// assert_eq!(digits_sent(&peer, "90301234"), "0,0301234");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn digits_sent(peer: &DialPeer, called: &str) -> String {
    if peer.kind == crate::peer::PeerKind::Voip {
        return [peer.tech_prefix.as_deref().unwrap_or_default(), called].concat();
    }
    let pattern = peer.destination_pattern.as_ref();
    let rest = match peer.forward_digits {
        Some(ForwardDigits::All) => called,
        Some(ForwardDigits::Right(count)) => last(called, usize::from(count)),
        // "extra" of a pattern without fixed length, such as 123T, forwards nothing (IOS command reference).
        Some(ForwardDigits::Extra | ForwardDigits::ExtraInband) => {
            pattern.and_then(|pattern| pattern.fixed_len()).map_or("", |len| skip(called, len))
        }
        None if peer.digit_strip => skip(called, pattern.map_or(0, |pattern| pattern.strip_len())),
        None => called,
    };
    let prefix = peer.prefix.as_deref().unwrap_or_default();
    [prefix, rest].concat()
}

fn skip(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).and_then(|(at, _)| text.get(at..)).unwrap_or_default()
}

fn last(text: &str, count: usize) -> &str {
    skip(text, text.chars().count().saturating_sub(count))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::peer::PeerKind;

    #[test]
    fn digits_are_stripped_forwarded_and_prefixed_as_ios_does() {
        use ForwardDigits::{All, Extra, ExtraInband, Right};
        // pattern, digit-strip, forward-digits, prefix, called, sent
        let cases = [
            ("9T", true, None, "", "95550100", "5550100"),
            ("1234", true, None, "", "1234", ""),
            ("1[01]..", true, None, "", "1023", "023"),
            ("91[2-9]..[2-9]......", true, None, "1", "914085550100", "14085550100"),
            (".T", true, None, "", "123", "123"),
            ("555....", true, None, "555", "5550100", "5550100"),
            ("555....", false, None, "", "5550100", "5550100"),
            ("555....", false, None, "9,", "5550100", "9,5550100"),
            ("555....", true, Some(Right(4)), "", "5550100", "0100"),
            ("555....", true, Some(Right(0)), "", "5550100", ""),
            ("555....", true, Some(Right(32)), "", "5550100", "5550100"),
            ("555....", true, Some(All), "", "5550100", "5550100"),
            ("555....", true, Some(All), "1", "5550100", "15550100"),
            ("555....", true, Some(Extra), "", "555010099", "99"),
            ("555....", true, Some(ExtraInband), "", "5550100", ""),
            ("555T", true, Some(Extra), "", "5550100", ""),
            ("80001", true, None, "", "8000199", "99"),
        ];
        for (pattern, strip, forward, prefix, called, sent) in cases {
            let mut peer = DialPeer::new(1, PeerKind::Pots);
            peer.destination_pattern = Some(pattern.parse().unwrap());
            peer.digit_strip = strip;
            peer.forward_digits = forward;
            peer.prefix = Some(prefix.to_owned()).filter(|p| !p.is_empty());
            assert_eq!(digits_sent(&peer, called), sent, "{pattern} {strip} {forward:?} {prefix} {called}");
        }
    }

    #[test]
    fn voip_peers_never_strip_and_a_peer_without_pattern_sends_all() {
        let mut peer = DialPeer::new(1, PeerKind::Voip);
        peer.destination_pattern = Some("9T".parse().unwrap());
        assert_eq!(digits_sent(&peer, "9123"), "9123");
        peer.tech_prefix = Some("1#".into());
        assert_eq!(digits_sent(&peer, "9123"), "1#9123");
        assert_eq!(digits_sent(&DialPeer::new(2, PeerKind::Pots), "9123"), "9123");
    }
}
