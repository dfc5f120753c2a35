//! Why there is no QUIC connection.

use quinn::{ConnectError, ConnectionError, TransportErrorCode};

use crate::error::Conclusion;

/// TLS alerts, as they travel in QUIC's error codes.
mod alert {
    pub(super) const CERTIFICATES: std::ops::RangeInclusive<u8> = 41..=46;
    pub(super) const UNKNOWN_CA: u8 = 48;
    pub(super) const CERTIFICATE_REQUIRED: u8 = 116;
    pub(super) const NO_APPLICATION_PROTOCOL: u8 = 120;
}

/// Why a QUIC connection did not come about. No byte of a stream was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QuicError {
    /// The peer's certificate is not to be trusted: another CA, another host name, out of date.
    #[error("the peer's certificate is not trusted: {reason}")]
    Untrusted {
        /// What is wrong with it.
        reason: String,
    },
    /// The peer does not trust the certificate that it was shown.
    #[error("the peer does not trust our certificate (TLS alert {alert})")]
    Distrusted {
        /// What the peer called it, a number of the TLS standard.
        alert: u8,
    },
    /// The peer wants a certificate and was shown none.
    #[error("the peer wants a certificate, and was shown none")]
    NoCertificate,
    /// The peer speaks another protocol than `casty/1` over QUIC.
    #[error("the peer does not speak casty/1")]
    OtherProtocol,
    /// The host cannot stand in a certificate.
    #[error("{host:?} is no name that a certificate could be checked against")]
    Name {
        /// What was dialled.
        host: String,
    },
    /// Nobody answered, or the peer fell silent.
    #[error("the peer is silent")]
    Silent,
    /// The peer accepts no connection now: it has too many that it has not accepted yet.
    #[error("the peer refused the connection")]
    Refused,
    /// The connection failed in another way.
    #[error("the connection failed")]
    Connection(#[source] ConnectionError),
    /// The endpoint cannot connect at all.
    #[error("cannot connect")]
    Connect(#[source] ConnectError),
}

impl QuicError {
    /// What the caller may conclude.
    pub(crate) fn conclusion(&self) -> Conclusion {
        match self {
            Self::OtherProtocol => Conclusion::NotCasty,
            Self::Name { .. } => Conclusion::Misconfigured,
            // Certificates are replaced while programs run, so another attempt makes sense.
            Self::Untrusted { .. }
            | Self::Distrusted { .. }
            | Self::NoCertificate
            | Self::Silent
            | Self::Refused
            | Self::Connection(_)
            | Self::Connect(_) => Conclusion::Unreachable,
        }
    }
}

impl From<ConnectionError> for QuicError {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::TransportError(ours) => match tls_alert(ours.code) {
                Some(alert::NO_APPLICATION_PROTOCOL) => Self::OtherProtocol,
                Some(code) if is_about_certificates(code) => Self::Untrusted {
                    reason: ours.reason.clone(),
                },
                _ => Self::Connection(error),
            },
            ConnectionError::ConnectionClosed(theirs) => match tls_alert(theirs.error_code) {
                Some(alert::NO_APPLICATION_PROTOCOL) => Self::OtherProtocol,
                Some(alert::CERTIFICATE_REQUIRED) => Self::NoCertificate,
                Some(code) if is_about_certificates(code) => Self::Distrusted { alert: code },
                None if theirs.error_code == TransportErrorCode::CONNECTION_REFUSED => {
                    Self::Refused
                }
                _ => Self::Connection(error),
            },
            _ => Self::Connection(error),
        }
    }
}

impl From<ConnectError> for QuicError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::InvalidServerName(host) => Self::Name { host },
            other => Self::Connect(other),
        }
    }
}

/// The alert in an error code; QUIC gives them the codes from 0x100 to 0x1ff.
fn tls_alert(code: TransportErrorCode) -> Option<u8> {
    u64::from(code)
        .checked_sub(0x100)
        .and_then(|alert| u8::try_from(alert).ok())
}

fn is_about_certificates(code: u8) -> bool {
    alert::CERTIFICATES.contains(&code)
        || [alert::UNKNOWN_CA, alert::CERTIFICATE_REQUIRED].contains(&code)
}
