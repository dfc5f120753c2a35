//! One type that holds any error of this crate.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use casty_proto::Chain;

use super::Fate;
use super::kind::ErrorKind;
use super::outlook::{HasOutlook, Outlook};

/// Any error of this crate, for callers who do the same about all of one [kind](ErrorKind): `?` converts
/// each of them.
///
/// It is shown with its causes in one line, as [`Chain`] shows them, by `Debug` as well; so it has no
/// [`source`](StdError::source) of its own. [`downcast_ref`](Self::downcast_ref) gives the error that it was made of.
///
/// # Examples
///
/// ```
/// use casty_client::{ClusterClient, Error};
///
/// async fn greet(client: &ClusterClient, id: &str) -> Result<(), Error> {
///     let entity = client.region("account", 100)?.entity(id);
///     entity.tell("hello")?;
///     Ok(())
/// }
/// ```
pub struct Error {
    outlook: Outlook,
    fate: Option<Fate>,
    // On the heap, so that results stay small.
    cause: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// Wraps an error.
    pub(super) fn new<E: HasOutlook + Send + Sync + 'static>(error: E) -> Self {
        Self {
            outlook: error.outlook(),
            fate: error.fate(),
            cause: Box::new(error),
        }
    }

    /// Returns what may be concluded, and done.
    pub fn kind(&self) -> ErrorKind {
        self.outlook.kind
    }

    /// Returns whether a bounded place was full, so that nothing was sent: whether the kind is
    /// [`Busy`](ErrorKind::Busy).
    pub fn is_back_pressure(&self) -> bool {
        self.outlook.is_back_pressure()
    }

    /// Returns the time before which trying again is of no use, where that is known; see
    /// [`TellError::retry_after`](crate::TellError::retry_after).
    pub fn retry_after(&self) -> Option<Duration> {
        self.outlook.retry_after
    }

    /// Returns the fate of the message that the operation was about; `None` if it was about none, as that of a
    /// [`RegionError`](crate::RegionError), or about several, as that of a [`StreamError`](crate::StreamError).
    /// Any but [`Fate::NotSent`] means that the message may have been handled.
    ///
    /// # Examples
    ///
    /// A gateway says whether doing it again may do it twice, of any error:
    ///
    /// ```
    /// use casty_client::{Error, ErrorKind, Fate};
    ///
    /// fn may_have_been_done(error: &Error) -> bool {
    ///     let lost = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Lost);
    ///     error.fate().map_or(lost, |fate| fate != Fate::NotSent)
    /// }
    /// # assert!(may_have_been_done(&casty_client::AskError::Closed.into()));
    /// # assert!(!may_have_been_done(&casty_client::TellError::Closed.into()));
    /// ```
    pub fn fate(&self) -> Option<Fate> {
        self.fate
    }

    /// Returns the error that this was made of; `None` if it is of another type.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.cause.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Chain(&*self.cause), f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {}
