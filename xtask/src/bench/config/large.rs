//! The configuration that `bench config` measures with, and `gateway/examples/change_cost.rs`, which takes this file in: it
//! stands on the standard library alone.

use std::fmt::Write as _;

/// Lines of it, at least.
pub(crate) const LINES: usize = 10_000;

/// Dial peers as a large gateway has them, and what stands around them.
pub(crate) fn configuration() -> String {
    let mut text = String::from("hostname Bench\n");
    for rule in 1..=100 {
        let _ = write!(text, "voice translation-rule {rule}\n rule 1 /^{rule}/ /0{rule}/\n!\n");
    }
    for port in 0..100 {
        let _ = write!(text, "voice-port 3/{port}\n cptone GB\n mwi\n timeouts interdigit 5\n!\n");
    }
    let mut tag = 1;
    let mut lines = text.lines().count();
    while lines < LINES {
        let _ = if tag % 2 == 0 {
            write!(
                text,
                "dial-peer voice {tag} pots\n description peer {tag}\n destination-pattern 8{tag:05}\n port 3/{}\n preference 2\n!\n",
                tag % 100
            )
        } else {
            write!(
                text,
                "dial-peer voice {tag} voip\n description peer {tag}\n destination-pattern 9{tag:05}\n session protocol sipv2\n \
                 session target ipv4:192.0.2.{}\n dtmf-relay rtp-nte\n!\n",
                tag % 250 + 1
            )
        };
        lines += if tag % 2 == 0 { 6 } else { 7 };
        tag += 1;
    }
    text
}
