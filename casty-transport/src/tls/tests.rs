use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::*;
use crate::connection::{ConnectOptions, accept, connect};
use crate::error::{Conclusion, ConnectError, NotCasty};

/// An authority as `casty cert` makes it: it signs certificates, but no other authorities.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, both PEM; the key is PKCS#8.
struct Identity {
    certificate: String,
    key: String,
}

#[derive(Clone, Copy)]
enum Validity {
    Now,
    Past,
    Future,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Casty CA");
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    fn node(&self, host: &str, validity: Validity) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let (from, to) = match validity {
            Validity::Now => (2020, 2120),
            Validity::Past => (2020, 2021),
            Validity::Future => (2119, 2120),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.sign(&params)
    }

    fn client(&self) -> Identity {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "a client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Trusts this authority and shows `identity`.
    fn config(&self, identity: &Identity) -> TlsConfig {
        TlsConfig::builder()
            .ca_pem(&self.pem)
            .certificate_pem(&identity.certificate)
            .key_pem(&identity.key)
            .build()
            .unwrap()
    }
}

const HOST: &str = "127.0.0.1";

fn loopback() -> NodeAddress {
    NodeAddress::new(HOST, 0)
}

fn client_address() -> NodeAddress {
    NodeAddress::new("127.7.7.7", 0)
}

/// How both sides of one Casty handshake over TLS ended.
async fn shake(server: TlsConfig, client: TlsConfig) -> (Outcome, Outcome) {
    let transport = TlsTransport::new(server);
    let listener = transport.listen(&loopback()).await.unwrap();
    shake_at(listener, &TlsTransport::new(client), HOST).await
}

type Outcome = Result<crate::Connection, ConnectError>;

async fn shake_at(
    mut listener: Box<dyn Listener>,
    client: &dyn Transport,
    host: &str,
) -> (Outcome, Outcome) {
    let address = NodeAddress::new(host, listener.address().port());
    let options = ConnectOptions::new();
    let serve = async {
        let stream = listener.accept().await.unwrap();
        accept(stream, &address, &options).await
    };
    let announced = client_address();
    tokio::join!(serve, connect(client, &address, &announced, &options))
}

fn dial_error(outcome: Outcome) -> (TlsError, Conclusion) {
    let error = outcome.unwrap_err();
    let conclusion = error.conclusion();
    match error {
        ConnectError::Dial(DialError::Tls { source, .. }) => (source, conclusion),
        other => panic!("{other:?}"),
    }
}

fn later_error(outcome: Outcome) -> (TlsError, Conclusion) {
    let error = outcome.unwrap_err();
    let conclusion = error.conclusion();
    match error {
        ConnectError::Tls { source, .. } => (source, conclusion),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_sides_show_certificates_and_shake_hands() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Now));
    let (far, near) = shake(server, ca.config(&ca.client())).await;
    let (mut far, mut near) = (far.unwrap(), near.unwrap());
    assert_eq!(far.peer, client_address());
    near.stream.write_all(b"last words").await.unwrap();
    near.stream.shutdown().await.unwrap();
    let mut read = Vec::new();
    far.stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last words");
}

#[tokio::test]
async fn tls_1_2_alone_is_enough_on_either_side() {
    let ca = Authority::new();
    let (node, client) = (ca.node(HOST, Validity::Now), ca.client());
    let of_version = |identity: &Identity, version| {
        let mut provider = rustls::crypto::ring::default_provider();
        provider
            .cipher_suites
            .retain(|suite| suite.version().version == version);
        TlsConfig::builder()
            .ca_pem(&ca.pem)
            .certificate_pem(&identity.certificate)
            .key_pem(&identity.key)
            .provider(Arc::new(provider))
            .build()
            .unwrap()
    };
    let (old, new) = (
        rustls::ProtocolVersion::TLSv1_2,
        rustls::ProtocolVersion::TLSv1_3,
    );
    let (far, near) = shake(of_version(&node, old), ca.config(&client)).await;
    assert!(far.is_ok() && near.is_ok());
    let (far, near) = shake(ca.config(&node), of_version(&client, old)).await;
    assert!(far.is_ok() && near.is_ok());
    let (far, near) = shake(of_version(&node, old), of_version(&client, new)).await;
    assert!(matches!(later_error(far).0, TlsError::Version));
    assert!(matches!(dial_error(near).0, TlsError::Version));
}

