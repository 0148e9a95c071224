//! Is there a Q.921 peer at the other end of a socket trunk? Shows what it sends, for ten seconds.
//!
//! ```text
//! cargo run -p telephony-hal --example trunk_probe -- tcp-connect:127.0.0.1:7931 [capture.pcap]
//! ```
//!
//! Answers SABME with UA, and every poll with RR, so that an exchange believes in its data link; says nothing else.

use std::fs::File;
use std::future::poll_fn;
use std::time::Duration;

use telephony_hal::socket::{Address, SocketTrunk};
use telephony_hal::wrap::{PcapWriter, Record, Side, Trace};
use telephony_hal::{DChannel, DChannelEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: Address =
        arguments.next().ok_or("expected an address like tcp-connect:127.0.0.1:7931")?.parse()?;
    let capture = File::create(arguments.next().unwrap_or_else(|| "/dev/null".into()))?;
    let trunk = SocketTrunk::open(address)?;
    println!("{}", trunk.address());
    let trunk = Record::new(trunk, PcapWriter::new(capture, Side::User)?);
    let mut trunk = Trace::new(trunk, |item| println!("{item:02x?}"));
    let probe = async {
        loop {
            match poll_fn(|cx| trunk.poll_event(cx)).await {
                Ok(DChannelEvent::Frame(frame)) => {
                    if let Some(answer) = answer(&frame) {
                        trunk.send_frame(&answer)?;
                    }
                }
                Ok(_) => {}
                Err(error) => println!("{error}"),
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(10), probe).await {
        Ok(result) => result,
        Err(_elapsed) => Ok(()),
    }
}

/// Q.921: UA to SABME, RR (final) to a supervisory command with the poll bit, RR to an I frame.
fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    match *frame {
        [sapi, tei, control, ..] if control & 0xef == 0x6f => Some(vec![sapi, tei, 0x63 | control & 0x10]),
        [sapi, tei, control, nr] if control & 0x03 == 0x01 && nr & 1 == 1 => {
            Some(vec![sapi, tei, 0x01, 0x01])
        }
        [sapi, tei, ns, ..] if ns & 1 == 0 => Some(vec![sapi, tei, 0x01, ns.wrapping_add(2)]),
        _ => None,
    }
}
