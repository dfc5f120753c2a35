//! Keys of authorities in the forms in which tools write them.

use rcgen::KeyPair;
use x509_parser::pem::Pem;

/// The algorithms of keys that do not say theirs, as PKCS#8 has them: RSA, and ECDSA on two curves.
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const P256: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";

/// The reason why an authority's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cert) enum KeyError {
    #[error("it is encrypted: `openssl pkey -in KEY -out PLAIN` decrypts it")]
    Encrypted,
    #[error("it is none of RSA, ECDSA on P-256 or P-384, and Ed25519, as PKCS#8, SEC1 or PKCS#1")]
    Unreadable,
}

/// Reads a key that is PKCS#8, SEC1 or PKCS#1, in PEM.
///
/// # Errors
/// There is none, it is encrypted, or of a kind that cannot sign here.
pub(super) fn read(pem: &[u8]) -> Result<KeyPair, KeyError> {
    for found in Pem::iter_from_buffer(pem).filter_map(Result::ok) {
        let forms = match &*found.label {
            "PRIVATE KEY" => vec![found.contents],
            "RSA PRIVATE KEY" => vec![pkcs8(RSA, &found.contents)],
            "EC PRIVATE KEY" => [P256, P384].map(|on| pkcs8(on, &found.contents)).to_vec(),
            _ => continue,
        };
        for form in forms {
            if let Ok(key) = KeyPair::try_from(form) {
                return Ok(key);
            }
        }
    }
    if is_encrypted(pem) {
        return Err(KeyError::Encrypted);
    }
    Err(KeyError::Unreadable)
}

/// Returns whether a key in PEM is encrypted, as PKCS#8 or in the traditional way.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || (line.starts_with(b"Proc-Type:") && line.ends_with(b",ENCRYPTED"))
    })
}

/// Returns a key of an algorithm as PKCS#8.
fn pkcs8(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    const VERSION: &[u8] = b"\x02\x01\x00";
    element(0x30, &[VERSION, algorithm, &element(0x04, key)].concat())
}

/// Returns an element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = vec![tag];
    match *digits {
        [] => element.push(0),
        [short @ 0..=0x7f] => element.push(short),
        _ => {
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            element.extend(digits);
        }
    }
    element.extend_from_slice(content);
    element
}
