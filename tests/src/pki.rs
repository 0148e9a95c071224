//! Certificates of one issuer, for the gateway and for its peer.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::Tipringd;

/// An issuer (`ca.pem`) with certificates (`NAME.cert`, `NAME.key`) of `gateway.example` and of a peer, as PEM files.
#[derive(Debug)]
pub struct Pki {
    dir: TempDir,
}

impl Pki {
    /// Makes them; `peer` is the DNS name of the peer.
    ///
    /// # Panics
    /// When a certificate cannot be made or a file not be written.
    #[must_use]
    #[track_caller]
    pub fn new(peer: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Issuer of this test");
        let key = || KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("an issuer");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: String| {
            std::fs::write(dir.path().join(name), text).expect("temporary file");
        };
        write("ca.pem", issuer.pem());
        for name in ["gateway.example", peer] {
            let key = key();
            let mut params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
            params.distinguished_name.push(DnType::CommonName, name);
            let made = params.signed_by(&key, &issuer).expect("a certificate");
            write(&format!("{name}.cert"), made.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self { dir }
    }

    /// Where a file of them is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts the gateway's files where its trustpoint GW has them.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[track_caller]
    pub fn install(&self, gateway: &Tipringd) {
        self.install_as(gateway, "GW", "gateway.example");
    }

    /// Puts the files of `name` where the gateway's trustpoint has them.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[track_caller]
    pub fn install_as(&self, gateway: &Tipringd, trustpoint: &str, name: &str) {
        let trustpoint = gateway.state_dir().join("pki").join(trustpoint);
        std::fs::create_dir_all(&trustpoint).expect("a directory");
        let (chain, key) = (format!("{name}.cert"), format!("{name}.key"));
        for (from, to) in [(chain.as_str(), "cert.pem"), (&key, "key.pem"), ("ca.pem", "ca.pem")] {
            std::fs::copy(self.file(from), trustpoint.join(to)).expect("a file of the trustpoint");
        }
    }
}
