//! The types that may be sent to other threads and shared between them, as users rely on it.

use casty_transport::{
    AddressMap, ByteStream, Conclusion, ConnectError, ConnectOptions, Connection, ConnectionEnd,
    ConnectionLost, DialError, Leftover, ListenError, Listener, MessageBytes, NotCasty, Outbox,
    OutboxCounters, OutboxLimit, OutboxLimits, OutboxProgress, Permit, Proxy, ProxyCounters,
    ProxyCounts, ProxyEnd, ProxyLimits, RejectReason, Rejected, Transport, TransportConfig,
    UnsentMessage,
};

fn sent<T: Send + ?Sized>() {}
fn shared<T: Send + Sync + ?Sized>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn what_is_shared_can_be_shared_and_what_is_moved_can_be_moved() {
    sent::<ByteStream>();
    sent::<Connection>();
    sent::<Proxy>();
    sent::<dyn Listener>();
    shared::<dyn Transport>();
    shared::<AddressMap>();
    shared::<Conclusion>();
    shared::<ConnectOptions>();
    shared::<Leftover<u32>>();
    shared::<Outbox<u32>>();
    shared::<MessageBytes>();
    shared::<OutboxCounters>();
    shared::<OutboxProgress>();
    shared::<OutboxLimit>();
    shared::<OutboxLimits>();
    shared::<Permit<'_, u32>>();
    shared::<ProxyCounters>();
    shared::<ProxyCounts>();
    shared::<ProxyEnd>();
    shared::<ProxyLimits>();
    shared::<TransportConfig>();
    shared::<UnsentMessage<u32>>();
}

#[test]
#[cfg(feature = "memory")]
fn a_network_in_memory_can_be_shared() {
    shared::<casty_transport::MemoryNetwork>();
    shared::<casty_transport::MemoryTransport>();
}

#[test]
#[cfg(feature = "tls")]
fn certificates_can_be_shared() {
    shared::<casty_transport::TlsConfig>();
    shared::<casty_transport::TlsConfigBuilder>();
    shared::<casty_transport::TlsStatus>();
    shared::<casty_transport::TlsTransport>();
}

#[test]
#[cfg(feature = "quic")]
fn quic_can_be_shared() {
    shared::<casty_transport::QuicConfig>();
    shared::<casty_transport::QuicTransport>();
}

#[test]
fn errors_can_be_handed_on() {
    error::<ConnectError>();
    error::<ConnectionEnd>();
    error::<ConnectionLost>();
    error::<DialError>();
    error::<ListenError>();
    error::<NotCasty>();
    error::<RejectReason>();
    error::<Rejected<u32>>();
    #[cfg(feature = "tls")]
    error::<casty_transport::TlsConfigError>();
    #[cfg(feature = "tls")]
    error::<casty_transport::TlsError>();
    #[cfg(feature = "quic")]
    error::<casty_transport::QuicConfigError>();
    #[cfg(feature = "quic")]
    error::<casty_transport::QuicError>();
}
