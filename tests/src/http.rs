//! What monitoring asks by HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// First line and body of what is at `path` of a server on 127.0.0.1.
///
/// # Panics
/// When it does not answer.
#[must_use]
#[track_caller]
pub fn http_get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