/// How a dial to a server of this configuration ended.
async fn shake_raw(
    server: rustls::ServerConfig,
    client: &TlsTransport,
) -> Result<ByteStream, DialError> {
    let mut listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let address = listener.address();
    let serve = async {
        let stream = listener.accept().await.unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(server))
            .accept(stream)
            .await
    };
    let (_served, dialled) = tokio::join!(serve, client.dial(&address));
    dialled
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() {
    let (ca, other) = (Authority::new(), Authority::new());
    let server = other.config(&other.node(HOST, Validity::Now));
    let (far, near) = shake(server, ca.config(&ca.client())).await;
    let (error, conclusion) = dial_error(near);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
    let (error, _) = later_error(far);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
}

#[tokio::test]
async fn a_client_of_another_authority_is_told_that_it_is_not_accepted() {
    let (ca, other) = (Authority::new(), Authority::new());
    let client = other.client();
    let client = TlsConfig::builder()
        .ca_pem(&ca.pem)
        .certificate_pem(&client.certificate)
        .key_pem(&client.key)
        .build();
    let server = ca.config(&ca.node(HOST, Validity::Now));
    let (far, near) = shake(server, client.unwrap()).await;
    let (error, conclusion) = later_error(near);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
    let (error, _) = later_error(far);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_not_trusted() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Past));
    let (_, near) = shake(server, ca.config(&ca.client())).await;
    let (error, _) = dial_error(near);
    assert!(matches!(error, TlsError::Expired), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_not_trusted() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Future));
    let (_, near) = shake(server, ca.config(&ca.client())).await;
    let (error, _) = dial_error(near);
    assert!(matches!(error, TlsError::NotYetValid), "{error:?}");
}

#[tokio::test]
async fn a_certificate_is_for_the_name_or_address_that_was_dialled_and_no_other() {
    let ca = Authority::new();
    let client = TlsTransport::new(ca.config(&ca.client()));
    for (host, dialled, trusted) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("localhost", "localhost", true),
        ("localhost", "127.0.0.1", false),
        ("127.0.0.1", "localhost", false),
        ("127.0.0.2", "127.0.0.1", false),
    ] {
        let server = TlsTransport::new(ca.config(&ca.node(host, Validity::Now)));
        let listener = server.listen(&NodeAddress::new(dialled, 0)).await.unwrap();
        let (_, near) = shake_at(listener, &client, dialled).await;
        if trusted {
            near.unwrap();
        } else {
            let (error, _) = dial_error(near);
            assert!(matches!(error, TlsError::OtherName), "{host} {error:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_no_certificate_can_be_for_is_not_dialled() {
    let ca = Authority::new();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let error = client.dial(&NodeAddress::new("a host", 1)).await;
    let error = ConnectError::from(error.unwrap_err());
    assert_eq!(error.conclusion(), Conclusion::Misconfigured);
}

#[tokio::test]
async fn a_client_without_certificate_is_told_that_one_is_required() {
    let ca = Authority::new();
    let client = TlsConfig::builder().ca_pem(&ca.pem).build().unwrap();
    let listened = TlsTransport::new(client.clone()).listen(&loopback()).await;
    assert!(matches!(
        listened.err(),
        Some(ListenError::NoCertificate { .. })
    ));
    let server = ca.config(&ca.node(HOST, Validity::Now));
    let (far, near) = shake(server, client).await;
    let (error, _) = later_error(near);
    assert!(matches!(error, TlsError::CertificateRequired), "{error:?}");
    let (error, conclusion) = later_error(far);
    assert!(matches!(error, TlsError::NoCertificate), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
}

#[tokio::test]
async fn a_server_that_asks_for_no_certificate_is_refused_by_a_client_that_has_one() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Now)).material().await;
    let asking = server.server.clone().unwrap();
    let lax = || {
        rustls::ServerConfig::builder_with_provider(Arc::clone(asking.crypto_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&asking.cert_resolver))
    };
    let with = TlsTransport::new(ca.config(&ca.client()));
    let error = shake_raw(lax(), &with).await.unwrap_err();
    assert!(
        matches!(
            error,
            DialError::Tls {
                source: TlsError::NotAsked,
                ..
            }
        ),
        "{error:?}"
    );
    let without = TlsConfig::builder().ca_pem(&ca.pem).build().unwrap();
    assert!(shake_raw(lax(), &TlsTransport::new(without)).await.is_ok());
}

