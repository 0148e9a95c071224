//! Offer and answer (RFC 3264).

use std::net::IpAddr;

use super::{Direction, Format, Line, Media, Origin, Sdp, T38};

/// What we can do for one medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// `audio`, `image` …
    pub kind: String,
    /// `RTP/AVP`, `udptl` … Compared case blind.
    pub protocol: String,
    /// Our port.
    pub port: u16,
    /// Formats in order of preference, `telephone-event` among them.
    pub formats: Vec<Format>,
    /// What we want to do.
    pub direction: Direction,
    /// Packet time in ms, for `a=ptime`.
    pub ptime: Option<u32>,
    /// Further attributes for our description, without `a=`, such as `T38FaxVersion:0`.
    pub attributes: Vec<String>,
}

/// What we are: for `o=`, `c=`, and media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// For `o=`.
    pub origin: Origin,
    /// For `c=`.
    pub address: IpAddr,
    /// Media in order.
    pub media: Vec<LocalMedia>,
    /// Formats of an answer in our order of preference instead of the offer's.
    pub prefer_own_order: bool,
}

/// What both sides agreed on for one `m=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Which `m=` line, from 0.
    pub index: usize,
    /// Which of [`Local::media`].
    pub local: usize,
    /// Where the peer wants it: host and port.
    pub remote: (String, u16),
    /// The agreed formats in order; payload types are those to send with.
    pub formats: Vec<Format>,
    /// The payload types to expect, in the same order.
    pub receive_payloads: Vec<Option<u8>>,
    /// What we do.
    pub direction: Direction,
    /// The packet time the peer wants, in ms.
    pub ptime: Option<u32>,
}

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferAnswerError {
    /// Nothing in common for any medium: 488.
    #[error("no offered medium and format is ours")]
    NothingInCommon,
    /// The answer has another number of `m=` lines than the offer.
    #[error("the answer has {found} media, the offer {expected}")]
    MediaCount {
        /// In the offer.
        expected: usize,
        /// In the answer.
        found: usize,
    },
    /// An `m=` line of the answer is of another kind than the offer's in its place.
    #[error("medium {index} of the answer is {found:?}, expected {expected:?}")]
    MediaKind {
        /// From 0.
        index: usize,
        /// In the offer.
        expected: String,
        /// In the answer.
        found: String,
    },
    /// An offer came while one of ours is open: 491 (RFC 3261 14.2); or we wanted to offer while theirs is.
    #[error("an offer is open already")]
    OfferPending,
    /// An answer without an offer.
    #[error("there is no offer to answer")]
    NoOffer,
}

/// Our offer.
pub fn offer(local: &Local) -> Sdp {
    let mut sdp = Sdp::new(&local.origin, local.address);
    for medium in &local.media {
        sdp.media.push(describe(medium, &medium.formats, medium.direction));
    }
    sdp
}

/// Our answer to `offer`, and what is then agreed on.
///
/// Each offered `m=` line is answered in its place: with our first unused medium of the same kind and
/// protocol that has a format in common, else with port 0. The answer has no format, medium or direction
/// that was not offered, and uses the offer's payload types.
///
/// # Errors
/// [`OfferAnswerError::NothingInCommon`] when every line would be refused, though some were open.
pub fn answer(offer: &Sdp, local: &Local) -> Result<(Sdp, Vec<Agreed>), OfferAnswerError> {
    let mut sdp = Sdp::new(&local.origin, local.address);
    if let Some(times) = offer.line('t') {
        //= RFC 3264 6: "The "t=" line in the answer MUST equal that of the offer."
        if let Some(own) = sdp.session.iter_mut().find(|line| line.kind == 't') {
            *own = Line::new('t', times);
        }
    }
    let mut agreed = Vec::new();
    let mut used = vec![false; local.media.len()];
    for (index, offered) in offer.media.iter().enumerate() {
        let fitting = local.media.iter().enumerate().find_map(|(at, medium)| {
            let free = used.get(at) == Some(&false);
            let fits = free && offered.port != 0 && is_same_kind(medium, offered);
            let formats = if fits {
                common(&offered.formats(), &medium.formats, local.prefer_own_order)
            } else {
                Vec::new()
            };
            // Tones alone are no conversation.
            let speaks = formats.iter().any(|format| !format.is_named_event() && !is_comfort_noise(format));
            speaks.then_some((at, medium, formats))
        });
        let Some(((at, medium, formats), remote)) = fitting.zip(offer.destination(offered)) else {
            sdp.media.push(refused(offered));
            continue;
        };
        if let Some(slot) = used.get_mut(at) {
            *slot = true;
        }
        let direction = offer.direction(offered).reversed().and(medium.direction);
        let own_parameters: Vec<Format> = formats
            .iter()
            .map(|format| {
                let own = medium.formats.iter().find(|own| own.is_same_coding(format));
                Format { parameters: own.and_then(|own| own.parameters.clone()), ..format.clone() }
            })
            .collect();
        let mut described = describe(medium, &own_parameters, direction);
        if let (Some(own), Some(theirs)) = (T38::of(&described), T38::of(offered)) {
            let t38 = |line: &Line| {
                line.kind == 'a' && line.value.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("T38"))
            };
            described.lines.retain(|line| !t38(line));
            let answered = own.answer(&theirs).attributes();
            described.lines.splice(0..0, answered.iter().map(|attribute| Line::new('a', attribute)));
        }
        // The offer's spelling: some peers compare it case by case.
        sdp.media.push(Media { kind: offered.kind.clone(), protocol: offered.protocol.clone(), ..described });
        agreed.push(Agreed {
            index,
            local: at,
            remote,
            receive_payloads: formats.iter().map(|format| format.payload).collect(),
            formats,
            direction,
            ptime: offered.ptime(),
        });
    }
    if agreed.is_empty() && offer.media.iter().any(|media| media.port != 0) {
        return Err(OfferAnswerError::NothingInCommon);
    }
    Ok((sdp, agreed))
}

