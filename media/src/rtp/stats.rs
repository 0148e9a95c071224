//! What a receiver knows of a source: order, loss and jitter (RFC 3550 appendix A).

use super::Header;

/// Sequence numbers further ahead than this are a restart, not a loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;
/// Sequence numbers at most this far behind are late, not a restart (MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// Reception of one source. Feed it every packet with its arrival on the receiver's own sample clock.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    base: u32,
    highest: u16,
    cycles: u32,
    received: u32,
    bad: Option<u16>,
    transit: Option<u32>,
    /// Jitter times 16, as RFC 3550 A.8 keeps it.
    jitter16: u32,
    expected_before: u32,
    received_before: u32,
}

/// A reception report block of RTCP (RFC 3550 6.4.1), without the fields about sender reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The source reported on.
    pub ssrc: u32,
    /// Part lost since the last report, of 256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative if more came than expected (duplicates).
    pub lost: i32,
    /// Highest sequence number, with the count of its cycles above.
    pub highest: u32,
    /// Interarrival jitter in samples.
    pub jitter: u32,
}

impl Reception {
    /// Counts a packet that arrived at `arrival` samples of the local clock. Returns false if it should be
    /// dropped, being the first after an impossible jump of its sequence number (a second one restarts).
    pub fn packet(&mut self, header: &Header, arrival: u32) -> bool {
        if self.ssrc != Some(header.ssrc) {
            self.restart(header);
        } else {
            let ahead = header.sequence.wrapping_sub(self.highest);
            if ahead == 0 || ahead > 0u16.wrapping_sub(MAX_MISORDER) {
                // Duplicate or late: counted, nothing else changes.
            } else if ahead < MAX_DROPOUT {
                if header.sequence < self.highest {
                    self.cycles = self.cycles.wrapping_add(1 << 16);
                }
                self.highest = header.sequence;
            } else if self.bad == Some(header.sequence) {
                self.restart(header);
            } else {
                self.bad = Some(header.sequence.wrapping_add(1));
                return false;
            }
        }
        self.received = self.received.wrapping_add(1);
        self.time(header, arrival);
        true
    }

    /// Packets counted.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that should have come.
    #[must_use]
    pub fn expected(&self) -> u32 {
        if self.ssrc.is_none() {
            return 0;
        }
        self.cycles.wrapping_add(self.highest.into()).wrapping_sub(self.base).wrapping_add(1)
    }

    /// Interarrival jitter in samples (RFC 3550 6.4.1).
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter16 >> 4
    }

    /// The next report block; `None` before the first packet.
    pub fn report(&mut self) -> Option<Report> {
        let ssrc = self.ssrc?;
        let expected = self.expected();
        let interval = expected.wrapping_sub(self.expected_before);
        let came = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let missing = interval.saturating_sub(came).min(interval);
        let fraction = if interval == 0 { 0 } else { u64::from(missing) * 256 / u64::from(interval) };
        Some(Report {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: (i64::from(expected) - i64::from(self.received)).clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest: self.cycles.wrapping_add(self.highest.into()),
            jitter: self.jitter(),
        })
    }

    fn restart(&mut self, header: &Header) {
        *self = Self {
            ssrc: Some(header.ssrc),
            base: header.sequence.into(),
            highest: header.sequence,
            ..Self::default()
        };
    }

    //= RFC 3550 6.4.1: "J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16"
    fn time(&mut self, header: &Header, arrival: u32) {
        let transit = arrival.wrapping_sub(header.timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let d = transit.wrapping_sub(before).cast_signed().unsigned_abs().min(8000 * 60);
            self.jitter16 = self.jitter16 + d - ((self.jitter16 + 8) >> 4);
        }
    }
}
