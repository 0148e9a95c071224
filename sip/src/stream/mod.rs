//! Cutting a byte stream into messages (RFC 3261 18.3).

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use crate::message::scan::{decimal, is_token_octet, trim};
use crate::message::{Header, Limits};

/// Cuts what a TCP or TLS connection delivers into whole messages by Content-Length.
///
/// A message without Content-Length is taken to have no body: RFC 3261 18.3 demands the header on streams,
/// and waiting for more would stall the connection. A message whose Content-Length cannot be used (no
/// number, two that differ, beyond the limits) is handed out without body, so that it can be answered 400
/// or 413, and then the stream ends with [`FramingError`]: where the next message starts is not known any
/// more.
///
/// ```
/// let mut framer = sip::stream::StreamFramer::new(&sip::Limits::default());
/// framer.feed(b"OPTIONS sip:gw SIP/2.0\r\nContent-Le");
/// assert!(framer.next().is_none());
/// framer.feed(b"ngth: 2\r\n\r\nhi");
/// assert!(framer.next().unwrap().unwrap().ends_with(b"\r\n\r\nhi"));
/// ```
#[derive(Debug)]
pub struct StreamFramer {
    buffer: BytesMut,
    /// Octets of the buffer already searched for the end of the head.
    searched: usize,
    /// Length of the message at the front once its head is complete.
    expected: Option<usize>,
    limits: Limits,
    /// CRLFCRLF received and not yet taken by [`StreamFramer::take_keep_alives`].
    pings: u32,
    failed: Option<FramingError>,
    ended: bool,
}

/// Why a stream cannot be read any further. The connection has to be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// No end of the head within the limit.
    #[error("no empty line within {limit} octets")]
    HeadTooLarge {
        /// Octets.
        limit: usize,
    },
    /// The first line cannot be one of SIP: another protocol, or nonsense.
    #[error("expected a SIP message, got {found:?}")]
    NotSip {
        /// Its beginning.
        found: String,
    },
    /// Content-Length is no number, or there are two that differ.
    #[error("Content-Length expected to be one number, got {found:?}")]
    BadContentLength {
        /// What stood there.
        found: String,
    },
    /// Content-Length beyond the limit.
    #[error("Content-Length is {length}, limit {limit}")]
    BodyTooLarge {
        /// Announced octets.
        length: u64,
        /// Limit in octets.
        limit: usize,
    },
}

impl StreamFramer {
    /// A framer for one connection. Used of `limits`: `message`, for head and body together.
    pub fn new(limits: &Limits) -> StreamFramer {
        StreamFramer {
            buffer: BytesMut::new(),
            searched: 0,
            expected: None,
            limits: limits.clone(),
            pings: 0,
            failed: None,
            ended: false,
        }
    }

