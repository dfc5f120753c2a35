//! Connections: the handshake by which both sides announce themselves, the same over every
//! transport, and below it the outbox and the driver that move frames.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use casty_proto::frame::{DEFAULT_MAX_FRAME, FrameDecoder, FrameError, FrameKind};
use casty_proto::handshake::{Handshake, MAX_HANDSHAKE};
use casty_proto::{Chain, NodeAddress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::error::{ConnectError, DialError, NotCasty};
use crate::other_version::OtherVersion;
use crate::transport::AddressMap;
#[cfg(any(feature = "tls", feature = "quic"))]
use crate::transport::TlsError;
use crate::transport::{ByteStream, Transport};

mod acknowledged;
mod driver;
mod identify;
mod outbox;
mod session;

pub use driver::{ConnectionEnd, drive};
pub use identify::identify;
pub use outbox::{
    Leftover, MessageBytes, Outbox, OutboxCounters, OutboxLimit, OutboxLimits, OutboxProgress,
    OutboxTag, Permit, Pushed, PushedAll, RejectReason, Rejected, UnsentMessage,
};
pub use session::Session;

/// The first read buffer in bytes: more than any handshake, so it never has to grow for one.
const FIRST_READ: usize = 8 * 1024;

/// The limits for making connections, and the addresses at which nodes are to be dialled.
///
/// Setters take and give the value.
#[derive(Debug, Clone)]
#[must_use]
pub struct ConnectOptions {
    connect_timeout: Duration,
    handshake_timeout: Duration,
    max_frame: usize,
    address_map: AddressMap,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            handshake_timeout: Duration::from_secs(2),
            max_frame: DEFAULT_MAX_FRAME,
            address_map: AddressMap::identity(),
        }
    }
}

impl ConnectOptions {
    /// Creates the defaults: 2 s to connect, 2 s for the handshake, frames of up to 16 MiB, no
    /// mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time that a dial may take, name resolution and all addresses included. Default: 2
    /// s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets the time that the peer's handshake may take on a connection that is open, on either
    /// side. Default: 2 s.
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// Sets the length of the longest frame to read in bytes, type byte included. Default: 16 MiB. A
    /// handshake has its own limit, 4 KiB, and frames to write have that of
    /// [`OutboxLimits::max_frame`].
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Sets the map from the canonical addresses by which nodes are known to those at which they
    /// are dialled. Default: the identity.
    pub fn address_map(mut self, map: impl Into<AddressMap>) -> Self {
        self.address_map = map.into();
        self
    }

    /// Returns a decoder for the frames behind the handshake, with the limit of
    /// [`ConnectOptions::max_frame`].
    pub fn decoder(&self) -> FrameDecoder {
        FrameDecoder::new(self.max_frame)
    }
}

/// A connection on which both sides have announced themselves. Frames follow.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connection {
    /// The stream, at the first byte that is not in [`Connection::leftover`].
    pub stream: ByteStream,
    /// The address that the peer announced: on the dialling side a node's canonical address, on the
    /// accepting side the identity under which answers to the dialler find this connection.
    pub peer: NodeAddress,
    /// The address that was dialled, before the address map; `None` on the accepting side.
    pub dialled: Option<NodeAddress>,
    /// The address that we announced.
    pub local: NodeAddress,
    /// The certainty that [`Connection::peer`] is the peer's own address. `Some(true)`: it
    /// was dialled, the address map has both at one place, or the peer's certificate names its host
    /// or the host at which it is dialled. `Some(false)`: the certificate names neither. `None`:
    /// the transport has no certificates.
    ///
    /// On the accepting side only a certificate tells. A node's covers the address at which others dial it; that
    /// of a client covers none that it may announce, and need not: nobody dials it.
    ///
    /// A name that is set for all servers (`TlsConfig::with_server_name`) is proof of none: with it, what
    /// was dialled counts by the way there alone, as without certificates, and whoever dials in is of the
    /// cluster, but nothing tells which of its nodes (`None`), unless a certificate names a host besides.
    pub covered: Option<bool>,
    /// The bytes that were read behind the peer's handshake: the beginning of what it sends.
    pub leftover: BytesMut,
}

impl Connection {
    /// Returns the address that was dialled, if the node knows itself by another one: two names of
    /// the same node, of which [`Connection::peer`] is the one that views and references use.
    pub fn alias(&self) -> Option<&NodeAddress> {
        self.dialled
            .as_ref()
            .filter(|dialled| **dialled != self.peer)
    }
}

