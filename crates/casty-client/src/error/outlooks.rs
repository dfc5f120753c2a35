//! The outlook of each error of this crate, and what all of them have because of it.

use std::time::Duration;

use casty_proto::{AddressError, AllowError, DecodeError, EncodeError};
use casty_routing::{MissingRoute, RegisterRegionError};
#[cfg(feature = "quic")]
use casty_transport::QuicConfigError;
#[cfg(any(feature = "tls", feature = "quic"))]
use casty_transport::TlsConfigError;
use casty_transport::{Conclusion, ConnectError};

use super::any::Error;
use super::discovery::DiscoveryError;
use super::kind::ErrorKind;
use super::names::NameError;
use super::outlook::{HasOutlook, Outlook};
use super::services::{LookupError, PickError, PickedError};
use super::{
    AskError, Closed, Fate, NotSent, OverLimit, ReadyError, RegionError, SpawnError, TellError,
};
use crate::admin::{DownError, NotTold, NotVacated, StillUp};
#[cfg(feature = "blocking")]
use crate::blocking::Elapsed;
use crate::config::ConfigError;
#[cfg(feature = "config")]
use crate::config::SettingError;
use crate::dead_letters::Loss;
use crate::distributed::error::{AcquireError, HoldLost, StructureError};
use crate::streams::error::{ProducerError, StreamError};

impl HasOutlook for NotSent {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Expired(missing) => without(missing),
            Self::BufferFull | Self::Displaced => Outlook::BUSY,
            Self::NodeGone => Outlook::UNTIL_A_VIEW,
            Self::ConnectionLost | Self::Abandoned => Outlook::UNAVAILABLE,
            Self::OtherShardCount { .. } | Self::TooLong => Outlook::REFUSED,
            Self::Closed => Outlook::CLOSED,
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Fate::NotSent)
    }
}

/// Returns the outlook of a message whose route was not found.
fn without(missing: &MissingRoute) -> Outlook {
    match missing {
        MissingRoute::View | MissingRoute::Leader => Outlook::UNTIL_A_VIEW,
        MissingRoute::Capacity(_) => Outlook::BUSY,
        // No connection to the leader or the owner, or no owner.
        _ => Outlook::UNAVAILABLE,
    }
}

impl HasOutlook for TellError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Busy { .. } | Self::BufferFull | Self::MailboxFull => Outlook::BUSY,
            Self::Encode(_) | Self::Address(_) | Self::LocalReference => Outlook::BUG,
            Self::TooLong { .. } | Self::NoSuchActor => Outlook::REFUSED,
            Self::NoLeader | Self::NoMember => Outlook::UNTIL_A_VIEW,
            Self::Closed => Outlook::CLOSED,
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Self::fate(self))
    }
}

impl HasOutlook for AskError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Timeout { .. } => Outlook::TIMED_OUT,
            Self::Refused(error) => error.outlook(),
            Self::NoReplyTo | Self::Decode(_) => Outlook::BUG,
            Self::TooManyAsks { .. } => Outlook::BUSY,
            Self::AskBytesFull { length, limit } => Outlook::BUSY.unless_over(*length, *limit),
            Self::NotSent(error) => error.outlook(),
            Self::Lost { .. } => Outlook::LOST,
            Self::ReplyDropped { length, limit } => Outlook::LOST.unless_over(*length, *limit),
            Self::Closed => Outlook::CLOSED,
            Self::ReplyOverLimit(limit) => limit.outlook(),
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Self::fate(self))
    }
}

impl HasOutlook for OverLimit {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Frame { .. } | Self::Bytes { .. } | Self::Items { .. } | Self::Depth { .. } => {
                Outlook::REFUSED
            }
            // Others took the room.
            Self::InboundBytes { length, max } => Outlook::LOST.unless_over(*length, *max),
        }
    }
}

impl HasOutlook for RegionError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NoShards { .. }
            | Self::Name { .. }
            | Self::Shards {
                source: RegisterRegionError::OtherCount { .. },
                ..
            } => Outlook::BUG,
            Self::NotConfigured { .. } | Self::OtherConfigured { .. } | Self::Shards { .. } => {
                Outlook::REFUSED
            }
        }
    }
}

