//! Trunk groups and carriers by name: where a call came from and where it is to go.

/// `trunk-group-label source|target` and `carrier-id source|target` of a dial peer, or what is known of a call. Names are compared
/// without regard to case.
///
/// A peer that names a source takes incoming calls from there alone, and is chosen by that where nothing else chooses one. A peer that
/// names a target goes before others where a call is to go there, and takes no call that is to go elsewhere. (IOS's command reference,
/// from memory; RFC 4904 has the labels in SIP.)
///
/// ```
/// use dialpeer::Labels;
///
/// let peer = Labels { target_group: Some("WEST".into()), ..Labels::default() };
/// let call = |to: &str| Labels { target_group: Some(to.into()), ..Labels::default() };
/// assert_eq!(peer.leads_to(Some(&call("west"))), Some(true));
/// assert_eq!(peer.leads_to(Some(&call("EAST"))), None);
/// assert_eq!(peer.leads_to(None), Some(false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Trunk group a call comes from.
    pub source_group: Option<String>,
    /// Carrier a call comes from.
    pub source_carrier: Option<String>,
    /// Trunk group a call is to go to.
    pub target_group: Option<String>,
    /// Carrier a call is to go to.
    pub target_carrier: Option<String>,
}

impl Labels {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a source is named.
    #[must_use]
    pub fn names_source(&self) -> bool {
        self.source_group.is_some() || self.source_carrier.is_some()
    }

    /// Whether a peer with these takes a call with those: every source it names is the call's.
    #[must_use]
    pub fn takes_from(&self, call: Option<&Labels>) -> bool {
        let of = |of: fn(&Labels) -> &Option<String>| {
            let (own, known) = (of(self), call.and_then(|call| of(call).as_deref()));
            own.as_ref().is_none_or(|own| known.is_some_and(|known| known.eq_ignore_ascii_case(own)))
        };
        of(|labels| &labels.source_group) && of(|labels| &labels.source_carrier)
    }

    /// Whether a peer with these names where a call with those is to go; `None`: it names another place.
    #[must_use]
    pub fn leads_to(&self, call: Option<&Labels>) -> Option<bool> {
        let of = |of: fn(&Labels) -> &Option<String>| {
            let wanted = call.and_then(|call| of(call).as_deref());
            match (of(self), wanted) {
                (Some(own), Some(wanted)) => own.eq_ignore_ascii_case(wanted).then_some(true),
                _ => Some(false),
            }
        };
        Some(of(|labels| &labels.target_group)? | of(|labels| &labels.target_carrier)?)
    }
}
