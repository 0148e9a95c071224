//! Telephone events (RFC 4733): digits and hook flash as RTP, without loss and without doubles.
//!
//! ```
//! use media::rtp::event::{Event, EventReceiver, EventSender, Heard};
//!
//! let mut sender = EventSender::default();
//! let mut receiver = EventReceiver::default();
//! sender.begin(Event::from_digit('5').expect("a digit"), 10, 4000);
//! let mut heard = Vec::new();
//! for now in [4160, 4320, 4480] {
//!     if now == 4480 {
//!         sender.finish(now);
//!     }
//!     while let Some(packet) = sender.poll(now) {
//!         receiver.packet(packet.timestamp, packet.marker, &packet.payload, |e| heard.push(e));
//!     }
//! }
//! let five = Event::from_digit('5').expect("a digit");
//! assert_eq!(heard, [Heard::Begin { event: five }, Heard::End { event: five, samples: 480 }]);
//! ```

/// A named event: 0-9, 10 `*`, 11 `#`, 12-15 `A`-`D`, 16 flash (RFC 4733 table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event(pub u8);

impl Event {
    /// Hook flash.
    pub const FLASH: Event = Event(16);

    /// The event of a DTMF digit, `A` to `D` in either case; `!` is a hook flash, as in IOS.
    #[must_use]
    pub fn from_digit(digit: char) -> Option<Self> {
        let code = match digit.to_ascii_uppercase() {
            d @ '0'..='9' => d as u8 - b'0',
            '*' => 10,
            '#' => 11,
            d @ 'A'..='D' => d as u8 - b'A' + 12,
            '!' => Self::FLASH.0,
            _ => return None,
        };
        Some(Self(code))
    }

    /// The event of a trunk's signalling bits ABCD, A the highest, 0 to 15 (RFC 2833 3.14: 144 to 159).
    #[must_use]
    pub fn from_abcd(bits: u8) -> Self {
        Self(144 + (bits & 0x0F))
    }

    /// The signalling bits, if it is they.
    #[must_use]
    pub fn abcd(self) -> Option<u8> {
        (144..160).contains(&self.0).then(|| self.0 - 144)
    }

    /// The DTMF digit, if it is one, or `!` for a hook flash.
    #[must_use]
    pub fn digit(self) -> Option<char> {
        match self.0 {
            n @ 0..=9 => Some(char::from(b'0' + n)),
            10 => Some('*'),
            11 => Some('#'),
            n @ 12..=15 => Some(char::from(b'A' + n - 12)),
            16 => Some('!'),
            _ => None,
        }
    }
}

/// The four octets of an event packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPayload {
    /// Which event.
    pub event: Event,
    /// Whether it is over.
    pub end: bool,
    /// Level below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// How long so far, in samples.
    pub duration: u16,
}

impl EventPayload {
    /// Reads a payload; `None` if it is shorter than four octets. More than one block is not used (RFC 4733 2.5.1.5
    /// lets a sender omit it), the first counts.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, d0, d1] = *payload.first_chunk::<4>()?;
        Some(Self {
            event: Event(event),
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The four octets.
    #[must_use]
    pub fn octets(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event.0, u8::from(self.end) << 7 | self.volume & 0x3F, d0, d1]
    }
}

/// A packet to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// RTP timestamp: where the event, or its present segment, began.
    pub timestamp: u32,
    /// Marker bit: the first packet of an event.
    pub marker: bool,
    /// Payload.
    pub payload: [u8; 4],
}

/// Samples between two packets of an event (50 ms, RFC 4733 2.5.1.2; 20 ms here, the packet time of audio).
const UPDATE: u32 = 160;
/// How often the end is sent.
const END_PACKETS: u8 = 3;

/// Makes the packets of one event after another.
#[derive(Clone, Debug, Default)]
pub struct EventSender {
    state: Option<Sending>,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    event: Event,
    volume: u8,
    /// Beginning of the segment.
    timestamp: u32,
    /// When the next packet is due.
    due: u32,
    first: bool,
    /// When it ended, and how many end packets are still to be sent.
    end: Option<(u32, u8)>,
}

impl EventSender {
    /// Begins an event at `now` samples of the stream's clock. One in progress is cut off without an end packet:
    /// the receiver sees the new timestamp (RFC 4733 2.5.2.2).
    pub fn begin(&mut self, event: Event, volume: u8, now: u32) {
        let due = now.wrapping_add(UPDATE);
        self.state = Some(Sending { event, volume, timestamp: now, due, first: true, end: None });
    }

