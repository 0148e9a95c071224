//! Any text as a URI: read or refused; as written when printed, and equivalent to itself.
#![no_main]

use sip::Uri;

fuzz::target!(|octets: &[u8]| {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    let Ok(uri) = Uri::parse(first) else { return };
    assert_eq!(uri.to_string(), first);
    assert!(uri.is_equivalent(&uri));
    assert!(uri.params().count() + uri.headers().count() <= first.len());
    let _ = (uri.user(), uri.password(), uri.ip(), uri.port(), uri.param("transport"), uri.scheme());
    if let Ok(other) = Uri::parse(second) {
        assert_eq!(uri.is_equivalent(&other), other.is_equivalent(&uri));
    }
});
