//! Certificates for tests of TLS and of QUIC.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;

use super::TlsConfig;

/// The host that tests dial.
pub(crate) const HOST: &str = "127.0.0.1";

/// The authority that configurations trust unless they name another.
pub(crate) static CA: LazyLock<Authority> = LazyLock::new(Authority::new);

/// Returns the configuration that trusts that authority and shows a certificate of it for [`HOST`].
pub(crate) fn good() -> TlsConfig {
    CA.config(&CA.node(HOST, Validity::Now))
}

/// An authority as `casty cert` makes it: it signs certificates, but no other authorities.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, both PEM; the key is PKCS#8.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Validity {
    Now,
    Past,
    Future,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Casty CA");
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Issues the certificate of a node: for one host, as a server and as a client.
    pub(crate) fn node(&self, host: &str, validity: Validity) -> Identity {
        self.node_of(&[host], validity)
    }

    /// Issues the certificate of a node for several hosts.
    pub(crate) fn node_of(&self, hosts: &[&str], validity: Validity) -> Identity {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let (from, to) = match validity {
            Validity::Now => (2020, 2120),
            Validity::Past => (2020, 2021),
            Validity::Future => (2119, 2120),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.sign(&params)
    }

    /// Issues the certificate of a client: for no host.
    pub(crate) fn client(&self) -> Identity {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "a client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// Returns the certificate of the authority itself, with its key.
    pub(crate) fn own(&self) -> Identity {
        Identity {
            certificate: self.pem.clone(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    pub(crate) fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Returns the configuration that trusts this authority and shows `identity`.
    pub(crate) fn config(&self, identity: &Identity) -> TlsConfig {
        TlsConfig::builder()
            .ca_pem(&self.pem)
            .certificate_pem(&identity.certificate)
            .key_pem(&identity.key)
            .build()
            .unwrap()
    }

    /// Returns a configuration of rustls of these versions that trusts this authority and shows
    /// `identity`.
    pub(crate) fn rustls(
        &self,
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.pem)).unwrap();
        let chain = vec![certificate(&identity.certificate)];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap()
    }
}

/// Files of one identity, as a renewal replaces them: each at once.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(identity: &Identity) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.replace(identity);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: &str) {
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn replace(&self, identity: &Identity) {
        self.put("certificate.pem", &identity.certificate);
        self.put("key.pem", &identity.key);
    }

    pub(crate) fn config(&self, ca: &Path) -> TlsConfig {
        TlsConfig::builder()
            .ca_file(ca)
            .certificate_file(self.path("certificate.pem"))
            .key_file(self.path("key.pem"))
            .build()
            .unwrap()
    }
}
