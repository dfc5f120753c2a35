//! The settings of TCP.

use std::time::Duration;

use ::config::ValueKind;

use super::error::SettingError;
use super::merged::{Merged, take};
use super::parse::{self, Parsed};

const KEEP_ALIVE: &str = "tcp.keep_alive";
const USER_TIMEOUT: &str = "tcp.user_timeout";

/// The times after which a connection over TCP, with TLS or without, is lost whose other end says
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpSettings {
    /// The time without a byte after which the other end is probed.
    pub keep_alive: Duration,
    /// The time for which the other end may acknowledge nothing.
    pub user_timeout: Duration,
}

impl Default for TcpSettings {
    /// Returns the defaults of the transport, which may not be compiled in.
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(5),
            user_timeout: Duration::from_secs(15),
        }
    }
}

impl TcpSettings {
    /// Reads the values that are set, and takes the defaults of the others.
    pub(super) fn read(merged: &Merged) -> Result<Self, SettingError> {
        let default = Self::default();
        let time = |key, default| Ok(take(merged, key, &time)?.unwrap_or(default));
        let settings = Self {
            keep_alive: time(KEEP_ALIVE, default.keep_alive)?,
            user_timeout: time(USER_TIMEOUT, default.user_timeout)?,
        };
        settings.check(merged)?;
        Ok(settings)
    }

    /// Refuses probes that would come too late. The error names the key that is set.
    fn check(&self, merged: &Merged) -> Result<(), SettingError> {
        let (keep_alive, timeout) = (self.keep_alive, self.user_timeout);
        if keep_alive < timeout {
            return Ok(());
        }
        let (key, origin, conflict) = match (merged.get(KEEP_ALIVE), merged.get(USER_TIMEOUT)) {
            (None, Some((_, origin))) => {
                let conflict =
                    format!("= {timeout:?} must be more than {KEEP_ALIVE} = {keep_alive:?}");
                (USER_TIMEOUT, origin, conflict)
            }
            (keep, _) => {
                let conflict =
                    format!("= {keep_alive:?} must be less than {USER_TIMEOUT} = {timeout:?}");
                let origin = keep.map_or_else(String::new, |(_, origin)| origin);
                (KEEP_ALIVE, origin, conflict)
            }
        };
        Err(SettingError::Contradiction {
            key,
            origin,
            conflict,
        })
    }

    /// Returns the times as the transport takes them.
    #[cfg(feature = "tcp")]
    pub(super) fn config(&self) -> casty_transport::TcpConfig {
        casty_transport::TcpConfig::new()
            .keep_alive(self.keep_alive)
            .user_timeout(self.user_timeout)
    }
}

/// Parses a time in the range of TCP, which counts in seconds.
fn time(value: &ValueKind) -> Parsed<Duration> {
    let time = parse::duration(value)?;
    (1..=9 * 3600)
        .contains(&time.as_secs())
        .then_some(time)
        .filter(|time| time.subsec_nanos() == 0)
        .ok_or("a time from \"1s\" to \"9h\" in whole seconds")
}

#[cfg(all(test, feature = "tcp", feature = "pickle"))]
mod tests {
    use super::*;
    use crate::{ClientConfig, ConfigError};

    fn toml(text: &str) -> Result<ClientConfig, ConfigError> {
        ClientConfig::layers().toml(text, "casty.toml")?.load()
    }

    #[test]
    fn the_defaults_of_tcp_are_those_of_the_transport() {
        use casty_transport::TcpConfig;
        let TcpSettings {
            keep_alive,
            user_timeout,
        } = TcpSettings::default();
        let defaults = (TcpConfig::KEEP_ALIVE, TcpConfig::USER_TIMEOUT);
        assert_eq!((keep_alive, user_timeout), defaults);
        assert_eq!(TcpSettings::default().config(), TcpConfig::new());
    }

    #[test]
    fn the_example_shows_the_defaults_of_tcp() {
        let example = include_str!("../../casty.example.toml");
        let (_, table) = example.split_once("\n[tcp]\n").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let bare: Vec<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")))
            .collect();
        assert_eq!(bare.len(), 2, "{bare:?}");
        let config = toml(&format!("[tcp]\n{}", bare.join("\n"))).unwrap();
        assert_eq!(*config.tcp(), TcpSettings::default());
    }

    #[tokio::test]
    async fn the_times_reach_the_transport_with_a_transport_chosen_or_not() {
        for chosen in ["", "transport = 'tcp'\n"] {
            let text = format!("{chosen}tcp = {{keep_alive = '7s', user_timeout = '70s'}}");
            let transport = toml(&text).unwrap().builder().checked_transport().await;
            let shown = format!("{:?}", transport.unwrap());
            assert!(
                shown.contains("keep_alive: 7s, user_timeout: 70s"),
                "{shown}"
            );
        }
    }

    #[test]
    fn times_that_make_no_sense_are_refused_by_key_and_place() {
        for (text, expected) in [
            (
                "keep_alive = '0s'",
                "casty.toml: tcp.keep_alive must be a time from \"1s\" to \"9h\" in whole seconds, not \"0s\"",
            ),
            (
                "user_timeout = '10h'",
                "casty.toml: tcp.user_timeout must be a time from",
            ),
            (
                "keep_alive = '1500ms'",
                "casty.toml: tcp.keep_alive must be a time from",
            ),
            (
                "keep_alive = '15s'",
                "casty.toml: tcp.keep_alive = 15s must be less than tcp.user_timeout = 15s",
            ),
            (
                "user_timeout = '4s'",
                "casty.toml: tcp.user_timeout = 4s must be more than tcp.keep_alive = 5s",
            ),
        ] {
            let error = toml(&format!("[tcp]\n{text}")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
