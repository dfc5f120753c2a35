//! The errors of streams and connections, sorted by what the caller may conclude.
//!
//! Every error here is cheap to clone, so that one lost connection can be reported to all who
//! waited for it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::frame::{FrameError, FrameKind};
use casty_proto::handshake::HandshakeError;
use casty_proto::{Escaped, NodeAddress};

use crate::conclusion::Conclusion;
use crate::other_version::OtherVersion;
#[cfg(feature = "socks5")]
use crate::transport::Socks5Error;
#[cfg(any(feature = "tls", feature = "quic"))]
use crate::transport::TlsError;
#[cfg(feature = "quic")]
use crate::transport::{QuicConfigError, QuicError};

/// The reason for which no stream could be made. Nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The host name has no address now. Names are resolved at every dial, so this can pass.
    #[error("cannot resolve {at}")]
    Unresolved {
        /// The address that was dialled.
        at: NodeAddress,
        /// The resolver's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// The host is there, but nobody listens at the port.
    #[error("{at} refused the connection")]
    Refused {
        /// The address that was dialled.
        at: NodeAddress,
    },
    /// The connection failed in another way: no route, no file descriptors left, and so on.
    #[error("cannot connect to {at}")]
    Io {
        /// The address that was dialled.
        at: NodeAddress,
        /// The system's error for the last address that was tried.
        #[source]
        source: Arc<io::Error>,
    },
    /// The time was up: the host is down, cut off or overloaded.
    #[error("no connection to {at} within {after:?}")]
    TimedOut {
        /// The address that was dialled.
        at: NodeAddress,
        /// The limit that was set.
        after: Duration,
    },
    /// The SOCKS5 proxy made no connection, for a reason of its own.
    #[cfg(feature = "socks5")]
    #[error("no connection to {at} through the proxy")]
    Socks5 {
        /// The address that was dialled.
        at: NodeAddress,
        /// The reason.
        #[source]
        source: Arc<Socks5Error>,
    },
    /// The peer was reached, but there is no TLS with it, over TCP or inside QUIC.
    #[cfg(any(feature = "tls", feature = "quic"))]
    #[error("no TLS to {at}")]
    Tls {
        /// The address that was dialled.
        at: NodeAddress,
        /// The reason.
        #[source]
        source: TlsError,
    },
    /// There is no QUIC connection, for a reason that only QUIC has.
    #[cfg(feature = "quic")]
    #[error("no QUIC connection to {at}")]
    Quic {
        /// The address that was dialled.
        at: NodeAddress,
        /// The reason, for the last address that was tried.
        #[source]
        source: QuicError,
    },
}

impl DialError {
    /// Sorts an error of the system while `at` was dialled.
    pub fn from_io(at: &NodeAddress, error: io::Error) -> Self {
        let at = at.clone();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { at },
            _ => Self::Io {
                at,
                source: Arc::new(error),
            },
        }
    }
}

