//! The settings of a SOCKS5 proxy.

use std::fmt;

use ::config::ValueKind;
use casty_proto::NodeAddress;
use casty_transport::TransportConfig;

use super::error::SettingError;
use super::merged::{Merged, take};
use super::parse::{self, Parsed};

const PROXY: &str = "socks5.proxy";
const USER: &str = "socks5.user";
const PASSWORD: &str = "socks5.password";

/// All keys of the table.
pub(super) const KEYS: [&str; 3] = [PROXY, USER, PASSWORD];

/// The SOCKS5 proxy through which nodes are dialled over TCP, with TLS or without.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Socks5Settings {
    /// The address of the proxy; `None` if nodes are dialled without one.
    pub proxy: Option<NodeAddress>,
    /// The user and the password, if the proxy wants them.
    pub login: Option<(String, String)>,
    /// The place where the proxy is named.
    origin: String,
}

impl Socks5Settings {
    /// Reads the values that are set.
    pub(super) fn read(merged: &Merged) -> Result<Self, SettingError> {
        let proxy = take(merged, PROXY, &address)?;
        let user = take(merged, USER, &credential)?;
        let password = take(merged, PASSWORD, &credential).map_err(hidden)?;
        let origin = |key| merged.get(key).map(|(_, origin)| origin);
        let lacks = |key: &'static str, missing: &str| SettingError::Contradiction {
            key,
            origin: origin(key).unwrap_or_default(),
            conflict: format!("needs {missing}"),
        };
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (Some(_), None) => return Err(lacks(USER, PASSWORD)),
            (None, Some(_)) => return Err(lacks(PASSWORD, USER)),
            (None, None) => None,
        };
        if proxy.is_none() && login.is_some() {
            return Err(lacks(USER, PROXY));
        }
        Ok(Self {
            proxy,
            login,
            origin: origin(PROXY).unwrap_or_default(),
        })
    }

    /// Returns the transport as it dials through the proxy, if there is one.
    #[cfg_attr(
        feature = "socks5",
        expect(clippy::unnecessary_wraps, reason = "the feature may be off")
    )]
    pub(super) fn applied_to(
        &self,
        transport: Option<TransportConfig>,
    ) -> Result<Option<TransportConfig>, SettingError> {
        let Some(proxy) = &self.proxy else {
            return Ok(transport);
        };
        #[cfg(feature = "socks5")]
        {
            let mut choice = casty_transport::Socks5::new(proxy.clone());
            if let Some((user, password)) = &self.login {
                choice = choice.user(user, password);
            }
            Ok(transport.map(|transport| transport.through(choice)))
        }
        #[cfg(not(feature = "socks5"))]
        Err(SettingError::Contradiction {
            key: PROXY,
            origin: self.origin.clone(),
            conflict: format!(
                "= \"{proxy}\" needs the feature \"socks5\", which is not compiled in"
            ),
        })
    }
}

impl fmt::Debug for Socks5Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is shown to nobody.
        f.debug_struct("Socks5Settings")
            .field("proxy", &self.proxy)
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .field("origin", &self.origin)
            .finish()
    }
}

/// Parses the address of a proxy.
fn address(value: &ValueKind) -> Parsed<NodeAddress> {
    const EXPECTED: &str = "a host:port";
    let text = parse::text(value).map_err(|_| EXPECTED)?;
    text.parse().map_err(|_| EXPECTED)
}

/// Parses a user or a password (RFC 1929, section 2).
fn credential(value: &ValueKind) -> Parsed<String> {
    let text = parse::text(value).ok();
    text.filter(|text| (1..=255).contains(&text.len()))
        .ok_or("a text of 1 to 255 bytes")
}

/// Returns the error of a value that is shown to nobody.
fn hidden(error: SettingError) -> SettingError {
    match error {
        SettingError::Invalid {
            key,
            origin,
            expected,
            ..
        } => SettingError::Invalid {
            key,
            origin,
            expected,
            found: "the one that is set".to_owned(),
        },
        other => other,
    }
}

#[cfg(all(test, feature = "tcp", feature = "pickle"))]
mod tests {
    use crate::{ClientConfig, ConfigError};

    fn toml(text: &str) -> Result<ClientConfig, ConfigError> {
        ClientConfig::layers().toml(text, "casty.toml")?.load()
    }

    #[cfg(feature = "socks5")]
    #[tokio::test]
    async fn the_proxy_reaches_the_transport_and_its_password_no_log() {
        let text = "socks5 = {proxy = 'bastion:1080', user = 'u', password = 'hidden'}";
        let config = toml(text).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
        let transport = config.builder().checked_transport().await.unwrap();
        let shown = format!("{transport:?}");
        assert!(
            shown.contains("bastion") && shown.contains("\"u\""),
            "{shown}"
        );
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[cfg(not(feature = "socks5"))]
    #[tokio::test]
    async fn a_proxy_is_refused_by_a_client_that_cannot_use_it() {
        let config = toml("socks5 = {proxy = 'bastion:1080'}").unwrap();
        let error = config.builder().checked_transport().await.unwrap_err();
        let told = "casty.toml: socks5.proxy = \"bastion:1080\" needs the feature \"socks5\"";
        assert!(error.to_string().starts_with(told), "{error}");
    }

    #[test]
    fn a_proxy_that_makes_no_sense_is_refused_by_key_and_place() {
        for (text, expected) in [
            (
                "proxy = 'bastion'",
                "casty.toml: socks5.proxy must be a host:port, not \"bastion\"",
            ),
            (
                "proxy = 'bastion:1'\nuser = 'u'",
                "casty.toml: socks5.user needs socks5.password",
            ),
            (
                "proxy = 'bastion:1'\npassword = 'p'",
                "casty.toml: socks5.password needs socks5.user",
            ),
            (
                "user = 'u'\npassword = 'p'",
                "casty.toml: socks5.user needs socks5.proxy",
            ),
            (
                "proxy = 'bastion:1'\nuser = ''\npassword = 'p'",
                "casty.toml: socks5.user must be a text of 1 to 255 bytes, not \"\"",
            ),
            (
                "proxy = 'bastion:1'\nuser = 'u'\npassword = 7",
                "casty.toml: socks5.password must be a text of 1 to 255 bytes, not the one that is set",
            ),
        ] {
            let error = toml(&format!("[socks5]\n{text}")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let both = "transport = 'quic'\ntls = {ca = 'a', cert = 'b'}\nsocks5 = {proxy = 'b:1'}";
        let error = toml(both).unwrap_err().to_string();
        let told = "casty.toml: socks5.proxy makes no sense with transport = \"quic\"";
        assert!(error.starts_with(told), "{error}");
    }
}