/// Where an exchange stands, and the version in `o=`.
///
/// One per dialog. It makes our descriptions with a version that grows exactly when something else in them
/// changed (RFC 3264 8), and keeps the two sides from offering at once.
#[derive(Clone, Debug)]
pub struct OfferAnswer {
    session_id: u64,
    version: u64,
    /// As text: a call that stands keeps it for hours, and text takes a quarter of the room.
    last: Option<Box<str>>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Offered(Box<(Sdp, Local)>),
    Received(Box<Sdp>),
}

impl OfferAnswer {
    /// `session_id` for `o=`: unique for this machine, such as a random number below 2^62.
    pub fn new(session_id: u64) -> OfferAnswer {
        OfferAnswer { session_id, version: session_id, last: None, state: State::Idle }
    }

    /// Makes our offer. The origin in `local` gives user name and address only.
    ///
    /// # Errors
    /// [`OfferAnswerError::OfferPending`].
    pub fn make_offer(&mut self, local: &Local) -> Result<Sdp, OfferAnswerError> {
        if self.state != State::Idle {
            return Err(OfferAnswerError::OfferPending);
        }
        let mut sdp = offer(local);
        // RFC 3264 8: the new SDP has at least as many lines as the one before. A stream that is gone keeps its
        // place with port 0.
        if let Some(last) = self.last() {
            sdp.media.extend(last.media.iter().skip(sdp.media.len()).map(refused));
        }
        let sdp = self.versioned(sdp);
        self.state = State::Offered(Box::new((sdp.clone(), local.clone())));
        Ok(sdp)
    }

    /// Takes the peer's offer; [`OfferAnswer::make_answer`] answers it.
    ///
    /// # Errors
    /// [`OfferAnswerError::OfferPending`] when ours is open (glare).
    pub fn handle_offer(&mut self, offer: Sdp) -> Result<(), OfferAnswerError> {
        if self.state != State::Idle {
            return Err(OfferAnswerError::OfferPending);
        }
        self.state = State::Received(Box::new(offer));
        Ok(())
    }

    /// Answers the offer that came.
    ///
    /// # Errors
    /// [`OfferAnswerError::NoOffer`]; [`OfferAnswerError::NothingInCommon`], and the exchange is over: what
    /// was agreed on before still holds.
    pub fn make_answer(&mut self, local: &Local) -> Result<(Sdp, Vec<Agreed>), OfferAnswerError> {
        let State::Received(offer) = &self.state else { return Err(OfferAnswerError::NoOffer) };
        let made = answer(offer, local);
        self.state = State::Idle;
        let (sdp, agreed) = made?;
        Ok((self.versioned(sdp), agreed))
    }

