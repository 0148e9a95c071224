//! Q.850 causes and SIP statuses, one for the other, with `set pstn-cause` and `set sip-status`.

use std::collections::BTreeMap;

/// The causes a map has rows for: those Q.850 defines, and 126.
pub const CAUSES: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 34, 38,
    39, 40, 41, 42, 43, 44, 46, 47, 49, 50, 53, 55, 57, 58, 62, 63, 65, 66, 69, 70, 79, 81, 82, 83, 84, 85,
    86, 87, 88, 90, 91, 95, 96, 97, 98, 99, 100, 101, 102, 103, 110, 111, 126, 127,
];

/// IOS's default cause for each SIP status (`show sip-ua map sip-pstn`).
const SIP_TO_PSTN: &[(u16, u8)] = &[
    (400, 127),
    (401, 57),
    (402, 21),
    (403, 57),
    (404, 1),
    (405, 127),
    (406, 127),
    (407, 21),
    (408, 102),
    (409, 41),
    (410, 1),
    (411, 127),
    (413, 127),
    (414, 127),
    (415, 79),
    (420, 127),
    (480, 18),
    (481, 127),
    (482, 127),
    (483, 127),
    (484, 28),
    (485, 1),
    (486, 17),
    (487, 127),
    (488, 127),
    (500, 41),
    (501, 79),
    (502, 38),
    (503, 63),
    (504, 102),
    (505, 127),
    (580, 47),
    (600, 17),
    (603, 21),
    (604, 1),
    (606, 58),
];

/// Unified CM's own causes (table 1-26 of its SIP line messaging guide): where a status is not in it, IOS's default counts.
const UNIFIED_CM: &[(u16, u8)] = &[
    (400, 41),
    (401, 21),
    (402, 21),
    (403, 21),
    (404, 1),
    (405, 63),
    (406, 79),
    (407, 21),
    (408, 102),
    (410, 22),
    (411, 127),
    (413, 127),
    (414, 127),
    (415, 79),
    (416, 127),
    (420, 127),
    (421, 127),
    (423, 127),
    (480, 18),
    (481, 41),
    (482, 25),
    (483, 25),
    (484, 28),
    (485, 1),
    (486, 17),
    (487, 31),
    (488, 31),
    (491, 17),
    (493, 17),
    (500, 41),
    (501, 79),
    (502, 38),
    (503, 41),
    (504, 102),
    (505, 127),
    (513, 127),
    (600, 17),
    (603, 21),
    (604, 1),
    (606, 31),
];

/// Cause sent for a CANCEL: normal call clearing.
pub const CANCEL_CAUSE: u8 = 16;
/// Cause for a SIP status without a row: interworking, unspecified.
pub const OTHER_CAUSE: u8 = 127;
/// Status for a cause without a row.
pub const OTHER_STATUS: u16 = 500;

/// Whose table has the cause of a status that nobody has configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Causes {
    /// That of IOS.
    #[default]
    Ios,
    /// That of Unified CM.
    UnifiedCm,
}

/// Both maps of a gateway, with what was configured over the defaults.
///
/// ```
/// use dialpeer::cause::CauseMap;
///
/// let mut map = CauseMap::default();
/// assert_eq!((map.sip_status(17), map.pstn_cause(486)), (486, 17));
/// map.set_pstn_cause(34, Some(480))?;
/// assert_eq!(map.sip_status(34), 480);
/// # Ok::<(), dialpeer::cause::CauseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CauseMap {
    /// Which causes statuses have by default.
    pub causes: Causes,
    to_sip: BTreeMap<u8, u16>,
    to_pstn: BTreeMap<u16, u8>,
}

impl CauseMap {
    /// The SIP status for a Q.850 cause.
    pub fn sip_status(&self, cause: u8) -> u16 {
        self.to_sip.get(&cause).copied().unwrap_or_else(|| default_status(cause))
    }

    /// The Q.850 cause for a SIP status.
    pub fn pstn_cause(&self, status: u16) -> u8 {
        let own = |table: Causes| match table {
            Causes::Ios => None,
            Causes::UnifiedCm => cause_in(UNIFIED_CM, status),
        };
        let configured = self.to_pstn.get(&status).copied();
        configured.or_else(|| own(self.causes)).unwrap_or_else(|| default_cause(status))
    }

