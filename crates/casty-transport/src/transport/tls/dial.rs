//! The dialling side of one handshake, and the facts that it learns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use casty_proto::NodeAddress;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::certificates::Certificates;
use super::error::TlsError;
use crate::error::DialError;

/// Returns the name that the certificate of the host must be for.
///
/// # Errors
/// There is none, so nothing must be dialled.
pub(crate) fn host_name(of: &NodeAddress) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(of.host().to_owned()).map_err(|_| DialError::Tls {
        at: of.clone(),
        source: TlsError::HostName,
    })
}

/// Returns the check whether a host is one of those that a server's certificate names. The
/// certificate itself was checked when it was shown.
pub(crate) fn proof_of(certificate: CertificateDer<'static>) -> impl Fn(&str) -> bool {
    move |host| {
        let name = ServerName::try_from(host);
        let certificate = ParsedCertificate::try_from(&certificate);
        let both = name.ok().zip(certificate.ok());
        both.is_some_and(|(name, certificate)| verify_server_name(&certificate, &name).is_ok())
    }
}

/// The TLS of one dial: the certificate that it shows and the checks that it makes. Each dial needs
/// its own.
pub(crate) struct TlsDial {
    pub(crate) config: ClientConfig,
    side: Arc<ClientSide>,
}

impl TlsDial {
    /// Creates what a dial needs of the certificates that are in use.
    pub(crate) fn new(certificates: &Certificates) -> Self {
        let side = Arc::new(ClientSide {
            certificate: certificates.identity.clone(),
            asked: AtomicBool::new(false),
            verifier: Arc::clone(&certificates.verifier),
            certificate_error: OnceLock::new(),
        });
        let mut config = certificates.client.clone();
        config.client_auth_cert_resolver = Arc::<ClientSide>::clone(&side);
        let verifier = Arc::<ClientSide>::clone(&side);
        config.dangerous().set_certificate_verifier(verifier);
        Self { config, side }
    }

    /// Refuses a server that shook hands without asking for the certificate that we have.
    ///
    /// # Errors
    /// It did not ask.
    pub(crate) fn check_asked(&self) -> Result<(), TlsError> {
        // Relaxed: it is a lone flag, and the task that drove the handshake, which set it, has
        // handed the finished handshake to this one.
        if self.side.certificate.is_some() && !self.side.asked.load(Ordering::Relaxed) {
            return Err(TlsError::NotAsked);
        }
        Ok(())
    }

    /// Returns the error of the server's certificate, if one was found.
    #[cfg(feature = "quic")]
    pub(crate) fn certificate_error(&self) -> Option<TlsError> {
        self.side.certificate_error.get().map(TlsError::from_rustls)
    }
}

/// The part that shows our certificate and checks the server's; it remembers whether ours was asked
/// for, and the error of theirs, which QUIC does not tell.
#[derive(Debug)]
struct ClientSide {
    certificate: Option<Arc<CertifiedKey>>,
    /// Set once the server has asked for our certificate.
    asked: AtomicBool,
    verifier: Arc<WebPkiServerVerifier>,
    certificate_error: OnceLock<rustls::Error>,
}

impl ResolvesClientCert for ClientSide {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Relaxed: see `check_asked`.
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

impl ServerCertVerifier for ClientSide {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verified.inspect_err(|error| {
            // Of several, which there cannot be, the first.
            self.certificate_error.set(error.clone()).ok();
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
