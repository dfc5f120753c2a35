//! What can be done to one frame under way, and what frames are.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use casty_proto::ActorUri;
use casty_proto::frame::FRAME_HEAD;
use casty_proto::header::Header;

/// How a stream ends for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// In good order.
    Closed,
    /// With a reset.
    Reset,
}

/// What a frame is, as far as faults tell frames apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Handshake,
    /// A view for a subscriber.
    View,
    /// A coordinator's answer.
    Location,
    /// A reply to an ask.
    Reply,
    /// A question for a coordinator.
    Query,
    Other,
}

/// What is done to the next frame of a sort.
#[derive(Debug, Clone)]
pub(super) enum Tamper {
    /// It is lost.
    Lose(Sort),
    /// It comes twice.
    Repeat(Sort),
    /// It comes so much later, and others before it.
    Late(Sort, Duration),
    /// An older one of the same sort comes behind it.
    Stale(Sort),
    /// One bit of its head is another. The argument chooses which.
    Corrupt(usize),
    /// An empty frame comes before it.
    Empty,
    /// The stream ends in the middle of it.
    Truncate(Ending),
}

impl Tamper {
    /// Whether a frame of this sort is meant.
    pub(super) fn concerns(&self, sort: Sort) -> bool {
        match self {
            Self::Lose(wanted)
            | Self::Repeat(wanted)
            | Self::Late(wanted, _)
            | Self::Stale(wanted) => *wanted == sort,
            Self::Corrupt(_) | Self::Empty | Self::Truncate(_) => sort != Sort::Handshake,
        }
    }
}

/// What a whole frame is, and the path that it is for.
pub(super) fn examine(frame: &[u8]) -> (Sort, String) {
    let kind = frame.get(4).copied();
    if kind == Some(0) {
        return (Sort::Handshake, String::new());
    }
    let payload = frame.get(FRAME_HEAD..).unwrap_or_default();
    let Ok((header, _)) = Header::split(payload) else {
        return (Sort::Other, String::new());
    };
    let Ok(target) = ActorUri::parse(&header.target) else {
        return (Sort::Other, String::new());
    };
    let starts = |prefix| target.path.starts_with(prefix);
    let sort = match () {
        () if starts("/_topology_sub/") => Sort::View,
        () if starts("/_proxy-") => Sort::Location,
        () if starts("/_ask/") => Sort::Reply,
        () if starts("/_coord-") => Sort::Query,
        () => Sort::Other,
    };
    (sort, target.path.to_owned())
}

/// The frame with one bit of its head turned: of its length, its kind, or the beginning of its
/// header. Bits further behind would make another message of it, which nobody could tell.
pub(super) fn corrupted(frame: &[u8], choice: usize) -> Bytes {
    // Of the length only the first bit: with others, a peer would wait for a long frame for ever.
    const PLACES: [(usize, u8); 4] = [(0, 0x80), (4, 0x40), (5, 0x20), (9, 0x01)];
    let mut bytes = BytesMut::from(frame);
    let (place, bit) = PLACES[choice % PLACES.len()];
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= bit;
    }
    bytes.freeze()
}

/// An empty frame, which the protocol does not know, and the frame.
pub(super) fn behind_an_empty_one(frame: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(4 + frame.len());
    bytes.put_u32(0);
    bytes.put_slice(frame);
    bytes.freeze()
}
