//! Telnet's option negotiation (RFC 854, 855, 857, 858, 1073) of a terminal server, sans-IO.
//!
//! The server echoes and goes character by character; the client may tell its window size. Everything else is refused.
//!
//! ```
//! use cli::telnet::{Telnet, Received};
//! let mut telnet = Telnet::new();
//! assert!(!telnet.greeting().is_empty());
//! let mut got = Vec::new();
//! telnet.feed(b"sh\xff\xfb\x1fow\xff\xfa\x1f\0\x84\0\x2b\xff\xf0", |r| got.push(r));
//! assert_eq!(got, [Received::Octets(b"show".to_vec()), Received::Size(132, 43)]);
//! ```

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const BRK: u8 = 243;
const IP: u8 = 244;
const AYT: u8 = 246;
const EC: u8 = 247;
const EL: u8 = 248;
const SE: u8 = 240;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const NAWS: u8 = 31;
/// Longest sub-negotiation kept; the rest of a longer one is dropped.
const MAX_SUB: usize = 64;

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Keystrokes.
    Octets(Vec<u8>),
    /// Columns and rows of its window.
    Size(u16, u16),
    /// To be sent back as it is.
    Reply(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    Command,
    Option(u8),
    Sub,
    SubCommand,
}

/// The server's side of one connection.
#[derive(Clone, Debug)]
pub struct Telnet {
    state: State,
    sub: Vec<u8>,
    /// Options already answered with a refusal, so that two refusing ends do not go on for ever (RFC 1143).
    refused: Vec<(u8, u8)>,
}

impl Default for Telnet {
    fn default() -> Self {
        Telnet::new()
    }
}

impl Telnet {
    /// A connection that has said nothing yet.
    pub fn new() -> Telnet {
        Telnet { state: State::Data, sub: Vec::new(), refused: Vec::new() }
    }

    /// What the server sends first.
    pub fn greeting(&self) -> Vec<u8> {
        vec![IAC, WILL, ECHO, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, DO, SUPPRESS_GO_AHEAD, IAC, DO, NAWS]
    }

    /// Takes octets of the connection.
    pub fn feed(&mut self, octets: &[u8], mut take: impl FnMut(Received)) {
        let mut keys = Vec::new();
        for &octet in octets {
            match self.state {
                State::Data if octet == IAC => self.state = State::Command,
                State::Data => keys.push(octet),
                State::Command => self.command(octet, &mut keys, &mut take),
                State::Option(verb) => {
                    self.state = State::Data;
                    self.option(verb, octet, &mut keys, &mut take);
                }
                State::Sub if octet == IAC => self.state = State::SubCommand,
                State::Sub => self.sub_octet(octet),
                State::SubCommand if octet == IAC => {
                    self.state = State::Sub;
                    self.sub_octet(IAC);
                }
                State::SubCommand => {
                    self.state = if octet == SE { State::Data } else { State::Sub };
                    if let (SE, [NAWS, w1, w0, h1, h0]) = (octet, self.sub.as_slice()) {
                        let size =
                            Received::Size(u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]));
                        flush(&mut keys, &mut take);
                        take(size);
                    }
                }
            }
        }
        flush(&mut keys, &mut take);
    }

    /// Octets for the connection: what the terminal shows, with 255 doubled.
    pub fn escape(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        for &octet in octets {
            out.push(octet);
            if octet == IAC {
                out.push(IAC);
            }
        }
        out
    }

    fn sub_octet(&mut self, octet: u8) {
        if self.sub.len() < MAX_SUB {
            self.sub.push(octet);
        }
    }

    fn command(&mut self, octet: u8, keys: &mut Vec<u8>, take: &mut impl FnMut(Received)) {
        self.state = State::Data;
        match octet {
            IAC => keys.push(IAC),
            WILL | WONT | DO | DONT => self.state = State::Option(octet),
            SB => {
                self.sub.clear();
                self.state = State::Sub;
            }
            // Break and interrupt are Ctrl-C, erase is backspace, erase line is Ctrl-U.
            BRK | IP => keys.push(3),
            EC => keys.push(8),
            EL => keys.push(0x15),
            AYT => {
                flush(keys, take);
                take(Received::Reply(b"\r\n[Yes]\r\n".to_vec()));
            }
            _ => {}
        }
    }

    fn option(&mut self, verb: u8, option: u8, keys: &mut Vec<u8>, take: &mut impl FnMut(Received)) {
        let wanted = match verb {
            DO | DONT => matches!(option, ECHO | SUPPRESS_GO_AHEAD),
            _ => matches!(option, SUPPRESS_GO_AHEAD | NAWS),
        };
        let refusal = match verb {
            DO => WONT,
            WILL => DONT,
            // A refusal needs no answer.
            _ => return,
        };
        if wanted || self.refused.contains(&(verb, option)) {
            return;
        }
        self.refused.push((verb, option));
        flush(keys, take);
        take(Received::Reply(vec![IAC, refusal, option]));
    }
}

fn flush(keys: &mut Vec<u8>, take: &mut impl FnMut(Received)) {
    if !keys.is_empty() {
        take(Received::Octets(std::mem::take(keys)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(telnet: &mut Telnet, octets: &[u8]) -> Vec<Received> {
        let mut got = Vec::new();
        telnet.feed(octets, |r| got.push(r));
        got
    }

    #[test]
    fn unknown_options_are_refused_once() {
        let mut telnet = Telnet::new();
        assert_eq!(all(&mut telnet, &[IAC, DO, 24]), [Received::Reply(vec![IAC, WONT, 24])]);
        assert_eq!(all(&mut telnet, &[IAC, WILL, 39]), [Received::Reply(vec![IAC, DONT, 39])]);
        assert_eq!(all(&mut telnet, &[IAC, DO, 24, IAC, WILL, 39, IAC, DONT, 24, IAC, DO, ECHO]), []);
    }

    #[test]
    fn commands_split_anywhere_are_read() {
        let mut telnet = Telnet::new();
        let mut got = Vec::new();
        for octet in [b'a', IAC, IAC, IAC, IP, IAC, SB, NAWS, 0, IAC, IAC, 1, 0, IAC, SE, b'b'] {
            telnet.feed(&[octet], |r| got.push(r));
        }
        let octets = |o: &[u8]| Received::Octets(o.to_vec());
        assert_eq!(got, [octets(b"a"), octets(&[IAC]), octets(&[3]), Received::Size(255, 256), octets(b"b")]);
        assert_eq!(Telnet::escape(&[1, IAC]), [1, IAC, IAC]);
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_taken_and_the_answers_are_bounded(octets in proptest::collection::vec(0_u8.., 0..2000)) {
            let mut telnet = Telnet::new();
            let mut replies = 0;
            telnet.feed(&octets, |r| if let Received::Reply(r) = r { replies += r.len() });
            proptest::prop_assert!(replies <= 9 * octets.len() && telnet.refused.len() <= 512);
        }
    }
}
