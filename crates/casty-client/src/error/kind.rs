//! The kinds of errors, by what a caller does about one.

use std::fmt;

/// The kind of an error: what its caller may conclude, and do.
///
/// Every error of this crate has one (`kind()`), and [`Error`](crate::Error) holds any of them.
///
/// | kind | the message | trying again |
/// |---|---|---|
/// | [`Busy`](Self::Busy), [`Unavailable`](Self::Unavailable) | was not sent | is safe, later |
/// | [`TimedOut`](Self::TimedOut), [`Lost`](Self::Lost) | may have been handled | may do it twice |
/// | [`Refused`](Self::Refused), [`Bug`](Self::Bug), [`Closed`](Self::Closed) | has a [`fate()`](crate::Error::fate) that tells | is of no use |
///
/// # Examples
///
/// A gateway maps any error to a status of HTTP:
///
/// ```
/// use casty_client::{Error, ErrorKind};
///
/// fn status(error: &Error) -> u16 {
///     match error.kind() {
///         ErrorKind::Busy => 429,
///         ErrorKind::Unavailable | ErrorKind::Closed => 503,
///         ErrorKind::TimedOut => 504,
///         ErrorKind::Lost | ErrorKind::Refused => 502,
///         _ => 500,
///     }
/// }
/// # assert_eq!(status(&Error::from(casty_client::TellError::NoLeader)), 503);
/// # assert_eq!(status(&Error::from(casty_client::TellError::MailboxFull)), 429);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Back pressure: a bounded place is full, and nothing was sent. Send less, wait for capacity
    /// (`tell_wait`), or try again later.
    Busy,
    /// No node can take it now, and nothing was sent: there is no view, no leader, no owner, no connection.
    /// Try again when the cluster has changed; [`health`](crate::ClusterClient::health) tells.
    Unavailable,
    /// No outcome came in time. The message may have been handled, or may be yet: try again only if twice
    /// does no harm.
    TimedOut,
    /// The outcome is lost with its connection, or for want of room for it. The message had been sent and
    /// may have been handled: try again only if twice does no harm.
    Lost,
    /// The other side, the configuration or a limit that is configured says no, and will again. Change the
    /// request or the configuration.
    Refused,
    /// A mistake of a program, in most cases of this one: a name that none can have, a message that cannot
    /// be encoded, a reply of another type than is expected. Mend it.
    Bug,
    /// The client is closed, and takes nothing more. Stop.
    Closed,
}

impl ErrorKind {
    /// Returns the kind as one word, for a log or the label of a metric: `busy`, `unavailable`, `timed_out`,
    /// `lost`, `refused`, `bug` or `closed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Bug => "bug",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
