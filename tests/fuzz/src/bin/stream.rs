//! A byte stream, whole and in pieces: the same messages and the same end, whatever the segments.
#![no_main]

use sip::stream::StreamFramer;
use sip::{Limits, Message};

fn cut(octets: &[u8], piece: usize) -> (Vec<bytes::Bytes>, Option<String>) {
    let limits = Limits { message: 2048, ..Limits::default() };
    let mut framer = StreamFramer::new(&limits);
    let (mut messages, mut end) = (Vec::new(), None);
    for chunk in octets.chunks(piece.max(1)) {
        framer.feed(chunk);
        while let Some(next) = framer.next() {
            match next {
                Ok(message) => messages.push(message),
                Err(error) => end = Some(error.to_string()),
            }
        }
        // Never more than one unfinished message and the segment just fed.
        assert!(framer.buffered() <= limits.message + chunk.len());
    }
    (messages, end)
}

fuzz::target!(|octets: &[u8]| {
    let Some((piece, stream)) = octets.split_first() else { return };
    let (whole, whole_end) = fuzz::timed(stream.len(), || cut(stream, stream.len()));
    let (pieces, pieces_end) = fuzz::timed(stream.len() * 4, || cut(stream, usize::from(*piece)));
    // A head that never ends is noticed sooner in small pieces; what was whole before is the same.
    assert_eq!(whole, pieces);
    assert_eq!(whole_end.is_some(), pieces_end.is_some());
    for message in whole {
        let _ = Message::parse(message);
    }
});
