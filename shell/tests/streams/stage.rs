//! A node on loopback that listens on all three transports, and those who connect to it.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use warmline::{Node, Options, Snapshot, config};
use warmline_core::transport::Transport;

/// The AI agent's platform.
pub(crate) const AI: [u8; 4] = [127, 0, 0, 2];
/// One whose trunk asks for a certificate.
pub(crate) const CERTIFIED: [u8; 4] = [127, 0, 0, 3];
/// One in no trunk's ranges.
pub(crate) const STRANGER: [u8; 4] = [127, 0, 0, 9];

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with certificates.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// One authority, and those whom it vouches for.
    pub(crate) fn new() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let this = Self(std::env::temp_dir().join(format!("warmline-tls-{}-{number}", std::process::id())));
        fs::create_dir_all(&this.0).expect("a folder can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        this.write("ca.pem", &ca.pem());
        for (file, name) in [
            ("sbc", "sbc.example.com"),
            ("other", "other.example.com"),
            ("ai", "ai.example.com"),
            ("far", "localhost"),
        ] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            let certificate = params.signed_by(&key, &ca).expect("a certificate");
            this.write(&format!("{file}.pem"), &certificate.pem());
            this.write(&format!("{file}.key"), &key.serialize_pem());
        }
        this
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("a file can be written");
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The node, and where it is.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) folder: Folder,
}

impl Stage {
    /// A node whose target is nowhere.
    pub(crate) fn set() -> Self {
        Self::with("tcp", 5999)
    }

    /// A node that reaches its one target, `localhost` at this port, by this transport.
    pub(crate) fn with(transport: &str, port: u16) -> Self {
        let folder = Folder::new();
        let media = media();
        let text = format!(
            r#"
[node]
capacity = 5
[[interface]]
name = "loop"
address = "127.0.0.1"
listen = ["udp:5060", "tcp:5060", "tls:5061"]
media = "{}-{}"
certificate = "sbc.pem"
key = "sbc.key"
[[trunk]]
name = "ai"
kind = "ai"
signalling = ["127.0.0.2/32"]
media = ["127.0.0.2/32"]
[[trunk]]
name = "certified"
kind = "ai"
signalling = ["127.0.0.3/32"]
media = ["127.0.0.3/32"]
transport = "tls"
ca = "ca.pem"
certificate = "ai.example.com"
[[trunk]]
name = "far"
kind = "carrier"
signalling = ["127.0.0.1/32"]
media = ["127.0.0.1/32"]
transport = "{transport}"
ca = "ca.pem"
[[target]]
name = "far"
trunk = "far"
uri = "sip:support@localhost:{port}"
[[line]]
name = "support"
dial = ["support"]
from = ["ai", "certified"]
ring = [{{ targets = ["far"], for = "20s" }}]
"#,
            media,
            media + 19
        );
        let file = folder.path("warmline.toml");
        let loaded = config::parse(&file.display().to_string(), &text);
        let mut loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        for listener in 0..3 {
            loaded.set_port(listener, 0);
        }
        let node = Node::start(loaded, Options::default()).unwrap_or_else(|error| panic!("{error}"));
        Self { node, folder }
    }

