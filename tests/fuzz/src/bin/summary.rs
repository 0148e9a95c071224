//! Any octets as a message-summary body: read or refused with a status; what is read prints as it reads, and becomes at least
//! one operation.
#![no_main]

use mwi::summary::parse;
use mwi::translate::{Services, activations};

fuzz::target!(|octets: &[u8]| {
    let summary = match parse(octets) {
        Ok(summary) => summary,
        Err(error) => {
            assert!((400..500).contains(&error.sip_status()), "{error}");
            return;
        }
    };
    let printed = summary.to_string();
    assert_eq!(parse(printed.as_bytes()).as_ref(), Ok(&summary), "{printed:?}");
    for services in [Services::PerClass, Services::SpeechOnly] {
        let all = activations(&summary, "4711", services);
        assert!(!all.is_empty() && all.iter().any(|one| one.on) == summary.waiting);
        assert!(all.iter().all(|one| one.messages != Some(0)));
    }
});
