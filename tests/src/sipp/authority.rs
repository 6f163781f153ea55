//! An authority for one test's certificates, and those whom it vouches for.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Who vouches. What it makes are PEM files in its folder.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, whose own certificate is `ca.pem`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        std::fs::write(folder.join("ca.pem"), issuer.pem()).expect("a file can be written");
        Self { folder: folder.to_owned(), issuer }
    }

    /// Its own certificate's file.
    pub fn own(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for a name or an address, with its key behind it in one file, which is given.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn vouch(&self, name: &str) -> PathBuf {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = self.folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem() + &key.serialize_pem()).expect("a file can be written");
        file
    }
}
