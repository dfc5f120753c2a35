//! Faults of one frame under way, and the types of frames that they tell apart.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use casty_proto::ActorUri;
use casty_proto::frame::FRAME_HEAD;
use casty_proto::header::Header;

/// The end of a stream as its reader finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The end of a stream that was closed.
    Closed,
    /// A reset.
    Reset,
}

/// The type of a frame, as far as faults tell frames apart. Logs show the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameType {
    Handshake,
    /// A view for a subscriber.
    View,
    /// A coordinator's answer.
    Location,
    /// A reply to an ask.
    Reply,
    /// A query for a coordinator.
    Query,
    Other,
}

/// A fault of the next frame of a type. Logs show it.
#[derive(Debug, Clone)]
pub(super) enum Tamper {
    /// The frame is lost.
    Lose(FrameType),
    /// The frame comes twice.
    Repeat(FrameType),
    /// The frame comes later by that time, and others before it.
    Late(FrameType, Duration),
    /// An older one of the same type comes behind it.
    Stale(FrameType),
    /// One bit of its head is another. The argument chooses which.
    Corrupt(usize),
    /// An empty frame comes before it.
    Empty,
    /// The stream ends in the middle of it.
    Truncate(Ending),
}

impl Tamper {
    /// Returns whether a frame of this type is meant.
    pub(super) fn concerns(&self, frame_type: FrameType) -> bool {
        match self {
            Self::Lose(wanted)
            | Self::Repeat(wanted)
            | Self::Late(wanted, _)
            | Self::Stale(wanted) => *wanted == frame_type,
            Self::Corrupt(_) | Self::Empty | Self::Truncate(_) => {
                frame_type != FrameType::Handshake
            }
        }
    }
}

/// A frame as it is seen under way.
pub(super) struct Examined {
    pub(super) frame_type: FrameType,
    /// The path that it is for; empty if it has none that can be read.
    pub(super) path: String,
}

/// Reads the type and the path of a whole frame.
pub(super) fn examine(frame: &[u8]) -> Examined {
    let of = |frame_type, path: &str| Examined {
        frame_type,
        path: path.to_owned(),
    };
    let kind = frame.get(4).copied();
    if kind == Some(0) {
        return of(FrameType::Handshake, "");
    }
    let payload = frame.get(FRAME_HEAD..).unwrap_or_default();
    let Ok((header, _)) = Header::split(payload) else {
        return of(FrameType::Other, "");
    };
    let Ok(target) = ActorUri::parse(&header.target) else {
        return of(FrameType::Other, "");
    };
    let starts = |prefix| target.path.starts_with(prefix);
    let frame_type = match () {
        () if starts("/_topology_sub/") => FrameType::View,
        () if starts("/_proxy-") => FrameType::Location,
        () if starts("/_ask/") => FrameType::Reply,
        () if starts("/_coord-") => FrameType::Query,
        () => FrameType::Other,
    };
    of(frame_type, target.path)
}

/// Returns the frame with one bit of its head turned: of its length, its kind, or the beginning of
/// its header. Bits further behind would make another valid message of it.
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

/// Returns an empty frame, which the protocol does not know, and the frame behind it.
pub(super) fn behind_an_empty_one(frame: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(4 + frame.len());
    bytes.put_u32(0);
    bytes.put_slice(frame);
    bytes.freeze()
}