/// Dials the node known as `dialled`, announces `announce`, and waits for the node's own
/// handshake. Takes at most the connect timeout and the handshake timeout together.
///
/// Where the name has several addresses and the one that was connected turns out to be no node's, it
/// goes on with the next one, if half of the shorter timeout is left, or else the next call does.
///
/// # Errors
/// There is no connection, and nothing but a handshake was sent. A peer that accepts and stays
/// silent is an error, never a connection.
///
/// # Cancel safety
/// Dropping the future closes what was opened. A node may have seen the handshake.
pub async fn connect(
    transport: &dyn Transport,
    dialled: &NodeAddress,
    announce: &NodeAddress,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let hello = handshake_frame(announce)?;
    let physical = options.address_map.physical(dialled);
    let (connect, handshake) = (options.connect_timeout, options.handshake_timeout);
    // Beyond all clocks, there is none.
    let end = Instant::now().checked_add(connect.saturating_add(handshake));
    let left = || {
        end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        })
    };
    loop {
        let limit = connect.min(left());
        let stream = transport.dial_within(&physical, limit).await;
        let mut stream = stream.map_err(|error| dial_error(dialled, error))?;
        // Dropped, it has lost: whoever waits for this gave up.
        let judge = stream.take_judge();
        let shaken = shake_hands(&mut stream, &hello, handshake.min(left())).await;
        match shaken {
            Ok((peer, leftover)) => {
                judge.tell(true);
                let is_dialled =
                    peer == *dialled || options.address_map.physical(&peer) == physical;
                let covered = if is_dialled {
                    Some(true)
                } else {
                    covers(&stream, &peer, options)
                };
                return Ok(Connection {
                    stream,
                    covered,
                    peer,
                    dialled: Some(dialled.clone()),
                    local: announce.clone(),
                    leftover,
                });
            }
            Err(error) => {
                let another = judge.tell(false);
                if !another || left() < connect.min(handshake) / 2 {
                    return Err(error);
                }
                tracing::debug!(node = %dialled, error = %Chain(&error), "another address of the name is tried");
            }
        }
    }
}

/// Returns whether the certificate of a stream's peer names the host that it announced, or the one at which that
/// is dialled; `None` if it has shown none.
fn covers(stream: &ByteStream, peer: &NodeAddress, options: &ConnectOptions) -> Option<bool> {
    let own = options.address_map.physical(peer);
    let covered = stream.covers(peer.host())?;
    Some(covered || stream.covers(own.host()) == Some(true))
}

/// Announces ourselves on a stream that was dialled, and waits for the peer's handshake. Returns the
/// peer's address, and what was read behind its handshake.
async fn shake_hands(
    stream: &mut ByteStream,
    hello: &[u8],
    limit: Duration,
) -> Result<(NodeAddress, BytesMut), ConnectError> {
    let peer_name = Arc::clone(stream.peer());
    let mut leftover = BytesMut::with_capacity(FIRST_READ);
    let exchange = async {
        send(stream, hello).await?;
        receive(stream, &mut leftover).await
    };
    let peer = bounded(limit, peer_name, exchange).await?;
    Ok((peer, leftover))
}

/// Adds the address that was dialled, before the address map, to a failure to dial.
fn dial_error(dialled: &NodeAddress, error: DialError) -> ConnectError {
    match error {
        DialError::TimedOut { after, .. } => ConnectError::ConnectTimeout {
            to: dialled.clone(),
            after,
        },
        other => ConnectError::Dial(other),
    }
}

/// Waits for the handshake of the dialler of `stream`, and answers with `canonical`. Takes at most
/// the handshake timeout.
///
/// # Errors
/// There is no connection; a peer that announced nothing was told nothing.
///
/// # Cancel safety
/// Dropping the future closes the stream.
pub async fn accept(
    mut stream: ByteStream,
    canonical: &NodeAddress,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let hello = handshake_frame(canonical)?;
    let peer_name = Arc::clone(stream.peer());
    let mut leftover = BytesMut::with_capacity(FIRST_READ);
    let exchange = async {
        let peer = receive(&mut stream, &mut leftover).await?;
        send(&mut stream, &hello).await?;
        Ok(peer)
    };
    let peer = bounded(options.handshake_timeout, peer_name, exchange).await?;
    let covered = covers(&stream, &peer, options);
    Ok(Connection {
        stream,
        covered,
        peer,
        dialled: None,
        local: canonical.clone(),
        leftover,
    })
}

