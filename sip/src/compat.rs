//! Conversions to and from the types of the `rsip` and `sdp-rs` crates, for programs that speak them
//! (feature `rsip`).
//!
//! Those crates lose or refuse what SIP allows (binary bodies when printing, all but the first Via of a
//! list, IPv6, `tel:`, unknown methods; host names in `c=`). So nothing of them is on the wire, and a
//! conversion either carries everything over or fails and says what would be lost. Spelling is not kept:
//! compact names become long ones, folded lines one line, lists of Via one line each. A reason phrase is
//! kept only with a status `rsip` does not know.
//!
//! ```
//! use sip::Message;
//! let message = Message::parse(bytes::Bytes::from_static(
//!     b"OPTIONS sip:gw SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\ni: 7\r\n\r\n",
//! ))?;
//! let theirs = rsip::SipMessage::try_from(&message)?;
//! assert_eq!(Message::try_from(&theirs)?.vias().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::Bytes;
use rsip::message::HasHeaders as _;

use crate::message::scan::List;
use crate::message::{Header, Message, ParseError};
use crate::sdp::{Line, Sdp, SdpError};

/// Why a conversion would not be faithful.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompatError {
    /// The other crate does not read it.
    #[error("refused by the other crate: {0}")]
    Refused(String),
    /// The other crate reads it as something else.
    #[error("the other crate makes {found:?} of {expected:?}")]
    Changed {
        /// What it is.
        expected: String,
        /// What would come out.
        found: String,
    },
    /// What came from the other crate is no message.
    #[error(transparent)]
    Message(#[from] ParseError),
    /// What came from the other crate is no session description.
    #[error(transparent)]
    Sdp(#[from] SdpError),
}

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = CompatError;

    fn try_from(message: &Message) -> Result<Self, CompatError> {
        let start = match (message.method_ref(), message.status()) {
            (Some(method), _) => {
                format!("{method} {} {}", message.request_uri().unwrap_or_default(), message.version())
            }
            (None, status) => {
                let code = status.map_or(0, |status| status.as_u16());
                format!("{} {code} {}", message.version(), message.reason().unwrap_or_default())
            }
        };
        let headers = plain_headers(message);
        let mut octets = format!("{start}\r\n").into_bytes();
        for (name, value) in &headers {
            octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(message.body());
        let theirs =
            rsip::SipMessage::try_from(octets).map_err(|error| CompatError::Refused(error.to_string()))?;

        let changed = |expected: &str, found: &str| CompatError::Changed {
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        match &theirs {
            rsip::SipMessage::Request(request) => {
                let found = format!("{} {} {}", request.method, request.uri, request.version);
                if found != start {
                    return Err(changed(&start, &found));
                }
                // Printed alike, it may still be taken apart wrongly: a dot in the user part, or `?`, ends
                // up in rsip's host.
                let host = request.uri.host_with_port.host.to_string();
                let own = message.uri().ok().and_then(|uri| uri.host()).unwrap_or_default();
                if host != own {
                    return Err(changed(own, &host));
                }
            }
            rsip::SipMessage::Response(response) => {
                let code = response.status_code.code();
                if message.status().is_none_or(|status| status.as_u16() != code) {
                    return Err(changed(&start, &code.to_string()));
                }
            }
        }
        let found: Vec<String> = theirs.headers().iter().map(ToString::to_string).collect();
        for (at, (name, value)) in headers.iter().enumerate() {
            let expected = format!("{name}: {value}");
            let found = found.get(at).map_or("", String::as_str);
            let same = found.split_once(':').is_some_and(|(their_name, their_value)| {
                their_name.trim().eq_ignore_ascii_case(name) && their_value.trim() == value
            });
            if !same {
                return Err(changed(&expected, found));
            }
        }
        if let Some(more) = found.get(headers.len()) {
            return Err(changed("", more));
        }
        if theirs.body() != message.body() {
            return Err(changed("the body", "another body"));
        }
        Ok(theirs)
    }
}

impl TryFrom<&rsip::SipMessage> for Message {
    type Error = CompatError;

    /// Not by `rsip`'s own printing, which replaces octets of binary bodies.
    fn try_from(theirs: &rsip::SipMessage) -> Result<Self, CompatError> {
        let start = match theirs {
            rsip::SipMessage::Request(request) => {
                format!("{} {} {}", request.method, request.uri, request.version)
            }
            rsip::SipMessage::Response(response) => match &response.status_code {
                rsip::StatusCode::Other(code, reason) => format!("{} {code} {reason}", response.version),
                known => {
                    let code = known.code();
                    let reason = crate::StatusCode::new(code).map_or("", crate::StatusCode::default_reason);
                    format!("{} {code} {reason}", response.version)
                }
            },
        };
        let mut octets = format!("{start}\r\n").into_bytes();
        for header in theirs.headers().iter() {
            if !matches!(header, rsip::Header::ContentLength(_)) {
                octets.extend_from_slice(header.to_string().replace(['\r', '\n'], " ").as_bytes());
                octets.extend_from_slice(b"\r\n");
            }
        }
        octets.extend_from_slice(format!("Content-Length: {}\r\n\r\n", theirs.body().len()).as_bytes());
        octets.extend_from_slice(theirs.body());
        Ok(Message::parse(Bytes::from(octets))?)
    }
}

/// Header lines with long names, unfolded, and lists of Via taken apart.
fn plain_headers(message: &Message) -> Vec<(String, String)> {
    let mut plain = Vec::new();
    for (name, value) in message.all_headers() {
        match Header::from_bytes(name.as_bytes()) {
            Some(Header::Via) => {
                for via in List::new(value.as_bytes()) {
                    let via =
                        String::from_utf8_lossy(via).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
                    plain.push(("Via".to_owned(), via));
                }
            }
            known => {
                let name = known.map_or(name, |known| known.as_str());
                plain.push((name.to_owned(), value.to_str().into_owned()));
            }
        }
    }
    plain
}

impl TryFrom<&Sdp> for sdp_rs::SessionDescription {
    type Error = CompatError;

    /// Lines are put into the RFC's order, which `sdp-rs` insists on.
    fn try_from(sdp: &Sdp) -> Result<Self, CompatError> {
        let mut ordered = sdp.clone();
        sort(&mut ordered.session, "vosiuepcbtrzka");
        for media in &mut ordered.media {
            sort(&mut media.lines, "icbka");
        }
        let expected = ordered.to_string();
        let theirs = sdp_rs::SessionDescription::try_from(expected.as_str())
            .map_err(|error| CompatError::Refused(error.to_string()))?;
        let found = theirs.to_string();
        if found != expected {
            let differing =
                expected.lines().zip(found.lines().chain(std::iter::repeat(""))).find(|(a, b)| a != b);
            let (expected, found) = differing.unwrap_or(("", found.lines().last().unwrap_or_default()));
            return Err(CompatError::Changed { expected: expected.to_owned(), found: found.to_owned() });
        }
        Ok(theirs)
    }
}

impl TryFrom<&sdp_rs::SessionDescription> for Sdp {
    type Error = CompatError;

    fn try_from(theirs: &sdp_rs::SessionDescription) -> Result<Self, CompatError> {
        Ok(Sdp::parse(theirs.to_string().as_bytes())?)
    }
}

fn sort(lines: &mut [Line], order: &str) {
    // t= with its r= stay together: both sort as t.
    lines.sort_by_key(|line| {
        order.find(if line.kind == 'r' { 't' } else { line.kind }).unwrap_or(order.len())
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn parse(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn what_rsip_can_carry_comes_back_the_same() {
        for octets in [
            &include_bytes!("../testdata/cucm/mwi-notify.sip")[..],
            include_bytes!("../testdata/cucm/prack-183.sip"),
            include_bytes!("../testdata/cucm/prack-invite.sip"),
        ] {
            let message = Message::parse(Bytes::from_static(octets)).unwrap();
            let theirs = rsip::SipMessage::try_from(&message).unwrap();
            let back = Message::try_from(&theirs).unwrap();
            assert_eq!(
                (back.method(), back.status(), back.body()),
                (message.method(), message.status(), message.body())
            );
            let values = |message: &Message| -> Vec<_> {
                let all =
                    message.all_headers().map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()));
                all.filter(|(name, _)| name != "content-length").collect()
            };
            assert_eq!(values(&back), values(&message));
        }
    }

    #[test]
    fn binary_bodies_survive_the_way_there_and_back() {
        let mut octets = b"INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 3\r\n\r\n".to_vec();
        octets.extend_from_slice(&[0xff, 0x00, 0x80]);
        let message = Message::parse(octets.into()).unwrap();
        let theirs = rsip::SipMessage::try_from(&message).unwrap();
        assert_eq!(Message::try_from(&theirs).unwrap().body(), [0xff, 0x00, 0x80]);
    }

    #[test]
    fn what_rsip_cannot_carry_is_refused_by_name() {
        for (uri, method, how) in [
            ("sip:a@b", "COMET", "refused by the other crate"),
            ("tel:+12015550123", "OPTIONS", "refused by the other crate"),
            ("sip:bob@[2001:db8::1]:5060", "OPTIONS", "refused by the other crate"),
            ("sip:a@b?Subject=x", "OPTIONS", "the other crate makes \"b?Subject=x\" of \"b\""),
            ("sip:bob.smith@b", "OPTIONS", "the other crate makes \"bob.smith@b\" of \"b\""),
        ] {
            let message = parse(&format!("{method} {uri} SIP/2.0\r\n\r\n"));
            let error = rsip::SipMessage::try_from(&message).unwrap_err().to_string();
            assert!(error.starts_with(how), "{uri}: {error}");
        }
    }

    #[test]
    fn descriptions_are_carried_or_refused() {
        let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\na=x:y\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendonly\r\nc=IN IP4 192.0.2.8\r\n";
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        let theirs = sdp_rs::SessionDescription::try_from(&sdp).unwrap();
        let back = Sdp::try_from(&theirs).unwrap();
        assert_eq!(back.media[0].formats(), sdp.media[0].formats());
        assert_eq!(back.destination(&back.media[0]), sdp.destination(&sdp.media[0]));
        assert_eq!(back.line('a'), Some("x:y"));
        let by_name = text.replace("c=IN IP4 192.0.2.9", "c=IN IP4 gw.example.com");
        assert!(sdp_rs::SessionDescription::try_from(&Sdp::parse(by_name.as_bytes()).unwrap()).is_err());
    }
}
