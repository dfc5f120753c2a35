//! The errors of streams, and what may be concluded from each.

use std::time::Duration;

use casty_proto::{Count, DecodeError, EncodeError, Escaped, NodeAddress};

use crate::error::TellError;

/// The reason for which a [`StreamSource`](crate::StreamSource) has no next element.
///
/// Each but [`Unreadable`](Self::Unreadable) is the last item of its stream. The elements before it
/// are good: they came in order, without a gap.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The producer's node was not connected in time, so the producer was not told of this consumer.
    /// No element is lost; it may be subscribed to again.
    #[error("the producer's node {node} was not connected within {after:?}")]
    NotConnected {
        /// The node.
        node: NodeAddress,
        /// The time that was waited.
        after: Duration,
    },
    /// Nothing came since the subscription: there is no producer at that path, or it has another
    /// consumer, or nothing to send. Nobody was sent an element that is lost. One that comes later is,
    /// and its producer is told to stop then, as far as this client still knows of it: see
    /// [`StreamSource`](crate::StreamSource).
    #[error(
        "nothing came from {} within {after:?}: there is no producer, or it has another consumer, or \
         nothing to send",
        Escaped::new(producer)
    )]
    NoAnswer {
        /// The URI of the producer.
        producer: String,
        /// The time that was waited.
        after: Duration,
    },
    /// The connection to the producer's node was lost. Elements may be lost: those under way, and
    /// those that the producer has left, if it lives. It is told to stop, if anything had come from it.
    /// If nothing had, it may have another consumer; or it has this one for good, which is gone, and a
    /// further subscription ends with [`NoAnswer`](Self::NoAnswer) until it is started anew.
    #[error("the connection to {node} was lost: elements may be lost")]
    Lost {
        /// The node.
        node: NodeAddress,
    },
    /// Nothing came for longer than [`silence`](crate::SourceOptions::silence), although there is
    /// demand: the producer was stopped without a word, or it has nothing to send. Elements may be
    /// lost: those that it has left; it is told to stop.
    #[error("nothing came for {after:?} although it was asked for: elements may be lost")]
    Silent {
        /// The time that was waited.
        after: Duration,
    },
    /// More came than was asked for, or was longer than
    /// [`buffer_bytes`](crate::SourceOptions::buffer_bytes) lets wait. Elements are lost: from the
    /// first that did not fit on; the producer is told to stop.
    #[error(
        "more came than may wait, {} and {}: elements are lost",
        Count(*elements, "element"),
        Count(*bytes, "byte")
    )]
    Overflow {
        /// The limit in elements.
        elements: usize,
        /// The limit in bytes.
        bytes: usize,
    },
    /// A message came that is no element of the expected type. It is skipped, and the stream goes on.
    #[error("an element cannot be decoded: it is skipped")]
    Unreadable(#[source] DecodeError),
    /// The limit of actors of this client, of which a stream is one, was reached. No element is lost.
    #[error("the limit of running actors, {limit}, is reached")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The subscription or a demand was not accepted. Before the first element none is lost; after
    /// it, those that the producer has left may be.
    #[error("the producer could not be told")]
    Refused(#[from] TellError),
    /// The client ended. Elements may be lost: those that the producer has left; it was told to
    /// stop.
    #[error("the client is closed")]
    Closed,
}

impl StreamError {
    /// Returns whether the stream ends with this error.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Unreadable(_))
    }

    /// Returns whether elements may be lost that the producer had, as far as this error tells.
    pub fn elements_may_be_lost(&self) -> bool {
        match self {
            Self::NotConnected { .. } | Self::NoAnswer { .. } | Self::TooMany { .. } => false,
            Self::Lost { .. }
            | Self::Silent { .. }
            | Self::Overflow { .. }
            | Self::Unreadable(_)
            | Self::Refused(_)
            | Self::Closed => true,
        }
    }
}

/// The reason for which a [`StreamProducer`](crate::StreamProducer) did not take an element, or did
/// not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// The element cannot be encoded. It was not taken, and the stream goes on.
    #[error("the element cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The element makes a frame that is longer than the limit. It was not taken, and the stream goes
    /// on.
    #[error("the element makes a frame of {}, over the limit of {limit}", Count(*length, "byte"))]
    TooLong {
        /// The frame's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nobody asked for elements in time: no consumer has subscribed, or it takes none. The element
    /// was not taken, and the stream goes on.
    #[error("nobody asked for more elements within {after:?}")]
    NoDemand {
        /// The time that was waited.
        after: Duration,
    },
    /// Nobody asked in time for the elements that were left, or for any at all, when the end was waited
    /// for. The stream is given up: those that were not sent by then are dropped, and the consumer, if
    /// there is one, is not told of an end.
    #[error("nobody asked for the rest of the stream within {after:?}: it is given up")]
    NotCompleted {
        /// The time that was waited.
        after: Duration,
    },
    /// The consumer wants no more. What it had not asked for was not sent.
    #[error("the consumer has cancelled the stream")]
    Cancelled,
    /// The connection to the consumer's node was lost. What was sent last may not have arrived, and
    /// the rest was not sent.
    #[error("the connection to the consumer's node {node} was lost")]
    ConsumerLost {
        /// The node.
        node: NodeAddress,
    },
    /// An element or the end could not be sent to the consumer, and nor was what came after it.
    #[error("the consumer could not be told")]
    Refused(#[from] TellError),
    /// The stream was completed before.
    #[error("the stream was completed before")]
    Completed,
    /// The client ended. What was not sent is not.
    #[error("the client is closed")]
    Closed,
}

impl ProducerError {
    /// Returns whether the stream has ended.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Encode(_) | Self::TooLong { .. } | Self::NoDemand { .. }
        )
    }
}
