//! Certificates of nodes and clients that are replaced while they are in use.

use std::fs;

use casty_client::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::error::Error;

/// An authority.
type Authority = CertifiedIssuer<'static, KeyPair>;

/// Makes an authority.
fn authority() -> Result<Authority, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate()?)
}

/// The files of nodes and of clients, under one authority.
pub(crate) struct Certificates {
    authority: Authority,
    nodes: Side,
    clients: Side,
}

impl Certificates {
    /// Makes all of them.
    pub(crate) fn new() -> Result<Self, Error> {
        let authority = authority()?;
        let side = || {
            let side = Side(TempDir::new()?);
            side.trust(&[&authority])?;
            side.show(&authority)?;
            Ok::<_, Error>(side)
        };
        Ok(Self {
            nodes: side()?,
            clients: side()?,
            authority,
        })
    }

    /// Returns the configuration of nodes.
    pub(crate) fn nodes(&self) -> Result<TlsConfig, Error> {
        self.nodes.config()
    }

    /// Returns the configuration of clients.
    pub(crate) fn clients(&self) -> Result<TlsConfig, Error> {
        self.clients.config()
    }

    /// Has both sides trust a new authority beside the one in use, and show certificates of it;
    /// the trust in the one before ends. Handshakes under way may fail.
    pub(crate) fn rotate(&mut self) -> Result<(), Error> {
        let new = authority()?;
        for side in [&self.nodes, &self.clients] {
            side.trust(&[&self.authority, &new])?;
        }
        for side in [&self.nodes, &self.clients] {
            side.show(&new)?;
        }
        self.authority = new;
        Ok(())
    }
}

/// The files of one side: the authorities that it trusts, and the certificate that it shows.
struct Side(TempDir);

const TRUSTED: &str = "ca.pem";
const SHOWN: &str = "identity.pem";

impl Side {
    fn trust(&self, authorities: &[&Authority]) -> Result<(), Error> {
        let pems: String = authorities.iter().map(|one| one.pem()).collect();
        self.replace(TRUSTED, &pems)
    }

    /// Writes a new certificate for 127.0.0.1, with its key behind it.
    fn show(&self, authority: &Authority) -> Result<(), Error> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let certificate = params.signed_by(&key, authority)?;
        self.replace(SHOWN, &(certificate.pem() + &key.serialize_pem()))
    }

    /// Replaces a file at once.
    fn replace(&self, name: &str, content: &str) -> Result<(), Error> {
        let new = self.0.path().join("new");
        fs::write(&new, content)?;
        Ok(fs::rename(new, self.0.path().join(name))?)
    }

    fn config(&self) -> Result<TlsConfig, Error> {
        let config = TlsConfig::builder()
            .ca_file(self.0.path().join(TRUSTED))
            .certificate_file(self.0.path().join(SHOWN));
        Ok(config.build()?)
    }
}
