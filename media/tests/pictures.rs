//! The pictures in `docs/tones` are those the program draws today (three of them; all take a minute unoptimised).

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../examples/tone_pictures.rs"]
mod tone_pictures;

use std::fs;
use std::path::Path;

#[test]
fn pages_in_the_manual_are_up_to_date() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tones");
    let read = |name: &str| fs::read_to_string(dir.join(name)).expect("docs/tones is part of the repository");
    for code in ["us", "jp"] {
        let locale = media::locale::find(code).expect("in the data");
        assert!(read(&format!("{code}.svg")) == tone_pictures::page(locale), "{code}.svg is out of date");
    }
    assert!(read("README.md") == tone_pictures::index(), "README.md is out of date");
    assert!(read("decisions.md") == tone_pictures::decisions(), "decisions.md is out of date");
    for locale in media::locale::all() {
        assert!(read(&format!("{}.svg", locale.code)).contains(locale.name));
    }
}
