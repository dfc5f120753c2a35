//! Issues certificates: what is in them, and nothing of where they are kept.
//!
//! They are what `casty cert create-ca`, `create-node` and `create-client` of the Python package
//! make, field by field, and two more that RFC 5280 asks for and strict verifiers require: the
//! identifiers of the subject's and the authority's key.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::nom;
use x509_parser::pem::Pem;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

const DAY: Duration = Duration::from_hours(24);

/// Characters of a common name at most, as RFC 5280 has it.
const LONGEST_NAME: usize = 64;

mod key;

/// A certificate and its key, in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    /// PKCS#8, not encrypted.
    pub(super) key: String,
    /// The end of its validity.
    pub(super) not_after: time::OffsetDateTime,
    /// The same, if that came before the one that was asked for: the authority's own.
    pub(super) cut: Option<time::OffsetDateTime>,
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
    Ok(Issued {
        certificate,
        key,
        not_after: params.not_after,
        cut: None,
    })
}

/// Issues certificates of one authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The name of the authority as its certificate has it, byte for byte.
    subject: Vec<u8>,
    /// The end of its certificate's validity.
    end: time::OffsetDateTime,
}

impl Authority {
    /// Takes the authority's certificate and key (PKCS#8, SEC1 or PKCS#1), in PEM, by whatever tool they
    /// were made.
    ///
    /// # Errors
    /// They cannot be read, do not belong together, or are of no authority that can sign.
    pub(super) fn from_pem(
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, IssueError> {
        let key = key::read(key.as_ref())?;
        let pem = first(certificate.as_ref())?;
        let parsed = parsed(&pem)?;
        if !parsed.is_ca() {
            return Err(IssueError::NoAuthority);
        }
        let usage = parsed.key_usage();
        let usage = usage.map_err(|cause| IssueError::Certificate(Some(cause)))?;
        if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
            return Err(IssueError::MayNotSign);
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(IssueError::OtherKey);
        }
        if !can_be_issuer(parsed.subject()) {
            return Err(IssueError::Subject);
        }
        let issuer = Issuer::from_ca_cert_der(&pem.contents.as_slice().into(), key)?;
        Ok(Self {
            issuer,
            subject: parsed.subject().as_raw().to_vec(),
            end: parsed.validity().not_after.to_datetime(),
        })
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
        // Nobody accepts a certificate whose authority's has expired.
        let cut = (params.not_after > self.end).then_some(self.end);
        if self.end <= params.not_before {
            return Err(IssueError::Expired(self.end));
        }
        let not_after = cut.unwrap_or(params.not_after);
        params.not_after = not_after;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let issued = first(certificate.as_bytes())?;
        // Verifiers look for an authority of this very name.
        if parsed(&issued)?.issuer().as_raw() != self.subject {
            return Err(IssueError::Subject);
        }
        let key = key.serialize_pem();
        Ok(Issued {
            certificate,
            key,
            not_after,
            cut,
        })
    }
}

/// Returns whether a name can be written as it is: one attribute in each part of it, and none twice.
fn can_be_issuer(name: &X509Name<'_>) -> bool {
    let mut seen = HashSet::new();
    name.iter().all(|part| {
        let mut types = part.iter().map(AttributeTypeAndValue::attr_type);
        let first = types.next();
        first.is_some_and(|first| seen.insert(first.to_id_string())) && types.next().is_none()
    })
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

/// Returns whether a text is a DNS name, of which the first part may be `*`. One that ends in a number
/// is none, but an address that is wrong: `256.1.1.1`.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// Returns the first certificate of a PEM text.
fn first(pem: &[u8]) -> Result<Pem, IssueError> {
    Pem::iter_from_buffer(pem)
        .filter_map(Result::ok)
        .find(|pem| pem.label == "CERTIFICATE")
        .ok_or(IssueError::Certificate(None))
}

fn parsed(pem: &Pem) -> Result<X509Certificate<'_>, IssueError> {
    pem.parse_x509().map_err(|error| {
        IssueError::Certificate(match error {
            nom::Err::Error(cause) | nom::Err::Failure(cause) => Some(cause),
            nom::Err::Incomplete(_) => None,
        })
    })
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
    Certificate(#[source] Option<X509Error>),
    #[error("the key of the authority cannot be used")]
    Key(#[from] key::KeyError),
    #[error("the certificate is no authority's")]
    NoAuthority,
    #[error("the certificate is an authority's, but not for signing certificates (keyCertSign)")]
    MayNotSign,
    #[error(
        "the name of the authority cannot be repeated byte for byte: an attribute occurs twice, or \
         beside another; make an authority with casty cert ca"
    )]
    Subject,
    #[error("the certificate of the authority has expired: it was valid until {0}")]
    Expired(time::OffsetDateTime),
    #[error("the key is not that of the authority's certificate")]
    OtherKey,
    #[error("the certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests;
