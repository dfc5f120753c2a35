//! The limits that a message from the cluster may be over, and how each is raised.

use casty_proto::{DecodeError, Limit, Limits};

/// The limit of the client that a message from the cluster is over, so that it was not read. The
/// text names the setting and tells how it is raised; the next message is read as ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverLimit {
    /// The frame is longer than
    /// [`max_inbound_frame`](crate::ClientBuilder::max_inbound_frame). It was dropped as it came.
    #[error(
        "its frame of {length} bytes is over max_inbound_frame, which is {max}: raise it with \
         ClientBuilder::max_inbound_frame, in the configuration's file or by \
         CASTY_MAX_INBOUND_FRAME"
    )]
    Frame {
        /// The frame's length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The frame came while frames that were not whole either held the bytes that it needs of
    /// [`inbound_bytes`](crate::ClientBuilder::inbound_bytes). It was dropped as it came.
    #[error(
        "its frame of {length} bytes came while others took the room of inbound_bytes, which is \
         {max}: ask again, or raise it with ClientBuilder::inbound_bytes, in the configuration's \
         file or by CASTY_INBOUND_BYTES"
    )]
    InboundBytes {
        /// The frame's length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The message is longer than [`Limits::bytes`], once decompressed.
    #[error(
        "its bytes are more than limits.bytes, which is {max}: raise it with ClientBuilder::limits, \
         in the configuration's file or by CASTY_LIMITS__BYTES"
    )]
    Bytes {
        /// The limit in bytes.
        max: usize,
    },
    /// The message holds more values than [`Limits::items`].
    #[error(
        "its values are more than limits.items, which is {max}: raise it with \
         ClientBuilder::limits, in the configuration's file or by CASTY_LIMITS__ITEMS"
    )]
    Items {
        /// The limit in values.
        max: usize,
    },
    /// The message nests deeper than [`Limits::depth`].
    #[error(
        "it nests deeper than limits.depth, which is {max}: raise it, to {} at most, with \
         ClientBuilder::limits, in the configuration's file or by CASTY_LIMITS__DEPTH",
        Limits::MAX_DEPTH
    )]
    Depth {
        /// The limit in levels.
        max: usize,
    },
}

impl OverLimit {
    /// Returns the limit that an input was over; `None` of an error of another kind.
    pub(crate) fn of(error: &DecodeError) -> Option<Self> {
        match *error.without_path() {
            DecodeError::Limit {
                limit: Limit::Bytes,
                max,
            } => Some(Self::Bytes { max }),
            DecodeError::Limit {
                limit: Limit::Items,
                max,
            } => Some(Self::Items { max }),
            DecodeError::Limit {
                limit: Limit::Depth,
                max,
            } => Some(Self::Depth { max }),
            _ => None,
        }
    }
}
