//! The layer 3 timers of Q.931 9.2: names, defaults and meanings stand in one table here, which `show` prints and `isdn timer`
//! changes. Defaults marked so are from memory of ECMA-143; the others stand in Q.931.

use std::time::Duration;

macro_rules! timers {
    ($($field:ident, $name:literal, $default:literal ms, $state:literal, $meaning:literal;)*) => {
        /// The layer 3 timers. Each may be set to anything; zero expires at once.
        ///
        /// | timer | default (ms) | states | started, stopped, on expiry |
        /// |---|---|---|---|
        $(#[doc = concat!("| ", $name, " | ", stringify!($default), " | ", $state, " | ", $meaning, " |")])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Timers {
            $(#[doc = $meaning] pub $field: Duration,)*
        }

        impl Default for Timers {
            fn default() -> Self {
                Self { $($field: Duration::from_millis($default),)* }
            }
        }

        impl Timers {
            /// Name, value and meaning of every timer, for `show`.
            pub fn table(&self) -> Vec<(&'static str, Duration, &'static str)> {
                vec![$(($name, self.$field, $meaning),)*]
            }

            /// Sets the timer of a name as the table has it (`isdn timer T303 4000`).
            ///
            /// # Errors
            /// [`TimerError`]; nothing was changed then.
            ///
            /// ```
            /// use std::time::Duration;
            /// let mut timers = qsig::Timers::default();
            /// timers.set("T309", Duration::from_secs(40))?;
            /// assert_eq!(timers.t309, Duration::from_secs(40));
            /// assert!(timers.set("T307", Duration::from_secs(180)).is_err());
            /// # Ok::<(), qsig::timers::TimerError>(())
            /// ```
            pub fn set(&mut self, name: &str, value: Duration) -> Result<(), TimerError> {
                match name {
                    $($name => self.$field = value,)*
                    _ => return Err(TimerError::of(name)),
                }
                Ok(())
            }
        }
    };
}

timers! {
    t301, "T301", 180000 ms, "U4", "ALERTING received, until CONNECT; then cleared with cause 19.";
    t302, "T302", 15000 ms, "U25", "Overlap receiving: silence after the last digit; then the number counts as complete.";
    t303, "T303", 4000 ms, "U1", "SETUP sent, until any answer; SETUP once more, then given up, cause 102.";
    t304, "T304", 20000 ms, "U2", "Overlap sending: until CALL PROCEEDING, ALERTING or CONNECT; then cleared with cause 102.";
    t305, "T305", 30000 ms, "U11", "DISCONNECT sent, until RELEASE; then RELEASE is sent.";
    t306, "T306", 30000 ms, "U12", "DISCONNECT with tones received: RELEASE is sent after this if the owner has not cleared.";
    t308, "T308", 4000 ms, "U19", "RELEASE sent, until RELEASE COMPLETE; RELEASE once more, then the call reference is freed.";
    t309, "T309", 90000 ms, "U10", "Data link lost with active calls (90 s from memory): then they are cleared, cause 27.";
    t310, "T310", 110000 ms, "U3", "CALL PROCEEDING received, until ALERTING or CONNECT (110 s from memory); then cleared, cause 102.";
    t313, "T313", 4000 ms, "U8, U10", "CONNECT sent, until CONNECT ACKNOWLEDGE (in QSIG on both sides from memory); then cleared, cause 102.";
    t314, "T314", 4000 ms, "any", "SEGMENT received, until the next segment; then the message is discarded.";
    t316, "T316", 120000 ms, "global", "RESTART sent, until RESTART ACKNOWLEDGE; RESTART once more, then given up.";
    t321, "T321", 30000 ms, "global", "NFAS: SERVICE sent for the other D channel, until SERVICE ACKNOWLEDGE; then it is asked again (30 s from memory).";
    t322, "T322", 4000 ms, "any", "STATUS ENQUIRY sent, until STATUS; once more, then the call is cleared with cause 41.";
    hold, "T-HOLD", 4000 ms, "U10", "HOLD sent, until HOLD ACKNOWLEDGE or HOLD REJECT (Q.932); then it counts as refused.";
    retrieve, "T-RETRIEVE", 4000 ms, "U10", "RETRIEVE sent, until RETRIEVE ACKNOWLEDGE or RETRIEVE REJECT (Q.932); then it counts as refused.";
    answer, "answer", 30000 ms, "U6, U25", "An incoming call or connection waits for the owner's first reaction at most so long.";
    proceeding, "proceeding", 2000 ms, "U6", "CALL PROCEEDING is sent if the application has not answered after this; below T303.";
    idle, "idle", 60000 ms, "U10", "An incoming call independent connection without operations is released after this.";
}

/// The timers of Q.931 that a point-to-point primary rate interface of ours never starts, and why.
pub const UNUSED: &[(&str, &str)] = &[
    ("T307", "SUSPEND is refused, so no call is ever suspended"),
    ("T312", "SETUP is never broadcast"),
    ("T317", "calls are cleared the moment RESTART comes"),
    ("T318", "RESUME is never sent"),
    ("T319", "SUSPEND is never sent"),
    ("T320", "there are no packet calls on the D channel"),
];

/// Why a timer cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerError {
    /// A timer of Q.931 that is never started here.
    #[error("{name} is not used: {reason}")]
    Unused {
        /// Its name.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// No timer of this name.
    #[error("there is no timer {0:?}, expected T301 to T322")]
    Unknown(String),
}

impl TimerError {
    fn of(name: &str) -> Self {
        match UNUSED.iter().find(|(unused, _)| *unused == name) {
            Some(&(name, reason)) => Self::Unused { name, reason },
            None => Self::Unknown(name.to_owned()),
        }
    }
}
