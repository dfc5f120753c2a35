//! Issues certificates: what is in them, and nothing of where they are kept.
//!
//! They are what `casty cert create-ca`, `create-node` and `create-client` of the Python package
//! make, field by field, and two more that RFC 5280 asks for and strict verifiers require: the
//! identifiers of the subject's and the authority's key.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;

const DAY: Duration = Duration::from_hours(24);

/// Characters of a common name at most, as RFC 5280 has it.
const LONGEST_NAME: usize = 64;

/// A certificate and its key, in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    /// PKCS#8, not encrypted.
    pub(super) key: String,
}

/// The time for which a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    pub(super) from: SystemTime,
    pub(super) days: u32,
}

/// Makes an authority for certificates of nodes and clients, but of no further authority.
///
/// # Errors
/// The name or the time cannot be in a certificate.
pub(super) fn authority(name: &str, validity: Validity) -> Result<Issued, IssueError> {
    let mut params = params(name, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?.pem();
    let key = key.serialize_pem();
    Ok(Issued { certificate, key })
}

/// Issues certificates of one authority.
pub(super) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Takes the authority's certificate and key (PKCS#8), in PEM, by whatever tool they were made.
    ///
    /// # Errors
    /// They cannot be read, do not belong together, or are no authority's.
    pub(super) fn from_pem(certificate: &str, key: &str) -> Result<Self, IssueError> {
        let key = KeyPair::from_pem(key).map_err(IssueError::Key)?;
        let pem = first(certificate)?;
        let parsed = parsed(&pem)?;
        if !parsed.is_ca() {
            return Err(IssueError::NoAuthority);
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(IssueError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_der(&pem.contents.as_slice().into(), key)?;
        Ok(Self(issuer))
    }

    /// Makes a certificate that a node shows to peers that dial one of `hosts`, and to the
    /// nodes that it dials.
    ///
    /// # Errors
    /// The name, a host or the time cannot be in a certificate.
    pub(super) fn node(
        &self,
        name: &str,
        hosts: &[String],
        validity: Validity,
    ) -> Result<Issued, IssueError> {
        let mut params = params(name, validity)?;
        let names: Result<_, _> = hosts.iter().map(|host| alternative(host)).collect();
        params.subject_alt_names = names?;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(params)
    }

    /// Makes a certificate that a client shows to nodes.
    ///
    /// # Errors
    /// The name or the time cannot be in a certificate.
    pub(super) fn client(&self, name: &str, validity: Validity) -> Result<Issued, IssueError> {
        let mut params = params(name, validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Issued, IssueError> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.0)?.pem();
        let key = key.serialize_pem();
        Ok(Issued { certificate, key })
    }
}

/// Makes the parameters that all certificates have in common.
fn params(name: &str, validity: Validity) -> Result<CertificateParams, IssueError> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(IssueError::Name(name.to_owned()));
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let end = validity.from.checked_add(DAY * validity.days);
    params.not_before = moment(Some(validity.from))?;
    params.not_after = moment(end)?;
    Ok(params)
}

/// Converts a time to whole seconds, as certificates have it.
fn moment(time: Option<SystemTime>) -> Result<time::OffsetDateTime, IssueError> {
    let seconds = time
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_secs()).ok());
    seconds
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or(IssueError::Time)
}

fn alternative(host: &str) -> Result<SanType, IssueError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(ip));
    }
    match host.try_into() {
        Ok(name) if is_host_name(host) => Ok(SanType::DnsName(name)),
        _ => Err(IssueError::Host(host.to_owned())),
    }
}

/// Returns whether a text is a DNS name, of which the first part may be `*`.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    text.len() <= 253 && name.split('.').all(is_label)
}

/// Returns the first certificate of a PEM text.
fn first(pem: &str) -> Result<Pem, IssueError> {
    Pem::iter_from_buffer(pem.as_bytes())
        .filter_map(Result::ok)
        .find(|pem| pem.label == "CERTIFICATE")
        .ok_or(IssueError::Certificate)
}

fn parsed(pem: &Pem) -> Result<X509Certificate<'_>, IssueError> {
    pem.parse_x509().map_err(|_| IssueError::Certificate)
}

/// The reason why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssueError {
    #[error("a common name has 1 to {LONGEST_NAME} characters, unlike {0:?}")]
    Name(String),
    #[error("{0:?} is neither an IP address nor a host name")]
    Host(String),
    #[error("no certificate can begin or end then")]
    Time,
    #[error("the certificate of the authority cannot be read")]
    Certificate,
    #[error("the key of the authority cannot be read")]
    Key(#[source] rcgen::Error),
    #[error("the certificate is no authority's")]
    NoAuthority,
    #[error("the key is not that of the authority's certificate")]
    OtherKey,
    #[error("the certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests;
