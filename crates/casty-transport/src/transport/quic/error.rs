//! The errors of QUIC.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Count, Escaped};
use quinn::{ConnectError, ConnectionError, TransportErrorCode};
use rustls::AlertDescription;

use super::words::{self, tls_alert};
use crate::conclusion::Conclusion;
use crate::transport::tls::TlsError;

/// The reason for which a QUIC connection did not come about, where TLS is not: see [`TlsError`]
/// for that. No byte of a stream was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QuicError {
    /// The peer speaks another protocol than `casty/1` over QUIC.
    #[error("the peer does not speak casty/1")]
    OtherProtocol,
    /// Nobody answered, or the peer fell silent.
    #[error("the peer is silent")]
    Silent,
    /// The peer accepts no connection now: it has too many that it has not accepted yet.
    #[error("the peer refused the connection")]
    Refused,
    /// The configuration makes no sense. Nothing was dialled.
    #[error("the configuration makes no sense")]
    Config(#[source] QuicConfigError),
    /// The connection failed in another way. What a peer wrote when it closed it is escaped.
    #[error("the connection failed: {}", words::told(.0))]
    Connection(Arc<ConnectionError>),
    /// The endpoint cannot connect at all.
    #[error("cannot connect: {}", Escaped::new(.0))]
    Connect(Arc<ConnectError>),
}

impl QuicError {
    /// Returns what the caller may conclude.
    pub(crate) fn conclusion(&self) -> Conclusion {
        match self {
            Self::OtherProtocol => Conclusion::NotCasty,
            Self::Config(_) => Conclusion::Misconfigured,
            Self::Silent | Self::Refused | Self::Connection(_) | Self::Connect(_) => {
                Conclusion::Unreachable
            }
        }
    }
}

/// A part of a [`QuicConfig`](crate::QuicConfig) that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuicConfigError {
    /// Signs of life without pause.
    #[error("keep_alive must be 1ms or more")]
    NoKeepAlive,
    /// An idle timeout that cannot be told to a peer.
    #[error("idle_timeout must be from 1ms to 49 days, not {0:?}")]
    IdleTimeout(Duration),
    /// Connections would be lost before a sign of life was due.
    #[error("keep_alive ({keep_alive:?}) must be less than idle_timeout ({idle_timeout:?})")]
    KeepAlive {
        /// The time between two signs of life.
        keep_alive: Duration,
        /// The time of silence after which a connection is lost.
        idle_timeout: Duration,
    },
    /// A window that holds too little to be of use, or more than may be kept.
    #[error("window must be from 16 KiB to 1 GiB, not {}", Count(*.0, "byte"))]
    Window(u32),
    /// The provider of cryptography lacks the cipher that QUIC begins with (RFC 9001, section 5).
    #[error("the provider of cryptography lacks TLS 1.3 with AES-128-GCM for QUIC")]
    Cipher,
    /// The configuration of rustls that was given names protocols (ALPN), and `casty/1` is none of
    /// them. None at all is right, too.
    #[error("the configuration of rustls names other protocols than casty/1")]
    OtherProtocol,
    /// The configuration of rustls that was given cannot do TLS 1.3, which QUIC needs.
    #[error("the configuration of rustls cannot do TLS 1.3")]
    NoTls13,
}

/// The reason for which a dial failed, of TLS or of QUIC.
pub(super) enum Failure {
    Tls(TlsError),
    Quic(QuicError),
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<QuicConfigError> for Failure {
    fn from(error: QuicConfigError) -> Self {
        Self::Quic(QuicError::Config(error))
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        let alert = match &error {
            ConnectionError::TimedOut => return Self::Quic(QuicError::Silent),
            ConnectionError::ConnectionClosed(theirs)
                if theirs.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                return Self::Quic(QuicError::Refused);
            }
            ConnectionError::ConnectionClosed(theirs) => tls_alert(theirs.error_code),
            ConnectionError::TransportError(ours) => tls_alert(ours.code),
            _ => None,
        };
        if alert == Some(AlertDescription::NoApplicationProtocol) {
            return Self::Quic(QuicError::OtherProtocol);
        }
        let told = alert.and_then(TlsError::of_alert);
        match (told, error) {
            (Some(told), ConnectionError::ConnectionClosed(_)) => Self::Tls(told),
            // Ours, of a check of the program's own, which tells us no more.
            (Some(TlsError::Rejected(_)), ConnectionError::TransportError(ours)) => {
                let reason = Arc::new(rustls::Error::General(ours.reason));
                Self::Tls(TlsError::BadCertificate(reason))
            }
            (_, error) => Self::Quic(QuicError::Connection(Arc::new(error))),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Quic(QuicError::Connect(Arc::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_connection_tells_what_was_wrong() {
        let of = |error: ConnectionError| Failure::from(error);
        let silent = of(ConnectionError::TimedOut);
        assert!(matches!(silent, Failure::Quic(QuicError::Silent)));
        let closed = |error_code| {
            of(ConnectionError::ConnectionClosed(quinn::ConnectionClose {
                error_code,
                frame_type: None,
                reason: Vec::new().into(),
            }))
        };
        let refused = closed(TransportErrorCode::CONNECTION_REFUSED);
        assert!(matches!(refused, Failure::Quic(QuicError::Refused)));
        let full = closed(TransportErrorCode::STREAM_LIMIT_ERROR);
        assert!(matches!(full, Failure::Quic(QuicError::Connection(_))));
        let alert = |alert: AlertDescription| TransportErrorCode::crypto(alert.into());
        let other = alert(AlertDescription::NoApplicationProtocol);
        assert!(matches!(
            closed(other),
            Failure::Quic(QuicError::OtherProtocol)
        ));
        // Only QUIC itself makes such an error.
        let ours = of(ConnectionError::TransportError(other.into()));
        assert!(matches!(ours, Failure::Quic(QuicError::OtherProtocol)));
        let bad = alert(AlertDescription::BadCertificate);
        let theirs = closed(bad);
        assert!(matches!(theirs, Failure::Tls(TlsError::Rejected(_))));
        let ours = of(ConnectionError::TransportError(bad.into()));
        assert!(matches!(ours, Failure::Tls(TlsError::BadCertificate(_))));
    }
}
