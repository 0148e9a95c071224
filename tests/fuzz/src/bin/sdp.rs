//! Any octets as a session description: what is read prints to something that reads the same, and no answer
//! has anything that was not offered.
#![no_main]

use sip::sdp::{Direction, Format, Local, LocalMedia, OfferAnswer, Origin, Sdp, answer};

fn local() -> Local {
    let audio = ["PCMA", "PCMU", "G722"].iter().zip([8, 0, 9]);
    let mut formats: Vec<_> = audio.map(|(name, payload)| Format::new(payload, name, 8000)).collect();
    formats.push(Format::new(101, "telephone-event", 8000).with_parameters("0-15"));
    let medium = |kind: &str, protocol: &str, formats| LocalMedia {
        kind: kind.into(),
        protocol: protocol.into(),
        port: 4000,
        formats,
        direction: Direction::SendRecv,
        ptime: Some(20),
        attributes: Vec::new(),
    };
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    Local {
        origin: Origin::new("-", 1, 1, address),
        address,
        media: vec![
            medium("audio", "RTP/AVP", formats),
            medium("image", "udptl", vec![Format::named("t38")]),
        ],
        prefer_own_order: false,
    }
}

fuzz::target!(|octets: &[u8]| {
    let Ok(sdp) = fuzz::timed(octets.len(), || Sdp::parse(octets)) else { return };
    let printed = sdp.to_string();
    let again = Sdp::parse(printed.as_bytes()).expect("what was printed can be read");
    assert_eq!(again, sdp);
    fuzz::timed(octets.len(), || {
        if let Ok((reply, agreed)) = answer(&sdp, &local()) {
            assert_eq!(reply.media.len(), sdp.media.len());
            for (offered, answered) in sdp.media.iter().zip(&reply.media) {
                assert_eq!(offered.kind, answered.kind);
                assert!(offered.port != 0 || answered.port == 0);
                if answered.port != 0 {
                    let number = |token: &String| token.parse::<u8>().ok();
                    let is_offered = |token: &String| {
                        let same = |theirs: &String| {
                            theirs == token || (number(theirs) == number(token) && number(token).is_some())
                        };
                        offered.format_tokens.iter().any(same)
                    };
                    assert!(answered.format_tokens.iter().all(is_offered));
                    let (theirs, ours) = (sdp.direction(offered), reply.direction(answered));
                    assert!((!ours.sends() || theirs.receives()) && (!ours.receives() || theirs.sends()));
                }
            }
            assert!(agreed.iter().all(|one| one.formats.len() == one.receive_payloads.len()));
        }
    });
    // The same octets as the answer to an offer of ours.
    let mut exchange = OfferAnswer::new(1);
    exchange.make_offer(&local()).expect("nothing is open");
    let _ = exchange.handle_answer(&sdp);
});
