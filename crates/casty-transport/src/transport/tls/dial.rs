//! The dialling side of one handshake, and what it learns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use casty_proto::NodeAddress;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::certificates::Material;
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

/// What one dial shows and checks. Each needs its own.
pub(crate) struct Dialling {
    pub(crate) config: ClientConfig,
    side: Arc<Side>,
}

impl Dialling {
    pub(crate) fn new(material: &Material) -> Self {
        let side = Arc::new(Side {
            certificate: material.identity.clone(),
            asked: AtomicBool::new(false),
            verifier: Arc::clone(&material.verifier),
            complaint: OnceLock::new(),
        });
        let mut config = material.client.clone();
        config.client_auth_cert_resolver = Arc::<Side>::clone(&side);
        let verifier = Arc::<Side>::clone(&side);
        config.dangerous().set_certificate_verifier(verifier);
        Self { config, side }
    }

    /// Refuses a server that shook hands without asking for the certificate that we have.
    pub(crate) fn was_asked(&self) -> Result<(), TlsError> {
        if self.side.certificate.is_some() && !self.side.asked.load(Ordering::Relaxed) {
            return Err(TlsError::NotAsked);
        }
        Ok(())
    }

    /// What is wrong with the server's certificate, if that was found.
    #[cfg(feature = "quic")]
    pub(crate) fn complaint(&self) -> Option<TlsError> {
        self.side.complaint.get().map(TlsError::from_rustls)
    }
}

/// Shows our certificate and checks the server's; remembers whether somebody wanted to see ours,
/// and what was wrong with theirs, which QUIC does not tell.
#[derive(Debug)]
struct Side {
    certificate: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
    verifier: Arc<WebPkiServerVerifier>,
    complaint: OnceLock<rustls::Error>,
}

impl ResolvesClientCert for Side {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

impl ServerCertVerifier for Side {
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
            self.complaint.set(error.clone()).ok();
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
