use crate::{ErrorKind, HalError};

/// What DAHDI refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DahdiError {
    /// A device node or a request.
    #[error("{place}: {what}: {source}{}", advice(source))]
    Request {
        /// `channel 5`, `span 1`, or the node.
        place: String,
        /// DAHDI's name of the request, or `open`, `read`, `write`.
        what: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A channel that is configured for something else.
    #[error("channel {channel} has signalling {found:#x}, expected {expected} (see /etc/dahdi/system.conf)")]
    Signalling {
        /// Its number.
        channel: u32,
        /// DAHDI's number of the signalling.
        found: i32,
        /// In the words of `system.conf`.
        expected: &'static str,
    },
    /// A span of another kind.
    #[error("span {span} has {channels} channels, expected {expected}")]
    Kind {
        /// Its number.
        span: u32,
        /// How many channels it has.
        channels: u32,
        /// What it should be, with the number of channels.
        expected: &'static str,
    },
    /// No bearer channel is there.
    #[error("span {span}: timeslot {timeslot} is no bearer, expected 1 to 15, 17 to 31 (E1) or 1 to 23 (T1)")]
    NoBearer {
        /// The span.
        span: u32,
        /// The timeslot.
        timeslot: u8,
    },
    /// The port cannot do that.
    #[error("channel {channel}: the hardware has no {what}")]
    Unsupported {
        /// Its number.
        channel: u32,
        /// What it lacks.
        what: &'static str,
    },
    /// A frame too short or too long.
    #[error("frame of {octets} octets, expected 1 to {max}")]
    Frame {
        /// Its length.
        octets: usize,
        /// The longest.
        max: usize,
    },
    /// The span is in alarm.
    #[error("channel {channel}: the span is in alarm")]
    Alarm {
        /// The channel.
        channel: u32,
    },
    /// The board is gone.
    #[error("channel {channel} was removed")]
    Removed {
        /// The channel.
        channel: u32,
    },
}

impl DahdiError {
    pub(super) fn new(place: impl Into<String>, what: &'static str, source: std::io::Error) -> Self {
        Self::Request { place: place.into(), what, source }
    }

    pub(super) fn channel(channel: u32, what: &'static str, source: std::io::Error) -> Self {
        if source.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) {
            return Self::Removed { channel };
        }
        Self::new(format!("channel {channel}"), what, source)
    }
}

/// What to do about the errors that everybody meets once.
fn advice(error: &std::io::Error) -> &'static str {
    use nix::errno::Errno;
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => " (is the dahdi module loaded?)",
        Some(Errno::EACCES) => " (is the user in the group of /dev/dahdi?)",
        Some(Errno::EBUSY) => " (does another program have it open?)",
        Some(Errno::ENXIO) => " (does /etc/dahdi/system.conf configure it?)",
        _ => "",
    }
}

impl HalError for DahdiError {
    fn kind(&self) -> ErrorKind {
        use nix::errno::Errno;
        match self {
            Self::Request { source, .. } => match source.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EAGAIN | Errno::EBUSY) => ErrorKind::Busy,
                Some(Errno::ENOTTY | Errno::ENOSYS) => ErrorKind::Unsupported,
                Some(Errno::ENODEV) => ErrorKind::Closed,
                _ => ErrorKind::Io,
            },
            Self::Signalling { .. } | Self::Kind { .. } | Self::NoBearer { .. } | Self::Frame { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Alarm { .. } => ErrorKind::Alarm,
            Self::Removed { .. } => ErrorKind::Closed,
        }
    }
}