impl HasOutlook for SpawnError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Name(_) => Outlook::BUG,
            Self::Taken(_) => Outlook::REFUSED,
            Self::TooMany { .. } => Outlook::BUSY,
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for ReadyError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Timeout {
                failures,
                discovery: None,
                silent,
                ..
            } if silent.is_empty() && !failures.is_empty() => {
                // Others may be reached later, unless none of them is any good as it is.
                let useless = |(_, error): &(_, ConnectError)| error.outlook() == Outlook::REFUSED;
                if failures.iter().all(useless) {
                    Outlook::REFUSED
                } else {
                    Outlook::UNAVAILABLE
                }
            }
            Self::Timeout { .. } => Outlook::UNAVAILABLE,
            Self::OtherSystem { .. } | Self::Unreadable { .. } => Outlook::REFUSED,
            Self::OtherVersion(error) => error.outlook(),
            Self::ViewOverLimit { source, .. } => match source.outlook() {
                // Views are sent again by themselves.
                Outlook::LOST => Outlook::UNTIL_A_VIEW,
                outlook => outlook,
            },
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for Closed {
    fn outlook(&self) -> Outlook {
        Outlook::CLOSED
    }
}

impl HasOutlook for DiscoveryError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Failed(_) | Self::Empty | Self::Timeout(_) => Outlook::UNAVAILABLE,
            Self::Panicked(_) => Outlook::BUG,
        }
    }
}

impl HasOutlook for NameError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Unusable(_) | Self::Path { .. } => Outlook::BUG,
        }
    }
}

impl HasOutlook for LookupError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotReady { source, .. } => source.outlook(),
            Self::TooFew { .. } => Outlook::UNTIL_A_VIEW,
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for PickError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotReady | Self::NoInstance { .. } | Self::NotThere { .. } => {
                Outlook::UNTIL_A_VIEW
            }
            Self::Closed => Outlook::CLOSED,
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Fate::NotSent)
    }
}

impl<E: HasOutlook + 'static> HasOutlook for PickedError<E> {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotPicked(error) => error.outlook(),
            Self::Failed { source, .. } => source.outlook(),
        }
    }

    fn fate(&self) -> Option<Fate> {
        match self {
            Self::NotPicked(error) => HasOutlook::fate(error),
            Self::Failed { source, .. } => source.fate(),
        }
    }
}

impl HasOutlook for Loss {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotSent(reason) => reason.outlook(),
            Self::InFlight { .. } => Outlook::LOST,
        }
    }

    fn fate(&self) -> Option<Fate> {
        match self {
            Self::NotSent(_) => Some(Fate::NotSent),
            Self::InFlight { .. } => Some(Fate::Unknown),
        }
    }
}

impl HasOutlook for StructureError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotHosted { .. } => Outlook::UNAVAILABLE,
            Self::NoView { .. } => Outlook::UNTIL_A_VIEW,
            Self::WrongShards { .. } | Self::OtherExpected { .. } => Outlook::REFUSED,
            Self::NotReleased { source, .. } => source.outlook(),
            Self::Unhashable { .. } => Outlook::BUG,
            Self::Ask(error) => error.outlook(),
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Self::fate(self))
    }
}

impl HasOutlook for AcquireError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Timeout { .. } => Outlook::TIMED_OUT,
            Self::Refused => Outlook::REFUSED,
            Self::Lost(lost) => lost.outlook(),
            Self::TooMany { .. } => Outlook::BUSY,
            Self::Structure(error) => error.outlook(),
        }
    }

    fn fate(&self) -> Option<Fate> {
        match self {
            Self::Structure(error) => Some(error.fate()),
            // Of an acquire and its release: `may_hold` tells.
            Self::Timeout { .. } | Self::Refused | Self::Lost(_) | Self::TooMany { .. } => None,
        }
    }
}

impl HasOutlook for HoldLost {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NodeGone { .. } | Self::NodeRestarted { .. } | Self::Moved { .. } => {
                Outlook::LOST
            }
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for StreamError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotConnected { .. } => Outlook::UNAVAILABLE,
            Self::NoAnswer { .. } | Self::Silent { .. } => Outlook::TIMED_OUT,
            Self::Lost { .. } | Self::Overflow { .. } => Outlook::LOST,
            Self::Unreadable(_) => Outlook::BUG,
            Self::TooMany { .. } => Outlook::BUSY,
            Self::Refused(error) => error.outlook(),
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for ProducerError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Encode(_) | Self::Completed => Outlook::BUG,
            Self::TooLong { .. } | Self::Cancelled => Outlook::REFUSED,
            Self::NoDemand { .. } => Outlook::BUSY,
            Self::NotCompleted { .. } => Outlook::TIMED_OUT,
            Self::ConsumerLost { .. } => Outlook::LOST,
            Self::Refused(error) => error.outlook(),
            Self::Closed => Outlook::CLOSED,
        }
    }
}

impl HasOutlook for DownError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::Alive { .. } | Self::UnknownMember { .. } => Outlook::REFUSED,
            Self::NobodyAnswers => Outlook::UNAVAILABLE,
            Self::Cluster(error) => error.outlook(),
        }
    }
}

