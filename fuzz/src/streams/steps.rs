//! The steps that the bytes of a run stand for.

use std::time::Duration;

use casty_proto::Codec;

/// The serializers of clusters, by the first byte of an input.
const CODECS: [&str; 4] = ["json", "msgpack", "pickle", "protobuf"];

/// The most steps of a run.
const STEPS: usize = 64;

/// One step of a run.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// The node sends an element to the consumer.
    Element(i64),
    /// The node sends bytes as a message.
    BytesToConsumer(&'a [u8]),
    /// The node's consumer subscribes, or the client's own is said to.
    Subscribe {
        own: bool,
    },
    Demand(u64),
    BytesToProducer(&'a [u8]),
    /// The node sends bytes as a frame.
    Frame(&'a [u8]),
    /// So many elements are read, if they are there.
    Read(usize),
    /// The stream is given up, and another one read.
    Again,
    /// The producer is given an element.
    Give,
    Complete,
    Pass(Duration),
    /// The connection ends.
    Cut,
}

/// The bytes of a run.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    steps: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, steps: 0 }
    }

    /// Returns the serializer of the cluster.
    pub(super) fn codec(&mut self) -> Codec {
        match CODECS[usize::from(self.byte()) % CODECS.len()] {
            "json" => Codec::json(),
            "msgpack" => Codec::msgpack(),
            "pickle" => Codec::pickle(),
            _ => Codec::protobuf(),
        }
    }

    /// Returns the next step; `None` at the end.
    pub(super) fn step(&mut self) -> Option<Step<'a>> {
        if self.bytes.is_empty() || self.steps == STEPS {
            return None;
        }
        self.steps += 1;
        Some(match self.byte() % 16 {
            0 | 1 => Step::Element(i64::from(self.byte())),
            2 | 3 => Step::BytesToConsumer(self.some()),
            4 => Step::Subscribe {
                own: self.byte() % 8 == 7,
            },
            5 => Step::Demand(match self.byte() {
                255 => u64::MAX,
                n => n.into(),
            }),
            6 | 7 => Step::BytesToProducer(self.some()),
            8 => Step::Frame(self.some()),
            9 | 10 => Step::Read(usize::from(self.byte() % 16)),
            11 => Step::Again,
            12 | 13 => Step::Give,
            14 => match self.byte() % 8 {
                0 => Step::Complete,
                1 => Step::Cut,
                _ => Step::Pass(Duration::from_millis(10 * u64::from(self.byte()))),
            },
            _ => Step::Pass(Duration::from_millis(1)),
        })
    }

    /// Returns the next byte, 0 behind the end.
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    /// Returns as many bytes as the next two say, or what is left.
    fn some(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        let length = usize::from(length).min(self.bytes.len());
        let (some, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        some
    }
}

/// Returns the input in which a message of a serializer comes to the consumer and the producer, some
/// elements beside it.
pub(crate) fn seed(serializer: &str, message: &[u8]) -> Option<Vec<u8>> {
    let codec = CODECS.iter().position(|codec| *codec == serializer)?;
    let codec = u8::try_from(codec).ok()?;
    let length = u16::try_from(message.len()).ok()?.to_le_bytes();
    let before = [codec, 0, 1, 9, 4, 12, 4, 0, 12, 2];
    let between = [9, 4, 5, 9, 6];
    let after = [12, 12, 0, 2, 9, 4, 14, 0, 15, 11, 0, 3];
    Some(
        [
            &before[..],
            &length,
            message,
            &between,
            &length,
            message,
            &after,
        ]
        .concat(),
    )
}
