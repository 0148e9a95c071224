//! MD5-crypt, the `$1$` form of crypt(3).

use super::ALPHABET;
use md5::{Digest as _, Md5};

/// Longest salt the form has.
const SALT: usize = 8;

/// `$1$salt$hash` of a password.
pub(super) fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let salt = salt.get(..SALT).unwrap_or(salt);
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Md5::new().chain_update(password).chain_update(b"$1$").chain_update(salt);
    for octet in inner.iter().cycle().take(password.len()) {
        first.update([*octet]);
    }
    let mut bits = password.len();
    while bits != 0 {
        first.update(if bits & 1 == 1 { &[0][..] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..1000_u32 {
        let mut next = Md5::new();
        if round & 1 == 1 {
            next.update(password)
        } else {
            next.update(digest)
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if round & 1 == 1 {
            next.update(digest)
        } else {
            next.update(password)
        }
        digest = next.finalize();
    }
    let octet = |at: usize| u32::from(digest.get(at).copied().unwrap_or_default());
    let mut text = format!("$1${}$", String::from_utf8_lossy(salt));
    let mut put = |mut bits: u32, count: usize| {
        for _ in 0..count {
            text.extend(ALPHABET.get((bits & 0x3f) as usize).map(|c| char::from(*c)));
            bits >>= 6;
        }
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        put(octet(a) << 16 | octet(b) << 8 | octet(c), 4);
    }
    put(octet(11), 2);
    text
}
