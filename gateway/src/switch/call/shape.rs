//! What dial peers change of a call besides its numbers.

use dialpeer::shape::{CallBlock, Clid, Shape};

use super::plan::DialPlan;
use super::{Leg, Switch};
use crate::leg::{Cause, LegId, Party, Presentation, Progress, Setup};

/// Screening indicator "network provided".
const NETWORK_PROVIDED: u8 = 3;

impl DialPlan {
    fn shape(&self, peer: u32) -> Option<&Shape> {
        self.peer(peer).map(|peer| &peer.shape)
    }

    /// The setup of a call that leaves on `peer`: `clid`, then that of `voice service voip` where it leaves by SIP,
    /// `bearer-cap`, `progress_ind setup`.
    pub(super) fn shape_out(&self, peer: u32, sip: bool, setup: &mut Setup) {
        let Some(shape) = self.shape(peer) else { return };
        let everywhere = if sip { self.sip_clid.as_slice() } else { &[] };
        for clid in shape.clid.iter().chain(everywhere) {
            present(clid, setup);
        }
        setup.bearer = shape.bearer;
        setup.progress = shape.setup;
    }

    /// The cause a call is refused with that comes in on `peer`, if it is.
    pub(super) fn blocked_by(&self, peer: Option<u32>, setup: &Setup) -> Option<Cause> {
        let CallBlock { profile, cause } = &self.shape(peer?)?.block;
        let rejected = self.rejects(profile.as_deref()?, setup);
        rejected.then(|| cause.map_or(Cause::REJECTED, Cause))
    }
}

fn present(clid: &Clid, setup: &mut Setup) {
    let calling = &mut setup.calling;
    let hidden = calling.presentation == Presentation::Restricted;
    match clid {
        Clid::NetworkNumber { number, restricted } => {
            calling.number.clone_from(number);
            calling.screening = NETWORK_PROVIDED;
            calling.presentation = match restricted {
                true => Presentation::Restricted,
                false => Presentation::Allowed,
            };
            if *restricted {
                calling.name_presentation = Presentation::Restricted;
            }
        }
        Clid::NetworkProvided => calling.screening = NETWORK_PROVIDED,
        Clid::OverrideRedirecting => {
            if let Some(redirecting) = &setup.redirecting {
                *calling = redirecting.from.clone();
            }
        }
        Clid::Restrict => {
            calling.presentation = Presentation::Restricted;
            calling.name_presentation = Presentation::Restricted;
        }
        Clid::Strip => {
            let name_presentation = calling.name_presentation;
            *calling = Party { name: calling.name.take(), name_presentation, ..Party::default() };
        }
        Clid::StripName => calling.name = None,
        Clid::StripRestricted { name } if hidden => {
            let kept = calling.name.take().filter(|_| !name);
            *calling = Party {
                name: kept,
                presentation: Presentation::Restricted,
                name_presentation: calling.name_presentation,
                ..Party::default()
            };
        }
        Clid::StripRestricted { .. } => {}
        Clid::SubstituteName => {
            if calling.name.is_none() && !calling.number.is_empty() {
                calling.name = Some(calling.number.clone());
                // A number that is withheld is so as a name, too.
                calling.name_presentation = calling.presentation;
            }
        }
    }
}

impl Switch {
    /// What is told before the answer, as the dial peer of the leg that tells it wants it told.
    pub(super) fn shaped(&self, leg: LegId, alerting: bool, mut progress: Progress) -> Progress {
        let peer = self.calls.legs.get(&leg).filter(|leg| leg.outgoing).map(|Leg { peer, .. }| *peer);
        let Some(shape) = peer.and_then(|peer| self.dial_plan.shape(peer)) else { return progress };
        if let Some(indicator) = if alerting { shape.alert } else { shape.progress } {
            progress.inband = indicator.is_inband(progress.inband);
        }
        progress
    }
}
