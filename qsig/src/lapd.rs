//! Q.921: the data link of a D channel, as QSIG uses it (ECMA-141): one point-to-point link, SAPI 0, TEI 0, modulo 128.
//!
//! [`Frame`] reads and writes one frame (address to last information octet, no flags, no FCS); [`Link`] is the
//! protocol machine of ITU-T Q.921 Annex B with the states 4 to 8. There is no TEI management: the link always
//! wants to be established, and tries again for as long as layer 1 is up.

mod frame;
mod link;
mod statistics;
#[cfg(test)]
mod tests;

pub use frame::{Control, Frame, FrameError, FrameReject, SupervisoryKind, UnnumberedKind};
pub use link::{Indication, Link, Parameters, SendError, State};
pub use statistics::Statistics;

/// Which end of the trunk we are. It decides the command/response bit of Q.921, and nothing else at layer 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// The network side (`isdn protocol-emulate network`); QSIG side A.
    Network,
    /// The user side (`isdn protocol-emulate user`, the IOS default); QSIG side B.
    #[default]
    User,
}

impl Side {
    /// The other end's side.
    pub fn peer(self) -> Self {
        match self {
            Self::Network => Self::User,
            Self::User => Self::Network,
        }
    }
}
