//! Certificates: ours, and whose we believe.
//!
//! What is read here is read from files that the configuration names: once when it is checked, and again whenever the
//! node is told that they have changed. TLS 1.2 and 1.3; the names that a certificate is for may have wildcards, which
//! RFC 5922 section 7.2 forbids and Twilio's have.

use core::fmt;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, InconsistentKeys, RootCertStore,
    ServerConfig, SignatureScheme, version,
};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use warmline_core::config::TrunkIndex;

use crate::config::Loaded;

/// What is spoken, the newer first.
const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// The files of a certificate of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// It and what leads to its root, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, in PEM.
    pub(crate) key: PathBuf,
}

/// Whose certificates a trunk's peers may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// The file of who vouches for them, in PEM; the public authorities where there is none.
    pub(crate) ca: Option<PathBuf>,
    /// The name that they must be for when they connect to us; then they must.
    pub(crate) name: Option<String>,
}

/// Which file is of no use, and why: in words that go on after its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// That of a certificate of ours.
    Certificate(PathBuf, String),
    /// That of its key.
    Key(PathBuf, String),
    /// That of an authority.
    Ca(PathBuf, String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Certificate(path, why) | Self::Key(path, why) | Self::Ca(path, why)) = self;
        write!(f, "{} {why}", path.display())
    }
}

impl core::error::Error for Unusable {}

impl Identity {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<CertifiedKey, Unusable> {
        let certificate = |why| Unusable::Certificate(self.certificate.clone(), why);
        let key = |why| Unusable::Key(self.key.clone(), why);
        let chain = certificates(&self.certificate).map_err(certificate)?;
        let secret = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            key(unreadable(
                error,
                "has no private key in it; in PEM it begins with \"-----BEGIN PRIVATE KEY-----\"",
            ))
        })?;
        CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                key(format!("is not the key of the certificate in {}", self.certificate.display()))
            }
            Error::InvalidCertificate(error) => certificate(format!("cannot be used: {error:?}")),
            error => key(format!("cannot be used: {error}")),
        })
    }
}

impl Trust {
    /// Who vouches.
    pub(crate) fn roots(&self) -> Result<RootCertStore, Unusable> {
        let Some(path) = &self.ca else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let unusable = |why| Unusable::Ca(path.clone(), why);
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path).map_err(unusable)? {
            roots.add(certificate).map_err(|error| unusable(format!("cannot be used: {error}")))?;
        }
        Ok(roots)
    }
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    const NONE: &str = "has no certificate in it; in PEM it begins with \"-----BEGIN CERTIFICATE-----\"";
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match chain {
        Ok(chain) if chain.is_empty() => Err(NONE.to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(unreadable(error, NONE)),
    }
}

fn unreadable(error: pem::Error, nothing: &str) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => nothing.to_owned(),
        error => format!("is no PEM: {error}"),
    }
}

/// How TLS is spoken: made anew when certificates have changed.
pub(crate) struct Contexts {
    /// For each interface that listens on TLS: how we answer whom no trunk asks for a certificate.
    servers: HashMap<u8, Arc<ServerConfig>>,
    /// How we answer those whose trunk does.
    certified: HashMap<u16, Arc<ServerConfig>>,
    /// How we connect to each trunk on such an interface.
    clients: HashMap<u16, Arc<ClientConfig>>,
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").finish_non_exhaustive()
    }
}

