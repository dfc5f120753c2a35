//! The settings of TLS, over TCP and for QUIC.

use std::path::PathBuf;

use ::config::ValueKind;

#[cfg(any(feature = "tls", feature = "quic"))]
use super::choice::Choice;
use super::error::SettingError;
use super::merged::{Merged, take};
#[cfg(not(any(feature = "tls", feature = "quic")))]
use super::names::is_host;
use super::parse::{self, Parsed};

const CA: &str = "tls.ca";
const CERT: &str = "tls.cert";
const KEY: &str = "tls.key";
const SERVER_NAME: &str = "tls.server_name";

/// All keys of the table.
pub(super) const KEYS: [&str; 4] = [CA, CERT, KEY, SERVER_NAME];

/// The keys without which there is no TLS.
pub(super) const NEEDED: [&str; 2] = [CA, CERT];

/// The keys that name files.
#[cfg(any(feature = "tls", feature = "quic"))]
const FILES: [&str; 3] = [CA, CERT, KEY];

/// The PEM files of a client that speaks TLS or QUIC, and the name of its servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The certificates of the authorities that the client trusts.
    pub ca: Option<PathBuf>,
    /// The client's certificate with its chain.
    pub cert: Option<PathBuf>,
    /// The key of the client's certificate, unless the certificate's file has it.
    pub key: Option<PathBuf>,
    /// The name that certificates of servers must be for, in place of the host that is dialled; see
    /// `TlsConfig::with_server_name`.
    pub server_name: Option<String>,
    /// The places where the files are named, in the order of [`FILES`].
    #[cfg(any(feature = "tls", feature = "quic"))]
    origins: [Option<String>; 3],
}

impl TlsSettings {
    /// Reads the values that are set.
    pub(super) fn read(merged: &Merged) -> Result<Self, SettingError> {
        let path = |key| Ok(take(merged, key, &parse::text)?.map(PathBuf::from));
        Ok(Self {
            ca: path(CA)?,
            cert: path(CERT)?,
            key: path(KEY)?,
            server_name: take(merged, SERVER_NAME, &server_name)?,
            #[cfg(any(feature = "tls", feature = "quic"))]
            origins: FILES.map(|key| Some(merged.get(key)?.1)),
        })
    }
}

#[cfg(any(feature = "tls", feature = "quic"))]
impl TlsSettings {
    /// Reads the certificates from the files that are named, for the transport that was chosen.
    pub(super) fn certificates(
        &self,
        choice: &Choice,
    ) -> Result<casty_transport::TlsConfig, SettingError> {
        let mut builder = casty_transport::TlsConfig::builder();
        if let Some(path) = &self.ca {
            builder = builder.ca_file(path);
        }
        if let Some(path) = &self.cert {
            builder = builder.certificate_file(path);
        }
        if let Some(path) = &self.key {
            builder = builder.key_file(path);
        }
        if let Some(name) = &self.server_name {
            builder = builder.server_name(name);
        }
        let built = builder.build();
        built.map_err(|error| self.unusable(choice, &error))
    }

    /// Returns the error of the file at fault, or of the certificate if it is no single file.
    fn unusable(&self, choice: &Choice, error: &casty_transport::TlsConfigError) -> SettingError {
        use casty_transport::TlsConfigError as E;
        let file = match error {
            E::Read { path, .. } | E::TooLong { path } => path.display().to_string(),
            E::Pem { origin, .. }
            | E::NoCertificate { origin }
            | E::BadCertificate { origin, .. }
            | E::NoKey { origin }
            | E::EncryptedKey { origin }
            | E::UnusableKey { origin, .. }
            | E::OtherKey { key: origin, .. } => origin.to_string(),
            _ => String::new(),
        };
        let Self { ca, cert, key, .. } = self;
        let named = |path: &&Option<PathBuf>| {
            let path = path.as_ref().map(|path| path.display().to_string());
            path.is_some_and(|path| path == file)
        };
        let place = [cert, key, ca]
            .iter()
            .position(named)
            .map_or(1, |at| [1, 2, 0][at]);
        let origin = self.origins[place].as_ref();
        SettingError::Certificates {
            key: FILES[place],
            origin: origin.unwrap_or(&choice.origin).clone(),
            message: casty_proto::Chain(error).to_string(),
        }
    }
}

/// Parses a name that certificates may be for.
fn server_name(value: &ValueKind) -> Parsed<String> {
    let name = parse::text(value)?;
    can_be_certified(&name)
        .then_some(name)
        .ok_or("a DNS name or an IP address")
}

#[cfg(any(feature = "tls", feature = "quic"))]
fn can_be_certified(name: &str) -> bool {
    casty_transport::rustls::pki_types::ServerName::try_from(name).is_ok()
}

/// Returns whether a name may be one, as far as it is known without TLS: it is not used then.
#[cfg(not(any(feature = "tls", feature = "quic")))]
fn can_be_certified(name: &str) -> bool {
    is_host(name)
}