fn handshake_frame(announce: &NodeAddress) -> Result<Vec<u8>, ConnectError> {
    let mut frame = Vec::new();
    Handshake::new(announce.clone())
        .write(&mut frame)
        .map_err(ConnectError::Announce)?;
    Ok(frame)
}

/// The failure of an exchange of handshakes, before the peer's name is added.
enum Broken {
    Closed,
    Io(io::Error),
    NotCasty(NotCasty),
    OtherVersion(OtherVersion),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs `exchange` for as long as the handshake may take, and adds the peer's name to its failure.
async fn bounded(
    after: Duration,
    peer: Arc<str>,
    exchange: impl Future<Output = Result<NodeAddress, Broken>>,
) -> Result<NodeAddress, ConnectError> {
    match timeout(after, exchange).await {
        Ok(Ok(address)) => Ok(address),
        Ok(Err(Broken::Closed)) => Err(ConnectError::Closed { peer }),
        Ok(Err(Broken::Io(error))) => Err(broken(peer, error)),
        Ok(Err(Broken::NotCasty(reason))) => Err(ConnectError::NotCasty { peer, reason }),
        Ok(Err(Broken::OtherVersion(version))) => Err(ConnectError::OtherVersion {
            peer,
            version,
            cluster: None,
        }),
        Err(_) => Err(ConnectError::HandshakeTimeout { peer, after }),
    }
}

/// Sorts an error of the stream during the exchange.
fn broken(peer: Arc<str>, error: io::Error) -> ConnectError {
    #[cfg(any(feature = "tls", feature = "quic"))]
    if let Some(source) = TlsError::of(&error) {
        let source = source.clone();
        return ConnectError::Tls { peer, source };
    }
    // An encrypted stream that ended without saying so.
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return ConnectError::Closed { peer };
    }
    let source = Arc::new(error);
    ConnectError::Io { peer, source }
}

async fn send(stream: &mut ByteStream, frame: &[u8]) -> io::Result<()> {
    stream.write_all(frame).await?;
    stream.flush().await
}

/// Reads the peer's first frame, which has to be a handshake; bytes behind it stay in `buffer`.
async fn receive(stream: &mut ByteStream, buffer: &mut BytesMut) -> Result<NodeAddress, Broken> {
    let decoder = FrameDecoder::new(MAX_HANDSHAKE + 1);
    let frame = loop {
        match decoder.next(buffer) {
            Ok(Some(frame)) => break frame,
            Ok(None) if stream.read_buf(buffer).await? == 0 => return Err(Broken::Closed),
            Ok(None) => {}
            Err(_) if OtherVersion::may_follow(buffer) && stream.read_buf(buffer).await? > 0 => {}
            Err(error) => return Err(stranger(buffer, error)),
        }
    };
    match frame.kind {
        FrameKind::Handshake => Handshake::read(&frame.payload)
            .map(|handshake| handshake.address)
            .map_err(|error| Broken::NotCasty(error.into())),
        other => Err(Broken::NotCasty(NotCasty::Kind(other))),
    }
}

/// Returns what a stream is that begins with these bytes, which are no frame of a handshake.
fn stranger(buffer: &[u8], error: FrameError) -> Broken {
    if let Some(version) = OtherVersion::of(buffer) {
        return Broken::OtherVersion(version);
    }
    Broken::NotCasty(if is_tls(buffer) {
        NotCasty::Tls
    } else if is_http(buffer) {
        NotCasty::Http
    } else {
        error.into()
    })
}

/// Returns whether the stream begins with an alert or a handshake of TLS: record type and major
/// version.
fn is_tls(buffer: &[u8]) -> bool {
    matches!(buffer, [0x15 | 0x16, 3, ..])
}

/// Returns whether the stream begins with an answer of HTTP/1, or with a request.
fn is_http(buffer: &[u8]) -> bool {
    let starts = [
        &b"HTTP"[..],
        b"GET ",
        b"POST",
        b"PUT ",
        b"HEAD",
        b"OPTI",
        b"PRI ",
    ];
    starts.iter().any(|start| buffer.starts_with(start))
}

#[cfg(test)]
#[cfg(feature = "memory")]
mod tests;
