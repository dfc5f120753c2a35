//! The values of messages that Rust has no type of its own for: dates and times, decimals, UUIDs, ints of any
//! size; and any value at all, [`Value`].
//!
//! They are fields of messages, and come from and go to what Rust programs use:
//!
//! | here | std | feature `chrono` | feature `jiff` |
//! |---|---|---|---|
//! | [`DateTime`] with an offset | `SystemTime` | `DateTime<FixedOffset>`, `DateTime<Utc>` | `Timestamp`, `ZonedDateTime` |
//! | [`DateTime`] in a zone that has a name | | | `ZonedDateTime` |
//! | [`DateTime`] without either | | `NaiveDateTime` | `civil::DateTime` |
//! | [`Date`], [`Time`] | | `NaiveDate`, `NaiveTime` | `civil::Date`, `civil::Time` |
//! | [`TimeDelta`] | `Duration` | `TimeDelta` | `SignedDuration` |
//! | [`Decimal`] | integers, `f64`, a text | | |
//!
//! Python's times have microseconds: what is finer is left out. What the other type cannot hold is a
//! [`TimeError`], never another time. A [`Decimal`] keeps its text, and
//! [`numeric_cmp`](Decimal::numeric_cmp) compares two by number.
//!
//! ```
//! use std::time::SystemTime;
//!
//! use casty_client::value::{self, DateTime, TimeDelta};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! #[serde(rename = "shop.Order")]
//! struct Order { placed: DateTime, valid_for: TimeDelta }
//!
//! let order = Order {
//!     placed: value::now()?,
//!     valid_for: TimeDelta::try_from(std::time::Duration::from_secs(3_600))?,
//! };
//! let due = DateTime::parse_rfc3339("2026-03-01T12:00:00.5+01:00")?;
//! assert!(due < DateTime::try_from(SystemTime::now())?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::SystemTime;

pub use casty_proto::value::{
    BigInt, ByteArray, Bytes, Complex, Date, DateTime, Decimal, DecimalError, EnumMember, Fields,
    Items, Member, Object, Pairs, State, TemporalError, Time, TimeDelta, TimeError, Uuid,
    UuidError, Value, ZoneName, ZoneNameError, from_value, num_bigint, to_value,
};
pub use casty_proto::{FrozenSet, Set, Tuple};

/// Returns the time by the clock of this machine, in UTC, to the microsecond.
///
/// # Errors
/// The clock shows no year from 1 to 9999.
pub fn now() -> Result<DateTime, TimeError> {
    DateTime::try_from(SystemTime::now())
}