impl HasOutlook for NotTold {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NotConnected(_) => Outlook::UNAVAILABLE,
            // The message may be written, and only the ask after it refused.
            Self::Unanswered(AskError::Refused(_)) => Outlook::LOST,
            Self::Unanswered(error) => error.outlook(),
        }
    }

    fn fate(&self) -> Option<Fate> {
        Some(Self::fate(self))
    }
}

impl HasOutlook for StillUp {
    fn outlook(&self) -> Outlook {
        Outlook::TIMED_OUT
    }
}

impl HasOutlook for NotVacated {
    fn outlook(&self) -> Outlook {
        Outlook::TIMED_OUT
    }
}

#[cfg(feature = "blocking")]
impl HasOutlook for Elapsed {
    fn outlook(&self) -> Outlook {
        Outlook::TIMED_OUT
    }
}

impl HasOutlook for ConfigError {
    fn outlook(&self) -> Outlook {
        match self {
            Self::NoContactPoints
            | Self::ContactPoint { .. }
            | Self::NoSystemName
            | Self::SystemName(_)
            | Self::AnnouncedHost(_)
            | Self::Range { .. }
            | Self::NoCodec
            | Self::AllowedClasses(_)
            | Self::NoTransport => Outlook::REFUSED,
            #[cfg(feature = "quic")]
            Self::Quic(_) => Outlook::REFUSED,
            #[cfg(feature = "blocking")]
            Self::Thread { .. } => Outlook::UNAVAILABLE,
            #[cfg(feature = "config")]
            Self::Setting(_) => Outlook::REFUSED,
        }
    }
}

// All are mended in the same places.
#[cfg(feature = "config")]
impl HasOutlook for SettingError {
    fn outlook(&self) -> Outlook {
        Outlook::REFUSED
    }
}

impl HasOutlook for ConnectError {
    fn outlook(&self) -> Outlook {
        match self.conclusion() {
            Conclusion::NotCasty | Conclusion::Untrusted | Conclusion::Misconfigured => {
                Outlook::REFUSED
            }
            _ => Outlook::UNAVAILABLE,
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::new(error)
    }
}

/// Gives errors of the crates below, each of which is the same for all its variants, an outlook, and converts
/// them to [`Error`].
macro_rules! of_the_crates_below {
    ($($(#[$cfg:meta])? $error:ty => $outlook:expr;)*) => {$(
        $(#[$cfg])?
        impl HasOutlook for $error {
            fn outlook(&self) -> Outlook {
                $outlook
            }
        }

        $(#[$cfg])?
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )*};
}

of_the_crates_below! {
    AddressError => Outlook::BUG;
    EncodeError => Outlook::BUG;
    DecodeError => Outlook::BUG;
    AllowError => Outlook::REFUSED;
    #[cfg(feature = "quic")]
    QuicConfigError => Outlook::REFUSED;
    #[cfg(any(feature = "tls", feature = "quic"))]
    TlsConfigError => Outlook::REFUSED;
}

/// Gives errors of this crate the methods that tell their outlook, and converts them to [`Error`].
macro_rules! told {
    ($($(#[$cfg:meta])? $error:ty,)*) => {$(
        $(#[$cfg])?
        impl $error {
            /// Returns what may be concluded, and done.
            pub fn kind(&self) -> ErrorKind {
                self.outlook().kind
            }

            /// Returns whether a bounded place was full, so that nothing was sent: whether the kind is
            /// [`Busy`](ErrorKind::Busy).
            pub fn is_back_pressure(&self) -> bool {
                self.outlook().is_back_pressure()
            }

            /// Returns the time before which trying again is of no use, where that is known: 250 ms
            /// where only a further view of the cluster helps, for a node sends four a second. `None`
            /// otherwise, of full places as well: they empty as fast as nodes read, and `tell_wait`
            /// waits for that.
            pub fn retry_after(&self) -> Option<Duration> {
                self.outlook().retry_after
            }
        }

        $(#[$cfg])?
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )*};
}

told! {
    NotSent,
    TellError,
    AskError,
    OverLimit,
    RegionError,
    SpawnError,
    ReadyError,
    Closed,
    DiscoveryError,
    NameError,
    LookupError,
    PickError,
    PickedError<TellError>,
    PickedError<AskError>,
    Loss,
    StructureError,
    AcquireError,
    HoldLost,
    StreamError,
    ProducerError,
    DownError,
    NotTold,
    StillUp,
    NotVacated,
    #[cfg(feature = "blocking")]
    Elapsed,
    ConfigError,
    #[cfg(feature = "config")]
    SettingError,
}
