//! The settings of QUIC.

use std::time::Duration;

use ::config::ValueKind;

use super::error::SettingError;
use super::merged::{Merged, take};
use super::parse::{self, Parsed};

const KEEP_ALIVE: &str = "quic.keep_alive";
const IDLE_TIMEOUT: &str = "quic.idle_timeout";
const WINDOW: &str = "quic.window";

/// All keys of the table.
pub(super) const KEYS: [&str; 3] = [KEEP_ALIVE, IDLE_TIMEOUT, WINDOW];

/// The times and the window of connections over QUIC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuicSettings {
    /// The time between two keep-alive packets on an idle connection.
    pub keep_alive: Duration,
    /// The silence of the other side after which a connection is lost.
    pub idle_timeout: Duration,
    /// The largest number of bytes that are buffered for each direction of a connection.
    pub window: u32,
}

impl Default for QuicSettings {
    /// Returns the defaults of the transport, which may not be compiled in.
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            window: 4 * 1024 * 1024,
        }
    }
}

impl QuicSettings {
    /// Reads the values that are set, and takes the defaults of the others.
    pub(super) fn read(merged: &Merged) -> Result<Self, SettingError> {
        let default = Self::default();
        let time = |key, default| Ok(take(merged, key, &time)?.unwrap_or(default));
        let settings = Self {
            keep_alive: time(KEEP_ALIVE, default.keep_alive)?,
            idle_timeout: time(IDLE_TIMEOUT, default.idle_timeout)?,
            window: take(merged, WINDOW, &window)?.unwrap_or(default.window),
        };
        settings.check(merged)?;
        Ok(settings)
    }

    /// Refuses keep-alive packets that would come too late. The error names the key that is set.
    fn check(&self, merged: &Merged) -> Result<(), SettingError> {
        let (keep_alive, idle) = (self.keep_alive, self.idle_timeout);
        if keep_alive < idle {
            return Ok(());
        }
        let (key, origin, conflict) = match (merged.get(KEEP_ALIVE), merged.get(IDLE_TIMEOUT)) {
            (None, Some((_, origin))) => {
                let conflict =
                    format!("= {idle:?} must be more than {KEEP_ALIVE} = {keep_alive:?}");
                (IDLE_TIMEOUT, origin, conflict)
            }
            (keep, _) => {
                let conflict =
                    format!("= {keep_alive:?} must be less than {IDLE_TIMEOUT} = {idle:?}");
                (
                    KEEP_ALIVE,
                    keep.map_or_else(String::new, |(_, origin)| origin),
                    conflict,
                )
            }
        };
        Err(SettingError::Contradiction {
            key,
            origin,
            conflict,
        })
    }
}

/// Parses a time in the range of QUIC.
fn time(value: &ValueKind) -> Parsed<Duration> {
    let time = parse::duration(value)?;
    (1..=u128::from(u32::MAX))
        .contains(&time.as_millis())
        .then_some(time)
        .ok_or("a time from \"1ms\" to \"49d\"")
}

/// Parses a size in the range of the window.
fn window(value: &ValueKind) -> Parsed<u32> {
    let bytes = u32::try_from(parse::size(value)?).ok();
    bytes
        .filter(|bytes| (16 * 1024..=1 << 30).contains(bytes))
        .ok_or("a size from \"16KiB\" to \"1GiB\"")
}
