//! Byte streams for Casty: TCP, TLS, QUIC and memory, framed connections with handshake and bounded
//! outboxes, and a proxy between transports.
//!
//! A [`Transport`] dials and listens and yields [`ByteStream`]s. [`connect`] and [`accept`] put the
//! Casty handshake on top, the same for every transport, and give a [`Connection`]: a peer that
//! has told who it is, and a stream of frames. [`drive`] then moves that stream's bytes between
//! a bounded [`Outbox`] and a [`Session`]. [`TransportConfig`] names the transport by one word.
//!
//! No wait on a peer here is without a deadline except [`Listener::accept`] and
//! [`Transport::dial`], which leave it to their caller.

mod conclusion;
mod connection;
mod error;
mod proxy;
mod transport;

pub use conclusion::Conclusion;
pub use connection::{ConnectOptions, Connection, ConnectionEnd, Session, accept, connect, drive};
pub use connection::{
    Leftover, Outbox, OutboxCounters, OutboxLimit, OutboxLimits, OutboxTag, Permit, RejectReason,
    Rejected, UnsentMessage,
};
pub use error::{ConnectError, ConnectionLost, DialError, ListenError, NotCasty};
pub use proxy::{Proxy, ProxyCounters, ProxyCounts, ProxyEnd, ProxyLimits};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use rustls;
#[cfg(feature = "tcp")]
pub use transport::TcpTransport;
#[cfg(feature = "tls")]
pub use transport::TlsTransport;
pub use transport::{AddressMap, ByteStream, Duplex, Listener, Transport, TransportConfig};
#[cfg(feature = "memory")]
pub use transport::{MemoryNetwork, MemoryTransport};
#[cfg(feature = "quic")]
pub use transport::{QuicConfig, QuicConfigError, QuicError, QuicTransport};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use transport::{TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsStatus};
