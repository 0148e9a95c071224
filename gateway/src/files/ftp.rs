//! FTP as a client: one file, binary, passive (RFC 959; EPSV of RFC 2428).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::MAX_FILE;
use super::remote::PATIENCE;

/// Longest row of an answer, in octets.
const MAX_ROW: u64 = 1024;
/// Most rows of an answer.
const MAX_ROWS: usize = 200;

/// Gets a file.
pub(super) fn get(server: SocketAddr, login: &(String, String), path: &str) -> Result<Vec<u8>, String> {
    let mut control = Control::open(server, login)?;
    let data = control.data()?;
    control.command(&format!("RETR {path}"), '1')?;
    let mut octets = Vec::new();
    data.take(MAX_FILE as u64 + 1).read_to_end(&mut octets).map_err(|e| e.to_string())?;
    if octets.len() > MAX_FILE {
        return Err("File is too large".into());
    }
    control.answer('2')?;
    control.leave();
    Ok(octets)
}

/// Puts a file.
pub(super) fn put(
    server: SocketAddr,
    login: &(String, String),
    path: &str,
    octets: &[u8],
) -> Result<(), String> {
    let mut control = Control::open(server, login)?;
    let mut data = control.data()?;
    control.command(&format!("STOR {path}"), '1')?;
    data.write_all(octets).and_then(|()| data.shutdown(Shutdown::Both)).map_err(|e| e.to_string())?;
    drop(data);
    control.answer('2')?;
    control.leave();
    Ok(())
}

struct Control {
    server: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Control {
    fn open(server: SocketAddr, (user, password): &(String, String)) -> Result<Control, String> {
        let mut control = Control { server, stream: BufReader::new(connect(server)?) };
        control.answer('2')?;
        let greeted = control.send(&format!("USER {user}")).and_then(|()| control.any())?;
        match greeted.chars().next() {
            Some('2') => {}
            Some('3') => drop(control.command(&format!("PASS {password}"), '2')?),
            _ => return Err(greeted),
        }
        control.command("TYPE I", '2')?;
        Ok(control)
    }

    /// The data connection. The server's own address is used whatever PASV says, so that it cannot send us elsewhere.
    fn data(&mut self) -> Result<TcpStream, String> {
        self.send("EPSV")?;
        let answer = self.any()?;
        let port = if answer.starts_with("229") {
            answer.split('|').nth(3).and_then(|port| port.parse::<u16>().ok())
        } else {
            let answer = self.command("PASV", '2')?;
            let numbers = answer.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
            let octets: Vec<u16> = numbers
                .iter()
                .flat_map(|(n, _)| n.split(','))
                .filter_map(|n| n.trim().parse().ok())
                .collect();
            match octets.as_slice() {
                [_, _, _, _, high @ 0..=255, low @ 0..=255] => Some(high * 256 + low),
                _ => None,
            }
        };
        let port = port.ok_or_else(|| format!("no port in {answer:?}"))?;
        connect(SocketAddr::new(self.server.ip(), port))
    }

    fn command(&mut self, text: &str, wanted: char) -> Result<String, String> {
        self.send(text)?;
        self.answer(wanted)
    }

    fn send(&mut self, text: &str) -> Result<(), String> {
        if text.chars().any(char::is_control) {
            return Err("a control character in a name".into());
        }
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).map_err(|e| e.to_string())
    }

    fn answer(&mut self, wanted: char) -> Result<String, String> {
        let answer = self.any()?;
        if answer.starts_with(wanted) { Ok(answer) } else { Err(answer) }
    }

    /// The last row of an answer: `226 done`, behind rows of `226-…`.
    fn any(&mut self) -> Result<String, String> {
        for _ in 0..MAX_ROWS {
            let mut row = Vec::new();
            self.stream.by_ref().take(MAX_ROW).read_until(b'\n', &mut row).map_err(|e| e.to_string())?;
            let row: String = String::from_utf8_lossy(&row).chars().filter(|c| !c.is_control()).collect();
            let code = row.get(..3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit()));
            if row.is_empty() {
                return Err("connection closed by the server".into());
            }
            if code && row.as_bytes().get(3) != Some(&b'-') {
                return Ok(row);
            }
        }
        Err("an answer of too many rows".into())
    }

    fn leave(&mut self) {
        // The file is there; the farewell is politeness.
        let _ = self.send("QUIT");
    }
}

fn connect(server: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).map_err(|e| e.to_string())?;
    let limits =
        stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    limits.map_err(|e| e.to_string())?;
    Ok(stream)
}
