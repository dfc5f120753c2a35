//! Decompression bombs.

use casty_fuzz::compression::overhead;
use casty_proto::{Codec, Compression, Limits, Value};

use super::codec::outcome;
use super::{Bomb, Layer, MIB, Needs, SMALL};

/// The limits of a message: 1 MiB decompressed, as time and memory are in proportion to it.
const LIMITS: Limits = Limits::new()
    .with_bytes(MIB)
    .with_depth(128)
    .with_items(1 << 20);

type Reader = fn(&[u8]) -> &'static str;

macro_rules! reader {
    ($compression:ident) => {
        (Compression::$compression, |input: &[u8]| {
            let codec = Codec::json().compressed(Compression::$compression);
            outcome(codec.decode::<Value>(input, &LIMITS))
        })
    };
}

const READERS: [(Compression, Reader); 5] = [
    reader!(Zlib),
    reader!(Gzip),
    reader!(Bz2),
    reader!(Lzma),
    reader!(Lz4),
];

fn compressed(compression: Compression, plain: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let codec = Codec::json().compressed(compression);
    codec.encode(plain, &mut out).unwrap();
    out
}

pub(super) fn bombs() -> Vec<Bomb> {
    let long = " ".repeat(16 * MIB);
    let mut bombs = Vec::new();
    for (compression, read) in READERS {
        let layer = Layer::new(compression.name(), read);
        let needs = Needs {
            stack: SMALL.stack,
            // The output is bounded by the limit, and is copied as it grows.
            overhead: overhead(compression) + 2 * MIB as u64,
        };
        let bomb = |name, input, expected| Bomb::new(layer, name, input, expected).needing(needs);
        let small = compressed(compression, "small");
        let half = small[..small.len() / 2].to_vec();
        let twice = small.repeat(2);
        let mut noise = small.clone();
        noise[2..].fill(0xff);
        bombs.extend([
            bomb(
                "16 MiB of spaces",
                compressed(compression, &long),
                "Limit(Bytes)",
            ),
            bomb("half a message", half, "Truncated"),
            bomb("a message behind the message", twice, "Trailing"),
            bomb("noise behind two bytes", noise, "Malformed"),
        ]);
    }
    bombs
}
