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

pub mod address_map;
#[cfg(any(feature = "tcp", feature = "quic"))]
mod addresses;
mod arrival;
pub mod config;
pub mod connection;
pub mod driver;
pub mod error;
#[cfg(feature = "memory")]
pub mod memory;
pub mod outbox;
pub mod proxy;
#[cfg(feature = "quic")]
pub mod quic;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(any(feature = "tls", feature = "quic"))]
pub mod tls;
pub mod transport;

pub use address_map::AddressMap;
pub use config::TransportConfig;
pub use connection::{ConnectOptions, Connection, accept, connect};
pub use driver::{End, Session, drive};
pub use error::{Conclusion, ConnectError, ConnectionLost, DialError, ListenError, NotCasty};
#[cfg(feature = "memory")]
pub use memory::{MemoryNetwork, MemoryTransport};
pub use outbox::{
    Account, Accounted, Bound, Leftover, Outbox, OutboxLimits, RejectReason, Rejected, Unsent,
};
pub use proxy::{Proxy, ProxyCounters, ProxyCounts, ProxyEnd, ProxyLimits};
#[cfg(feature = "quic")]
pub use quic::{QuicConfig, QuicConfigError, QuicError, QuicTransport};
#[cfg(feature = "tcp")]
pub use tcp::TcpTransport;
#[cfg(feature = "tls")]
pub use tls::TlsTransport;
#[cfg(any(feature = "tls", feature = "quic"))]
pub use tls::{TlsConfig, TlsConfigError, TlsError, TlsStatus};
pub use transport::{ByteStream, Listener, Transport, Wire};
