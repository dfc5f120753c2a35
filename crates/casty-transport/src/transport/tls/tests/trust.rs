//! Peers that are refused, and the errors that both sides see.

use super::*;

/// Returns the outcome of a dial to a server of this configuration.
pub(super) async fn shake_raw(
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

    let client = ca.config(&ca.node(HOST, Validity::Past));
    let (far, near) = shake(ca.config(&ca.node(HOST, Validity::Now)), client).await;
    let (error, _) = later_error(far);
    assert!(matches!(error, TlsError::Expired), "{error:?}");
    let (error, _) = later_error(near);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_not_trusted() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Future));
    let (_, near) = shake(server, ca.config(&ca.client())).await;
    let (error, _) = dial_error(near);
    assert!(matches!(error, TlsError::NotYetValid), "{error:?}");

    let client = ca.config(&ca.node(HOST, Validity::Future));
    let (far, near) = shake(ca.config(&ca.node(HOST, Validity::Now)), client).await;
    let (error, _) = later_error(far);
    assert!(matches!(error, TlsError::NotYetValid), "{error:?}");
    let (error, _) = later_error(near);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
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
    let server = ca
        .config(&ca.node(HOST, Validity::Now))
        .certificates()
        .await;
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
async fn an_announced_address_is_covered_by_the_certificate_or_the_way_that_was_dialled() {
    let ca = Authority::new();
    let (node, client) = (ca.node(HOST, Validity::Now), ca.client());
    let elsewhere = NodeAddress::new("elsewhere.example", 25520);
    for (announced, mapped, covered) in [
        // The same host, at the port that the node has inside a container.
        (NodeAddress::new(HOST, 1), false, true),
        (elsewhere.clone(), false, false),
        (elsewhere.clone(), true, true),
    ] {
        let server = TlsTransport::new(ca.config(&node));
        let mut listener = server.listen(&loopback()).await.unwrap();
        let at = listener.address();
        let mut options = ConnectOptions::new();
        if mapped {
            let map = [(announced.clone(), at.clone())];
            options = options.address_map(std::collections::HashMap::from(map));
        }
        let serve = async {
            let stream = listener.accept().await.unwrap();
            accept(stream, &announced, &ConnectOptions::new()).await
        };
        let transport = TlsTransport::new(ca.config(&client));
        let us = client_address();
        let (far, near) = tokio::join!(serve, connect(&transport, &at, &us, &options));
        let (far, near) = (far.unwrap(), near.unwrap());
        assert_eq!(near.covered, Some(covered), "{announced} {mapped}");
        assert_eq!(far.covered, Some(false), "a client's is for no address");
    }
}

#[tokio::test]
async fn whoever_dials_in_is_covered_by_its_certificate_and_not_before_it_is_shown() {
    let ca = Authority::new();
    let node = ca.node(HOST, Validity::Now);
    let transport = TlsTransport::new(ca.config(&node));
    let mut listener = transport.listen(&loopback()).await.unwrap();
    let at = listener.address();
    let elsewhere = NodeAddress::new("elsewhere.example", 25520);
    for (announced, mapped, covered) in [
        (NodeAddress::new(HOST, 1), false, true),
        (elsewhere.clone(), false, false),
        (elsewhere.clone(), true, true),
    ] {
        let mut options = ConnectOptions::new();
        if mapped {
            let map = [(announced.clone(), NodeAddress::new(HOST, 25520))];
            options = options.address_map(std::collections::HashMap::from(map));
        }
        let serve = async {
            let stream = listener.accept().await.unwrap();
            assert_eq!(stream.covers(HOST), None);
            let stream = stream.below(|stream| stream);
            accept(stream, &at, &options).await
        };
        let ours = ConnectOptions::new();
        let dial = connect(&transport, &at, &announced, &ours);
        let (far, near) = tokio::join!(serve, dial);
        near.unwrap();
        assert_eq!(far.unwrap().covered, Some(covered), "{announced} {mapped}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_stand_for_the_peer_is_refused_in_plain_words() {
    let ca = Authority::new();
    let client = ca.config(&ca.client());
    let words = async |server: TlsConfig, client: TlsConfig| {
        let (_, near) = shake(server, client).await;
        let (error, conclusion) = dial_error(near);
        assert_eq!(conclusion, Conclusion::Untrusted);
        (error.to_string(), error)
    };
    let (said, error) = words(ca.config(&ca.own()), client.clone()).await;
    assert!(matches!(error, TlsError::AuthorityShown), "{error:?}");
    assert!(said.contains("of an authority itself"), "{said}");
    let (said, error) = words(ca.config(&ca.client()), client.clone()).await;
    assert!(matches!(error, TlsError::OtherPurpose), "{error:?}");
    assert!(said.contains("for another purpose"), "{said}");

    let pem = include_str!("unusable/signed-by-p521.pem");
    let trusting = TlsConfig::builder()
        .ca_pem(include_str!("unusable/p521-authority.pem"))
        .certificate_pem(pem);
    let trusting = trusting.build().unwrap();
    let (said, error) = words(trusting.clone(), trusting).await;
    assert!(matches!(error, TlsError::UncheckedKey), "{error:?}");
    assert!(said.contains("ECDSA on P-256 or P-384"), "{said}");
}

#[test]
fn peers_without_a_kind_of_key_in_common_are_no_strangers_to_casty() {
    let alert = TlsError::of_alert(rustls::AlertDescription::HandshakeFailure);
    assert!(matches!(alert, Some(TlsError::NothingInCommon)));
    let ours = rustls::PeerIncompatible::NoSignatureSchemesInCommon;
    let ours = TlsError::from_rustls(&rustls::Error::PeerIncompatible(ours));
    assert!(matches!(ours, TlsError::NothingInCommon));
    assert_eq!(ours.conclusion(), Conclusion::Untrusted);
}
