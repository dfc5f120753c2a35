//! The messages of the benchmark, and the frames a client sends them in.

use casty_client::{ActorRef, Codec, ShardEnvelope};
use casty_proto::frame::{self, DEFAULT_MAX_FRAME, FrameKind};
use casty_proto::header::Header;
use casty_proto::message::SHARD_ENVELOPE;
use casty_proto::{ActorUri, NodeAddress};
use serde::Serialize;

use crate::Failure;

/// The actor system's name.
pub const SYSTEM: &str = "bench";
/// The region all messages go to.
pub const REGION: &str = "bench";
/// Into how many shards it is divided.
pub const SHARDS: u32 = 100;
/// The path of the region's messages on a node.
pub const REGION_PATH: &str = "/_region-bench";
/// The beginning of the path that a reply goes to; the digits of the ask follow.
pub const ASK_PATH: &[u8] = b"/_ask/";
/// As many digits name an ask.
pub const ASK_DIGITS: usize = 32;

/// The message that is told.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename = "counter_app.Increment")]
pub struct Increment {
    /// By how much.
    pub amount: i64,
}

/// The message that is asked; the node answers with the number of messages that it was told on this
/// connection.
#[derive(Debug, Clone, Serialize)]
#[serde(rename = "counter_app.GetCount")]
pub struct GetCount {
    /// The receiver of the count.
    pub reply_to: ActorRef<i64>,
}

/// The frames of one client, ready to be copied.
#[derive(Debug, Clone)]
pub struct Frames {
    /// A frame with an [`Increment`].
    pub tell: Vec<u8>,
    /// A frame with a [`GetCount`], ...
    pub ask: Vec<u8>,
    /// ... and where in it the digits of the ask are.
    pub digits: usize,
}

impl Frames {
    /// Returns the frames that a client at `client` sends to `node`, byte for byte those of the
    /// whole client but for its address.
    ///
    /// # Errors
    /// A message cannot be encoded.
    pub fn new(codec: Codec, node: &NodeAddress, client: &NodeAddress) -> Result<Self, Failure> {
        let digits = "0".repeat(ASK_DIGITS);
        let path = format!("/_ask/{digits}");
        let root = format!("casty://{SYSTEM}-client@{client}");
        let reply_to = ActorRef::from_uri_unchecked(format!("{root}{path}"));
        let frame = |message: &[u8]| {
            let target = ActorUri {
                system: SYSTEM,
                node: Some((node.host(), node.port())),
                path: REGION_PATH,
            };
            let mut header = Vec::new();
            Header {
                target: target.to_raw().into(),
                sender: format!("{root}/").into(),
                type_hint: SHARD_ENVELOPE.into(),
            }
            .write(&mut header);
            let mut out = Vec::new();
            let parts = [&header[..], message];
            frame::write_frame(&mut out, FrameKind::Message, &parts, DEFAULT_MAX_FRAME)?;
            Ok::<_, Failure>(out)
        };
        let mut message = Vec::new();
        codec.encode(
            &ShardEnvelope::new(entity(7), Increment { amount: 5 }),
            &mut message,
        )?;
        let tell = frame(&message)?;
        message.clear();
        codec.encode(
            &ShardEnvelope::new(entity(7), GetCount { reply_to }),
            &mut message,
        )?;
        let ask = frame(&message)?;
        let digits = memchr::memmem::find(&ask, ASK_PATH).ok_or("no reference in the frame")?;
        Ok(Self {
            tell,
            digits: digits + ASK_PATH.len(),
            ask,
        })
    }

    /// Appends the frame of the ask of this number.
    pub fn write_ask(&self, number: u32, out: &mut Vec<u8>) {
        let start = out.len() + self.digits;
        out.extend_from_slice(&self.ask);
        if let Some(digits) = out[start..].first_chunk_mut::<8>() {
            *digits = hex(number);
        }
    }
}

/// Returns the first frame of `buffer`, head included; `None` if it is not whole.
pub fn next(buffer: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(*buffer.first_chunk::<4>()?) as usize;
    buffer.get(..4 + length)
}

/// Returns the id of one of the hundred entities.
pub fn entity(number: usize) -> String {
    format!("entity-{:02}", number % 100)
}

fn hex(number: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut shift = 32;
    [0; 8].map(|_: u8| {
        shift -= 4;
        DIGITS[(number >> shift & 15) as usize]
    })
}

/// Returns the number that eight digits write; `None` if they are none.
pub fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_differ_in_their_digits_alone() {
        let node = NodeAddress::new("127.0.0.1", 1);
        let client = NodeAddress::new("127.9.9.9", 0);
        for codec in [Codec::json(), Codec::msgpack(), Codec::pickle()] {
            let frames = Frames::new(codec, &node, &client).unwrap();
            let mut out = Vec::new();
            frames.write_ask(0x12ab, &mut out);
            let digits = &out[frames.digits..frames.digits + 8];
            assert_eq!(number(digits), Some(0x12ab));
            out[frames.digits..frames.digits + 8].fill(b'0');
            assert_eq!(out, frames.ask);
        }
    }
}
