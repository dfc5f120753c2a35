//! The limits of an outbox, and the reasons for which it rejects a message.

use std::fmt;

use casty_proto::{Count, frame};

/// The bytes beyond `outbox_bytes` that are left to the protocol's own messages.
///
/// Beyond it, such a message is refused, too.
pub(super) const RESERVE: usize = 64 * 1024;

/// The limits of what an [`Outbox`](crate::Outbox) holds. Setters take and give the value.
///
/// ```
/// use casty_transport::OutboxLimits;
///
/// let limits = OutboxLimits::new().bytes(64 * 1024).messages(1000);
/// assert_ne!(limits, OutboxLimits::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct OutboxLimits {
    pub(super) bytes: usize,
    pub(super) messages: usize,
    pub(super) max_frame: usize,
}

impl OutboxLimits {
    /// Creates the defaults: 1 MiB, 65,536 messages, frames of up to 16 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limit of the bytes that are accepted and not yet handed to the kernel. Default:
    /// 1 MiB. A single frame over this is accepted when nothing else waits.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the limit of the tagged messages that are accepted and not yet wholly handed to the
    /// kernel. Default: 65,536.
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the length of the longest frame in bytes, type byte included. Default: 16 MiB.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Returns the limits of untagged messages, which keep a connection going: a full outbox has
    /// some capacity for them still.
    #[inline]
    pub(super) fn with_reserve(self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(RESERVE),
            messages: usize::MAX,
            ..self
        }
    }
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            messages: 65_536,
            max_frame: frame::DEFAULT_MAX_FRAME,
        }
    }
}

/// The limit of [`OutboxLimits`] that an outbox has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutboxLimit {
    /// The limit of [`OutboxLimits::bytes`].
    Bytes(usize),
    /// The limit of [`OutboxLimits::messages`].
    Messages(usize),
}

impl fmt::Display for OutboxLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(limit) => Count(*limit, "byte").fmt(f),
            Self::Messages(limit) => Count(*limit, "message").fmt(f),
        }
    }
}

/// The reason for which an outbox does not accept a message. Nothing of it was or will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// As many bytes or messages wait as may wait.
    #[error("the outbox is full ({limit}) for a frame of {}", Count(*length, "byte"))]
    Full {
        /// The frame's length in bytes, for [`Outbox::capacity`](crate::Outbox::capacity).
        length: usize,
        /// The limit that is reached.
        limit: OutboxLimit,
    },
    /// The frame would be longer than any may be.
    #[error("the message makes a frame of {}, over the limit of {limit}", Count(*length, "byte"))]
    TooLong {
        /// The frame's length in bytes.
        length: usize,
        /// The limit of [`OutboxLimits::max_frame`].
        limit: usize,
    },
    /// The connection is closed or closing, or messages that match this one were [revoked].
    ///
    /// [revoked]: crate::Outbox::revoke
    #[error("the connection is closed")]
    Closed,
}

/// A message that was not accepted: its tag comes back with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected<T> {
    /// The message's tag.
    pub tag: Option<T>,
    /// The reason.
    pub reason: RejectReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_limit_that_was_reached() {
        for (limit, words) in [
            (OutboxLimit::Bytes(1024), "1024 bytes"),
            (OutboxLimit::Messages(1), "1 message"),
        ] {
            let full = RejectReason::Full { length: 7, limit };
            let text = full.to_string();
            assert_eq!(
                text,
                format!("the outbox is full ({words}) for a frame of 7 bytes")
            );
        }
    }
}