    /// `set pstn-cause CAUSE sip-status STATUS`; `None` returns to the default.
    ///
    /// # Errors
    /// [`CauseError`] unless the cause is 1 to 127 and the status 400 to 699.
    pub fn set_pstn_cause(&mut self, cause: u8, status: Option<u16>) -> Result<(), CauseError> {
        check(cause, status.unwrap_or(400))?;
        match status {
            Some(status) => self.to_sip.insert(cause, status),
            None => self.to_sip.remove(&cause),
        };
        Ok(())
    }

    /// `set sip-status STATUS pstn-cause CAUSE`; `None` returns to the default.
    ///
    /// # Errors
    /// [`CauseError`] unless the status is 400 to 699 and the cause 1 to 127.
    pub fn set_sip_status(&mut self, status: u16, cause: Option<u8>) -> Result<(), CauseError> {
        check(cause.unwrap_or(1), status)?;
        match cause {
            Some(cause) => self.to_pstn.insert(status, cause),
            None => self.to_pstn.remove(&status),
        };
        Ok(())
    }

    /// What was configured, as `sip-ua` writes it.
    pub fn running_config(&self) -> impl Iterator<Item = String> {
        let causes =
            self.to_sip.iter().map(|(cause, status)| format!("set pstn-cause {cause} sip-status {status}"));
        causes.chain(
            self.to_pstn.iter().map(|(status, cause)| format!("set sip-status {status} pstn-cause {cause}")),
        )
    }

    /// The output of `show sip-ua map pstn-sip`, lines ending in LF.
    pub fn show_pstn_sip(&self) -> String {
        let mut out = String::from(
            "PSTN-Cause   Configured        Default\n             SIP-Status       SIP-Status\n",
        );
        let others = self.to_sip.keys().copied().filter(|cause| !CAUSES.contains(cause));
        let mut causes: Vec<u8> = CAUSES.iter().copied().chain(others).collect();
        causes.sort_unstable();
        for cause in causes {
            out.push_str(&row(cause, self.sip_status(cause), default_status(cause)));
        }
        out
    }

    /// The output of `show sip-ua map sip-pstn`, lines ending in LF.
    pub fn show_sip_pstn(&self) -> String {
        let mut out =
            String::from("SIP-Status   Configured        Default\n             PSTN-Cause      PSTN-Cause\n");
        let own = match self.causes {
            Causes::Ios => &[],
            Causes::UnifiedCm => UNIFIED_CM,
        };
        let known = SIP_TO_PSTN.iter().chain(own).map(|(status, _)| *status);
        let mut statuses: Vec<u16> = known.chain(self.to_pstn.keys().copied()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        for status in statuses {
            out.push_str(&row(status, self.pstn_cause(status), default_cause(status)));
        }
        out
    }

    /// The output of `show sip-ua map sip-request-pstn`, lines ending in LF.
    pub fn show_sip_request_pstn(&self) -> String {
        let head = "SIP-Status   Configured        Default\n             PSTN-Cause      PSTN-Cause\n";
        head.to_owned() + &row("CANCEL", CANCEL_CAUSE, CANCEL_CAUSE)
    }
}

/// IOS's default status for a cause.
pub fn default_status(cause: u8) -> u16 {
    match cause {
        1 | 2 | 3 | 26 | 27 | 31 => 404,
        17 => 486,
        18..=20 => 480,
        21 | 55 | 57 => 403,
        22 => 410,
        28 => 484,
        29 | 58 | 65 | 79 => 501,
        34 | 38 | 41 | 42 | 47 | 87 => 503,
        88 | 95 | 111 => 400,
        102 => 408,
        _ => OTHER_STATUS,
    }
}

/// IOS's default cause for a status.
pub fn default_cause(status: u16) -> u8 {
    cause_in(SIP_TO_PSTN, status).unwrap_or(OTHER_CAUSE)
}

fn cause_in(table: &[(u16, u8)], status: u16) -> Option<u8> {
    table.iter().find(|(known, _)| *known == status).map(|(_, cause)| *cause)
}

/// A cause or status outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CauseError {
    /// Not a cause.
    #[error("pstn-cause is {0}, expected 1 to 127")]
    Cause(u8),
    /// Not a final status that fails.
    #[error("sip-status is {0}, expected 400 to 699")]
    Status(u16),
}

fn check(cause: u8, status: u16) -> Result<(), CauseError> {
    if !(1..=127).contains(&cause) {
        return Err(CauseError::Cause(cause));
    }
    if !(400..=699).contains(&status) {
        return Err(CauseError::Status(status));
    }
    Ok(())
}