#[tokio::test]
async fn a_plain_client_of_a_tls_node_learns_that_it_speaks_tls() {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let listener = server.listen(&loopback()).await.unwrap();
    let (far, near) = shake_at(listener, &TcpTransport::new(), HOST).await;
    let near = near.unwrap_err();
    assert!(
        matches!(
            near,
            ConnectError::NotCasty {
                reason: NotCasty::Tls,
                ..
            }
        ),
        "{near:?}"
    );
    let (error, conclusion) = later_error(far);
    assert!(matches!(error, TlsError::NotTls), "{error:?}");
    assert_eq!(conclusion, Conclusion::NotCasty);
}

#[tokio::test]
async fn a_tls_client_of_a_plain_node_is_cut_off_inside_the_tls_handshake() {
    let ca = Authority::new();
    let listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let (far, near) = shake_at(listener, &client, HOST).await;
    assert!(matches!(
        far,
        Err(ConnectError::NotCasty {
            reason: NotCasty::Tls,
            ..
        })
    ));
    let (error, conclusion) = dial_error(near);
    // Reset, if the node left bytes of ours unread.
    assert!(
        matches!(error, TlsError::Closed | TlsError::Io(_)),
        "{error:?}"
    );
    assert_eq!(conclusion, Conclusion::Unresponsive);
}

#[tokio::test]
async fn a_server_that_answers_in_plain_text_does_not_speak_tls() {
    let error = dial_against(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(error, TlsError::NotTls), "{error:?}");
}

/// A fatal alert of TLS 1.1: protocol_version.
const ALERT_1_1: &[u8] = &[0x15, 3, 2, 0, 2, 2, 70];
/// The beginning of a TLS 1.1 ClientHello up to and including its two cipher suites.
const HELLO_1_1: &[u8] = &[
    0x16, 3, 2, 0, 49, 1, 0, 0, 45, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0, 4, 0xc0, 0x13, 0, 0x2f,
    1, 0, 0, 0,
];

#[tokio::test]
async fn a_peer_of_tls_1_1_is_told_apart_on_either_side() {
    let error = dial_against(ALERT_1_1).await;
    assert!(matches!(error, TlsError::Version), "{error:?}");
    let (error, _) = accept_from(HELLO_1_1).await;
    assert!(matches!(error, TlsError::Version), "{error:?}");
}

#[tokio::test]
async fn a_truncated_handshake_is_one_that_the_peer_closed() {
    let record = &[0x16, 3, 3, 0, 200, 2, 0, 0];
    let error = dial_against(record).await;
    assert!(matches!(error, TlsError::Closed), "{error:?}");
    let (error, conclusion) = accept_from(&HELLO_1_1[..20]).await;
    assert!(matches!(error, TlsError::Closed), "{error:?}");
    assert_eq!(conclusion, Conclusion::Unresponsive);
}

