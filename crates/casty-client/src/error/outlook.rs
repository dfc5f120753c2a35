//! The outlook of an error, from which all is derived that callers are told of what to do.

use std::error::Error as StdError;
use std::time::Duration;

use super::Fate;
use super::kind::ErrorKind;

/// The time between two views of a node: before the next one nothing of a cluster changes for a client.
const VIEW_PERIOD: Duration = Duration::from_millis(250);

/// The kind of an error, and the time before which trying again is of no use, where that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outlook {
    pub(crate) kind: ErrorKind,
    pub(crate) retry_after: Option<Duration>,
}

impl Outlook {
    pub(super) const BUSY: Self = Self::of(ErrorKind::Busy);
    pub(super) const UNAVAILABLE: Self = Self::of(ErrorKind::Unavailable);
    /// Unavailable until a view says something else.
    pub(super) const UNTIL_A_VIEW: Self = Self {
        kind: ErrorKind::Unavailable,
        retry_after: Some(VIEW_PERIOD),
    };
    pub(super) const TIMED_OUT: Self = Self::of(ErrorKind::TimedOut);
    pub(super) const LOST: Self = Self::of(ErrorKind::Lost);
    pub(super) const REFUSED: Self = Self::of(ErrorKind::Refused);
    pub(super) const BUG: Self = Self::of(ErrorKind::Bug);
    pub(super) const CLOSED: Self = Self::of(ErrorKind::Closed);

    const fn of(kind: ErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
        }
    }

    /// Returns this for what may find room later; what is longer than all the room there is, is refused.
    pub(super) fn unless_over(self, length: usize, limit: usize) -> Self {
        if length > limit { Self::REFUSED } else { self }
    }

    /// Returns whether a bounded place was full.
    pub(crate) fn is_back_pressure(self) -> bool {
        self.kind == ErrorKind::Busy
    }
}

/// An error that has an outlook.
pub(crate) trait HasOutlook: StdError {
    /// Returns its outlook. One place decides for each error, without a `_`: a new variant has to be thought
    /// of.
    fn outlook(&self) -> Outlook;

    /// Returns the fate of the message that the operation was about; `None` if it was not about one alone.
    fn fate(&self) -> Option<Fate> {
        None
    }
}
