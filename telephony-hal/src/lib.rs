//! telephony-hal