/// The reason for which an address could not be listened at, or a stream not be accepted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The host name has no address now.
    #[error("cannot resolve {at}")]
    Unresolved {
        /// The address to listen at.
        at: NodeAddress,
        /// The resolver's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// The address is taken by another listener.
    #[error("{at} is in use")]
    InUse {
        /// The address to listen at.
        at: NodeAddress,
    },
    /// The system refused: no address of this host, no permission, and so on.
    #[error("cannot listen at {at}")]
    Io {
        /// The address to listen at.
        at: NodeAddress,
        /// The system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// One stream could not be accepted; the listener goes on.
    #[error("cannot accept a connection at {at}")]
    Accept {
        /// The listener's address.
        at: NodeAddress,
        /// The system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// Listening with TLS or QUIC needs a certificate, and the configuration has none.
    #[cfg(any(feature = "tls", feature = "quic"))]
    #[error("cannot listen at {at} with TLS without a certificate")]
    NoCertificate {
        /// The address to listen at.
        at: NodeAddress,
    },
    /// The configuration is one of rustls for clients, which can only dial.
    #[cfg(any(feature = "tls", feature = "quic"))]
    #[error("cannot listen at {at} with a configuration of rustls that can only dial")]
    DialsOnly {
        /// The address to listen at.
        at: NodeAddress,
    },
    /// The configuration of QUIC makes no sense.
    #[cfg(feature = "quic")]
    #[error("cannot listen at {at} with QUIC")]
    Quic {
        /// The address to listen at.
        at: NodeAddress,
        /// The part that makes no sense.
        #[source]
        source: QuicConfigError,
    },
    /// The listener has ended; it will accept nothing more.
    #[error("the listener at {at} has ended")]
    Closed {
        /// The listener's address.
        at: NodeAddress,
    },
}

impl ListenError {
    /// Sorts an error of the system while a listener at `at` was set up.
    pub fn from_io(at: &NodeAddress, error: io::Error) -> Self {
        let at = at.clone();
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { at },
            _ => Self::Io {
                at,
                source: Arc::new(error),
            },
        }
    }
}

/// The reason for which there is no connection after a handshake. No message for the peer was sent,
/// at most our handshake. [`ConnectError::conclusion`] sorts the cases.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No stream could be made.
    #[error("no connection")]
    Dial(#[from] DialError),
    /// No stream within the connect timeout: the host is down, cut off or overloaded.
    #[error("no connection to {to} within {after:?}")]
    ConnectTimeout {
        /// The address that was dialled, before the address map.
        to: NodeAddress,
        /// The connect timeout.
        after: Duration,
    },
    /// A stream, but no whole handshake within the handshake timeout: the peer hangs, something
    /// in between swallows the bytes, or it waits for another protocol.
    #[error("no handshake from {} within {after:?}", Escaped::new(peer))]
    HandshakeTimeout {
        /// The other end.
        peer: Arc<str>,
        /// The handshake timeout.
        after: Duration,
    },
    /// The peer ended the stream before its handshake was whole: a node on its way down, one that
    /// is configured for TLS and got plain bytes, or something else that did not like our first
    /// bytes.
    #[error(
        "{} closed the connection before its handshake: it may want TLS, or another certificate",
        Escaped::new(peer)
    )]
    Closed {
        /// The other end.
        peer: Arc<str>,
    },
    /// The stream broke during the handshake.
    #[error("the connection to {} broke during the handshake", Escaped::new(peer))]
    Io {
        /// The other end.
        peer: Arc<str>,
        /// The system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// TLS ended during the handshake. On the dialling side that is how a peer tells that it does
    /// not accept our certificate; on the accepting side it is every failure of TLS.
    #[cfg(any(feature = "tls", feature = "quic"))]
    #[error("no TLS with {}", Escaped::new(peer))]
    Tls {
        /// The other end.
        peer: Arc<str>,
        /// The reason.
        #[source]
        source: TlsError,
    },
    /// The peer sent something, and it was no handshake.
    #[error("{} is no Casty node", Escaped::new(peer))]
    NotCasty {
        /// The other end.
        peer: Arc<str>,
        /// The content that it sent instead.
        #[source]
        reason: NotCasty,
    },
    /// The peer is a node or a client of another version of casty, which speaks another protocol. Nothing
    /// is wrong with it or the way to it: one of both has to be replaced.
    #[error(
        "{} speaks the protocol of {version}{}; this side speaks that of casty 0.16 to 0.21",
        Escaped::new(peer),
        InCluster(.cluster.as_deref())
    )]
    OtherVersion {
        /// The address that was dialled, before the address map, or the other end that has dialled.
        peer: Arc<str>,
        /// The version whose protocol it speaks.
        version: OtherVersion,
        /// The name of its cluster, if it has told it.
        cluster: Option<Arc<str>>,
    },
    /// The node calls itself by an address that is not the one that was dialled, and that nothing
    /// shows to be its own. Messages for that address would be its.
    #[error(
        "the node at {dialled} calls itself {announced}, and neither the way to it nor its certificate \
         shows that it is: name that address in the certificate or in the address map"
    )]
    Misnamed {
        /// The address that was dialled, before the address map.
        dialled: NodeAddress,
        /// The address that the node announced.
        announced: NodeAddress,
    },
    /// Our own address does not fit into a handshake; nothing was sent.
    #[error("our own address does not fit into a handshake")]
    Announce(#[source] FrameError),
}

impl ConnectError {
    /// Returns what the caller may conclude. In every case nothing but a handshake was sent.
    pub fn conclusion(&self) -> Conclusion {
        match self {
            #[cfg(any(feature = "tls", feature = "quic"))]
            Self::Dial(DialError::Tls { source, .. }) | Self::Tls { source, .. } => {
                source.conclusion()
            }
            #[cfg(feature = "quic")]
            Self::Dial(DialError::Quic { source, .. }) => source.conclusion(),
            #[cfg(feature = "socks5")]
            Self::Dial(DialError::Socks5 { source, .. }) if !source.may_pass() => {
                Conclusion::Misconfigured
            }
            Self::Dial(_) | Self::ConnectTimeout { .. } => Conclusion::Unreachable,
            Self::HandshakeTimeout { .. } | Self::Closed { .. } | Self::Io { .. } => {
                Conclusion::Unresponsive
            }
            Self::NotCasty { .. } | Self::OtherVersion { .. } => Conclusion::NotCasty,
            Self::Misnamed { .. } => Conclusion::Untrusted,
            Self::Announce(_) => Conclusion::Misconfigured,
        }
    }
}

