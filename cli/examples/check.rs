//! Checks configuration files: `cargo run -p cli --example check -- FILE…`

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for report in cli::check::check(&files) {
        print!("{report}");
    }
}
