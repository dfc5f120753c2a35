//! Certificates for nodes and clients at 127.0.0.1.

use std::fs;

use casty_client::{QuicConfig, TlsConfig, TransportConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a new certificate for 127.0.0.1, with its key behind it.
    pub(crate) fn identity(&self) -> String {
        self.identity_of("127.0.0.1")
    }

    fn identity_of(&self, host: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.signed_by(&key, &self.0).unwrap().pem() + &key.serialize_pem()
    }

    /// Trusts it and shows a certificate of it, both from memory.
    pub(crate) fn config(&self) -> TlsConfig {
        self.config_of("127.0.0.1")
    }

    /// The same with a certificate for a host.
    pub(crate) fn config_of(&self, host: &str) -> TlsConfig {
        let config = TlsConfig::builder()
            .ca_pem(self.pem())
            .certificate_pem(self.identity_of(host));
        config.build().unwrap()
    }

    /// Returns QUIC with such a certificate on both sides.
    pub(crate) fn quic(&self) -> TransportConfig {
        TransportConfig::quic(QuicConfig::new(self.config()))
    }
}

/// The files of one side: the authorities that it trusts, and the certificate that it shows.
pub(crate) struct Files(TempDir);

impl Files {
    /// Makes the files of a side that trusts `authority` and shows a certificate of it.
    pub(crate) fn new(authority: &Authority) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.trust(&[authority]);
        files.show(authority);
        files
    }

    /// Replaces the authorities that it trusts.
    pub(crate) fn trust(&self, authorities: &[&Authority]) {
        let pems: Vec<_> = authorities
            .iter()
            .map(|authority| authority.pem())
            .collect();
        self.replace("ca.pem", &pems.concat());
    }

    /// Replaces the certificate that it shows by a new one.
    pub(crate) fn show(&self, authority: &Authority) {
        self.replace("identity.pem", &authority.identity());
    }

    /// Replaces a file at once.
    fn replace(&self, name: &str, content: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.0.path().join(name)).unwrap();
    }

    /// Returns a configuration that reads them.
    pub(crate) fn config(&self) -> TlsConfig {
        let config = TlsConfig::builder()
            .ca_file(self.0.path().join("ca.pem"))
            .certificate_file(self.0.path().join("identity.pem"));
        config.build().unwrap()
    }
}
