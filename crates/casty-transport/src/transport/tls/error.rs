//! The errors of TLS, sorted by whose certificate or configuration has to change.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, ContentType, InvalidMessage, PeerIncompatible};

use super::words;
use crate::conclusion::Conclusion;

/// The reason for which there is no encrypted stream to a peer, or no longer one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No authority that we trust has signed the peer's certificate.
    #[error("the peer's certificate is of an unknown authority")]
    UnknownAuthority,
    /// The peer's certificate has expired, by the clock of this host.
    #[error("the peer's certificate has expired")]
    Expired,
    /// The peer's certificate is not valid yet, by the clock of this host.
    #[error("the peer's certificate is not valid yet")]
    NotYetValid,
    /// The peer's certificate is for other names than the one that was dialled, or the
    /// [server name](crate::TlsConfig::with_server_name) that is set in its place.
    #[error(
        "the peer's certificate is not for the host that was dialled, or the server name that is set"
    )]
    OtherName,
    /// The peer shows the certificate of an authority, which may sign certificates and not stand for
    /// a host itself. It needs one that the authority has signed.
    #[error(
        "the peer shows the certificate of an authority itself, instead of one that it has signed"
    )]
    AuthorityShown,
    /// The peer's certificate is for another purpose: one of a client, where that of a server is
    /// needed, or the other way round.
    #[error("the peer's certificate is for another purpose")]
    OtherPurpose,
    /// The key of the peer's certificate, or a signature in it or above it, is of a kind that the
    /// cryptography cannot check. ring can check RSA, ECDSA on P-256 and P-384, and Ed25519.
    #[error(
        "the peer's certificate has a key or a signature of a kind that cannot be checked: {USABLE_KEYS} \
         can"
    )]
    UncheckedKey,
    /// The peer and we have no kind of key, or no way of encryption, in common. A peer whose key is
    /// on P-521, Ed448 or RSA-PSS says so, too.
    #[error(
        "the peer and we have no kind of key or no encryption in common: {USABLE_KEYS} go with ours"
    )]
    NothingInCommon,
    /// The peer's certificate cannot be used for another reason.
    #[error("the peer's certificate cannot be used: {}", words::told(.0))]
    BadCertificate(Arc<rustls::Error>),
    /// The client presented no certificate.
    #[error("the client presented no certificate")]
    NoCertificate,
    /// We have a certificate and the server did not ask for it, as every Casty node does: it is
    /// no node, or one that lets anybody in.
    #[error("the server did not ask for a certificate")]
    NotAsked,
    /// The peer wants a certificate and we presented none.
    #[error("the peer requires a certificate")]
    CertificateRequired,
    /// The peer did not accept our certificate; it tells no more than this.
    #[error("the peer did not accept our certificate: {}", words::name(.0))]
    Rejected(AlertDescription),
    /// The peer speaks neither TLS 1.2 nor 1.3.
    #[error("the peer speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    /// The peer's bytes are no TLS: one side is configured for it and the other is not.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// The peer took the connection and did not answer the TLS handshake in time. A node of casty
    /// 0.21.0 without TLS does so: it takes our first bytes for the length of a frame, and waits
    /// for the rest of it.
    #[error("the peer did not answer the TLS handshake within {0:?}: does it speak TLS?")]
    Silent(Duration),
    /// The peer ended the stream inside the TLS handshake: it does not speak TLS, or is on its way
    /// down.
    #[error("the peer closed the connection inside the TLS handshake")]
    Closed,
    /// The host that was dialled is neither a DNS name nor an IP address, so no certificate can be
    /// for it. Nothing was dialled.
    #[error("no certificate can be for a host of this name")]
    HostName,
    /// The stream below broke inside the TLS handshake.
    #[error("the connection broke inside the TLS handshake")]
    Io(#[source] Arc<io::Error>),
    /// The peer broke the protocol of TLS, or shares no way of encryption with us.
    #[error("TLS failed: {}", words::told(.0))]
    Protocol(Arc<rustls::Error>),
}

