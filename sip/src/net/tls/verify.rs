//! Who is believed: issuers by rustls, names by RFC 5922.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateNames, ClientAuth, TlsConfig};

/// A certificate for somebody else.
#[derive(Debug, thiserror::Error)]
#[error("certificate expected for {expected:?}, got one for {found:?}")]
pub(in crate::net) struct NameMismatch {
    pub(in crate::net) expected: String,
    pub(in crate::net) found: Vec<String>,
}

/// Checks both sides' certificates.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    /// Believed as they are, their own issuers or not.
    pinned: Arc<Vec<CertificateDer<'static>>>,
    algorithms: WebPkiSupportedAlgorithms,
    /// For clients' chains; `None` while nobody is trusted.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    mandatory: bool,
    /// Whom a server has to be.
    domain: Option<Arc<str>>,
    /// Who a server may be besides, and a client has to be where `check_clients`.
    permitted: Arc<[String]>,
    check_clients: bool,
}

impl Verifier {
    pub(super) fn new(roots: RootCertStore, config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Verifier {
        let roots = Arc::new(roots);
        Verifier {
            clients: WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
                .build()
                .ok(),
            roots,
            pinned: Arc::new(config.trusted.clone()),
            algorithms: provider.signature_verification_algorithms,
            mandatory: config.client_auth == ClientAuth::Required,
            domain: None,
            permitted: config.permitted.as_slice().into(),
            check_clients: config.check_clients,
        }
    }

    pub(super) fn expecting(&self, domain: Option<&str>) -> Verifier {
        Verifier { domain: domain.map(Arc::from), ..self.clone() }
    }

    /// True for a certificate that is itself in the list of the trusted, and valid now.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.pinned.iter().any(|pinned| pinned.as_ref() == certificate.as_ref()) {
            return Ok(false);
        }
        let parsed = parse(certificate)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if seconds < parsed.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if seconds > parsed.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        Ok(true)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.is_pinned(end_entity, now)? {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                &self.roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if let Some(domain) = &self.domain {
            let names = CertificateNames::of_parsed(&parse(end_entity)?);
            if !names.name(domain) && !names.is_any_of(&self.permitted) {
                return Err(mismatch(domain.to_string(), &names));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Without hints a client shows what it has, also a certificate that is its own issuer.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !self.is_pinned(end_entity, now)? {
            let clients = self.clients.as_ref().ok_or(CertificateError::UnknownIssuer)?;
            clients.verify_client_cert(end_entity, intermediates, now)?;
        }
        if self.check_clients {
            let names = CertificateNames::of_parsed(&parse(end_entity)?);
            if !names.is_any_of(&self.permitted) {
                return Err(mismatch(self.permitted.join(" or "), &names));
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn mismatch(expected: String, names: &CertificateNames) -> Error {
    CertificateError::Other(OtherError(Arc::new(NameMismatch { expected, found: names.all() }))).into()
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    let parsed = X509Certificate::from_der(certificate);
    parsed.map(|(_, parsed)| parsed).map_err(|_| CertificateError::BadEncoding.into())
}