/// The content that a peer sent in place of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCasty {
    /// No frame, or one that is longer than a handshake may be. Other protocols end up here: their
    /// first four bytes, taken as a length, pass the limit.
    #[error("its first bytes are no handshake frame")]
    Frame(#[from] FrameError),
    /// A TLS record: one side is configured for TLS and the other is not.
    #[error("it speaks TLS, and plain bytes were expected")]
    Tls,
    /// Words of HTTP: it is a web server or its client.
    #[error("it speaks HTTP")]
    Http,
    /// A frame, but not a handshake.
    #[error("its first frame is {}, not a handshake", kind(*.0))]
    Kind(FrameKind),
    /// A handshake frame whose content cannot be read.
    #[error("its handshake cannot be read")]
    Handshake(#[from] HandshakeError),
}

/// The cluster of a node, as part of a sentence.
struct InCluster<'a>(Option<&'a str>);

impl fmt::Display for InCluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(name) => write!(f, " (cluster {:?})", Escaped::new(name)),
        }
    }
}

/// Returns the kind of a frame as part of a sentence.
fn kind(kind: FrameKind) -> String {
    match kind {
        FrameKind::Handshake => "a handshake".to_owned(),
        FrameKind::Message => "a message".to_owned(),
        FrameKind::Other(number) => format!("of the unknown type {number}"),
    }
}

/// The reason for which a connection that had its handshake is gone. Messages that had been written
/// may or may not have arrived.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionLost {
    /// The peer closed it: nodes do so when they stop, and when another connection announced the
    /// same identity.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection was reset: the peer's process died, or something in between cut it.
    #[error("the connection was reset")]
    Reset,
    /// The peer sent what cannot be read on.
    #[error("the peer broke the protocol")]
    Protocol(#[from] FrameError),
    /// The peer was silent, or took no bytes, for longer than allowed.
    #[error("the peer did not react within {0:?}")]
    Timeout(Duration),
    /// The system reported something else.
    #[error("the connection failed")]
    Io(#[source] Arc<io::Error>),
}

impl From<io::Error> for ConnectionLost {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match error.kind() {
            UnexpectedEof => Self::Closed,
            ConnectionReset | ConnectionAborted | BrokenPipe => Self::Reset,
            _ => Self::Io(Arc::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<DialError>() <= 64);
        assert!(size_of::<ListenError>() <= 64);
        assert!(size_of::<ConnectError>() <= 64);
        assert!(size_of::<ConnectionLost>() <= 64);
    }

    #[test]
    fn errors_of_the_system_are_sorted_by_what_they_tell() {
        let lost = |kind| ConnectionLost::from(io::Error::from(kind));
        assert!(matches!(
            lost(io::ErrorKind::ConnectionReset),
            ConnectionLost::Reset
        ));
        assert!(matches!(
            lost(io::ErrorKind::BrokenPipe),
            ConnectionLost::Reset
        ));
        assert!(matches!(
            lost(io::ErrorKind::UnexpectedEof),
            ConnectionLost::Closed
        ));
        assert!(matches!(
            lost(io::ErrorKind::OutOfMemory),
            ConnectionLost::Io(_)
        ));
        let at = NodeAddress::new("h", 1);
        let refused = DialError::from_io(&at, io::ErrorKind::ConnectionRefused.into());
        assert!(matches!(refused, DialError::Refused { .. }));
        let used = ListenError::from_io(&at, io::ErrorKind::AddrInUse.into());
        assert!(matches!(used, ListenError::InUse { .. }));
    }

    #[test]
    fn a_first_frame_that_is_no_handshake_is_told_in_words() {
        for (kind, told) in [
            (
                FrameKind::Message,
                "its first frame is a message, not a handshake",
            ),
            (
                FrameKind::Other(7),
                "its first frame is of the unknown type 7, not a handshake",
            ),
        ] {
            assert_eq!(NotCasty::Kind(kind).to_string(), told);
        }
    }
}
