//! Writes the command reference: `cargo run -p cli --example manual -- docs/commands`

fn main() -> std::io::Result<()> {
    let Some(dir) = std::env::args().nth(1).map(std::path::PathBuf::from) else {
        return Err(std::io::Error::other("expected the directory to write to"));
    };
    std::fs::create_dir_all(&dir)?;
    for (name, text) in cli::manual() {
        std::fs::write(dir.join(name), text)?;
    }
    Ok(())
}
