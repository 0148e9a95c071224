//! Any octets as a Q.931 message: read or refused, written as they came, every fault named, every printer survives.
#![no_main]

use qsig::q931::{ChannelId, MAINTENANCE, Message};

fuzz::target!(|octets: &[u8]| {
    let _ = qsig::decode::q931(octets, false);
    if let Ok((discriminator, message)) = Message::parse_maintenance(octets) {
        assert!(MAINTENANCE.contains(&discriminator));
        assert!(octets.starts_with(&message.to_bytes_as(discriminator)));
    }
    let Ok((message, whole)) = Message::parse_checked(octets) else { return };
    let written = message.to_bytes();
    assert_eq!(written.len(), message.len());
    assert!(octets.starts_with(&written) && (!whole || written == octets));
    let faults = message.faults(whole);
    assert!(faults.missing.len() + faults.unknown.len() <= octets.len() + 2);
    assert!(faults.refusal().is_none_or(|(cause, list)| matches!(cause, 96 | 100) && !list.is_empty()));
    let _ = (message.cause(), message.call_state(), message.read::<ChannelId>());
    let _ = (qsig::name::Name::find(&message), qsig::name::Name::find_display(&message));
});
