//! The floor through TLS and through QUIC: the bare loop over nothing but tokio-rustls, or quinn.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use casty_client::Codec;
use casty_proto::NodeAddress;
use casty_transport::QuicConfig;
use casty_transport::rustls::pki_types::ServerName;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use tokio::io::Join;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Failure;
use crate::certificates::{self, HOST};
use crate::floor::Floor;

/// The bare loop over TLS.
pub type TlsFloor = Floor<TlsStream<TcpStream>>;

/// Connects over TLS, with the certificates of that folder, and asks once.
///
/// # Errors
/// The node does not answer.
pub async fn tls(node: &NodeAddress, codec: Codec, folder: &Path) -> Result<TlsFloor, Failure> {
    let stream = TcpStream::connect((node.host(), node.port())).await?;
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    let connector = TlsConnector::from(Arc::new(certificates::bare(folder)?));
    let stream = connector
        .connect(ServerName::try_from(HOST)?, stream)
        .await?;
    Floor::over(stream, port, node, codec).await
}

/// The bare loop over QUIC, with what must live as long.
pub struct QuicFloor {
    floor: Floor<Join<RecvStream, SendStream>>,
    _connection: quinn::Connection,
    _endpoint: Endpoint,
}

/// Connects over QUIC, with the certificates of that folder, and asks once. Its windows are those
/// of the whole client.
///
/// # Errors
/// The node does not answer.
pub async fn quic(node: &NodeAddress, codec: Codec, folder: &Path) -> Result<QuicFloor, Failure> {
    let mut tls = certificates::bare(folder)?;
    tls.alpn_protocols = vec![QuicConfig::ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let window = VarInt::from_u32(QuicConfig::WINDOW);
    let mut limits = TransportConfig::default();
    limits
        .keep_alive_interval(Some(QuicConfig::KEEP_ALIVE))
        .stream_receive_window(window)
        .receive_window(window)
        .send_window(QuicConfig::WINDOW.into());
    config.transport_config(Arc::new(limits));
    let endpoint = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, node.port()).into();
    let connection = endpoint.connect_with(config, address, HOST)?.await?;
    let (send, recv) = connection.open_bi().await?;
    let port = endpoint.local_addr()?.port();
    let floor = Floor::over(tokio::io::join(recv, send), port, node, codec).await?;
    Ok(QuicFloor {
        floor,
        _connection: connection,
        _endpoint: endpoint,
    })
}

impl Sender for QuicFloor {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        self.floor.carry(load, span).await
    }
}
