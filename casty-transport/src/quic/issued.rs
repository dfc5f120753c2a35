//! Certificates for tests.

use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use super::QuicConfig;

pub(crate) type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A CA, and another one that nobody should trust.
pub(crate) static CA: LazyLock<Issuer> = LazyLock::new(|| ca("the CA"));
pub(crate) static OTHER_CA: LazyLock<Issuer> = LazyLock::new(|| ca("another CA"));

fn ca(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// PEM of a certificate for these hosts, and of its key.
pub(crate) fn certificate(issuer: &Issuer, hosts: &[&str]) -> (String, String) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(hosts).unwrap();
    let cert = params.signed_by(&key, issuer).unwrap();
    (cert.pem(), key.serialize_pem())
}

/// Trusts one CA, and shows a certificate of another or the same.
pub(crate) fn config(trusted: &Issuer, issuer: &Issuer, hosts: &[&str]) -> QuicConfig {
    let (cert, key) = certificate(issuer, hosts);
    QuicConfig::from_pem(trusted.pem().as_bytes(), cert.as_bytes(), key.as_bytes()).unwrap()
}

pub(crate) fn good() -> QuicConfig {
    config(&CA, &CA, &["127.0.0.1", "localhost"])
}
