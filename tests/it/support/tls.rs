//! Certificates made for a test, clients that trust them, and an upstream that shows one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls::{SupportedProtocolVersion, version};

use super::wait::DEADLINE;

/// Whom a test trusts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    /// For host names or addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(names).expect("names");
        // A name other than the issuer's, or some clients take it for self-signed.
        params.distinguished_name.push(DnType::CommonName, "a server of the tests");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).expect("a writable directory");
    }

    pub fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("known versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A TLS connection with any version.
    pub fn connect(&self, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        connect(address, self.client(&[&version::TLS13, &version::TLS12], &[]))
    }
}

impl Identity {
    /// Writes both files, and gives the line of the configuration that names them.
    pub fn write(&self, directory: &Path) -> String {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(directory.join("certificate.pem"), &self.certificate).expect("a writable directory");
        let key = directory.join("key.pem");
        std::fs::write(&key, &self.key).expect("a writable directory");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }".to_owned()
    }

    pub fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM");
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).expect("known versions");
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).expect("they go together");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A connection to `127.0.0.1`, by that name; the handshake is made with the first bytes.
pub fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    connect_over(TcpStream::connect(address).expect("the gateway listens"), config)
}

/// The same over a connection that was made before.
pub fn connect_over(socket: TcpStream, config: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket option");
    StreamOwned::new(ClientConnection::new(config, name).expect("a configuration"), socket)
}

/// What comes back for these bytes until the connection ends.
pub fn exchange(stream: &mut (impl Read + Write), request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("the handshake is made");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the connection ends in order");
    String::from_utf8_lossy(&answer).into_owned()
}

/// An upstream behind TLS. Its threads end with the process.
pub struct TlsUpstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<String>>,
}

impl TlsUpstream {
    /// Answers one request a connection with `answer`, and ends it in order where `orderly`.
    pub fn start(config: Arc<ServerConfig>, answer: &'static str, orderly: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let upstream = Self { address, seen: Arc::default() };
        let seen = Arc::clone(&upstream.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
                let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
                let mut buffer = [0; 16 * 1024];
                // A handshake that fails is an error here, and what some tests want.
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let mut seen = seen.lock().expect("no panic holds it");
                    seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
                    if seen.ends_with("\r\n\r\n") {
                        stream.write_all(answer.as_bytes()).ok();
                        stream.flush().ok();
                        break;
                    }
                }
                if orderly {
                    stream.conn.send_close_notify();
                    stream.flush().ok();
                }
            }
        });
        upstream
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Everything that was said after handshakes.
    pub fn seen(&self) -> String {
        self.seen.lock().expect("no panic holds it").clone()
    }
}