impl TlsError {
    /// Returns the TLS error inside an error of an encrypted stream; `None` if it is another error.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Sorts an error of rustls.
    pub(crate) fn from_rustls(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::InvalidCertificate(reason) => {
                Self::of_certificate(reason).unwrap_or_else(|| Self::BadCertificate(shared(error)))
            }
            E::NoCertificatesPresented => Self::NoCertificate,
            E::AlertReceived(alert) => {
                Self::of_alert(*alert).unwrap_or_else(|| Self::Protocol(shared(error)))
            }
            E::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                // An extension of TLS 1.2; who does not send it is older.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
            ) => Self::Version,
            E::PeerIncompatible(
                PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
                | PeerIncompatible::NoCipherSuitesInCommon
                | PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NoSignatureSchemesInCommon,
            ) => Self::NothingInCommon,
            E::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            )
            | E::InappropriateMessage {
                got_type: ContentType::Unknown(_),
                ..
            } => Self::NotTls,
            _ => Self::Protocol(shared(error)),
        }
    }

    fn of_certificate(reason: &CertificateError) -> Option<Self> {
        use CertificateError as C;
        Some(match reason {
            // The second: an authority of the same name, with another key.
            C::UnknownIssuer | C::BadSignature => Self::UnknownAuthority,
            C::Expired | C::ExpiredContext { .. } => Self::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => Self::NotYetValid,
            C::NotValidForName | C::NotValidForNameContext { .. } => Self::OtherName,
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => Self::OtherPurpose,
            C::UnsupportedSignatureAlgorithmContext { .. }
            | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::UncheckedKey,
            // An error of webpki, which is no dependency of ours: its text is its name.
            C::Other(other) if other.to_string() == "CaUsedAsEndEntity" => Self::AuthorityShown,
            _ => return None,
        })
    }

    /// Returns the peer's reason for this alert, where that is about certificates and versions.
    pub(crate) fn of_alert(alert: AlertDescription) -> Option<Self> {
        use AlertDescription as A;
        Some(match alert {
            A::CertificateRequired => Self::CertificateRequired,
            A::ProtocolVersion => Self::Version,
            A::HandshakeFailure | A::InsufficientSecurity => Self::NothingInCommon,
            A::UnknownCA
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            // What is said of a signature that is not the authority's.
            | A::DecryptError
            | A::AccessDenied => Self::Rejected(alert),
            _ => return None,
        })
    }

    /// Returns what the caller may conclude of the peer.
    pub(crate) fn conclusion(&self) -> Conclusion {
        match self {
            Self::Version | Self::NotTls | Self::Protocol(_) => Conclusion::NotCasty,
            Self::Silent(_) | Self::Closed | Self::Io(_) => Conclusion::Unresponsive,
            Self::HostName => Conclusion::Misconfigured,
            _ => Conclusion::Untrusted,
        }
    }
}

fn shared(error: &rustls::Error) -> Arc<rustls::Error> {
    Arc::new(error.clone())
}

/// The kinds of keys that ring can use and check.
const USABLE_KEYS: &str = "RSA of 2048 bits and more, ECDSA on P-256 or P-384, and Ed25519";

/// The reason for which certificates cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No authority was named whose certificates to trust.
    #[error("TLS needs the certificate of an authority to trust")]
    NoAuthority,
    /// The name that is set for servers is neither a DNS name nor an IP address.
    #[error("no certificate can be for a server of the name {name:?}")]
    ServerName {
        /// The name.
        name: String,
    },
    /// A key was named, but no certificate.
    #[error("TLS has a key, but no certificate that goes with it")]
    KeyAlone,
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// A file is longer than 1 MiB, so it is none with certificates.
    #[error("{} is too long for a file of certificates", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The content is not PEM, or contains a broken part.
    #[error("{origin} is no PEM")]
    Pem {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
        /// The parser's error.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The content has no certificate.
    #[error("{origin} contains no certificate")]
    NoCertificate {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
    },
    /// A certificate of the content cannot be used: it is broken, or not of version 3 of X.509.
    #[error("{origin} contains a certificate that is broken, or not of version 3 of X.509")]
    BadCertificate {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
        /// The error of rustls, whose words say less.
        cause: Arc<rustls::Error>,
    },
    /// The content has no private key: PKCS#8, SEC1 and PKCS#1 are read.
    #[error("{origin} contains no private key")]
    NoKey {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
    },
    /// The private key is encrypted, as PKCS#8 or in the traditional way. Nothing asks for passwords.
    #[error(
        "the private key in {origin} is encrypted: `openssl pkey -in KEY -out PLAIN` decrypts it"
    )]
    EncryptedKey {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
    },
    /// The private key is broken, or of a kind that the cryptography cannot use. ring can use RSA of
    /// 2,048 bits and more, ECDSA on P-256 and P-384, and Ed25519; neither P-521 nor Ed448 nor RSA-PSS.
    #[error(
        "the private key in {origin} cannot be used{}: {USABLE_KEYS} can",
        Kind(*.kind)
    )]
    UnusableKey {
        /// The file, or the part that was given from memory.
        origin: Arc<str>,
        /// The kind of key, if it is one that is known and cannot be used.
        kind: Option<&'static str>,
        /// The error of rustls, whose words say less.
        cause: Arc<rustls::Error>,
    },
    /// The private key is not that of the certificate.
    #[error("the private key in {key} is not that of the certificate in {certificate}")]
    OtherKey {
        /// The file with the key, or the part that was given from memory.
        key: Arc<str>,
        /// The file with the certificate, or the part that was given from memory.
        certificate: Arc<str>,
    },
    /// The certificates cannot be used for another reason.
    #[error("the certificates cannot be used: {}", words::told(.0))]
    Unusable(Arc<rustls::Error>),
    /// The cryptography that was given can do neither TLS 1.2 nor 1.3.
    #[error("the provider of cryptography cannot do TLS: {}", words::told(.0))]
    Provider(Arc<rustls::Error>),
}

/// The kind of a key, if it is known, as a part of a sentence.
struct Kind(Option<&'static str>);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(kind) => write!(f, ", for it is {kind}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_is_wrong_with_a_certificate_is_not_taken_for_an_authoritys() {
        let other = |text: &'static str| {
            let error = io::Error::other(text);
            CertificateError::Other(rustls::OtherError(Arc::new(error)))
        };
        let told = TlsError::of_certificate(&other("CaUsedAsEndEntity"));
        assert!(matches!(told, Some(TlsError::AuthorityShown)), "{told:?}");
        assert!(TlsError::of_certificate(&other("something")).is_none());
    }
}
