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

mod connection;
mod error;
mod proxy;
mod transport;

pub use connection::driver::{ConnectionEnd, Session, drive};
pub use connection::outbox::{
    Leftover, Outbox, OutboxCounters, OutboxLimit, OutboxLimits, OutboxTag, Permit, RejectReason,
    Rejected, UnsentMessage,
};
pub use connection::{ConnectOptions, Connection, accept, connect};
pub use error::{Conclusion, ConnectError, ConnectionLost, DialError, ListenError, NotCasty};
pub use proxy::{Proxy, ProxyCounters, ProxyCounts, ProxyEnd, ProxyLimits};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use rustls;
pub use transport::address_map::AddressMap;
pub use transport::config::TransportConfig;
#[cfg(feature = "memory")]
pub use transport::memory::{MemoryNetwork, MemoryTransport};
#[cfg(feature = "quic")]
pub use transport::quic::{QuicConfig, QuicConfigError, QuicError, QuicTransport};
#[cfg(feature = "tcp")]
pub use transport::tcp::TcpTransport;
#[cfg(feature = "tls")]
pub use transport::tls::TlsTransport;
#[cfg(any(feature = "tls", feature = "quic"))]
pub use transport::tls::{TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsStatus};
pub use transport::{ByteStream, Duplex, Listener, Transport};
