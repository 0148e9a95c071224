//! Files on servers. Everything here blocks.

use std::io::Read as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::MAX_FILE;
use super::place::{Remote, Scheme};
use super::{ftp, scp, tftp};

/// Longest wait for a server's next octet.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Longest transfer.
const WHOLE: Duration = Duration::from_secs(600);
/// Authorities the host trusts, as Debian keeps them.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Gets a file. `authorities` is a file of certificates in place of the host's, for `https:`.
pub(super) fn fetch(remote: &Remote, authorities: Option<PathBuf>) -> Result<Vec<u8>, String> {
    match remote.scheme {
        Scheme::Tftp => tftp::get(address(remote)?, &remote.path),
        Scheme::Ftp => ftp::get(address(remote)?, &login(remote), &remote.path),
        Scheme::Scp => scp::get(remote),
        Scheme::Http | Scheme::Https => {
            let mut answer = agent(authorities)?.get(url(remote)).call().map_err(|e| e.to_string())?;
            let mut octets = Vec::new();
            let limit = MAX_FILE as u64 + 1;
            let body = answer.body_mut().with_config().limit(limit).reader();
            body.take(limit).read_to_end(&mut octets).map_err(|e| e.to_string())?;
            if octets.len() > MAX_FILE { Err("File is too large".into()) } else { Ok(octets) }
        }
    }
}

/// Puts a file, as [`fetch`] gets one.
pub(super) fn store(remote: &Remote, octets: Vec<u8>, authorities: Option<PathBuf>) -> Result<(), String> {
    match remote.scheme {
        Scheme::Tftp => tftp::put(address(remote)?, &remote.path, octets),
        Scheme::Ftp => ftp::put(address(remote)?, &login(remote), &remote.path, &octets),
        Scheme::Scp => scp::put(remote, octets),
        Scheme::Http | Scheme::Https => {
            agent(authorities)?.put(url(remote)).send(&octets[..]).map(drop).map_err(|e| e.to_string())
        }
    }
}

/// User and password for FTP.
fn login(remote: &Remote) -> (String, String) {
    let user = remote.user.clone().unwrap_or_else(|| "anonymous".to_owned());
    (user, remote.password.clone().unwrap_or_else(|| "tipring@".to_owned()))
}

/// The first address of the host.
pub(super) fn address(remote: &Remote) -> Result<SocketAddr, String> {
    let host = remote.host.as_deref().unwrap_or("");
    let mut found = (host, remote.port).to_socket_addrs().map_err(|_| format!("Unknown host {host}"))?;
    found.next().ok_or_else(|| format!("Unknown host {host}"))
}

/// The URL with user and password, as HTTP clients take them.
fn url(remote: &Remote) -> String {
    let who = match (&remote.user, &remote.password) {
        (Some(user), Some(password)) => format!("{user}:{password}@"),
        (Some(user), None) => format!("{user}@"),
        _ => String::new(),
    };
    let host = remote.host.as_deref().unwrap_or("");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{}//{who}{host}:{}/{}", remote.scheme.prefix(), remote.port, remote.path)
}

fn agent(file: Option<PathBuf>) -> Result<ureq::Agent, String> {
    let authorities: Vec<Certificate<'static>> = std::fs::read(file.unwrap_or_else(|| AUTHORITIES.into()))
        .map(|pem| {
            parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
                    _ => None,
                })
                .collect()
        })
        .unwrap_or_default();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .build();
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(WHOLE))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .tls_config(tls)
        .build();
    Ok(config.into())
}
