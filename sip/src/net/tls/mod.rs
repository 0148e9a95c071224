//! TLS for SIP: settings, and why a handshake failed (RFC 3261 26.3, RFC 5922).

mod names;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, PeerIncompatible, RootCertStore, ServerConfig,
    SupportedProtocolVersion,
};

pub use names::CertificateNames;
pub(super) use verify::NameMismatch;
use verify::Verifier;

/// Largest PEM text read.
const MAX_PEM: usize = 1 << 20;
/// Most names of a certificate that count.
const MAX_NAMES: usize = 64;

/// A protocol version. Older ones are not spoken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2
    V1_2,
    /// TLS 1.3
    V1_3,
}

/// Whether peers that connect to us have to show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    Off,
    /// They are asked; one that is shown has to be good.
    Wanted,
    /// Without a good one there is no connection (mutual TLS).
    Required,
}

/// A certificate chain with its key: who we are.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// Reads PEM texts: the chain with our certificate first, and its key (PKCS#8, PKCS#1 or SEC1).
    ///
    /// ```
    /// let made = rcgen::generate_simple_self_signed(["gw.example".to_owned()])?;
    /// let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    /// let identity = sip::net::Identity::from_pem(chain.as_bytes(), key.as_bytes())?;
    /// assert_eq!(identity.names()?.dns(), ["gw.example"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TlsConfigError::Pem`], [`TlsConfigError::NoCertificate`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity, TlsConfigError> {
        let chain = certificates(chain)?;
        let key = key.get(..key.len().min(MAX_PEM)).unwrap_or_default();
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsConfigError::Pem(error.to_string()))?;
        Ok(Identity { chain, key: Arc::new(key) })
    }

    /// The names in our certificate.
    ///
    /// # Errors
    /// [`TlsConfigError::Certificate`] when it cannot be read.
    pub fn names(&self) -> Result<CertificateNames, TlsConfigError> {
        let certificate = self.chain.first().ok_or(TlsConfigError::NoCertificate)?;
        CertificateNames::of(certificate).map_err(TlsConfigError::Certificate)
    }
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// How we speak TLS, as server and as client.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Who we are. As server at least one is needed; of several the one that has the name the client asks
    /// for (SNI) is shown, else the first. As client the first is shown when the server asks.
    pub identities: Vec<Identity>,
    /// Whom we believe: issuers, and certificates that are believed themselves though they are their own
    /// issuers, as those of Unified CM.
    pub trusted: Vec<CertificateDer<'static>>,
    /// What clients have to show. Default [`ClientAuth::Required`].
    pub client_auth: ClientAuth,
    /// Whether a server's certificate has to name the domain we call (RFC 5922 7). Default true; IOS does
    /// so with `cn-san validate server`.
    pub check_names: bool,
    /// Whether a client's certificate has to bear one of the names of [`TlsConfig::permitted`], so that without any nobody gets
    /// in. Default false; IOS does so with `cn-san validate client`. Clients that are not asked for a certificate
    /// ([`ClientAuth::Off`]) are not checked.
    pub check_clients: bool,
    /// Names that peers may bear, see [`CertificateNames::is_any_of`]: clients where [`TlsConfig::check_clients`] says so,
    /// servers besides the domain we call. Default none.
    pub permitted: Vec<String>,
    /// Whether a server is told whom we look for (SNI, RFC 6066 3). Default true.
    pub sni: bool,
    /// Oldest version spoken. Default 1.2.
    pub min_version: TlsVersion,
    /// Newest version spoken. Default 1.3.
    pub max_version: TlsVersion,
    /// Cipher suites by name, such as `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` or `TLS13_AES_256_GCM_SHA384`,
    /// the preferred first. Empty, the default, for all we have.
    pub ciphers: Vec<String>,
    /// Keys are agreed upon on the curve P-384 alone. Default false: on any we have.
    pub only_p384: bool,
}

impl Default for TlsConfig {
    fn default() -> Self {
        TlsConfig {
            identities: Vec::new(),
            trusted: Vec::new(),
            client_auth: ClientAuth::Required,
            check_names: true,
            check_clients: false,
            permitted: Vec::new(),
            sni: true,
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
            ciphers: Vec::new(),
            only_p384: false,
        }
    }
}

impl TlsConfig {
    /// Adds every certificate of a PEM text to [`TlsConfig::trusted`].
    ///
    /// # Errors
    /// [`TlsConfigError::Pem`], [`TlsConfigError::NoCertificate`].
    pub fn trust_pem(&mut self, pem: &[u8]) -> Result<(), TlsConfigError> {
        self.trusted.extend(certificates(pem)?);
        Ok(())
    }

