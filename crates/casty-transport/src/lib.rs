//! Byte streams for Casty: TCP, TLS, QUIC and memory, framed connections with handshake and bounded
//! outboxes, and a proxy between transports.
//!
//! This is the layer of a Casty client, or of a node, that moves frames between two processes. It
//! knows neither actors nor shards: `casty-client` builds on it and is the crate that most programs
//! use. Use this one for a transport of your own, for a proxy, or for a peer that speaks the wire
//! protocol itself.
//!
//! # Quick start
//!
//! Two sides in one process talk over a [`MemoryNetwork`]. Another transport changes one line.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # mod quick_start {
//! use std::error::Error;
//! use std::sync::Arc;
//!
//! use casty_proto::NodeAddress;
//! use casty_proto::frame::Frame;
//! use casty_transport::{
//!     ConnectOptions, ConnectionEnd, MemoryNetwork, Outbox, OutboxLimits, Session, Transport,
//!     accept, connect, drive,
//! };
//! use tokio::sync::mpsc;
//!
//! /// Hands frames over to a task.
//! struct Forward(mpsc::UnboundedSender<Frame>);
//!
//! impl Session for Forward {
//!     fn frame(&mut self, frame: Frame) {
//!         self.0.send(frame).ok();
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub(super) async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
//! let network = MemoryNetwork::new();
//! let options = ConnectOptions::new();
//! let (node, client) = (NodeAddress::new("node", 25520), NodeAddress::new("client", 0));
//!
//! // The accepting side: a listener, the handshake, and a driver for the connection.
//! let mut listener = network.transport().listen(&node).await?;
//! let (received, mut frames) = mpsc::unbounded_channel();
//! let accepting = tokio::spawn({
//!     let (node, options) = (node.clone(), options.clone());
//!     async move {
//!         let connection = accept(listener.accept().await?, &node, &options).await?;
//!         let outbox = Arc::new(Outbox::<()>::new(OutboxLimits::new()));
//!         let (stream, rest) = (connection.stream, connection.leftover);
//!         drive(stream, rest, outbox, Forward(received), options.decoder()).await;
//!         Ok::<_, Box<dyn Error + Send + Sync>>(())
//!     }
//! });
//!
//! // The dialling side: what is pushed into the outbox is written by the driver.
//! let connection = connect(&network.transport(), &node, &client, &options).await?;
//! assert_eq!(connection.peer, node);
//! let outbox = Arc::new(Outbox::new(OutboxLimits::new()));
//! outbox.push(&[b"hel", b"lo"], Some(()))?;
//! outbox.drain();
//! let (stream, rest) = (connection.stream, connection.leftover);
//! let session = Forward(mpsc::unbounded_channel().0);
//! let (end, leftover) = drive(stream, rest, outbox, session, options.decoder()).await;
//!
//! assert!(matches!(end, ConnectionEnd::Drained));
//! assert!(leftover.unsent.is_empty() && leftover.unknown.is_empty());
//! assert_eq!(frames.recv().await.expect("a frame").payload, b"hello"[..]);
//! accepting.await??;
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "memory")]
//! # quick_start::main().unwrap();
//! ```
//!
//! # Concepts
//!
//! - A [`Transport`] dials and listens and yields [`ByteStream`]s; [`TransportConfig`] names one.
//! - [`connect`] and [`accept`] put the Casty handshake on top, the same for every transport, and
//!   give a [`Connection`]: the peer's announced address, and a stream of frames. An [`AddressMap`]
//!   says where a node is dialled that is known by another address.
//! - [`drive`] is the one task of a connection. It moves bytes between the stream, a bounded
//!   [`Outbox`] and a [`Session`].
//! - Full is an answer: [`Outbox::push`] never waits. [`Outbox::capacity`] does, and gives a
//!   [`Permit`].
//! - A message with an [`OutboxTag`] has a fate when the connection ends: written and acknowledged by
//!   the peer's kernel, or in the [`Leftover`] as unsent, or as unknown. Nothing is ever claimed to
//!   have been delivered. [`OutboxCounters`] add up to that.
//! - [`Outbox::revoke`] takes back messages that are not begun while the connection goes on.
//! - A [`Proxy`] passes connections of one transport on to a node that speaks another, as Python
//!   nodes do not speak QUIC.
//!
//! No wait on a peer here is without a deadline except [`Listener::accept`] and
//! [`Transport::dial`], which leave it to their caller.
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `tcp` | `TcpTransport`, `TcpConfig` | yes |
//! | `memory` | `MemoryNetwork`, `MemoryTransport` | yes |
//! | `tls` | `TlsTransport`, `TlsConfig`; with `tcp` | no |
//! | `socks5` | `Socks5`: TCP through a proxy; with `tcp` | no |
//! | `quic` | `QuicTransport`, `QuicConfig`, `TlsConfig` | no |
//!
//! # Errors
//!
//! Each operation has an error of its own, cheap to clone, with its sources kept, and in words, with
//! what a peer has chosen [escaped](casty_proto::Escaped): [`DialError`] and
//! [`ListenError`] for streams, [`ConnectError`] for the handshake, [`ConnectionLost`] for what ends
//! a connection, [`Rejected`] for a push. [`ConnectError::conclusion`] says whether trying again
//! makes sense.
//!
//! # Examples
//!
//! `examples/custom_transport.rs` implements [`Transport`], and uses it like any other.

// The features that an item needs stand beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod conclusion;
mod connection;
mod error;
mod other_version;
mod proxy;
mod transport;

pub use conclusion::Conclusion;
pub use connection::{
    ConnectOptions, Connection, ConnectionEnd, Session, accept, connect, drive, identify,
};
pub use connection::{
    Leftover, MessageBytes, Outbox, OutboxCounters, OutboxLimit, OutboxLimits, OutboxProgress,
    OutboxTag, Permit, Pushed, PushedAll, RejectReason, Rejected, UnsentMessage,
};
pub use error::{ConnectError, ConnectionLost, DialError, ListenError, NotCasty};
pub use other_version::OtherVersion;
pub use proxy::{Proxy, ProxyCounters, ProxyCounts, ProxyEnd, ProxyLimits};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use rustls;
#[cfg(feature = "tls")]
pub use transport::TlsTransport;
pub use transport::{
    AddressMap, Advertised, ByteStream, Duplex, Listener, Transport, TransportConfig,
};
#[cfg(feature = "memory")]
pub use transport::{MemoryNetwork, MemoryTransport};
#[cfg(any(feature = "tcp", feature = "quic"))]
pub use transport::{Names, Resolver, SystemResolver};
#[cfg(feature = "quic")]
pub use transport::{QuicConfig, QuicConfigError, QuicError, QuicTransport};
#[cfg(feature = "socks5")]
pub use transport::{Socks5, Socks5Error};
#[cfg(feature = "tcp")]
pub use transport::{TcpConfig, TcpTransport};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use transport::{TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsStatus};
