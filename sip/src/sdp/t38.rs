//! T.38 fax over UDPTL: the attributes of an `m=image … udptl t38` section (ITU-T T.38 annex D).

use super::Media;

/// Who judges the training check (T.38 8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateManagement {
    /// Method 1: each gateway makes TCF itself. For TCP.
    LocalTcf,
    /// Method 2: TCF is transferred. What UDP needs.
    #[default]
    TransferredTcf,
}

/// How datagrams that are lost are made up for (T.38 9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorCorrection {
    /// Not at all; newer than `t38UDPRedundancy`, and understood by fewer.
    None,
    /// Earlier packets are repeated.
    #[default]
    Redundancy,
    /// Parity packets.
    Fec,
}

/// What one side says about its fax.
///
/// ```
/// use sip::sdp::{Format, Media, Sdp, T38};
/// let text = "v=0\r\nm=image 16400 udptl t38\r\na=T38FaxVersion:3\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval:0\r\n";
/// let offered = T38::of(&Sdp::parse(text.as_bytes())?.media[0]).unwrap();
/// let answer = T38::default().answer(&offered);
/// assert_eq!((answer.version, answer.max_bit_rate), (0, Some(14_400)));
/// # Ok::<(), sip::sdp::SdpError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct T38 {
    /// `T38FaxVersion`: 0 (1998) to 3 (2005). An answer has at most the offer's.
    pub version: u8,
    /// `T38MaxBitRate`, bit/s.
    pub max_bit_rate: Option<u32>,
    /// `T38FaxFillBitRemoval`.
    pub fill_bit_removal: bool,
    /// `T38FaxTranscodingMMR`.
    pub transcoding_mmr: bool,
    /// `T38FaxTranscodingJBIG`.
    pub transcoding_jbig: bool,
    /// `T38FaxRateManagement`.
    pub rate_management: RateManagement,
    /// `T38FaxMaxBuffer`, octets the describing side can hold.
    pub max_buffer: Option<u32>,
    /// `T38FaxMaxDatagram`, octets the describing side takes in a datagram.
    pub max_datagram: Option<u32>,
    /// `T38FaxUdpEC`.
    pub error_correction: ErrorCorrection,
}

impl Default for T38 {
    /// Version 0, 14,400 bit/s, transferred TCF, redundancy; buffer and datagram as IOS writes them.
    fn default() -> T38 {
        T38 {
            version: 0,
            max_bit_rate: Some(14_400),
            fill_bit_removal: false,
            transcoding_mmr: false,
            transcoding_jbig: false,
            rate_management: RateManagement::TransferredTcf,
            max_buffer: Some(200),
            max_datagram: Some(72),
            error_correction: ErrorCorrection::Redundancy,
        }
    }
}

impl T38 {
    /// What `media` says, when it is T.38. Attributes that are missing or malformed have T.38's default; a flag
    /// may be written `:0`, `:1`, or alone.
    pub fn of(media: &Media) -> Option<T38> {
        let udptl =
            media.protocol.eq_ignore_ascii_case("udptl") || media.protocol.eq_ignore_ascii_case("tcp");
        if !udptl || !media.format_tokens.iter().any(|format| format.eq_ignore_ascii_case("t38")) {
            return None;
        }
        let number = |name: &str| media.attribute(name).and_then(|value| value.trim().parse::<u32>().ok());
        // Some gateways write the flag without a value for true, and `:0` for false.
        let flag = |name: &str| media.attribute(name).is_some_and(|value| value.trim() != "0");
        let word = |name: &str, word: &str| {
            media.attribute(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
        };
        Some(T38 {
            version: number("T38FaxVersion").and_then(|version| u8::try_from(version).ok()).unwrap_or(0),
            max_bit_rate: number("T38MaxBitRate"),
            fill_bit_removal: flag("T38FaxFillBitRemoval"),
            transcoding_mmr: flag("T38FaxTranscodingMMR"),
            transcoding_jbig: flag("T38FaxTranscodingJBIG"),
            rate_management: if word("T38FaxRateManagement", "localTCF") {
                RateManagement::LocalTcf
            } else {
                RateManagement::TransferredTcf
            },
            max_buffer: number("T38FaxMaxBuffer"),
            max_datagram: number("T38FaxMaxDatagram"),
            error_correction: if word("T38FaxUdpEC", "t38UDPFEC") {
                ErrorCorrection::Fec
            } else if word("T38FaxUdpEC", "t38UDPNoEC") {
                ErrorCorrection::None
            } else {
                ErrorCorrection::Redundancy
            },
        })
    }

    /// Our answer to `offered`, with `self` as what we can do: never more than was offered in what is
    /// negotiated (version, bit rate, bit removal, transcoding, error correction), the offer's rate
    /// management, and our own buffer and datagram, which are declared.
    #[must_use]
    pub fn answer(&self, offered: &T38) -> T38 {
        let least = |own: Option<u32>, theirs: Option<u32>| match (own, theirs) {
            (Some(own), Some(theirs)) => Some(own.min(theirs)),
            (own, theirs) => own.or(theirs),
        };
        T38 {
            version: self.version.min(offered.version),
            max_bit_rate: least(self.max_bit_rate, offered.max_bit_rate),
            fill_bit_removal: self.fill_bit_removal && offered.fill_bit_removal,
            transcoding_mmr: self.transcoding_mmr && offered.transcoding_mmr,
            transcoding_jbig: self.transcoding_jbig && offered.transcoding_jbig,
            rate_management: offered.rate_management,
            max_buffer: self.max_buffer,
            max_datagram: self.max_datagram,
            error_correction: match (self.error_correction, offered.error_correction) {
                (own, theirs) if own == theirs => own,
                // Every T.38 device has redundancy; FEC is understood only where it was offered.
                (_, ErrorCorrection::None) => ErrorCorrection::None,
                (ErrorCorrection::None, _) => ErrorCorrection::None,
                _ => ErrorCorrection::Redundancy,
            },
        }
    }

    /// The attributes, without `a=`, for [`super::LocalMedia::attributes`].
    pub fn attributes(&self) -> Vec<String> {
        let mut all = vec![format!("T38FaxVersion:{}", self.version)];
        let number = |name: &str, value: Option<u32>| value.map(|value| format!("{name}:{value}"));
        all.extend(number("T38MaxBitRate", self.max_bit_rate));
        // Written with its number: to some readers the attribute alone says yes, to others nothing.
        for (name, value) in [
            ("T38FaxFillBitRemoval", self.fill_bit_removal),
            ("T38FaxTranscodingMMR", self.transcoding_mmr),
            ("T38FaxTranscodingJBIG", self.transcoding_jbig),
        ] {
            all.push(format!("{name}:{}", u8::from(value)));
        }
        let management = match self.rate_management {
            RateManagement::LocalTcf => "localTCF",
            RateManagement::TransferredTcf => "transferredTCF",
        };
        all.push(format!("T38FaxRateManagement:{management}"));
        all.extend(number("T38FaxMaxBuffer", self.max_buffer));
        all.extend(number("T38FaxMaxDatagram", self.max_datagram));
        let correction = match self.error_correction {
            ErrorCorrection::None => "t38UDPNoEC",
            ErrorCorrection::Redundancy => "t38UDPRedundancy",
            ErrorCorrection::Fec => "t38UDPFEC",
        };
        all.push(format!("T38FaxUdpEC:{correction}"));
        all
    }
}