    /// Appends received octets. After a [`FramingError`] they are thrown away.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.failed.is_none() && !self.ended {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next whole message, or why there will be none any more (once).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Bytes, FramingError>> {
        if self.ended {
            return None;
        }
        if let Some(error) = self.failed.take() {
            return Some(Err(self.end(error)));
        }
        let length = match self.expected {
            Some(length) => length,
            None => {
                self.skip_line_ends();
                if let Some(error) = self.not_sip() {
                    return Some(Err(self.end(error)));
                }
                let limit = self.limits.message;
                let end = self.find_head_end();
                // One long segment may bring the end of a head that is too large; small ones never get there.
                if end.unwrap_or(self.buffer.len()) > limit {
                    return Some(Err(self.end(FramingError::HeadTooLarge { limit })));
                }
                let head = end?;
                match self.body_length(head) {
                    Ok(body) => {
                        self.expected = Some(head + body);
                        head + body
                    }
                    Err(error) => {
                        self.failed = Some(error);
                        head
                    }
                }
            }
        };
        if self.buffer.len() < length {
            return None;
        }
        self.expected = None;
        self.searched = 0;
        Some(Ok(self.buffer.split_to(length).freeze()))
    }

    /// How many CRLFCRLF keep-alives (RFC 5626 4.4.1) came since the last call: each is owed a CRLF.
    pub fn take_keep_alives(&mut self) -> u32 {
        std::mem::take(&mut self.pings)
    }

    /// Octets waiting for the rest of their message.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn end(&mut self, error: FramingError) -> FramingError {
        self.ended = true;
        self.buffer.clear();
        error
    }

    fn skip_line_ends(&mut self) {
        loop {
            match self.buffer.get(..4) {
                Some(b"\r\n\r\n") => {
                    self.pings = self.pings.saturating_add(1);
                    self.buffer.advance(4);
                }
                // A lone CRLF may be the first half of a ping: it is decided when something follows it.
                Some([b'\r', b'\n', next, ..]) if *next != b'\r' => self.buffer.advance(2),
                Some([b'\n' | b'\r', next, ..]) if *next != b'\n' || self.buffer.first() == Some(&b'\n') => {
                    self.buffer.advance(1);
                }
                Some([b'\r', b'\n', b'\r', _]) => self.buffer.advance(2),
                _ => break,
            }
            self.searched = 0;
        }
    }

    /// Says early that the stream is not SIP: at the first octet that begins no method and no version, and
    /// at the end of a first line without `SIP/`.
    fn not_sip(&self) -> Option<FramingError> {
        let first = *self.buffer.first()?;
        if matches!(first, b'\r' | b'\n') || self.searched > 0 {
            return None;
        }
        let found = if is_token_octet(first) {
            let within = self.buffer.get(..self.limits.message).unwrap_or(&self.buffer);
            let line = within.get(..memchr(b'\n', within)?)?;
            if line.windows(4).any(|four| four.eq_ignore_ascii_case(b"SIP/")) {
                return None;
            }
            trim(line)
        } else {
            self.buffer.get(..1)?
        };
        let found = String::from_utf8_lossy(found.get(..40).unwrap_or(found)).into_owned();
        Some(FramingError::NotSip { found })
    }

    /// Octets up to and including the first empty line.
    fn find_head_end(&mut self) -> Option<usize> {
        if matches!(self.buffer.first(), None | Some(b'\r' | b'\n')) {
            return None;
        }
        let mut at = self.searched;
        while let Some(len) = memchr(b'\n', self.buffer.get(at..)?) {
            let after = at + len + 1;
            match self.buffer.get(after..) {
                Some([b'\n', ..]) => return Some(after + 1),
                Some([b'\r', b'\n', ..]) => return Some(after + 2),
                // The next line's beginning has not come yet: look at this line end again.
                Some([] | [b'\r']) | None => break,
                Some(_) => at = after,
            }
        }
        self.searched = at;
        None
    }

    fn body_length(&self, head: usize) -> Result<usize, FramingError> {
        let mut found: Option<(&[u8], u64)> = None;
        let head_octets = self.buffer.get(..head).unwrap_or_default();
        let mut lines = head_octets.split(|octet| *octet == b'\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            let Some(colon) = memchr(b':', line) else { continue };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            if matches!(name.first(), Some(b' ' | b'\t'))
                || Header::from_bytes(trim(name)) != Some(Header::ContentLength)
            {
                continue;
            }
            let mut value = trim(value.get(1..).unwrap_or_default());
            // `Content-Length:` with the number on a folded line.
            while value.is_empty() && matches!(lines.peek(), Some([b' ' | b'\t', ..])) {
                value = trim(lines.next().unwrap_or_default());
            }
            let bad = || FramingError::BadContentLength {
                found: String::from_utf8_lossy(value.get(..40).unwrap_or(value)).into_owned(),
            };
            let length: u64 = decimal(value).ok_or_else(bad)?;
            if found.is_some_and(|(_, first)| first != length) {
                return Err(bad());
            }
            found = Some((value, length));
        }
        let length = found.map_or(0, |(_, length)| length);
        let limit = self.limits.message.saturating_sub(head);
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(FramingError::BodyTooLarge { length, limit }),
        }
    }
}

#[cfg(test)]
mod tests;
