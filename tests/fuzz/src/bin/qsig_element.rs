//! Any octets as the contents of each information element: what is read means the same after writing.
#![no_main]

use qsig::facility::Facility;
use qsig::q931::{
    Bearer, CallStateValue, CauseDetail, ChangeStatus, ChannelId, DateTime, Display, HighLayer, Keypad,
    LowLayer, NetworkFacilities, Notification, Number, ProgressIndicator, RedirectingNumber, Repr,
    RestartIndicator, SegmentedMessage, Signal, Subaddress, TransitNetwork, UserUser, ie,
};

fuzz::target!(|octets: &[u8]| {
    let body = &octets[..octets.len().min(255)];
    macro_rules! stable {
        ($($t:ty)*) => {$(
            if let Some(read) = <$t as Repr>::parse(body) {
                assert_eq!(<$t as Repr>::parse(&Repr::element(&read).body), Some(read));
            }
        )*};
    }
    stable!(Bearer LowLayer HighLayer CauseDetail CallStateValue ProgressIndicator Signal Notification DateTime
        UserUser RestartIndicator ChangeStatus RedirectingNumber TransitNetwork NetworkFacilities SegmentedMessage
        ChannelId Display Keypad);
    assert!(ChannelId::numbers(body).len() <= 255);
    if let Some(number) = Number::parse(body) {
        let again =
            Number::parse(&number.element(ie::CALLING_NUMBER).body).expect("what was written is read");
        assert_eq!((again.plan, again.digits), (number.plan, number.digits));
    }
    if let Some(subaddress) = Subaddress::parse(body) {
        assert_eq!(Subaddress::parse(&subaddress.element(ie::CALLED_SUBADDRESS).body), Some(subaddress));
    }
    if let Some(facility) = Facility::parse(body) {
        assert!(facility.to_vec().len() <= 4 * body.len() + 64);
    }
});
