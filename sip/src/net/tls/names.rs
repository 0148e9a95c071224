//! The SIP identities in a certificate (RFC 5922 7.1).

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::MAX_NAMES;
use crate::message::{Uri, parse_ip};

/// Who a certificate says it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    uris: Vec<String>,
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    /// The common name, where it counts for nothing else.
    common: Option<String>,
}

impl CertificateNames {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// What the DER reader says.
    pub fn of(certificate: &[u8]) -> Result<CertificateNames, String> {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        Ok(CertificateNames::of_parsed(&certificate))
    }

    pub(super) fn of_parsed(certificate: &X509Certificate<'_>) -> CertificateNames {
        let mut names = CertificateNames::default();
        let alternative = certificate.subject_alternative_name().ok().flatten();
        if let Some(alternative) = alternative {
            for name in alternative.value.general_names.iter().take(MAX_NAMES) {
                match name {
                    GeneralName::URI(uri) => names.uris.extend(domain_of(uri)),
                    GeneralName::DNSName(name) => names.dns.push(lower(name)),
                    GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
                    _ => {}
                }
            }
            let common = certificate.subject().iter_common_name().next();
            names.common = common.and_then(|common| common.as_str().ok()).map(lower);
            return names;
        }
        // RFC 5922 7.1: only a certificate without subjectAltName is judged by its CN.
        for common in certificate.subject().iter_common_name().take(1) {
            match common.as_str() {
                Ok(common) if parse_ip(common).is_some() => names.addresses.extend(parse_ip(common)),
                Ok(common) => names.dns.push(lower(common)),
                Err(_) => {}
            }
        }
        names
    }

    /// Domains of SIP URIs without user part.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// DNS names.
    pub fn dns(&self) -> &[String] {
        &self.dns
    }

    /// Addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// All of them as text, for messages.
    pub fn all(&self) -> Vec<String> {
        let uris = self.uris.iter().map(|domain| format!("sip:{domain}"));
        uris.chain(self.dns.iter().cloned()).chain(self.addresses.iter().map(IpAddr::to_string)).collect()
    }

    /// Whether the certificate is for this domain or address.
    pub fn name(&self, domain: &str) -> bool {
        if let Some(address) = parse_ip(domain) {
            return self.addresses.contains(&address.to_canonical());
        }
        let domain = lower(domain);
        //= RFC 5922 7.2: "Implementations MUST NOT match any form of wildcard, such as a leading "." or "*."
        //= with any other DNS label or sequence of labels."
        !domain.is_empty() && (self.uris.contains(&domain) || self.dns.contains(&domain))
    }

    /// Whether the certificate bears one of these names: `host.domain`, an address, or `*.domain` for any host of a domain. As in
    /// IOS (`cn-san`) the common name counts too where there are others.
    pub fn is_any_of(&self, permitted: &[String]) -> bool {
        let hosts = || self.uris.iter().chain(&self.dns).chain(&self.common);
        permitted.iter().any(|name| match lower(name).strip_prefix("*.") {
            Some(domain) => hosts().any(|host| host.split_once('.').is_some_and(|(_, rest)| rest == domain)),
            None => self.name(name) || self.common.as_ref().is_some_and(|common| *common == lower(name)),
        })
    }
}

/// The domain of a `sip:` URI that stands for a domain, not for a user.
fn domain_of(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    // RFC 5922 7.1: no other scheme than sip, and no user part: a user's certificate is no server's.
    let is_domain = uri.scheme().eq_ignore_ascii_case("sip") && uri.user_raw().is_none();
    uri.host().filter(|_| is_domain).map(lower)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::from(octets).to_canonical()),
        _ => None,
    }
}

/// For comparison: case and a final dot mean nothing in the DNS.
fn lower(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
