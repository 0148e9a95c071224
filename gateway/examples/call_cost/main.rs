//! What a call costs the switch alone, without kernel and sockets: `cargo run --release -p gateway --example call_cost`.
//!
//! SIP to PRI over eight E1 in virtual time, as `cargo xtask bench calls` makes them: INVITE, SETUP, CONNECT, 200, ACK, BYE. The
//! PBX is a machine of ours too; its part is measured by itself and taken off. For instructions and
//! misses of the first caches run it under `valgrind --tool=cachegrind --cache-sim=yes` with two numbers of calls and take the
//! difference: 11,000 lines of code a call that the first cache does not hold are most of what it costs. A second argument
//! is a pause after each call, in ms: what a call costs when others have had the processor's caches meanwhile. What a call
//! holds is counted by `tests/call_memory.rs`.

mod world;

use std::time::{Duration, Instant};

use world::{Failure, World};

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls, unless the first argument says another number.
const CALLS: usize = 20_000;

fn main() -> Result<(), Failure> {
    let calls = std::env::args().nth(1).map_or(Ok(CALLS), |text| text.parse())?;
    let pause = std::env::args().nth(2).map(|text| text.parse().map(Duration::from_millis)).transpose()?;
    let mut world = World::new(|| 0)?;
    for warm in 0..calls / 10 {
        world.call(warm)?;
    }
    world.outside = Duration::ZERO;
    let started = Instant::now();
    for number in 0..calls {
        world.call(calls + number)?;
        if let Some(pause) = pause {
            let rest = Instant::now();
            std::thread::sleep(pause);
            world.outside += rest.elapsed();
        }
    }
    let took = started.elapsed().saturating_sub(world.outside);
    #[allow(clippy::cast_precision_loss)]
    let each = took.as_secs_f64() * 1e6 / calls.max(1) as f64;
    println!("{each:.1} us a call SIP to PRI in the switch alone, {calls} calls");
    Ok(())
}
