//! `show sip-ua mwi`.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::config::{MwiServer, Transport};

/// Rows of server addresses. "Configuring SIP MWI Features" prints nine; the older command reference, eight.
const ADDRESS_ROWS: usize = 9;

/// The output of `show sip-ua mwi`, word for word as "Configuring SIP MWI Features" prints it.
///
/// `resolved` are the server's addresses, of which nine are shown; `current` is the index of the one in use,
/// from 0; `dns_retries` counts repeated look-ups. Each endpoint is a number and whether messages are waiting;
/// one that stands behind several dial peers comes several times, as in IOS. Lines end in LF.
///
/// Without a server only the type and the endpoints are shown.
///
/// ```
/// use mwi::config::MwiServer;
/// use mwi::show::show_sip_ua_mwi;
///
/// let server = MwiServer::new("ipv4:192.168.1.30".parse()?);
/// let text = show_sip_ua_mwi(Some(&server), &[[192, 168, 1, 30].into()], 0, 0, [("8000", true)].into_iter());
/// assert!(text.ends_with("endpoint 8000 mwi status ON\n"));
/// # Ok::<(), mwi::config::ConfigError>(())
/// ```
pub fn show_sip_ua_mwi<'a>(
    server: Option<&MwiServer>,
    resolved: &[Ipv4Addr],
    current: usize,
    dns_retries: u32,
    endpoints: impl Iterator<Item = (&'a str, bool)>,
) -> String {
    let mut out = String::from("MWI type: 2\n");
    if let Some(server) = server {
        let transport = match server.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        out.push_str(&format!(
            "MWI server: {}\nMWI expires: {}\nMWI port: {}\nMWI transport type: {transport}\n",
            server.host, server.expires, server.port
        ));
        if server.unsolicited {
            out.push_str("MWI unsolicited\n");
        }
        out.push_str("MWI server IP address:\n");
        for row in 0..ADDRESS_ROWS {
            line(&mut out, format_args!("{:X}", resolved.get(row).map_or(0, |address| address.to_bits())));
        }
        let address = resolved.get(current).copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        line(&mut out, format_args!("MWI ipaddr cnt {}:", resolved.len()));
        line(&mut out, format_args!("MWI ipaddr idx {current}:"));
        let number = server.transport.number();
        line(&mut out, format_args!("MWI server: {address}, port {}, transport {number}", server.port));
        line(&mut out, format_args!("MWI server dns lookup retry cnt: {dns_retries}"));
    }
    for (endpoint, waiting) in endpoints {
        line(&mut out, format_args!("endpoint {endpoint} mwi status {}", if waiting { "ON" } else { "OFF" }));
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The sample output of "Configuring SIP MWI Features".
    const PRINTED: &str = include_str!("../testdata/show-sip-ua-mwi.txt");

    #[test]
    fn the_output_is_the_documents_word_for_word() {
        let mut server = MwiServer::new("dns:unity-vm.example1.com".parse().unwrap());
        server.expires = 60;
        server.unsolicited = true;
        let endpoints = [("8000", true), ("8000", true), ("8001", false)];
        let text = show_sip_ua_mwi(Some(&server), &[[192, 168, 1, 30].into()], 0, 0, endpoints.into_iter());
        // The document's address is another in hexadecimal than in figures: its authors have changed one of them.
        let expected = PRINTED.replace("C801011E", "C0A8011E");
        assert_eq!(text, expected);
    }

    /// What we compare with is what the document has; only where the project's library is at hand.
    #[test]
    fn the_sample_is_the_documents() {
        let document =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference/source/000_d1318a16ca7dc1e4.txt");
        match std::fs::read_to_string(document) {
            Ok(text) => assert!(text.replace('\r', "").contains(PRINTED)),
            Err(error) => println!("skipped: {document}: {error}"),
        }
    }

    #[test]
    fn the_address_in_use_is_shown_and_the_unsolicited_row_only_when_set() {
        let mut server = MwiServer::new("dns:vm".parse().unwrap());
        server.transport = Transport::Tcp;
        let addresses: Vec<Ipv4Addr> = (1..=10).map(|n| [10, 0, 0, n].into()).collect();
        let text = show_sip_ua_mwi(Some(&server), &addresses, 9, 3, std::iter::empty());
        assert!(!text.contains("unsolicited"));
        assert!(text.contains("MWI transport type: TCP\n"));
        assert_eq!(text.lines().filter(|line| line.starts_with("A00000")).count(), 9);
        assert!(text.contains(
            "MWI ipaddr cnt 10:\nMWI ipaddr idx 9:\nMWI server: 10.0.0.10, port 5060, transport 2\n"
        ));
        assert!(text.ends_with("MWI server dns lookup retry cnt: 3\n"));
    }

    #[test]
    fn without_a_server_the_endpoints_are_shown() {
        let text = show_sip_ua_mwi(None, &[], 0, 0, [("8000", false)].into_iter());
        assert_eq!(text, "MWI type: 2\nendpoint 8000 mwi status OFF\n");
    }
}
