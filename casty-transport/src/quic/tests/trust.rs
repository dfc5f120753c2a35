//! Who is refused, and what both sides are told.

use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::*;

/// What a dialler is told by a listener that accepts what it can.
async fn refusal(near: QuicConfig, far: QuicConfig) -> QuicError {
    let mut listener = listening(far).await;
    let at = listener.address();
    let transport = QuicTransport::new(near);
    tokio::select! {
        outcome = transport.dial(&at) => match outcome {
            Err(DialError::Quic { source, .. }) => (*source).clone(),
            other => panic!("{other:?}"),
        },
        stream = listener.accept() => panic!("accepted: {stream:?}"),
    }
}

#[tokio::test]
async fn a_listener_of_another_ca_is_untrusted() {
    let far = config(&CA, &OTHER_CA, &["127.0.0.1"]);
    let error = refusal(good(), far).await;
    assert!(
        matches!(&error, QuicError::Untrusted { reason } if reason.contains("UnknownIssuer")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_dialler_of_another_ca_is_told_so_by_its_dial() {
    let near = config(&CA, &OTHER_CA, &["client"]);
    let error = refusal(near, good()).await;
    assert!(matches!(error, QuicError::Distrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_listener_for_another_host_is_untrusted() {
    let far = config(&CA, &CA, &["elsewhere.example", "10.0.0.1"]);
    let error = refusal(good(), far).await;
    assert!(
        matches!(&error, QuicError::Untrusted { reason } if reason.contains("not valid for name")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_certificate_out_of_date_is_untrusted() {
    for (from, to) in [(2000, 2001), (2900, 2901)] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let cert = params.signed_by(&key, &*CA).unwrap().pem();
        let key = key.serialize_pem();
        let far = QuicConfig::from_pem(CA.pem().as_bytes(), cert.as_bytes(), key.as_bytes());
        let error = refusal(good(), far.unwrap()).await;
        assert!(matches!(error, QuicError::Untrusted { .. }), "{error:?}");
    }
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(CA.pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    roots
}

fn without_certificate() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots())
        .with_no_client_auth()
}

fn any_server() -> rustls::ServerConfig {
    let (cert, key) = certificate(&CA, &["127.0.0.1"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
            rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap()
}

#[tokio::test]
async fn a_dialler_without_certificate_is_told_so_by_its_dial() {
    let near = QuicConfig::from_rustls(without_certificate(), any_server()).unwrap();
    let error = refusal(near, good()).await;
    assert!(matches!(error, QuicError::NoCertificate), "{error:?}");
}

#[tokio::test]
async fn another_protocol_is_refused_on_both_sides() {
    let (mut client, mut server) = (without_certificate(), any_server());
    client.alpn_protocols = vec![b"h3".to_vec()];
    server.alpn_protocols = vec![b"h3".to_vec()];
    let other = QuicConfig::with_any_protocol(client, server).unwrap();
    for (near, far) in [(other.clone(), good()), (good(), other)] {
        let error = refusal(near, far).await;
        assert!(matches!(error, QuicError::OtherProtocol), "{error:?}");
        assert_eq!(error.conclusion(), Conclusion::NotCasty);
    }
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_misconfigured() {
    let listener = listening(good()).await;
    let address = format!("127.0.0.1:{}", listener.address().port());
    let error = QuicTransport::new(good())
        .connect_to(&NodeAddress::new("not a name", 1), address.parse().unwrap())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, DialError::Quic { source, .. } if matches!(**source, QuicError::Name { .. })),
        "{error:?}"
    );
    let error = ConnectError::from(error);
    assert_eq!(error.conclusion(), Conclusion::Misconfigured);
}

#[tokio::test]
async fn a_listener_that_was_dropped_is_silent() {
    let (near, far) = pair(good(), good()).await;
    // Its first connection keeps the port, and nothing more is accepted there.
    let at = NodeAddress::new("127.0.0.1", near.connection.remote_address().port());
    let impatient = good().idle_timeout(std::time::Duration::from_millis(300));
    let error = QuicTransport::new(impatient).dial(&at).await.unwrap_err();
    assert!(
        matches!(&error, DialError::Quic { source, .. } if matches!(**source, QuicError::Silent)),
        "{error:?}"
    );
    drop(far);
}

#[test]
fn what_cannot_be_read_or_does_not_fit_is_refused() {
    let (cert, key) = certificate(&CA, &["a"]);
    let (_, other) = certificate(&CA, &["a"]);
    let ca = CA.pem();
    let make = |ca: &str, cert: &str, key: &str| {
        QuicConfig::from_pem(ca.as_bytes(), cert.as_bytes(), key.as_bytes())
    };
    assert!(make(&ca, &cert, &key).is_ok());
    assert!(matches!(
        make("", &cert, &key),
        Err(QuicConfigError::Certificate(_))
    ));
    assert!(matches!(
        make(&ca, "x", &key),
        Err(QuicConfigError::Certificate(_))
    ));
    assert!(matches!(
        make(&ca, &cert, &cert),
        Err(QuicConfigError::Key(_))
    ));
    assert!(matches!(
        make(&ca, &cert, &other),
        Err(QuicConfigError::Tls(_))
    ));
}
