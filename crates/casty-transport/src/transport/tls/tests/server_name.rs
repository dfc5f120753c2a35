//! The name that is set for all servers, and what a certificate of that name covers.

use std::collections::HashMap;
use std::sync::Mutex;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::trust::shake_raw;
use super::*;

/// The name that all nodes share.
const SHARED: &str = "casty.internal";

#[tokio::test]
async fn the_name_that_is_set_is_the_one_that_certificates_are_checked_against() {
    let ca = Authority::new();
    let client = ca.config(&ca.client());
    let named = client.clone().with_server_name(SHARED).unwrap();
    let server = ca.config(&ca.node(SHARED, Validity::Now));
    let (far, near) = shake(server.clone(), named.clone()).await;
    assert!(far.is_ok() && near.is_ok());
    // A certificate for the host that is dialled is none for the name, nor the other way round.
    let of_host = ca.config(&ca.node(HOST, Validity::Now));
    for (server, client) in [(server, client), (of_host, named)] {
        let (_, near) = shake(server, client).await;
        let (error, conclusion) = dial_error(near);
        assert!(matches!(error, TlsError::OtherName), "{error:?}");
        assert_eq!(conclusion, Conclusion::Untrusted);
    }
}

/// A source of one certificate that keeps the names that servers are asked for.
#[derive(Debug)]
struct Asked {
    below: Arc<dyn ResolvesServerCert>,
    names: Mutex<Vec<Option<String>>>,
}

impl ResolvesServerCert for Asked {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        self.names.lock().unwrap().push(name);
        self.below.resolve(hello)
    }
}

#[tokio::test]
async fn a_server_is_told_the_name_that_is_set_unless_it_is_an_address() {
    let ca = Authority::new();
    for (name, told) in [(SHARED, Some(SHARED)), (HOST, None)] {
        let server = ca.config(&ca.node(name, Validity::Now));
        let server = server.certificates().await.server.clone().unwrap();
        let asked = Arc::new(Asked {
            below: Arc::clone(&server.cert_resolver),
            names: Mutex::default(),
        });
        let provider = Arc::clone(server.crypto_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Asked>::clone(&asked));
        let client = TlsConfig::builder().ca_pem(&ca.pem).server_name(name);
        let client = TlsTransport::new(client.build().unwrap());
        shake_raw(server, &client).await.unwrap();
        let names = asked.names.lock().unwrap();
        assert_eq!(*names, [told.map(str::to_owned)]);
    }
}

#[tokio::test]
async fn a_name_that_all_share_covers_no_address_and_others_of_the_certificate_do() {
    let ca = Authority::new();
    let node = ca.node_of(&[SHARED, "node-1.example"], Validity::Now);
    let server = TlsTransport::new(ca.config(&node));
    let client = ca.config(&ca.client()).with_server_name(SHARED).unwrap();
    let client = TlsTransport::new(client);
    let elsewhere = NodeAddress::new("elsewhere.example", 25520);
    for (announced, mapped, covered) in [
        // By the way that was dialled.
        (None, false, true),
        (Some(elsewhere.clone()), true, true),
        (Some(elsewhere), false, false),
        // By the certificate.
        (Some(NodeAddress::new("node-1.example", 25520)), false, true),
        // Any node could call itself so, in any spelling.
        (Some(NodeAddress::new(SHARED, 25520)), false, false),
        (
            Some(NodeAddress::new("CASTY.internal.", 25520)),
            false,
            false,
        ),
    ] {
        let mut listener = server.listen(&loopback()).await.unwrap();
        let at = listener.address();
        let announced = announced.unwrap_or_else(|| at.clone());
        let mut options = ConnectOptions::new();
        if mapped {
            options = options.address_map(HashMap::from([(announced.clone(), at.clone())]));
        }
        let serve = async {
            let stream = listener.accept().await.unwrap();
            accept(stream, &announced, &ConnectOptions::new()).await
        };
        let us = client_address();
        let (far, near) = tokio::join!(serve, connect(&client, &at, &us, &options));
        assert_eq!(far.unwrap().covered, Some(false), "a client's");
        assert_eq!(near.unwrap().covered, Some(covered), "{announced} {mapped}");
    }
}

#[test]
fn a_name_that_no_certificate_can_be_for_is_refused_when_it_is_set() {
    let ca = Authority::new();
    let config = ca.config(&ca.client());
    for wrong in ["", "a name", "a..b", "casty.internal:25520"] {
        let refused = config.clone().with_server_name(wrong).unwrap_err();
        let built = TlsConfig::builder().ca_pem(&ca.pem).server_name(wrong);
        for error in [refused, built.build().unwrap_err()] {
            assert!(
                matches!(&error, TlsConfigError::ServerName { name } if name == wrong),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn where_all_share_a_name_whoever_dials_in_is_any_node_unless_its_certificate_names_it() {
    let ca = Authority::new();
    let node = ca.node_of(&[SHARED, "node-1.example"], Validity::Now);
    let config = ca.config(&node).with_server_name(SHARED).unwrap();
    let transport = TlsTransport::new(config);
    let mut listener = transport.listen(&loopback()).await.unwrap();
    let at = listener.address();
    for (announced, covered) in [
        ("node-1.example", Some(true)),
        ("elsewhere.example", None),
        (SHARED, None),
    ] {
        let serve = async {
            let stream = listener.accept().await.unwrap();
            accept(stream, &at, &ConnectOptions::new()).await
        };
        let (us, options) = (NodeAddress::new(announced, 25520), ConnectOptions::new());
        let (far, near) = tokio::join!(serve, connect(&transport, &at, &us, &options));
        near.unwrap();
        assert_eq!(far.unwrap().covered, covered, "{announced}");
    }
}