    /// Ends the event at `now`. At least one sample long.
    pub fn finish(&mut self, now: u32) {
        if let Some(s) = &mut self.state
            && s.end.is_none()
        {
            s.end = Some((now, END_PACKETS));
            s.due = now;
        }
    }

    /// Whether an event or its end packets are still being sent; audio should be held back meanwhile.
    #[must_use]
    pub fn active(&self) -> bool {
        self.state.is_some()
    }

    /// The packet due at `now`; call until `None`, every 20 ms or oftener. The ends follow 20 ms apart.
    pub fn poll(&mut self, now: u32) -> Option<EventPacket> {
        let s = self.state.as_mut()?;
        if now.wrapping_sub(s.due).cast_signed() < 0 {
            return None;
        }
        let until = s.end.map_or(now, |(end, _)| end);
        let elapsed = until.wrapping_sub(s.timestamp);
        let timestamp = s.timestamp;
        let marker = std::mem::take(&mut s.first);
        let long = elapsed > 0xFFFF;
        // RFC 4733 2.5.1.3: a long-lasting event is sent as segments, each of the greatest duration.
        let payload = EventPayload {
            event: s.event,
            end: s.end.is_some() && !long,
            volume: s.volume,
            duration: elapsed.clamp(1, 0xFFFF) as u16,
        };
        if long {
            s.timestamp = s.timestamp.wrapping_add(0xFFFF);
        } else {
            s.due = now.wrapping_add(UPDATE);
            if let Some((_, left)) = &mut s.end {
                *left -= 1;
                if *left == 0 {
                    self.state = None;
                }
            }
        }
        Some(EventPacket { timestamp, marker, payload: payload.octets() })
    }
}

/// What the far end did, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event began.
    Begin {
        /// Which.
        event: Event,
    },
    /// It is over.
    End {
        /// Which.
        event: Event,
        /// How long it was, in samples.
        samples: u32,
    },
    /// A named signalling event (NSE) came, which has no end.
    Signal {
        /// Which: 192 and above.
        event: Event,
    },
}

/// A packet this much older than the newest event, in samples, or less, is a late copy: one minute.
const STALE: u32 = 60 * 8000;

/// Turns event packets, repeated, lost and out of order as they come, into beginnings and ends.
#[derive(Clone, Debug, Default)]
pub struct EventReceiver {
    current: Option<Current>,
    /// Timestamp of the newest event that is over.
    over: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    event: Event,
    /// Of the present segment.
    timestamp: u32,
    duration: u16,
    /// Samples of segments before.
    before: u32,
}

impl EventReceiver {
    /// Takes a packet of the telephone-event payload type. Malformed ones are ignored.
    pub fn packet(&mut self, timestamp: u32, marker: bool, payload: &[u8], mut on: impl FnMut(Heard)) {
        let Some(p) = EventPayload::parse(payload) else { return };
        // A minute at most: the clock of a call that lasts days comes round.
        let stale = |than: u32| than.wrapping_sub(timestamp) < STALE;
        if self.over.is_some_and(stale) {
            return;
        }
        if let Some(c) = &mut self.current {
            let next_segment = timestamp == c.timestamp.wrapping_add(0xFFFF) && p.event == c.event && !marker;
            if timestamp == c.timestamp || next_segment {
                if next_segment {
                    c.before = c.before.saturating_add(0xFFFF);
                    c.timestamp = timestamp;
                    c.duration = 0;
                }
                c.duration = c.duration.max(p.duration);
                if p.end {
                    self.end(&mut on);
                }
                return;
            }
            if stale(c.timestamp) {
                return;
            }
            // The end was lost: what was heard so far counts.
            self.end(&mut on);
        }
        on(Heard::Begin { event: p.event });
        self.current = Some(Current { event: p.event, timestamp, duration: p.duration, before: 0 });
        if p.end {
            self.end(&mut on);
        }
    }

    /// The event in progress.
    #[must_use]
    pub fn current(&self) -> Option<Event> {
        self.current.map(|c| c.event)
    }

    /// Ends the event in progress because no packet has come for a while (three packet times or more), or
    /// because audio has come in its place.
    pub fn expire(&mut self, mut on: impl FnMut(Heard)) {
        self.end(&mut on);
    }

    fn end(&mut self, on: &mut impl FnMut(Heard)) {
        if let Some(c) = self.current.take() {
            self.over = Some(c.timestamp);
            on(Heard::End { event: c.event, samples: c.before.saturating_add(c.duration.into()) });
        }
    }
}

#[cfg(test)]
mod tests;
