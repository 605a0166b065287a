//! Certificates made for a test, clients that trust them, and an upstream that shows one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls::{DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion, version};

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
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    /// For host names or addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    /// The same, with something else about it.
    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(names).expect("names");
        // A name other than the issuer's, or some clients take it for self-signed.
        params.distinguished_name.push(DnType::CommonName, "a server of the tests");
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// One whose time is over.
    pub fn issue_expired(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    /// One with this number, by which it can be revoked.
    pub fn issue_numbered(&self, names: &[&str], serial: u64) -> Identity {
        self.issue_with(names, |params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    /// The list of what is revoked, in PEM, until the first day of this year.
    pub fn revoked(&self, serials: &[u64], until: i32) -> String {
        let revoked = |&serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).expect("a list").pem().expect("PEM")
    }

    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).expect("a writable directory");
    }

    pub fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> Arc<ClientConfig> {
        self.client_as(None, versions, protocols)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a certificate");
        roots
    }

    /// A client that shows this certificate if it is asked for one.
    pub fn client_as(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("known versions");
        let builder = builder.with_root_certificates(self.roots());
        let mut config = match identity {
            Some(own) => builder.with_client_auth_cert(own.chain(), own.secret()).expect("they go together"),
            None => builder.with_no_client_auth(),
        };
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
        self.write_as(directory, "certificate.pem", "key.pem");
        "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }".to_owned()
    }

    /// Writes both files under these names.
    pub fn write_as(&self, directory: &Path, certificate: &str, key: &str) {
        std::fs::write(directory.join(certificate), &self.certificate).expect("a writable directory");
        self.write_key(&directory.join(key));
    }

    pub fn write_key(&self, path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path, &self.key).expect("a writable directory");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().expect("PEM")
    }

    fn secret(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM")
    }

    pub fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        self.server_for(None, protocols)
    }

    /// A server that asks clients for a certificate of this authority.
    pub fn server_for(&self, clients: Option<&Authority>, protocols: &[&str]) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).expect("known versions");
        let verifier = clients.map_or_else(WebPkiClientVerifier::no_client_auth, |authority| {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider);
            verifier.build().expect("an authority")
        });
        let builder = builder.with_client_cert_verifier(verifier);
        let mut config = builder.with_single_cert(self.chain(), self.secret()).expect("they go together");
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
    connect_to("127.0.0.1", socket, config)
}

/// The same by any name.
pub fn connect_to(
    name: &str,
    socket: TcpStream,
    config: Arc<ClientConfig>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
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

/// The certificate that a client is shown which asks for this host, whether it would be believed or not.
pub fn shown(address: SocketAddr, name: &str, version: &'static SupportedProtocolVersion) -> CertificateDer<'static> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).expect("a version");
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Curious)).with_no_client_auth();
    let socket = TcpStream::connect(address).expect("the gateway listens");
    let mut stream = connect_to(name, socket, Arc::new(config));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
    }
    stream.conn.peer_certificates().expect("a certificate")[0].clone().into_owned()
}

/// Believes everybody, to see what it is shown.
#[derive(Debug)]
struct Curious;

impl ServerCertVerifier for Curious {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// An upstream behind TLS. Its threads end with the process.
pub struct TlsUpstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<String>>,
    asked_for: Arc<Mutex<Vec<Option<String>>>>,
}

impl TlsUpstream {
    /// Answers one request a connection with `answer`, and ends it in order where `orderly`.
    pub fn start(config: Arc<ServerConfig>, answer: &'static str, orderly: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let upstream = Self { address, seen: Arc::default(), asked_for: Arc::default() };
        let (seen, asked_for) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.asked_for));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
                let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
                let mut buffer = [0; 16 * 1024];
                // A handshake that fails is an error here, and what some tests want.
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let name = stream.conn.server_name().map(str::to_owned);
                    asked_for.lock().expect("no panic holds it").push(name);
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

    /// The host that the last handshake asked for.
    pub fn asked_for(&self) -> Option<String> {
        self.asked_for.lock().expect("no panic holds it").last().cloned().flatten()
    }

    /// Everything that was said after handshakes.
    pub fn seen(&self) -> String {
        self.seen.lock().expect("no panic holds it").clone()
    }
}
