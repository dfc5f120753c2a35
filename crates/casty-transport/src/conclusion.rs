//! The conclusion that a caller may draw from a connection that did not come about.

/// The conclusion that a caller may draw from a [`ConnectError`](crate::ConnectError).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conclusion {
    /// Nobody could be reached there. Nothing was sent; a later attempt may succeed.
    Unreachable,
    /// Something accepts connections but did not finish a handshake. Treat it as a node that
    /// hangs or stops: a later attempt may succeed. If none ever does, it may want TLS.
    Unresponsive,
    /// The peer speaks another protocol. Trying again helps only after somebody changed the
    /// configuration.
    NotCasty,
    /// One side does not trust the other's certificate. Trying again helps only after somebody
    /// changed a certificate, the configuration or a clock.
    Untrusted,
    /// Our own configuration cannot work, with this peer or with any. Trying again helps only after
    /// somebody changed it, or that of the proxy that it names.
    Misconfigured,
}
