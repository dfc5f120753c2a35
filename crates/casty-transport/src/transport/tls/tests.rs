use std::time::Duration;

use bytes::BytesMut;
use casty_proto::NodeAddress;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::issued::{Authority, Files, HOST, Identity, Validity};
use super::*;
use crate::conclusion::Conclusion;
use crate::connection::{ConnectOptions, accept, connect};
use crate::error::{ConnectError, DialError, ListenError, NotCasty};
use crate::transport::TcpTransport;
use crate::transport::{ByteStream, Listener, Transport};

mod acknowledged;
mod certificates;
mod other_protocols;
mod renewal;
mod trust;

fn loopback() -> NodeAddress {
    NodeAddress::new(HOST, 0)
}

fn client_address() -> NodeAddress {
    NodeAddress::new("127.7.7.7", 0)
}

/// Returns the outcome of one Casty handshake over TLS on both sides.
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
