use std::future::pending;
use std::io::IoSlice;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use casty_proto::NodeAddress;
use futures_util::FutureExt;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

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
mod own;
mod renewal;
mod server_name;
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
async fn several_buffers_are_encrypted_at_once_on_either_side() {
    let ca = Authority::new();
    let server = ca.config(&ca.node(HOST, Validity::Now));
    let (far, near) = shake(server, ca.config(&ca.client())).await;
    let (mut far, mut near) = (far.unwrap().stream, near.unwrap().stream);
    let parts = [IoSlice::new(b"one "), IoSlice::new(b"two")];
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut near, &mut far];
        assert!(ends[from].is_write_vectored());
        assert_eq!(ends[from].write_vectored(&parts).await.unwrap(), 7);
        ends[from].flush().await.unwrap();
        let mut read = [0; 7];
        ends[to].read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"one two");
    }
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

/// A transport that never gets rid of what was written.
#[derive(Debug)]
struct NeverDrained;

#[async_trait]
impl Transport for NeverDrained {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        Err(DialError::Refused { at: to.clone() })
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Closed { at: at.clone() })
    }

    async fn drained(&self) {
        pending::<()>().await;
    }
}

#[tokio::test]
async fn what_the_transport_below_has_not_sent_is_waited_for() {
    let config = || Authority::new().config(&Authority::new().client());
    let below = TlsTransport::over(Arc::new(NeverDrained), config());
    assert!(below.drained().now_or_never().is_none());
    assert!(
        TlsTransport::new(config())
            .drained()
            .now_or_never()
            .is_some()
    );
}
