//! NFAS groups (`pri-group … nfas_d …`): which trunk owns the D channels, and whose B channels go with them.
//!
//! The trunk with the primary D channel owns the group: its [`qsig::Span`] has every call. The others only pass on what their
//! layer 1 and their D channel, if they have the backup one, bring.

use cli::config::{Config, Controller, Nfas, NfasRole};
use qsig::{DChannel, DLink, NfasMember};

/// What a trunk must know of its neighbours: controllers in the order of the trunks, and whether layer 1 is up.
pub type Neighbours = [(String, bool)];

/// Another trunk of a group, as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// Index of the trunk.
    pub(super) device: usize,
    /// Its identifier in channel identification.
    pub(super) interface: u8,
    /// The D channel it carries.
    pub(super) link: Option<DLink>,
    /// Layer 1.
    pub(super) up: bool,
}

/// The place of a trunk that does not own its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberOf {
    /// Index of the trunk with the primary D channel.
    pub owner: usize,
    /// The group.
    pub group: u8,
    /// The D channel it carries for the group.
    pub link: Option<DLink>,
}

/// What a trunk is in the configuration's groups.
#[derive(Debug, Default)]
pub(super) enum Place {
    /// In none.
    #[default]
    Alone,
    /// It has the primary D channel: the group, all members with this one, and the same for the span.
    Owner { group: u8, members: Vec<Member>, span: Vec<NfasMember> },
    /// In the group of another trunk.
    Member(MemberOf),
    /// In a group without a primary D channel on this box.
    Orphan,
}

/// The place of trunk `index`.
pub(super) fn place(config: &Config, index: usize, neighbours: &Neighbours) -> Place {
    let find = |name: &str| -> Option<&Controller> {
        config.controllers.iter().find(|c| format!("{} {}", c.kind.name(), c.name) == name)
    };
    let in_group = |name: &str| find(name).and_then(|c| Some((c, c.nfas?)));
    let Some((_, own)) = neighbours.get(index).and_then(|(name, _)| in_group(name)) else {
        return Place::Alone;
    };
    let group: Vec<(usize, bool, &Controller, Nfas)> = neighbours
        .iter()
        .enumerate()
        .filter_map(|(at, (name, up))| {
            in_group(name).filter(|(_, nfas)| nfas.group == own.group).map(|(c, nfas)| (at, *up, c, nfas))
        })
        .collect();
    let owner = group.iter().find(|(.., nfas)| nfas.role == NfasRole::Primary).map(|(at, ..)| *at);
    match owner {
        None => Place::Orphan,
        Some(owner) if owner != index => {
            Place::Member(MemberOf { owner, group: own.group, link: link(own.role) })
        }
        Some(_) => Place::Owner {
            group: own.group,
            members: group
                .iter()
                .map(|(device, up, controller, nfas)| Member {
                    device: *device,
                    interface: nfas.interface,
                    link: link(nfas.role),
                    up: *up && !controller.shutdown,
                })
                .collect(),
            span: group.iter().map(|(_, _, controller, nfas)| member(controller, *nfas)).collect(),
        },
    }
}

fn link(role: NfasRole) -> Option<DLink> {
    match role {
        NfasRole::Primary => Some(DLink::Primary),
        NfasRole::Backup => Some(DLink::Backup),
        NfasRole::None => None,
    }
}

fn member(controller: &Controller, nfas: Nfas) -> NfasMember {
    let slots = controller.pri_group.iter().flat_map(|group| group.slots.iter());
    NfasMember {
        interface: nfas.interface,
        d_channel: match nfas.role {
            NfasRole::Primary => DChannel::Primary,
            NfasRole::Backup => DChannel::Backup,
            NfasRole::None => DChannel::None,
        },
        timeslots: Some(slots.fold(0, |mask, slot| mask | 1 << (slot - 1))),
    }
}