/// Why a dial failed to a server that reads what comes, sends `answer` and then no more.
async fn dial_against(answer: &[u8]) -> TlsError {
    let ca = Authority::new();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let mut listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let address = listener.address();
    let serve = async {
        let mut stream = listener.accept().await.unwrap();
        stream.read_buf(&mut BytesMut::new()).await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    match tokio::join!(serve, client.dial(&address)).1.unwrap_err() {
        DialError::Tls { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

/// Why a stream was not accepted whose dialler sends `bytes` and then no more.
async fn accept_from(bytes: &[u8]) -> (TlsError, Conclusion) {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let mut listener = server.listen(&loopback()).await.unwrap();
    let address = listener.address();
    let mut near = TcpTransport::new().dial(&address).await.unwrap();
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let stream = listener.accept().await.unwrap();
    later_error(accept(stream, &address, &ConnectOptions::new()).await)
}

#[tokio::test]
async fn a_client_that_is_silent_in_its_handshake_holds_up_nobody_else() {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let mut listener = server.listen(&loopback()).await.unwrap();
    let address = listener.address();
    let _silent = TcpTransport::new().dial(&address).await.unwrap();
    let slow = listener.accept().await.unwrap();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let (far, near) = shake_at(listener, &client, HOST).await;
    assert!(far.is_ok() && near.is_ok());
    let options = ConnectOptions::new().handshake_timeout(Duration::from_millis(20));
    let error = accept(slow, &address, &options).await.unwrap_err();
    assert!(matches!(error, ConnectError::HandshakeTimeout { .. }));
}

/// A SEC1 and a PKCS#1 key with their certificates, both of no authority in particular.
const SEC1: &str = include_str!("tests/sec1.pem");
const PKCS1: &str = include_str!("tests/pkcs1.pem");

#[test]
fn keys_of_all_three_kinds_are_read_from_the_certificate_file_itself() {
    let ca = Authority::new();
    let node = ca.node(HOST, Validity::Now);
    let pkcs8 = format!("{}{}", node.key, node.certificate);
    for (kind, pem) in [
        ("BEGIN PRIVATE KEY", &*pkcs8),
        ("BEGIN EC PRIVATE KEY", SEC1),
        ("BEGIN RSA PRIVATE KEY", PKCS1),
    ] {
        assert!(pem.contains(kind));
        let built = TlsConfig::builder().ca_pem(&ca.pem).certificate_pem(pem);
        assert!(built.build().unwrap().has_certificate(), "{kind}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_name() {
    use TlsConfigError as E;
    let ca = Authority::new();
    let (one, two) = (ca.client(), ca.client());
    let builder = || TlsConfig::builder().ca_pem(&ca.pem);
    let error = |builder: TlsConfigBuilder| builder.build().unwrap_err();
    assert!(matches!(error(TlsConfig::builder()), E::NoAuthority));
    assert!(matches!(error(builder().key_pem(&one.key)), E::KeyAlone));
    let absent = error(builder().certificate_file("/no/such/file.pem"));
    assert_eq!(absent.to_string(), "cannot read /no/such/file.pem");
    let swapped = builder()
        .certificate_pem(&one.certificate)
        .key_pem(&two.key);
    assert!(matches!(error(swapped), E::Unusable(_)));
    let keyless = error(builder().certificate_pem(&one.certificate));
    assert!(matches!(keyless, E::NoKey { .. }));
    let empty = error(TlsConfig::builder().ca_pem("nothing"));
    assert!(matches!(empty, E::NoCertificate { .. }));
    let cut = error(TlsConfig::builder().ca_pem(&ca.pem[..100]));
    assert!(matches!(cut, E::Pem { .. }));
    let secret = builder()
        .certificate_pem(&one.certificate)
        .key_pem(&one.key);
    let shown = format!("{:?} {:?}", secret.clone(), secret.build().unwrap());
    assert!(!shown.contains("BEGIN"), "{shown}");
}

/// Files of one identity, as a renewal replaces them: each at once.
struct Files(TempDir);

impl Files {
    fn new(identity: &Identity) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.replace(identity);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, content: &str) {
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    fn replace(&self, identity: &Identity) {
        self.put("certificate.pem", &identity.certificate);
        self.put("key.pem", &identity.key);
    }

    fn config(&self, ca: &Path) -> TlsConfig {
        TlsConfig::builder()
            .ca_file(ca)
            .certificate_file(self.path("certificate.pem"))
            .key_file(self.path("key.pem"))
            .build()
            .unwrap()
    }
}

#[tokio::test]
async fn a_bad_replacement_keeps_the_old_certificate_and_is_reported_once() {
    let ca = Authority::new();
    let files = Files::new(&ca.node(HOST, Validity::Now));
    files.put("ca.pem", &ca.pem);
    let server = files.config(&files.path("ca.pem"));
    let client = ca.config(&ca.client());
    let next = ca.node(HOST, Validity::Now);
    files.put("certificate.pem", &next.certificate);
    for _ in 0..2 {
        shake(server.clone(), client.clone()).await.1.unwrap();
        let status = server.status();
        assert_eq!((status.renewed, status.refused), (0, 1));
        assert!(matches!(status.error, Some(TlsConfigError::Unusable(_))));
    }
    fs::remove_file(files.path("key.pem")).unwrap();
    for _ in 0..2 {
        shake(server.clone(), client.clone()).await.1.unwrap();
        assert_eq!(server.status().refused, 2);
    }
    files.put("key.pem", &next.key);
    shake(server.clone(), client.clone()).await.1.unwrap();
    let status = server.status();
    assert_eq!((status.renewed, status.refused), (1, 2));
    assert!(status.error.is_none());

    // The authority is replaced like the rest: the client's is unknown from now on.
    files.put("ca.pem", &Authority::new().pem);
    let (error, _) = later_error(shake(server, client).await.0);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
}

/// Answers every byte that comes with the next one, on every connection.
async fn echo(mut listener: Box<dyn Listener>, stop: Arc<AtomicBool>) {
    let mut tasks = JoinSet::new();
    let address = listener.address();
    while !stop.load(Ordering::Relaxed) {
        let stream = listener.accept().await.unwrap();
        let address = address.clone();
        tasks.spawn(async move {
            let accepted = accept(stream, &address, &ConnectOptions::new()).await;
            let mut stream = accepted.unwrap().stream;
            while let Ok(byte) = stream.read_u8().await {
                stream.write_u8(byte.wrapping_add(1)).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_renewals_under_load_lose_no_message() {
    const RENEWALS: usize = 100;
    const LOADS: usize = 4;
    let ca = Authority::new();
    let server_files = Files::new(&ca.node(HOST, Validity::Now));
    let client_files = Files::new(&ca.client());
    server_files.put("ca.pem", &ca.pem);
    let ca_path = server_files.path("ca.pem");
    let (server, client) = (server_files.config(&ca_path), client_files.config(&ca_path));
    let listener = TlsTransport::new(server.clone()).listen(&loopback()).await;
    let listener = listener.unwrap();
    let address = listener.address();
    let stop = Arc::new(AtomicBool::new(false));
    let served = tokio::spawn(echo(listener, Arc::clone(&stop)));

    let counts = Arc::new(Mutex::new([0_u64; LOADS]));
    let mut loads = JoinSet::new();
    for load in 0..LOADS {
        let (stop, counts) = (Arc::clone(&stop), Arc::clone(&counts));
        let (address, client) = (address.clone(), client.clone());
        // Each connection lives for eight messages; then its successor meets newer certificates.
        loads.spawn(async move {
            let transport = TlsTransport::new(client);
            loop {
                let options = ConnectOptions::new();
                let near = connect(&transport, &address, &client_address(), &options).await;
                let mut stream = near.unwrap().stream;
                for byte in 0..8 {
                    stream.write_u8(byte).await.unwrap();
                    stream.flush().await.unwrap();
                    assert_eq!(stream.read_u8().await.unwrap(), byte + 1);
                    counts.lock().unwrap()[load] += 1;
                }
                stream.shutdown().await.unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
    }
    let probe = TlsTransport::new(client.clone());
    for renewal in 0..RENEWALS {
        server_files.replace(&ca.node(HOST, Validity::Now));
        client_files.replace(&ca.client());
        let near = connect(&probe, &address, &client_address(), &ConnectOptions::new()).await;
        let mut stream = near.unwrap().stream;
        stream.write_u8(1).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 2, "{renewal}");
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(load) = loads.join_next().await {
        load.unwrap();
    }
    // One more, so that the listener sees that it is to stop.
    drop(connect(&probe, &address, &client_address(), &ConnectOptions::new()).await);
    served.await.unwrap();
    // Every renewal was met by the probe's handshake: none was slept through.
    for status in [server.status(), client.status()] {
        assert_eq!(status.renewed, RENEWALS as u64);
        assert!(status.error.is_none());
    }
    assert!(counts.lock().unwrap().iter().all(|count| *count >= 8));
}
