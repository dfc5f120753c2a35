//! Configurations of rustls of the program's own, over QUIC.

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, CipherSuite, ClientConfig};

use super::trust::{refusal, tls};
use super::*;

/// Returns a configuration of the program's own that does as ours.
fn own() -> ClientConfig {
    CA.rustls(&CA.client(), ALL_VERSIONS)
}

fn quic(config: ClientConfig) -> QuicConfig {
    QuicConfig::new(TlsConfig::from_rustls(config))
}

/// Returns a configuration that names these protocols.
fn naming(protocols: &[&[u8]]) -> ClientConfig {
    let mut config = own();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    config
}

#[tokio::test]
async fn a_configuration_of_rustls_dials_with_what_it_shows_and_trusts() {
    for config in [
        own(),
        naming(&[b"h3", QuicConfig::ALPN]),
        CA.rustls(&CA.client(), &[&TLS13]),
    ] {
        pair(quic(config), good()).await;
    }
    let other = Authority::new();
    let far = other.config(&other.node(HOST, Validity::Now));
    let refused = refusal(TlsConfig::from_rustls(own()), far).await;
    let (error, conclusion) = tls(refused);
    assert!(matches!(error, TlsError::BadCertificate(_)), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
    let told = error.to_string();
    assert!(told.contains("invalid peer certificate"), "{told}");
}

#[tokio::test]
async fn one_that_cannot_be_that_of_quic_is_refused_before_a_socket_opens() {
    let mut provider = ring::default_provider();
    let initial = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider
        .cipher_suites
        .retain(|suite| suite.suite() != initial);
    let without_initial = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let at = NodeAddress::new(HOST, 1);
    for (config, why) in [
        (naming(&[b"h3"]), QuicConfigError::OtherProtocol),
        (CA.rustls(&CA.client(), &[&TLS12]), QuicConfigError::NoTls13),
        (without_initial, QuicConfigError::Cipher),
    ] {
        let config = quic(config);
        assert_eq!(config.check(), Err(why.clone()));
        let error = QuicTransport::new(config).dial(&at).await.unwrap_err();
        assert!(
            matches!(&error, DialError::Quic { source: QuicError::Config(told), .. } if *told == why),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nobody_listens_with_a_configuration_that_can_only_dial() {
    let transport = QuicTransport::new(quic(own()));
    let listened = transport.listen(&NodeAddress::new(HOST, 0)).await;
    let error = listened.err().unwrap();
    assert!(matches!(error, ListenError::DialsOnly { .. }), "{error:?}");
}