impl Contexts {
    /// Reads every file that the configuration names.
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, Unusable> {
        let config = loaded.lend();
        let mut this = Self { servers: HashMap::new(), certified: HashMap::new(), clients: HashMap::new() };
        let mut shared: HashMap<(u8, Option<&Path>), Arc<ClientConfig>> = HashMap::new();
        for interface in 0..u8::try_from(config.interfaces.len()).unwrap_or(u8::MAX) {
            let Some(identity) = loaded.identity(interface) else { continue };
            let identity = identity.read()?;
            this.servers.insert(interface, Arc::new(server(&identity, None)?));
            for (number, trunk) in (0u16..).zip(config.trunks) {
                let Some((listener, _)) = config.listener(trunk.listener) else { continue };
                let Some(trust) = loaded.trust(TrunkIndex(number)) else { continue };
                if listener.interface != interface {
                    continue;
                }
                if trust.name.is_some() {
                    this.certified.insert(number, Arc::new(server(&identity, Some(trust))?));
                }
                let made = match shared.entry((interface, trust.ca.as_deref())) {
                    Entry::Occupied(made) => Arc::clone(made.get()),
                    Entry::Vacant(place) => Arc::clone(place.insert(Arc::new(client(&identity, trust)?))),
                };
                this.clients.insert(number, made);
            }
        }
        Ok(this)
    }

    /// How we answer who connects on an interface and belongs to this trunk.
    pub(crate) fn server(&self, interface: u8, trunk: TrunkIndex) -> Option<Arc<ServerConfig>> {
        self.certified.get(&trunk.0).or_else(|| self.servers.get(&interface)).map(Arc::clone)
    }

    /// How we connect to a trunk.
    pub(crate) fn client(&self, trunk: TrunkIndex) -> Option<Arc<ClientConfig>> {
        self.clients.get(&trunk.0).map(Arc::clone)
    }
}

/// How we answer those who connect. With `trust`, they must show a certificate.
fn server(identity: &CertifiedKey, trust: Option<&Trust>) -> Result<ServerConfig, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let builder = builder(ServerConfig::builder_with_provider(Arc::clone(&provider)));
    let builder = match trust {
        None => builder.with_no_client_auth(),
        Some(trust) => builder.with_client_cert_verifier(Arc::new(Peers::new(trust, provider)?)),
    };
    Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone()))))
}

/// How we connect to those whom `trust` vouches for; `identity` is shown to who asks for it.
fn client(identity: &CertifiedKey, trust: &Trust) -> Result<ClientConfig, Unusable> {
    let builder = builder(ClientConfig::builder_with_provider(Arc::new(ring::default_provider())));
    let builder = builder.with_root_certificates(trust.roots()?);
    Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone()))))
}

/// How platforms are answered, who show no certificate: by HTTP/1.1.
pub(crate) fn https(identity: &Identity) -> Result<Arc<ServerConfig>, Unusable> {
    let mut server = server(&identity.read()?, None)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

fn builder<S: rustls::ConfigSide>(
    builder: rustls::ConfigBuilder<S, rustls::WantsVersions>,
) -> rustls::ConfigBuilder<S, rustls::WantsVerifier> {
    match builder.with_protocol_versions(VERSIONS) {
        Ok(builder) => builder,
        // The provider that is built in has suites for both.
        Err(error) => unreachable!("{error}"),
    }
}

/// The name that is to be found in the certificate of who is connected to; none for what is no name.
pub(crate) fn name(text: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(text).ok().map(|name| name.to_owned())
}

/// Who is let in by certificate: whom the authorities vouch for, by this name. Many peers show the certificate that they
/// have as servers, and public authorities give no others any more: it does as well.
#[derive(Debug)]
struct Peers {
    inner: Arc<dyn ClientCertVerifier>,
    roots: RootCertStore,
    name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Peers {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, Unusable> {
        let roots = trust.roots()?;
        let inner =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider));
        let inner = inner.build().map_err(|error| {
            Unusable::Ca(trust.ca.clone().unwrap_or_default(), format!("cannot be used: {error}"))
        })?;
        let name = trust.name.as_deref().and_then(name);
        Ok(Self { inner, roots, name, provider })
    }
}

impl ClientCertVerifier for Peers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        if let Err(error) = self.inner.verify_client_cert(end_entity, intermediates, now) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)
                .map_err(|_| error)?;
        }
        if let Some(name) = &self.name {
            verify_server_name(&parsed, name)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
