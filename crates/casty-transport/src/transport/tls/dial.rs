//! The dialling side of one handshake, and the facts that it learns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use casty_proto::NodeAddress;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_name};
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
///
/// The name `of_all` that is set for every server is none of them: it tells no server from another.
pub(crate) fn proof_of(
    certificate: CertificateDer<'static>,
    of_all: Option<&ServerName<'static>>,
) -> impl Fn(&str) -> bool + use<> {
    let of_all = of_all.map(bare);
    move |host| {
        let name = ServerName::try_from(host).ok();
        let name = name.filter(|name| of_all.as_ref() != Some(&bare(name)));
        let certificate = ParsedCertificate::try_from(&certificate);
        let both = name.zip(certificate.ok());
        both.is_some_and(|(name, certificate)| verify_server_name(&certificate, &name).is_ok())
    }
}

/// Returns the check whether a host is one of those that the certificate of whoever dialled in names. With a
/// name `of_all`, which is no proof, it does not tell what the certificate is no proof of.
pub(crate) fn dialler_proof_of(
    certificate: CertificateDer<'static>,
    of_all: Option<&ServerName<'static>>,
) -> impl Fn(&str) -> Option<bool> + use<> {
    let is_shared = of_all.is_some();
    let covers = proof_of(certificate, of_all);
    move |host| Some(covers(host)).filter(|covered| *covered || !is_shared)
}

/// Returns a name as it is compared with others: in small letters, without the dot of the root.
fn bare(name: &ServerName<'_>) -> String {
    let text = name.to_str();
    text.trim_end_matches('.').to_ascii_lowercase()
}

/// The TLS of one dial: the certificate that it shows and the checks that it makes. Each dial needs
/// its own.
pub(crate) struct TlsDial {
    pub(crate) config: ClientConfig,
    shown: Arc<Shown>,
    #[cfg_attr(
        not(feature = "quic"),
        expect(dead_code, reason = "over TCP the error itself is told")
    )]
    checked: Option<Arc<Checked>>,
}

impl TlsDial {
    /// Creates what a dial needs of the certificates that are in use.
    pub(crate) fn new(certificates: &Certificates) -> Self {
        let mut config = certificates.client.clone();
        let shown = Arc::new(Shown {
            resolver: Arc::clone(&config.client_auth_cert_resolver),
            asked: AtomicBool::new(false),
        });
        config.client_auth_cert_resolver = Arc::<Shown>::clone(&shown);
        let checked = certificates.verifier.as_ref().map(|verifier| {
            let checked = Arc::new(Checked {
                verifier: Arc::clone(verifier),
                error: OnceLock::new(),
            });
            let verifier = Arc::<Checked>::clone(&checked);
            config.dangerous().set_certificate_verifier(verifier);
            checked
        });
        Self {
            config,
            shown,
            checked,
        }
    }

    /// Refuses a server that shook hands without asking for the certificate that we have.
    ///
    /// # Errors
    /// It did not ask.
    pub(crate) fn check_asked(&self) -> Result<(), TlsError> {
        // Relaxed: it is a lone flag, and the task that drove the handshake, which set it, has
        // handed the finished handshake to this one.
        if self.shown.has_certs() && !self.shown.asked.load(Ordering::Relaxed) {
            return Err(TlsError::NotAsked);
        }
        Ok(())
    }

    /// Returns the error of the server's certificate, if one was found by a check of ours.
    #[cfg(feature = "quic")]
    pub(crate) fn certificate_error(&self) -> Option<TlsError> {
        let checked = self.checked.as_ref()?;
        checked.error.get().map(TlsError::from_rustls)
    }
}

/// The part that shows our certificate, and remembers whether it was asked for.
#[derive(Debug)]
struct Shown {
    resolver: Arc<dyn ResolvesClientCert>,
    /// Set once the server has asked for our certificate.
    asked: AtomicBool,
}

impl ResolvesClientCert for Shown {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        // Relaxed: see `check_asked`.
        self.asked.store(true, Ordering::Relaxed);
        self.resolver.resolve(authorities, schemes)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

/// The part that checks the server's certificate, and remembers its error, which QUIC does not tell.
#[derive(Debug)]
struct Checked {
    verifier: Arc<dyn ServerCertVerifier>,
    error: OnceLock<rustls::Error>,
}

impl ServerCertVerifier for Checked {
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
            self.error.set(error.clone()).ok();
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