    /// Whether it can be used, which [`super::Net::bind`] would find out too late to go on without TLS.
    ///
    /// # Errors
    /// [`TlsConfigError`].
    pub fn check(&self) -> Result<(), TlsConfigError> {
        Tls::new(self).map(|_| ())
    }

    /// The names [`TlsConfig::ciphers`] may have.
    pub fn cipher_names() -> Vec<String> {
        provider()
            .cipher_suites
            .iter()
            .filter_map(|suite| suite.suite().as_str().map(ToOwned::to_owned))
            .collect()
    }
}

/// Why TLS settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsConfigError {
    /// Not PEM, or not what was expected in it.
    #[error("PEM expected: {0}")]
    Pem(String),
    /// PEM without a certificate.
    #[error("no certificate in the PEM text")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("certificate malformed: {0}")]
    Certificate(String),
    /// A key that cannot be used, or does not belong to its certificate.
    #[error("key cannot be used: {0}")]
    Key(String),
    /// Client certificates are asked for and nobody is trusted.
    #[error("client certificates are asked for, but no issuer is trusted")]
    NobodyTrusted,
    /// An unknown cipher suite.
    #[error("cipher suite {0:?} unknown")]
    Cipher(String),
    /// No version or no cipher suite is left.
    #[error("no TLS version with a cipher suite is left between {min:?} and {max:?}")]
    NothingLeft {
        /// Oldest version allowed.
        min: TlsVersion,
        /// Newest version allowed.
        max: TlsVersion,
    },
}

/// Why there is no TLS connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// We have no TLS settings, or no certificate to serve with.
    #[error("TLS is not configured")]
    NotConfigured,
    /// Nobody we trust has issued the peer's certificate.
    #[error("certificate of an issuer we don't trust")]
    UnknownIssuer,
    /// The peer's certificate, or one of its issuers', is too old.
    #[error("certificate expired")]
    Expired,
    /// It is not valid yet: look at the clocks.
    #[error("certificate not valid yet")]
    NotValidYet,
    /// It is for another purpose (RFC 5280 4.2.1.12).
    #[error("certificate not made for this purpose")]
    WrongPurpose,
    /// It names somebody else (RFC 5922 7).
    #[error("certificate expected for {expected:?}, got one for {found:?}")]
    WrongName {
        /// The domain we called, or the names a client may bear.
        expected: String,
        /// The identities in the certificate.
        found: Vec<String>,
    },
    /// It cannot be read, or its signature is wrong.
    #[error("certificate bad: {0}")]
    BadCertificate(String),
    /// The client has shown none.
    #[error("client without certificate")]
    NoClientCertificate,
    /// No version in common.
    #[error("no TLS version in common")]
    Version,
    /// No cipher suite, group or signature scheme in common.
    #[error("no cipher suite in common")]
    Cipher,
    /// What came is no TLS.
    #[error("not TLS")]
    NotTls,
    /// The peer refused with this alert.
    #[error("refused by the peer with alert {0}")]
    Alert(String),
    /// The handshake took too long.
    #[error("handshake not finished in time")]
    Timeout,
    /// The peer hung up during the handshake.
    #[error("closed during the handshake")]
    Closed,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl TlsError {
    /// Reads what rustls said, if this error comes from it.
    pub(super) fn from_io(error: &io::Error) -> TlsError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => TlsError::from_rustls(inner),
            None if error.kind() == io::ErrorKind::TimedOut => TlsError::Timeout,
            None if is_hang_up(error.kind()) => TlsError::Closed,
            None => TlsError::Other(error.to_string()),
        }
    }

    fn from_rustls(error: &rustls::Error) -> TlsError {
        match error {
            rustls::Error::InvalidCertificate(why) => TlsError::from_certificate(why),
            rustls::Error::NoCertificatesPresented => TlsError::NoClientCertificate,
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => TlsError::Version,
            rustls::Error::AlertReceived(alert) => TlsError::Alert(format!("{alert:?}")),
            rustls::Error::InvalidMessage(_) => TlsError::NotTls,
            rustls::Error::PeerIncompatible(why) => match why {
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                // Only what is older than TLS 1.2 does without.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled => TlsError::Version,
                _ => TlsError::Cipher,
            },
            other => TlsError::Other(other.to_string()),
        }
    }

    fn from_certificate(error: &CertificateError) -> TlsError {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsError::NotValidYet
            }
            CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                TlsError::WrongPurpose
            }
            CertificateError::Other(other) => match other.0.downcast_ref::<NameMismatch>() {
                Some(NameMismatch { expected, found }) => {
                    TlsError::WrongName { expected: expected.clone(), found: found.clone() }
                }
                None => TlsError::BadCertificate(other.0.to_string()),
            },
            other => TlsError::BadCertificate(format!("{other:?}").chars().take(200).collect()),
        }
    }
}

