//! What the PBX said, and what the voice mail server is told (`QSIG-MWI.md` 5).

use serde::{Deserialize, Serialize};

/// Seconds of `Retry-After` in a 503.
pub const RETRY_AFTER: u32 = 30;

/// How a message waiting operation ended on the trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Return result.
    Done,
    /// Return error with this local value.
    Error(i32),
    /// Reject with this invoke problem.
    Reject(u8),
    /// Cleared with this Q.850 cause, without an answer to the operation.
    Cause(u8),
    /// CONNECT came, the answer to the operation did not, and the supervision timer ran out.
    ConnectedWithoutResult,
    /// Nothing came in answer to SETUP.
    NoAnswer,
    /// Layer 1 or 2 is down.
    LinkDown,
}

/// What follows from an [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// SIP status that answers the NOTIFY.
    pub status: u16,
    /// Whether the operation is to be tried again from the queue.
    pub retry: RetryClass,
    /// Value of `Retry-After` in seconds, for a 503.
    pub retry_after: Option<u32>,
    /// The PBX has no message waiting service: mark the trunk.
    pub unsupported: bool,
    /// Another trunk of the group may do better.
    pub next_trunk: bool,
}

/// Whether an operation is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetryClass {
    /// No: it is done, or would fail again.
    No,
    /// After a back-off.
    Later,
    /// When the trunk is back.
    TrunkDown,
}

/// The SIP status for an outcome; a CONNECT without result counts as unanswered.
///
/// | on the trunk | status |
/// |---|---|
/// | result | 200 |
/// | error 6; cause 1, 3, 28 | 404 |
/// | error 0, 1007; cause 50, 57 | 403 |
/// | error 8; cause 58, 65 | 488 |
/// | reject 1; cause 29, 63, 69, 79 | 501, trunk marked |
/// | error 3, 11, 1000; cause 17, 27, 31, 34, 38, 41, 42, 47 | 503 with Retry-After, later |
/// | error 1018, 1008 and all others | 500 |
/// | CONNECT without result | 504 |
/// | no answer to SETUP; cause 18, 102 | 504, next trunk, later |
/// | layer 2 down | 503 with Retry-After, when the trunk is back |
///
/// ```
/// use mwi::verdict::{Outcome, sip_status};
/// assert_eq!(sip_status(&Outcome::Error(6)).status, 404);
/// ```
pub fn sip_status(outcome: &Outcome) -> Verdict {
    match *outcome {
        Outcome::Done => Verdict::of(200),
        Outcome::Error(6) | Outcome::Cause(1 | 3 | 28) => Verdict::of(404),
        Outcome::Error(0 | 1007) | Outcome::Cause(50 | 57) => Verdict::of(403),
        Outcome::Error(8) | Outcome::Cause(58 | 65) => Verdict::of(488),
        Outcome::Reject(1) | Outcome::Cause(29 | 63 | 69 | 79) => {
            Verdict { unsupported: true, ..Verdict::of(501) }
        }
        Outcome::Error(3 | 11 | 1000) | Outcome::Cause(17 | 27 | 31 | 34 | 38 | 41 | 42 | 47) => {
            Verdict { retry: RetryClass::Later, retry_after: Some(RETRY_AFTER), ..Verdict::of(503) }
        }
        Outcome::NoAnswer | Outcome::Cause(18 | 102) => {
            Verdict { retry: RetryClass::Later, next_trunk: true, ..Verdict::of(504) }
        }
        Outcome::ConnectedWithoutResult => Verdict::of(504),
        Outcome::LinkDown => Verdict {
            retry: RetryClass::TrunkDown,
            retry_after: Some(RETRY_AFTER),
            next_trunk: true,
            ..Verdict::of(503)
        },
        Outcome::Error(_) | Outcome::Reject(_) | Outcome::Cause(_) => Verdict::of(500),
    }
}

/// The same on a trunk where a CONNECT without result means done.
pub fn sip_status_connect_is_done(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::ConnectedWithoutResult => Verdict::of(200),
        other => sip_status(other),
    }
}

impl Verdict {
    /// Whether the lamp is as the voice mail wants it.
    pub fn is_done(&self) -> bool {
        self.status == 200
    }

    fn of(status: u16) -> Self {
        Self { status, retry: RetryClass::No, retry_after: None, unsupported: false, next_trunk: false }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Cause, ConnectedWithoutResult, Done, Error, LinkDown, NoAnswer, Reject};
    use super::*;

    /// Status, retry, Retry-After, trunk marked, next trunk, outcomes.
    type Row = (u16, RetryClass, Option<u32>, bool, bool, Vec<Outcome>);

    /// The rows of QSIG-MWI.md 5, the two statuses of "403 / 488" apart.
    fn rows() -> Vec<Row> {
        use RetryClass::{Later, No, TrunkDown};
        let causes = |list: &[u8]| list.iter().map(|&n| Cause(n)).collect::<Vec<_>>();
        let with = |mut all: Vec<Outcome>, list: &[u8]| {
            all.extend(causes(list));
            all
        };
        vec![
            (200, No, None, false, false, vec![Done]),
            (404, No, None, false, false, with(vec![Error(6)], &[1, 3, 28])),
            (403, No, None, false, false, with(vec![Error(0), Error(1007)], &[50, 57])),
            (488, No, None, false, false, with(vec![Error(8)], &[58, 65])),
            (501, No, None, true, false, with(vec![Reject(1)], &[29, 63, 69, 79])),
            (
                503,
                Later,
                Some(30),
                false,
                false,
                with(vec![Error(3), Error(11), Error(1000)], &[17, 27, 31, 34, 38, 41, 42, 47]),
            ),
            (
                500,
                No,
                None,
                false,
                false,
                vec![
                    Error(1018),
                    Error(1008),
                    Error(1),
                    Error(-5),
                    Error(43),
                    Reject(0),
                    Reject(7),
                    Cause(16),
                    Cause(127),
                ],
            ),
            (504, No, None, false, false, vec![ConnectedWithoutResult]),
            (504, Later, None, false, true, with(vec![NoAnswer], &[18, 102])),
            (503, TrunkDown, Some(30), false, true, vec![LinkDown]),
        ]
    }

    #[test]
    fn every_row_of_the_table_has_its_status() {
        for (status, retry, retry_after, unsupported, next_trunk, outcomes) in rows() {
            for outcome in outcomes {
                let expected = Verdict { status, retry, retry_after, unsupported, next_trunk };
                assert_eq!(sip_status(&outcome), expected, "{outcome:?}");
            }
        }
    }

    #[test]
    fn causes_outside_the_table_are_500() {
        let listed: Vec<u8> = rows()
            .into_iter()
            .flat_map(|row| row.5)
            .filter_map(|outcome| if let Cause(n) = outcome { Some(n) } else { None })
            .collect();
        for cause in (0..=127).filter(|cause| !listed.contains(cause)) {
            assert_eq!(sip_status(&Cause(cause)).status, 500, "cause {cause}");
        }
    }

    #[test]
    fn a_connect_without_result_can_mean_done() {
        assert!(sip_status_connect_is_done(&ConnectedWithoutResult).is_done());
        assert!(!sip_status(&ConnectedWithoutResult).is_done());
        assert_eq!(sip_status_connect_is_done(&Error(6)), sip_status(&Error(6)));
    }
}