fn row<K: std::fmt::Display, V: std::fmt::Display>(key: K, configured: V, default: V) -> String {
    format!("{key:<16}{configured:<16}{default}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_ios() {
        let map = CauseMap::default();
        for (causes, status) in [
            (&[1, 2, 3, 26, 27, 31][..], 404),
            (&[17], 486),
            (&[18, 19, 20], 480),
            (&[21, 55, 57], 403),
            (&[22], 410),
            (&[28], 484),
            (&[29, 58, 65, 79], 501),
            (&[34, 38, 41, 42, 47, 87], 503),
            (&[88, 95, 111], 400),
            (&[102], 408),
            (&[4, 16, 50, 63, 100, 101, 103, 110, 126, 127], 500),
        ] {
            causes.iter().for_each(|cause| assert_eq!(map.sip_status(*cause), status, "cause {cause}"));
        }
        for (status, cause) in [
            (400, 127),
            (404, 1),
            (407, 21),
            (486, 17),
            (503, 63),
            (580, 47),
            (606, 58),
            (489, 127),
            (699, 127),
        ] {
            assert_eq!(map.pstn_cause(status), cause, "status {status}");
        }
    }

    #[test]
    fn what_is_configured_goes_before_the_default_and_can_be_taken_back() {
        let mut map = CauseMap::default();
        map.set_pstn_cause(17, Some(600)).unwrap();
        map.set_sip_status(486, Some(21)).unwrap();
        assert_eq!((map.sip_status(17), map.pstn_cause(486)), (600, 21));
        assert_eq!(
            map.running_config().collect::<Vec<_>>(),
            ["set pstn-cause 17 sip-status 600", "set sip-status 486 pstn-cause 21"]
        );
        assert!(map.show_pstn_sip().contains("\n17              600             486\n"));
        assert!(map.show_sip_pstn().contains("\n486             21              17\n"));
        map.set_pstn_cause(17, None).unwrap();
        map.set_sip_status(486, None).unwrap();
        assert_eq!(map, CauseMap::default());
        assert_eq!(map.set_pstn_cause(0, Some(404)), Err(CauseError::Cause(0)));
        assert_eq!(map.set_pstn_cause(128, Some(404)), Err(CauseError::Cause(128)));
        assert_eq!(map.set_sip_status(399, Some(1)), Err(CauseError::Status(399)));
        assert_eq!(map.set_sip_status(700, None), Err(CauseError::Status(700)));
    }

    /// The rows and heads of `show sip-ua map` as the command reference prints them.
    #[test]
    fn the_rows_printed_in_the_command_reference_are_ours() {
        let map = CauseMap::default();
        let shown = [map.show_pstn_sip(), map.show_sip_pstn(), map.show_sip_request_pstn()].concat();
        let mut rows = 0;
        for line in include_str!("../testdata/show_sip-ua_map.txt").lines() {
            let printed = line.trim_end();
            if printed.is_empty() || printed == "." || printed.starts_with("Router#") {
                continue;
            }
            assert!(shown.lines().any(|ours| ours == printed), "{printed:?}");
            rows += 1;
        }
        assert!(rows > 30, "{rows}");
    }

    #[test]
    fn unified_cm_has_causes_of_its_own_and_what_is_configured_counts_more() {
        let mut map = CauseMap { causes: Causes::UnifiedCm, ..CauseMap::default() };
        // Table 1-26, in its own order.
        for (cause, statuses) in [
            (1, &[404, 485, 604][..]),
            (17, &[486, 491, 493, 600]),
            (18, &[480]),
            (21, &[401, 402, 403, 407, 603]),
            (22, &[410]),
            (25, &[482, 483]),
            (28, &[484]),
            (31, &[487, 488, 606]),
            (38, &[502]),
            (41, &[400, 481, 500, 503]),
            (63, &[405]),
            (79, &[406, 415, 501]),
            (102, &[408, 504]),
            (127, &[411, 413, 414, 416, 420, 421, 423, 505, 513]),
            // Not in it: as IOS.
            (47, &[580]),
        ] {
            statuses.iter().for_each(|status| assert_eq!(map.pstn_cause(*status), cause, "{status}"));
        }
        let shown = map.show_sip_pstn();
        for line in ["403             21              57\n", "491             17              127\n"] {
            assert!(shown.contains(line), "{shown}");
        }
        map.set_sip_status(403, Some(55)).unwrap();
        assert_eq!(map.pstn_cause(403), 55);
    }
}
