//! Reads an INVITE of 1 KiB, looks at what routing needs, and prints it again: `bench-peers WHO COUNT`, with WHO
//! `sip` (ours), `rsip` or `rsipstack`.
//!
//! Prints nanoseconds of CPU time, as the least of [`BATCHES`] batches, and allocations per message. Instructions are counted from outside, by callgrind,
//! as the difference of two runs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from System.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `at` came from System.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The clock counts in so many batches, of which the quickest was least disturbed by whatever else the machine does.
const BATCHES: u64 = 50;

/// Octets of the message.
const SIZE: usize = 1024;

/// What routing needs of a message: the hosts of the Request-URI, the top Via and the first Route, branch, tags and
/// CSeq number, and how many octets were printed.
type Seen = (usize, usize, usize, usize, usize, u32, usize);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let who = arguments.next().ok_or("expected sip, rsip or rsipstack")?;
    let count: u64 = arguments.next().ok_or("expected a count")?.parse()?;
    let one = match who.as_str() {
        "sip" => ours,
        "rsip" => rsip_crate,
        "rsipstack" => rsipstack_crate,
        other => return Err(format!("expected sip, rsip or rsipstack, got {other}").into()),
    };
    let octets = invite();
    assert_eq!(octets.len(), SIZE);
    let mut out = Vec::with_capacity(2 * SIZE);
    // The first time is warm-up, and all must have seen the same.
    let seen = one(&octets, &mut out)?;
    assert_eq!((seen.0, seen.1, seen.2, seen.3, seen.4, seen.5), (15, 9, 16, 17, 9, 102));
    if out.len() != SIZE {
        println!("{who}_prints_octets {}", out.len());
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let mut least = u128::MAX;
    for _ in 0..BATCHES {
        let before = cpu_time()?;
        for _ in 0..count / BATCHES {
            out.clear();
            black_box(one(black_box(&octets), &mut out)?);
        }
        least = least.min(cpu_time()? - before);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
    if count > 0 {
        println!("nanoseconds {}", least * u128::from(BATCHES) / u128::from(count));
        println!("allocations {}", allocations / count);
    }
    Ok(())
}

fn ours(octets: &Bytes, out: &mut Vec<u8>) -> Result<Seen, Box<dyn Error>> {
    let message = sip::Message::parse(octets.clone())?;
    let host = message.uri()?.host().map_or(0, str::len);
    let via = message.top_via()?;
    let route = message.routes().next().ok_or("no Route")??.uri()?.host().map_or(0, str::len);
    let branch = via.branch().map_or(0, str::len);
    let tag = message.from()?.tag().map_or(0, str::len);
    let _ = black_box((message.to()?.tag(), message.call_id()?, message.max_forwards()?));
    let number = message.cseq()?.number;
    out.extend_from_slice(message.as_bytes());
    Ok((host, via.host.len(), route, branch, tag, number, out.len()))
}

/// rsip and rsipstack (which has a copy of rsip, changed) are used alike.
macro_rules! peer {
    ($name:ident, $rsip:path, $route:expr) => {
        fn $name(octets: &Bytes, out: &mut Vec<u8>) -> Result<Seen, Box<dyn Error>> {
            use rsip::prelude::*;
            use $rsip as rsip;
            let message = rsip::SipMessage::try_from(&octets[..])?;
            let rsip::SipMessage::Request(request) = &message else { return Err("no request".into()) };
            let host = request.uri.host_with_port.host.to_string().len();
            let via = message.via_header()?.typed()?;
            let branch = via.branch().map_or(0, |branch| branch.value().len());
            let via_host = via.uri.host_with_port.host.to_string().len();
            let from = message.from_header()?.typed()?;
            let tag = from.tag().map_or(0, |tag| tag.value().len());
            let to = message.to_header()?.typed()?;
            let _ = black_box((to.tag(), message.call_id_header()?.value(), message.max_forwards_header()?));
            let number = message.cseq_header()?.typed()?.seq;
            let route: usize = $route(&message)?;
            out.extend_from_slice(message.to_string().as_bytes());
            Ok((host, via_host, route, branch, tag, number, out.len()))
        }
    };
}

peer!(rsip_crate, rsip, |message: &rsip::SipMessage| -> Result<usize, Box<dyn Error>> {
    let routes = message.route_header().ok_or("no Route")?.typed()?;
    Ok(routes.uris().first().map_or(0, |route| route.uri.host_with_port.host.to_string().len()))
});

peer!(
    rsipstack_crate,
    rsipstack::sip,
    |message: &rsipstack::sip::SipMessage| -> Result<usize, Box<dyn Error>> {
        let route = message.route_header().ok_or("no Route")?.typed()?;
        Ok(route.uri.host_with_port.host.to_string().len())
    }
);

/// CPU time of this thread in nanoseconds.
fn cpu_time() -> Result<u128, Box<dyn Error>> {
    let time: std::time::Duration = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into();
    Ok(time.as_nanos())
}

/// As a gateway sends it through a proxy, filled up to [`SIZE`].
fn invite() -> Bytes {
    let body = "v=0\r\no=Tipring 8870 5284 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                m=audio 16384 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
                a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";
    let head = format!(
        "INVITE sip:8000@pbx.example.net;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK9f86d08188\r\n\
         From: \"Alice\" <sip:8001@192.0.2.1>;tag=1F2E3D4C5\r\nTo: <sip:8000@pbx.example.net>\r\n\
         Call-ID: 9f86d081884c7d65@192.0.2.1\r\nCSeq: 102 INVITE\r\nMax-Forwards: 70\r\n\
         Route: <sip:edge.example.net;lr>\r\nContact: <sip:8001@192.0.2.1:5060>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, NOTIFY, REFER\r\nSupported: 100rel, timer, replaces\r\n\
         Session-Expires: 1800\r\nMin-SE: 90\r\nP-Asserted-Identity: <sip:8001@192.0.2.1>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n",
        body.len()
    );
    let filler = SIZE - head.len() - body.len() - "User-Agent: \r\n\r\n".len();
    Bytes::from(format!("{head}User-Agent: {}\r\n\r\n{body}", "v".repeat(filler)))
}
