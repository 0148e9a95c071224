//! The demonstration.
pub mod listen;
/// x
pub fn run(_json: bool) -> Result<(), String> {
    Err("x".into())
}
