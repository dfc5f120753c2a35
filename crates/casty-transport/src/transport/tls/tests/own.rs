//! Configurations of rustls of the program's own.

use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig};

use super::trust::shake_raw;
use super::*;

/// Returns a configuration of the program's own that does as ours.
fn own(ca: &Authority) -> TlsConfig {
    TlsConfig::from_rustls(ca.rustls(&ca.client(), ALL_VERSIONS))
}

#[tokio::test]
async fn a_configuration_of_rustls_dials_with_what_it_shows_and_trusts() {
    let (ca, other) = (Authority::new(), Authority::new());
    let client = own(&ca);
    assert!(client.has_certificate());
    let server = ca.config(&ca.node(HOST, Validity::Now));
    let (far, near) = shake(server, client.clone()).await;
    assert!(far.is_ok());
    assert_eq!(near.unwrap().covered, Some(true));
    let stranger = other.config(&other.node(HOST, Validity::Now));
    let (_, near) = shake(stranger, client.clone()).await;
    let (error, conclusion) = dial_error(near);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
    // What files are renewed with does not concern it.
    let status = client.status();
    assert!(status.error.is_none() && status.renewed + status.refused == 0);
}

#[tokio::test]
async fn the_name_of_all_servers_goes_with_a_configuration_of_rustls_too() {
    let ca = Authority::new();
    let server = ca.config(&ca.node("casty.internal", Validity::Now));
    let (_, near) = shake(server.clone(), own(&ca)).await;
    assert!(matches!(dial_error(near).0, TlsError::OtherName));
    let named = own(&ca).with_server_name("casty.internal").unwrap();
    let (far, near) = shake(server, named).await;
    assert!(far.is_ok() && near.is_ok());
}

#[tokio::test]
async fn nobody_listens_with_a_configuration_that_can_only_dial() {
    let listened = TlsTransport::new(own(&Authority::new()))
        .listen(&loopback())
        .await;
    let error = listened.err().unwrap();
    assert!(matches!(error, ListenError::DialsOnly { .. }), "{error:?}");
}

/// Returns a server of an authority that asks for certificates and lets sessions be resumed, or asks
/// for none.
async fn server(ca: &Authority, asks: bool) -> ServerConfig {
    let ours = ca
        .config(&ca.node(HOST, Validity::Now))
        .certificates()
        .await;
    let ours = ours.server.clone().unwrap();
    let provider = Arc::clone(ours.crypto_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        let pem = ca.pem.as_bytes();
        roots.add(PemObject::from_pem_slice(pem).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    builder.with_cert_resolver(Arc::clone(&ours.cert_resolver))
}

/// Dials a server, and reads what it sends behind its handshake: a byte, after its tickets.
async fn dial_and_read(server: ServerConfig, client: &TlsTransport) -> Result<(), DialError> {
    let mut listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let at = listener.address();
    let serve = async {
        let stream = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let mut stream = acceptor.accept(stream).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let read = async {
        let mut stream = client.dial(&at).await?;
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        Ok(())
    };
    let (_stream, read) = tokio::join!(serve, read);
    read
}

#[tokio::test]
async fn each_session_shows_certificates_although_the_configuration_would_resume_them() {
    let ca = Authority::new();
    let (server, client) = (server(&ca, true).await, TlsTransport::new(own(&ca)));
    for _ in 0..3 {
        // Refused as one that did not ask, if it were resumed.
        dial_and_read(server.clone(), &client).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_does_not_ask_for_the_certificate_of_the_configuration_is_refused() {
    let ca = Authority::new();
    let lax = server(&ca, false).await;
    let refused = shake_raw(lax, &TlsTransport::new(own(&ca))).await;
    let error = refused.unwrap_err();
    let DialError::Tls { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(source, TlsError::NotAsked), "{error:?}");
}