    /// Takes the peer's answer to our offer. Lines the peer refused are missing in the result.
    ///
    /// # Errors
    /// [`OfferAnswerError::NoOffer`], or an answer that does not fit the offer.
    pub fn handle_answer(&mut self, answer: &Sdp) -> Result<Vec<Agreed>, OfferAnswerError> {
        let State::Offered(open) = &self.state else { return Err(OfferAnswerError::NoOffer) };
        let (offer, local) = open.as_ref();
        //= RFC 3264 6: "The answer MUST contain exactly the same number of "m=" lines as the offer."
        let (expected, found) = (offer.media.len(), answer.media.len());
        if expected != found {
            return Err(OfferAnswerError::MediaCount { expected, found });
        }
        let mut agreed = Vec::new();
        for (index, ((offered, answered), medium)) in
            offer.media.iter().zip(&answer.media).zip(&local.media).enumerate()
        {
            if !offered.kind.eq_ignore_ascii_case(&answered.kind) {
                return Err(OfferAnswerError::MediaKind {
                    index,
                    expected: offered.kind.clone(),
                    found: answered.kind.clone(),
                });
            }
            let Some(remote) = answer.destination(answered) else { continue };
            // In the answerer's order, each with the answerer's number to send and ours to receive (RFC
            // 3264 6.1).
            let pairs: Vec<(Format, Option<u8>)> = answered
                .formats()
                .into_iter()
                .filter_map(|format| {
                    let own = medium.formats.iter().find(|own| own.is_same_coding(&format))?;
                    Some((format, own.payload))
                })
                .collect();
            let (formats, receive_payloads): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            if formats.is_empty() {
                continue;
            }
            agreed.push(Agreed {
                index,
                local: index,
                remote,
                formats,
                receive_payloads,
                direction: answer.direction(answered).reversed().and(medium.direction),
                ptime: answered.ptime(),
            });
        }
        self.state = State::Idle;
        Ok(agreed)
    }

    /// The peer's offer that waits for its answer.
    pub fn received(&self) -> Option<&Sdp> {
        match &self.state {
            State::Received(offer) => Some(offer),
            State::Idle | State::Offered(_) => None,
        }
    }

    /// Our offer was refused (a 4xx, a 491, a timeout): what was agreed on before still holds.
    pub fn cancel(&mut self) {
        self.state = State::Idle;
    }

    /// Whether an offer waits for its answer, ours or theirs.
    pub fn is_pending(&self) -> bool {
        self.state != State::Idle
    }

    /// Our last description, for repetition.
    pub fn last(&self) -> Option<Sdp> {
        Sdp::parse(self.last.as_ref()?.as_bytes()).ok()
    }

    fn versioned(&mut self, mut sdp: Sdp) -> Sdp {
        let Some(mut origin) = sdp.origin() else { return sdp };
        origin.session_id = self.session_id.to_string();
        origin.version = self.version.to_string();
        sdp.set_origin(&origin);
        let mut text = sdp.to_string();
        if self.last.as_ref().is_some_and(|last| **last != *text) {
            //= RFC 3264 8: "When issuing an offer that modifies the session, the "o=" line of the new SDP
            //= MUST be identical to that in the previous SDP, except that the version in the origin field
            //= MUST increment by one from the previous SDP."
            self.version += 1;
            origin.version = self.version.to_string();
            sdp.set_origin(&origin);
            text = sdp.to_string();
        }
        self.last = Some(text.into());
        sdp
    }
}

fn is_same_kind(medium: &LocalMedia, offered: &Media) -> bool {
    medium.kind.eq_ignore_ascii_case(&offered.kind) && medium.protocol.eq_ignore_ascii_case(&offered.protocol)
}

fn is_comfort_noise(format: &Format) -> bool {
    format.encoding.eq_ignore_ascii_case("CN")
}

/// The offered formats that are ours.
fn common(offered: &[Format], own: &[Format], own_order: bool) -> Vec<Format> {
    if own_order {
        own.iter()
            .filter_map(|own| offered.iter().find(|format| format.is_same_coding(own)))
            .cloned()
            .collect()
    } else {
        offered.iter().filter(|format| own.iter().any(|own| own.is_same_coding(format))).cloned().collect()
    }
}

fn describe(medium: &LocalMedia, formats: &[Format], direction: Direction) -> Media {
    let mut media = Media::new(&medium.kind, medium.port, &medium.protocol, formats);
    if let Some(ptime) = medium.ptime {
        media.add_attribute(format!("ptime:{ptime}"));
    }
    for attribute in &medium.attributes {
        media.add_attribute(attribute);
    }
    if direction != Direction::SendRecv {
        media.set_direction(direction);
    }
    media
}

/// The line of a refused medium: its place kept, port 0 (RFC 3264 6).
fn refused(offered: &Media) -> Media {
    Media { port: 0, port_count: String::new(), lines: Vec::new(), ..offered.clone() }
}
