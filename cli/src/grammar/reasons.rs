//! Why lines are kept without effect. Each text completes "kept, because …".

pub(super) const HOST: &str = "the Linux host owns this";
pub(super) const CALLS: &str = "a call setting that the gateway does not act on yet";
pub(super) const MEDIA: &str = "a media setting that the gateway does not act on yet";
pub(super) const LINE: &str = "a line setting that the gateway does not act on yet";
pub(super) const SIP: &str = "a SIP setting that the gateway does not act on yet";
pub(super) const ISDN: &str = "an ISDN setting that the gateway does not act on yet";
pub(super) const FEATURE: &str = "a feature that the gateway does not have";
pub(super) const HARDWARE: &str = "hardware is described by hardware.toml";
pub(super) const CONSOLE: &str = "a console setting that the gateway does not act on yet";
pub(super) const INFO: &str = "information without effect";
pub(super) const OLD_TLS: &str = "TLS older than 1.2 is not spoken";
pub(super) const OLD_SUITE: &str =
    "suites with RSA key exchange or finite-field Diffie-Hellman are not spoken";
pub(super) const PKI: &str = "certificates and keys are files below pki/ in the state directory";
pub(super) const SERIAL: &str = "serial ports of the host have no such setting";
pub(super) const SECOND_NUMBER: &str = "a second calling number never goes on";
pub(super) const OF_SIP_UA: &str = "sip-ua says it for the whole gateway";
