//! Private keys as they are given: which there is, and why one cannot be used.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::sign::SigningKey;

use super::error::TlsConfigError;
use super::words::BrokenPem;

/// Reads the first private key of a PEM text, from the place that `origin` names.
///
/// # Errors
/// There is none, it is encrypted, broken, or of a kind that the cryptography cannot use.
pub(super) fn read(
    pem: &[u8],
    origin: &Arc<str>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsConfigError> {
    let origin = || Arc::clone(origin);
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if is_encrypted(pem) => TlsConfigError::EncryptedKey { origin: origin() },
        pem::Error::NoItemsFound => TlsConfigError::NoKey { origin: origin() },
        error => TlsConfigError::Pem {
            origin: origin(),
            source: Arc::new(BrokenPem(error)),
        },
    })?;
    let kind = kind(key.secret_der());
    let loaded = provider.key_provider.load_private_key(key);
    loaded.map_err(|error| TlsConfigError::UnusableKey {
        origin: origin(),
        kind,
        cause: Arc::new(error),
    })
}

/// Returns whether a text holds an encrypted key, as PKCS#8 or in the traditional way.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || (line.starts_with(b"Proc-Type:") && line.ends_with(b",ENCRYPTED"))
    })
}

/// Returns the kind of a key that ring cannot use, by the identifier at its beginning or, in SEC1, at
/// its end.
fn kind(key: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 5] = [
        (b"\x06\x05\x2b\x81\x04\x00\x23", "ECDSA on P-521"),
        (b"\x06\x05\x2b\x81\x04\x00\x0a", "ECDSA on secp256k1"),
        (b"\x06\x03\x2b\x65\x71", "Ed448"),
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSA-PSS"),
        (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "DSA"),
    ];
    let begin = key.get(..key.len().min(128)).unwrap_or_default();
    let found = |oid: &[u8]| begin.windows(oid.len()).any(|part| part == oid);
    let known = KINDS.iter().find(|(oid, _)| found(oid));
    known.map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_encrypted_only_where_a_line_says_so() {
        for (pem, encrypted) in [
            ("Proc-Type: 4,ENCRYPTED", true),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n", true),
            ("Proc-Type: 4,MIC-ONLY", false),
            ("Comment: nothing is 4,ENCRYPTED", false),
            ("Proc-Type: 4,MIC-ONLY\nComment: 4,ENCRYPTED", false),
        ] {
            assert_eq!(is_encrypted(pem.as_bytes()), encrypted, "{pem}");
        }
    }
}
