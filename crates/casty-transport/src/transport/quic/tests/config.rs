//! The limits of a configuration.

use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, ProtocolVersion};

use super::*;

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_a_socket_opens() {
    use QuicConfigError as E;
    let second = Duration::from_secs(1);
    let nonsense = [
        (good().keep_alive(Duration::ZERO), E::NoKeepAlive),
        (
            good().idle_timeout(Duration::ZERO),
            E::IdleTimeout(Duration::ZERO),
        ),
        (
            good().idle_timeout(Duration::MAX),
            E::IdleTimeout(Duration::MAX),
        ),
        (
            good().keep_alive(second).idle_timeout(second),
            E::KeepAlive {
                keep_alive: second,
                idle_timeout: second,
            },
        ),
        (good().window(0), E::Window(0)),
        (good().window(u32::MAX), E::Window(u32::MAX)),
        (
            QuicConfig::new(of(|version, _| version == ProtocolVersion::TLSv1_2)),
            E::Cipher,
        ),
        (
            QuicConfig::new(of(|_, suite| {
                suite != CipherSuite::TLS13_AES_128_GCM_SHA256
            })),
            E::Cipher,
        ),
    ];
    let at = NodeAddress::new(HOST, 1);
    for (config, why) in nonsense {
        assert_eq!(config.check(), Err(why.clone()));
        let transport = QuicTransport::new(config);
        let error = transport.dial(&at).await.unwrap_err();
        assert!(
            matches!(&error, DialError::Quic { source: QuicError::Config(told), .. } if *told == why),
            "{error:?}"
        );
        let conclusion = ConnectError::from(error).conclusion();
        assert_eq!(conclusion, Conclusion::Misconfigured);
        let error = transport.listen(&at).await.err().unwrap();
        assert!(
            matches!(&error, ListenError::Quic { source, .. } if *source == why),
            "{error:?}"
        );
    }
}

#[test]
fn a_window_has_from_16_kib_to_1_gib() {
    assert_eq!(QuicConfig::WINDOW, 4_194_304);
    for (window, fits) in [
        (16_383, false),
        (16_384, true),
        (1_073_741_824, true),
        (1_073_741_825, false),
    ] {
        assert_eq!(good().window(window).check().is_ok(), fits, "{window}");
    }
}

#[test]
fn a_millisecond_is_the_shortest_time() {
    let milliseconds = Duration::from_millis;
    let shortest = good().keep_alive(milliseconds(1));
    let shortest = shortest.idle_timeout(milliseconds(2));
    assert_eq!(shortest.check(), Ok(()));
    let same = shortest.idle_timeout(milliseconds(1)).check();
    assert!(
        matches!(same, Err(QuicConfigError::KeepAlive { .. })),
        "{same:?}"
    );
}

/// Certificates with the cryptography that is kept of what ring can do.
fn of(kept: impl Fn(ProtocolVersion, CipherSuite) -> bool) -> TlsConfig {
    let mut provider: CryptoProvider = ring::default_provider();
    let suites = &mut provider.cipher_suites;
    suites.retain(|suite| kept(suite.version().version, suite.suite()));
    let identity = CA.node(HOST, Validity::Now);
    TlsConfig::builder()
        .ca_pem(&CA.pem)
        .certificate_pem(&identity.certificate)
        .key_pem(&identity.key)
        .provider(Arc::new(provider))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_cryptography_is_the_one_that_is_given() {
    let only = CipherSuite::TLS13_AES_128_GCM_SHA256;
    let config = QuicConfig::new(of(|_, suite| suite == only));
    pair(config.clone(), good()).await;
    pair(good(), config).await;
}

#[test]
fn what_is_shown_of_a_configuration_holds_no_key() {
    let shown = format!("{:?}", good());
    assert!(!shown.contains("BEGIN"), "{shown}");
    assert!(shown.contains("keep_alive: 5s"), "{shown}");
}
