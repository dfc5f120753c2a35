//! The sources of certificates and keys, and their form for handshakes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, ServerConfig};

use super::error::TlsConfigError;
use super::key;
use super::words::BrokenPem;

/// The longest file of certificates or keys that is read, in bytes; bundles of every public authority take a
/// quarter of it.
///
/// Beyond it, the file is refused (`TlsConfigError::TooLong`).
const MAX_FILE: u64 = 1024 * 1024;

/// A file, or the content of one.
#[derive(Clone)]
pub(super) enum Source {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            // It may be a key.
            Self::Memory(_) => f.write_str("PEM in memory"),
        }
    }
}

impl Source {
    fn read(&self) -> Result<Arc<[u8]>, TlsConfigError> {
        let path = match self {
            Self::File(path) => path,
            Self::Memory(pem) => return Ok(Arc::clone(pem)),
        };
        let mut pem = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut pem));
        match read {
            Ok(count) if count as u64 > MAX_FILE => {
                Err(TlsConfigError::TooLong { path: path.clone() })
            }
            Ok(_) => Ok(pem.into()),
            Err(source) => Err(unreadable(path.clone(), source)),
        }
    }

    /// Returns the name that errors have for it; `part` names the content of memory.
    fn origin(&self, part: &str) -> Arc<str> {
        match self {
            Self::File(path) => path.display().to_string().into(),
            Self::Memory(_) => format!("the {part} in memory").into(),
        }
    }
}

fn unreadable(path: PathBuf, source: io::Error) -> TlsConfigError {
    let source = Arc::new(source);
    TlsConfigError::Read { path, source }
}

/// The sources of all parts.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) authority: Source,
    /// The certificate, and the key unless that is in the same place.
    pub(super) identity: Option<(Source, Option<Source>)>,
}

/// The content of the sources, not parsed. Two that are equal mean the same.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pems {
    authority: Arc<[u8]>,
    certificate: Option<Arc<[u8]>>,
    key: Option<Arc<[u8]>>,
}

impl Sources {
    /// Returns whether anything can change.
    pub(super) fn has_files(&self) -> bool {
        let (certificate, key) = match &self.identity {
            Some((certificate, key)) => (Some(certificate), key.as_ref()),
            None => (None, None),
        };
        [Some(&self.authority), certificate, key]
            .into_iter()
            .flatten()
            .any(|source| matches!(source, Source::File(_)))
    }

    /// Reads all of it. Blocks.
    pub(super) fn read(&self) -> Result<Pems, TlsConfigError> {
        let (certificate, key) = match &self.identity {
            None => (None, None),
            Some((certificate, key)) => (
                Some(certificate.read()?),
                key.as_ref().map(Source::read).transpose()?,
            ),
        };
        Ok(Pems {
            authority: self.authority.read()?,
            certificate,
            key,
        })
    }

    /// Turns the content that was read into the form for handshakes.
    pub(super) fn parse(
        &self,
        pems: &Pems,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Certificates, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        for certificate in parse_certificates(&pems.authority, &self.authority, "authority")? {
            let added = roots.add(certificate);
            added.map_err(|error| bad(self.authority.origin("authority"), error))?;
        }
        let roots = Arc::new(roots);
        let identity = self.identity(pems, provider)?;
        let server = identity
            .as_ref()
            .map(|identity| server(&roots, identity, provider));
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
                .build()
                .map_err(|error| unusable(rustls::Error::General(error.to_string())))?;
        Ok(Certificates {
            client: client(&verifier, identity.as_ref(), provider)?,
            verifier: Some(verifier),
            server: server.transpose()?.map(Arc::new),
        })
    }

    fn identity(
        &self,
        pems: &Pems,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<CertifiedKey>>, TlsConfigError> {
        let Some(((source, key_source), pem)) =
            self.identity.as_ref().zip(pems.certificate.as_ref())
        else {
            return Ok(None);
        };
        let chain = parse_certificates(pem, source, "certificate")?;
        let key_source = key_source.as_ref().unwrap_or(source);
        let origin = key_source.origin("key");
        let pem = text(pems.key.as_ref().unwrap_or(pem));
        let key = key::read(pem, &origin, provider)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A provider need not be able to compare.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Some(Arc::new(certified)))
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsConfigError::OtherKey {
                key: origin,
                certificate: source.origin("certificate"),
            }),
            Err(error) => Err(bad(source.origin("certificate"), error)),
        }
    }
}

/// Returns a text without the byte order mark that an editor may have put before it.
fn text(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
}

fn parse_certificates(
    pem: &[u8],
    source: &Source,
    part: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text(pem))
        .collect::<Result<_, _>>()
        .map_err(|error| broken(source.origin(part), error))?;
    if found.is_empty() {
        let origin = source.origin(part);
        return Err(TlsConfigError::NoCertificate { origin });
    }
    Ok(found)
}

/// Returns the error of a certificate that cannot be used.
fn bad(origin: Arc<str>, error: rustls::Error) -> TlsConfigError {
    let cause = Arc::new(error);
    TlsConfigError::BadCertificate { origin, cause }
}

fn broken(origin: Arc<str>, error: pem::Error) -> TlsConfigError {
    let source = Arc::new(BrokenPem(error));
    TlsConfigError::Pem { origin, source }
}

fn unusable(error: rustls::Error) -> TlsConfigError {
    TlsConfigError::Unusable(Arc::new(error))
}

fn incapable(error: rustls::Error) -> TlsConfigError {
    TlsConfigError::Provider(Arc::new(error))
}

/// The certificates and keys in the form for handshakes.
pub(crate) struct Certificates {
    /// For dialling; each dial observes for itself what it shows and checks.
    pub(super) client: ClientConfig,
    /// The check of servers in it; `None` if it is the program's own, which rustls does not hand out.
    pub(super) verifier: Option<Arc<dyn ServerCertVerifier>>,
    /// For accepting; needs a certificate.
    pub(crate) server: Option<Arc<ServerConfig>>,
}

impl Certificates {
    /// Takes a configuration of the program's own, which can only dial.
    pub(super) fn of(config: &ClientConfig) -> Self {
        let mut client = config.clone();
        // As for all: a resumed session would show no certificates.
        client.resumption = Resumption::disabled();
        Self {
            client,
            verifier: None,
            server: None,
        }
    }
}

/// Returns the configuration of the dialling side. Sessions are not resumed: a resumed one shows no
/// certificates, so it would outlive theirs.
fn client(
    verifier: &Arc<WebPkiServerVerifier>,
    identity: Option<&Arc<CertifiedKey>>,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, TlsConfigError> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(incapable)?
        .with_webpki_verifier(Arc::clone(verifier))
        .with_no_client_auth();
    if let Some(identity) = identity {
        let certificate = SingleCertAndKey::from(Arc::clone(identity));
        config.client_auth_cert_resolver = Arc::new(certificate);
    }
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Returns the configuration of the accepting side, which resumes no sessions either.
fn server(
    roots: &Arc<RootCertStore>,
    identity: &Arc<CertifiedKey>,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsConfigError> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()
            .map_err(|error| unusable(rustls::Error::General(error.to_string())))?;
    let certificate = SingleCertAndKey::from(CertifiedKey::clone(identity));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(incapable)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificate));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
