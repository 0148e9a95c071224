//! Digits taken out of the audio when they go another way.

use super::{DtmfDetector, DtmfEvent};

/// Hears digits and silences them, so that a far end that gets them as events (RFC 4733) or signalling does not
/// hear them a second time in the audio.
///
/// What gets through of a digit is shorter than the 23 ms that no receiver may take for one (Q.24), as long as
/// blocks are 20 ms or shorter.
///
/// ```
/// use media::dtmf::{self, DtmfClamp, DtmfDetector};
/// use media::locale;
/// use media::tone::ToneGenerator;
///
/// let spec = dtmf::sequence("42", locale::default().dtmf, 80, 80)?;
/// let mut line = ToneGenerator::new(&spec);
/// let (mut clamp, mut far) = (DtmfClamp::default(), DtmfDetector::default());
/// let (mut events, mut doubles) = (0, 0);
/// for _ in 0..20 {
///     let mut block = [0i16; 160];
///     line.fill(&mut block);
///     clamp.process(&mut block, |_| events += 1);
///     far.feed(&block, |_| doubles += 1);
/// }
/// assert_eq!((events, doubles), (4, 0));
/// # Ok::<(), dtmf::DtmfError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DtmfClamp {
    detector: DtmfDetector,
}

impl DtmfClamp {
    /// A clamp with a detector of one's own choosing.
    #[must_use]
    pub fn new(detector: DtmfDetector) -> Self {
        Self { detector }
    }

    /// Hears a block of at most 20 ms on its way and silences it if a digit sounds or seems to.
    pub fn process(&mut self, block: &mut [i16], on: impl FnMut(DtmfEvent)) {
        let before = self.detector.suspects();
        self.detector.feed(block, on);
        if before || self.detector.suspects() {
            block.fill(0);
        }
    }

    /// The detector, for [`DtmfDetector::set_dial_tone`] and [`DtmfDetector::reset`].
    pub fn detector(&mut self) -> &mut DtmfDetector {
        &mut self.detector
    }
}
