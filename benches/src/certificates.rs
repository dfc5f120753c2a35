//! The certificates of the encrypted cells: an authority, a node's and a client's, in one folder.

use std::fs;
use std::path::Path;

use casty_client::TlsConfig;
use casty_transport::rustls::ClientConfig;
use casty_transport::rustls::RootCertStore;
use casty_transport::rustls::pki_types::pem::PemObject;
use casty_transport::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::Failure;

/// The host that the node's certificate is for.
pub const HOST: &str = "127.0.0.1";

const AUTHORITY: &str = "ca.crt";
const NODE: &str = "node";
const CLIENT: &str = "client";

/// Makes all of them.
///
/// # Errors
/// The folder cannot be written.
pub fn make(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join(AUTHORITY), authority.pem())?;
    for name in [NODE, CLIENT] {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![HOST.to_owned()])?;
        let certificate = params.signed_by(&key, &authority)?;
        let path = folder.join(name);
        fs::write(path.with_extension("crt"), certificate.pem())?;
        fs::write(path.with_extension("key"), key.serialize_pem())?;
    }
    Ok(())
}

/// Returns the configuration of the node.
///
/// # Errors
/// They were not made there.
pub fn node(folder: &Path) -> Result<TlsConfig, Failure> {
    config(folder, NODE)
}

/// Returns the configuration of the whole client.
///
/// # Errors
/// They were not made there.
pub fn client(folder: &Path) -> Result<TlsConfig, Failure> {
    config(folder, CLIENT)
}

fn config(folder: &Path, name: &str) -> Result<TlsConfig, Failure> {
    let path = folder.join(name);
    let config = TlsConfig::builder()
        .ca_file(folder.join(AUTHORITY))
        .certificate_file(path.with_extension("crt"))
        .key_file(path.with_extension("key"));
    Ok(config.build()?)
}

/// Returns the configuration of a client that has rustls and nothing else.
///
/// # Errors
/// They were not made there.
pub fn bare(folder: &Path) -> Result<ClientConfig, Failure> {
    let path = folder.join(CLIENT);
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(folder.join(AUTHORITY))?)?;
    let shown = CertificateDer::from_pem_file(path.with_extension("crt"))?;
    let key = PrivateKeyDer::from_pem_file(path.with_extension("key"))?;
    let builder = ClientConfig::builder().with_root_certificates(trusted);
    Ok(builder.with_client_auth_cert(vec![shown], key)?)
}
