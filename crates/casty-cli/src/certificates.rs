//! The flags that name certificates, of clients and of the proxy.

use clap::Args;

/// The files of a side with TLS.
#[derive(Debug, Clone, Args)]
pub(crate) struct CertificateArgs {
    /// The authorities (PEM) of which one must have signed the certificate of the other side.
    #[arg(id = "tls_ca", long = "tls-ca", value_name = "FILE")]
    pub(crate) ca: Option<String>,
    /// The certificate to show, with its chain, in PEM.
    #[arg(id = "tls_cert", long = "tls-cert", value_name = "FILE")]
    pub(crate) cert: Option<String>,
    /// The key of the certificate, in PEM and not encrypted, unless the certificate's file contains
    /// it: RSA, ECDSA on P-256 or P-384, or Ed25519.
    #[arg(id = "tls_key", long = "tls-key", value_name = "FILE")]
    pub(crate) key: Option<String>,
}