fn is_hang_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// Settings made ready for handshakes.
#[derive(Clone)]
pub(super) struct Tls {
    /// `None` without an identity.
    pub(super) server: Option<Arc<ServerConfig>>,
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    verifier: Arc<Verifier>,
    identity: Option<Identity>,
    check_names: bool,
    sni: bool,
    /// Who gets in as client has shown that it is one of [`TlsConfig::permitted`].
    pub(super) certifies: bool,
}

impl Tls {
    pub(super) fn new(config: &TlsConfig) -> Result<Tls, TlsConfigError> {
        let provider = Arc::new(chosen(config)?);
        let nothing = || TlsConfigError::NothingLeft { min: config.min_version, max: config.max_version };
        let versions: Vec<_> =
            [(TlsVersion::V1_3, &rustls::version::TLS13), (TlsVersion::V1_2, &rustls::version::TLS12)]
                .into_iter()
                .filter(|(version, _)| (config.min_version..=config.max_version).contains(version))
                .map(|(_, version)| version)
                .filter(|version| {
                    provider.cipher_suites.iter().any(|suite| suite.version().version == version.version)
                })
                .collect();
        if versions.is_empty() {
            return Err(nothing());
        }
        let mut roots = RootCertStore::empty();
        for certificate in &config.trusted {
            roots.add(certificate.clone()).map_err(|error| TlsConfigError::Certificate(error.to_string()))?;
        }
        let verifier = Verifier::new(roots, config, &provider);
        let mut tls = Tls {
            server: None,
            provider,
            versions,
            verifier: Arc::new(verifier),
            identity: config.identities.first().cloned(),
            check_names: config.check_names,
            sni: config.sni,
            certifies: config.check_clients && config.client_auth != ClientAuth::Off,
        };
        if !config.identities.is_empty() {
            tls.server = Some(Arc::new(tls.server_config(config)?));
        }
        // What cannot be used is said now, not at the first call.
        tls.client(None)?;
        Ok(tls)
    }

    fn server_config(&self, config: &TlsConfig) -> Result<ServerConfig, TlsConfigError> {
        let mut shown = Vec::new();
        for identity in &config.identities {
            let key =
                CertifiedKey::from_der(identity.chain.clone(), identity.key.clone_key(), &self.provider)
                    .map_err(|error| TlsConfigError::Key(error.to_string()))?;
            shown.push((identity.names()?, Arc::new(key)));
        }
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| TlsConfigError::Key(error.to_string()))?;
        let builder = match config.client_auth {
            ClientAuth::Off => builder.with_no_client_auth(),
            _ if config.trusted.is_empty() => return Err(TlsConfigError::NobodyTrusted),
            _ => {
                let verifier: Arc<dyn rustls::server::danger::ClientCertVerifier> = self.verifier.clone();
                builder.with_client_cert_verifier(verifier)
            }
        };
        Ok(builder.with_cert_resolver(Arc::new(ByName(shown))))
    }

    /// For a call to `domain`; `None` makes no demand on the name.
    pub(super) fn client(&self, domain: Option<&str>) -> Result<Arc<ClientConfig>, TlsConfigError> {
        let verifier = self.verifier.expecting(domain.filter(|_| self.check_names));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| TlsConfigError::Key(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| TlsConfigError::Key(error.to_string()))?,
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.sni;
        Ok(Arc::new(config))
    }
}

/// What a client asks for in SNI: the domain, or nothing when it is an address (RFC 6066 3).
pub(super) fn server_name(domain: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(domain.trim_start_matches('[').trim_end_matches(']').to_owned()).ok()
}

#[derive(Debug)]
struct ByName(Vec<(CertificateNames, Arc<CertifiedKey>)>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name();
        let named = self.0.iter().find(|(names, _)| asked.is_some_and(|asked| names.name(asked)));
        named.or(self.0.first()).map(|(_, key)| Arc::clone(key))
    }
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn chosen(config: &TlsConfig) -> Result<CryptoProvider, TlsConfigError> {
    let mut provider = provider();
    if !config.ciphers.is_empty() {
        let mut suites = Vec::new();
        for name in &config.ciphers {
            let suite = provider
                .cipher_suites
                .iter()
                .find(|suite| suite.suite().as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)))
                .ok_or_else(|| TlsConfigError::Cipher(name.clone()))?;
            suites.push(*suite);
        }
        provider.cipher_suites = suites;
    }
    if config.only_p384 {
        provider.kx_groups = vec![rustls::crypto::ring::kx_group::SECP384R1];
    }
    Ok(provider)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let pem = pem.get(..pem.len().min(MAX_PEM)).unwrap_or_default();
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsConfigError::Pem(error.to_string()))?;
    if found.is_empty() { Err(TlsConfigError::NoCertificate) } else { Ok(found) }
}
