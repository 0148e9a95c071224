//! What one look-up costs among 100 to 100,000 dial peers, and what one change costs.
//!
//! `cargo run --release -p dialpeer --example lookup_cost`

use std::hint::black_box;
use std::time::Instant;

use dialpeer::{DialPeer, PeerKind, SessionTarget, Table};

const LOOKUPS: usize = 200_000;
/// Rounds of look-ups.
const ROUNDS: usize = 7;
const CHANGES: usize = 20_000;

fn main() {
    println!(
        "{:<28}{:>10}{:>14}{:>10}{:>16}",
        "plan", "peers", "look-up (ns)", "matches", "replace one (ns)"
    );
    for (name, pattern) in [
        ("full numbers", full as fn(&mut Random) -> String),
        ("blocks of 10 to 10,000", block),
        ("mixed, sets and T", mixed),
    ] {
        for count in [100, 1_000, 10_000, 100_000] {
            measure(name, pattern, count);
        }
    }
}

fn measure(name: &str, pattern: fn(&mut Random) -> String, count: u32) {
    let mut random = Random(0x5eed);
    let mut peers: Vec<DialPeer> = (1..=count).map(|tag| peer(tag, &pattern(&mut random))).collect();
    peers.push(peer(count + 1, ".T"));
    let mut table = Table::new(peers.iter().cloned());
    // Half of the numbers belong to a peer, half are anything.
    let numbers: Vec<String> = (0..LOOKUPS)
        .map(|n| {
            let of_peer =
                peers.get(random.below(peers.len())).and_then(|peer| peer.destination_pattern.as_ref());
            let text = if n % 2 == 0 { of_peer.map_or("", |pattern| pattern.as_str()) } else { ".........." };
            number(text, &mut random)
        })
        .collect();
    // The best of several rounds: what others do on the machine only ever adds.
    let mut matches: usize = 0;
    let look_up = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            matches = numbers.iter().map(|number| black_box(table.outbound(black_box(number))).len()).sum();
            start.elapsed().as_nanos() as f64 / LOOKUPS as f64
        })
        .fold(f64::INFINITY, f64::min);
    let changes: Vec<DialPeer> =
        (0..CHANGES).filter_map(|_| peers.get(random.below(peers.len()))).cloned().collect();
    let start = Instant::now();
    changes.into_iter().for_each(|peer| {
        black_box(table.insert(peer));
    });
    let change = start.elapsed().as_nanos() as f64 / CHANGES as f64;
    let matches = matches as f64 / LOOKUPS as f64;
    println!("{name:<28}{:>10}{look_up:>14.0}{matches:>10.2}{change:>16.0}", table.len());
}

fn peer(tag: u32, pattern: &str) -> DialPeer {
    let mut peer = DialPeer::new(tag, PeerKind::Voip);
    peer.destination_pattern = pattern.parse().ok();
    peer.session_target = Some(SessionTarget::SipServer);
    peer
}

fn full(random: &mut Random) -> String {
    digits(10, random)
}

fn block(random: &mut Random) -> String {
    let wild = 1 + random.below(4);
    digits(10 - wild, random) + &".".repeat(wild)
}

fn mixed(random: &mut Random) -> String {
    match random.below(8) {
        0 => digits(5 + random.below(4), random) + "T",
        1 => digits(6, random) + "[2-9]...",
        2 => format!("{}[{}-9]{}$", digits(4, random), random.below(9), digits(5, random)),
        3 => format!("+{}", digits(11, random)),
        4 => block(random),
        5 => format!("{}(00)?{}", digits(5, random), digits(3, random)),
        _ => digits(10, random),
    }
}

fn number(pattern: &str, random: &mut Random) -> String {
    let mut in_set = false;
    let mut out = String::new();
    for sign in pattern.chars() {
        match sign {
            '[' => in_set = true,
            ']' => {
                in_set = false;
                out.push('9');
            }
            _ if in_set => {}
            '.' | 'T' => out += &digits(1, random),
            '(' | ')' | '?' | '$' => {}
            digit => out.push(digit),
        }
    }
    out
}

fn digits(count: usize, random: &mut Random) -> String {
    (0..count).map(|_| char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0))).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}