    /// Where it listens.
    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        let at = self.node.transports().iter().position(|&at| at == transport).expect("it listens");
        self.node.addresses()[at]
    }

    /// A connection from this address.
    pub(crate) fn tcp(&self, from: [u8; 4]) -> Wire<TcpStream> {
        Wire::new(connect(from, self.address(Transport::Tcp)))
    }

    /// The same, where TLS is spoken.
    pub(crate) fn plain_to_tls(&self, from: [u8; 4]) -> Wire<TcpStream> {
        Wire::new(connect(from, self.address(Transport::Tls)))
    }

    /// A connection by TLS, when it comes about.
    pub(crate) fn tls(
        &self,
        from: [u8; 4],
        tls: &Tls,
    ) -> std::io::Result<Wire<StreamOwned<ClientConnection, TcpStream>>> {
        let mut socket = connect(from, self.address(Transport::Tls));
        let mut connection =
            ClientConnection::new(Arc::new(tls.client()), tls.name.clone()).expect("a configuration");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Wire::new(StreamOwned::new(connection, socket)))
    }

    /// An OPTIONS with this branch.
    pub(crate) fn options(&self, branch: &str) -> String {
        format!(
            "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK{branch}\r\n\
             From: <sip:a@127.0.0.2>;tag=1\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: {branch}@a\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// Waits until it is so.
    pub(crate) fn until(&self, what: &str, so: impl Fn(&Snapshot) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.node.snapshot().is_some_and(|snapshot| so(&snapshot)) {
            assert!(Instant::now() < end, "{what}: {:?}", self.node.snapshot());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Media ports that no other test of this program has.
fn media() -> u16 {
    static STAGES: AtomicU32 = AtomicU32::new(0);
    let number = STAGES.fetch_add(1, Ordering::Relaxed);
    let ours = (std::process::id() % 100) as u16;
    20_000 + ours * 200 + (number as u16 % 10) * 20
}

fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address of loopback");
    socket.connect(&to.into()).expect("it listens");
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
    stream
}

/// How a peer speaks TLS.
pub(crate) struct Tls {
    pub(crate) version: &'static rustls::SupportedProtocolVersion,
    pub(crate) name: ServerName<'static>,
    /// The PEM files of its own certificate and key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
    pub(crate) ca: PathBuf,
}

impl Tls {
    /// One that trusts the stage's authority and shows nothing.
    pub(crate) fn trusting(stage: &Stage) -> Self {
        Self {
            version: &rustls::version::TLS13,
            name: "sbc.example.com".try_into().expect("a name"),
            own: None,
            ca: stage.folder.path("ca.pem"),
        }
    }

    fn client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca).expect("a file")).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[self.version])
            .expect("a version")
            .with_root_certificates(roots);
        match &self.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let (chain, key) = pair(certificate, key);
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        }
    }
}

fn pair(certificate: &Path, key: &Path) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = vec![CertificateDer::from_pem_file(certificate).expect("a file")];
    (chain, PrivateKeyDer::from_pem_file(key).expect("a key"))
}

/// Who waits for a connection of the node's, with the certificate for `localhost`.
pub(crate) fn answer_tls(
    listener: &TcpListener,
    certificate: &Path,
    key: &Path,
) -> std::io::Result<Wire<StreamOwned<ServerConnection, TcpStream>>> {
    let mut socket = accept(listener);
    let (chain, key) = pair(certificate, key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    let mut connection = ServerConnection::new(Arc::new(config)).expect("a configuration");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(Wire::new(StreamOwned::new(connection, socket)))
}

/// The next connection.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
    socket
}

/// A socket at a free port of 127.0.0.1.
pub(crate) fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// One end of a connection.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    heard: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, heard: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the peer takes it");
        self.stream.flush().expect("the peer takes it");
    }

    /// Writes where the peer may have gone.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    fn more(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk).expect("something comes");
        self.heard.extend(&chunk[..read]);
        read > 0
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.heard.len() < count {
            assert!(self.more(), "the peer has gone");
        }
        self.heard.drain(..count).collect()
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> String {
        let head = loop {
            if let Some(at) = self.heard.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more(), "the peer has gone after {:?}", String::from_utf8_lossy(&self.heard));
        };
        let text = String::from_utf8_lossy(&self.heard[..head]).into_owned();
        let len = field(&text, "Content-Length").parse::<usize>().expect("a length");
        String::from_utf8(self.bytes(head + len)).expect("text")
    }

    /// The next message, or what came before it was closed.
    pub(crate) fn rest_or_message(&mut self) -> String {
        let mut chunk = [0; 4096];
        while !self.heard.windows(4).any(|window| window == b"\r\n\r\n") {
            match self.stream.read(&mut chunk) {
                Ok(read) if read > 0 => self.heard.extend(&chunk[..read]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&core::mem::take(&mut self.heard)).into_owned()
    }

    /// Everything until it is closed.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => self.heard.extend(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it stays open"),
                // Reset, or cut off without a word.
                Err(_) => break,
            }
        }
        core::mem::take(&mut self.heard)
    }
}

/// A header of a message.
pub(crate) fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}
