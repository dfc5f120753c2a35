//! The errors of rustls in words: it names most of them only as its code does.

use std::fmt::{self, Debug};

use casty_proto::Escaped;
use rustls::pki_types::pem;
use rustls::{CertificateError, Error};

/// Returns the name of an enum's variant in words: `UnknownCA` as `unknown CA`, and a number that has no
/// name as `alert description 0xc8`.
pub(crate) fn name(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    let mut words = String::new();
    let letters: Vec<_> = name
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    for (place, letter) in letters.iter().enumerate() {
        let is_upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
        let after_upper = place > 0 && is_upper(place - 1);
        let ends_upper = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let begins = is_upper(place) && (!after_upper || ends_upper);
        if begins && place > 0 {
            words.push(' ');
        }
        // Of several capitals, as in `CA`, none becomes small.
        let abbreviated = (after_upper || is_upper(place + 1)) && !ends_upper;
        words.push(if abbreviated {
            *letter
        } else {
            letter.to_ascii_lowercase()
        });
    }
    let rest = &name[letters.len()..];
    if let Some((number, _)) = rest
        .strip_prefix("(0x")
        .and_then(|rest| rest.split_once(')'))
    {
        words = format!("{words} 0x{number}");
    }
    words
}

/// Returns an error of rustls in words.
pub(super) fn told(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => name(&format_args!("{other}")),
        Error::InvalidCertificate(reason) => name(reason),
        Error::AlertReceived(alert) => format!("the peer gave up: {}", name(alert)),
        Error::PeerMisbehaved(how) => format!("the peer broke the protocol: {}", name(how)),
        Error::PeerIncompatible(why) => {
            format!("the peer and we do not go together: {}", name(why))
        }
        Error::InvalidMessage(fault) => format!("a message cannot be read: {}", name(fault)),
        Error::InappropriateMessage { got_type, .. } => {
            format!("a message came out of turn: {}", name(got_type))
        }
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            format!("a message came out of turn: {}", name(got_type))
        }
        Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
        Error::InvalidCertRevocationList(fault) => {
            format!(
                "a list of revoked certificates cannot be used: {}",
                name(fault)
            )
        }
        Error::InvalidEncryptedClientHello(fault) => name(fault),
        Error::General(text) => Escaped::new(text).to_string(),
        other => Escaped::new(other).to_string(),
    }
}

/// The fault of a file that is no PEM, in words: rustls tells lines of it as lists of numbers.
#[derive(Debug)]
pub(super) struct BrokenPem(pub(super) pem::Error);

impl fmt::Display for BrokenPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            pem::Error::MissingSectionEnd { end_marker } => {
                let label = String::from_utf8_lossy(end_marker);
                write!(
                    f,
                    "the end of its part {:?} is missing",
                    Escaped::new(label)
                )
            }
            pem::Error::IllegalSectionStart { .. } => f.write_str("the begin of a part is broken"),
            pem::Error::Base64Decode(_) => f.write_str("a part of it is not base64"),
            other => write!(f, "{}", Escaped::new(other)),
        }
    }
}

impl std::error::Error for BrokenPem {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{AlertDescription, InconsistentKeys, OtherError, PeerMisbehaved};

    use super::*;

    #[test]
    fn names_of_variants_are_told_in_words() {
        for (variant, words) in [
            (AlertDescription::UnknownCA, "unknown CA"),
            (AlertDescription::BadCertificate, "bad certificate"),
            (AlertDescription::ExportRestriction, "export restriction"),
            (AlertDescription::UnknownPSKIdentity, "unknown PSK identity"),
            (AlertDescription::Unknown(200), "alert description 0xc8"),
        ] {
            assert_eq!(name(&variant), words);
        }
        // One capital alone is no abbreviation.
        assert_eq!(name(&format_args!("VersionX")), "version x");
    }

    #[test]
    fn no_error_of_rustls_is_told_by_its_name_in_the_code() {
        #[derive(Debug, thiserror::Error)]
        #[error("CaUsedAsEndEntity")]
        struct CaUsedAsEndEntity;
        let other = CertificateError::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        for (error, words) in [
            (
                Error::InvalidCertificate(CertificateError::BadEncoding),
                "bad encoding",
            ),
            (Error::InvalidCertificate(other), "ca used as end entity"),
            (
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
                "the key is not that of the certificate",
            ),
            (
                Error::AlertReceived(AlertDescription::RecordOverflow),
                "the peer gave up: record overflow",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec),
                "the peer broke the protocol: illegal middlebox change cipher spec",
            ),
            (Error::DecryptError, "cannot decrypt peer's message"),
            (Error::General("a\u{1b}".to_owned()), r"a\u{1b}"),
        ] {
            assert_eq!(told(&error), words);
        }
    }
}
