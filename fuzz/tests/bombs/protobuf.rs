//! Hostile protobuf.

use casty_proto::{Codec, Value};
use serde::de::DeserializeOwned;

use super::codec::{FEW, Node, read, read_few};
use super::{Bomb, Layer, ORDINARY};

const DEEP: usize = 5_000;
const NONE: &[u8] = b"\x08\x00";

fn decode<T: DeserializeOwned>(input: &[u8]) -> &'static str {
    read::<T>(Codec::protobuf(), input)
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

/// Returns a field that is delimited by its length.
fn field(number: usize, content: &[u8]) -> Vec<u8> {
    [
        varint(number * 8 + 2),
        varint(content.len()),
        content.to_vec(),
    ]
    .concat()
}

/// Returns values around each other, written from the inside out.
fn nested(wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    (0..DEEP).fold(NONE.to_vec(), |value, _| wrap(&value))
}

fn node(next: &[u8]) -> Vec<u8> {
    let parts = [field(1, b"app.Node"), field(2, b"next"), field(3, next)];
    field(10, &parts.concat())
}

pub(super) fn bombs() -> Vec<Bomb> {
    [nesting(), numbers(), contents()]
        .into_iter()
        .flatten()
        .collect()
}

fn bomb(name: &'static str, input: &[u8], expected: &'static str) -> Bomb {
    Bomb::new(
        Layer::new("protobuf", decode::<Value>),
        name,
        input,
        expected,
    )
}

fn nesting() -> Vec<Bomb> {
    let lists = nested(|item| field(7, &field(1, item)));
    let dicts = nested(|key| field(9, &[field(1, key), field(2, NONE)].concat()));
    vec![
        bomb("lists in lists", &lists, "Limit(Depth)"),
        bomb("dicts as keys of dicts", &dicts, "Limit(Depth)"),
        bomb("objects in objects", &nested(node), "Limit(Depth)"),
        Bomb::new(
            Layer::new("protobuf", decode::<Node>),
            "objects in objects, typed",
            nested(node),
            "Limit(Depth)",
        )
        .needing(ORDINARY),
    ]
}

fn numbers() -> Vec<Bomb> {
    vec![
        bomb(
            "a list of 2^63 bytes",
            &[b"\x3a", &[0xff; 8][..], b"\x7f"].concat(),
            "Truncated",
        ),
        bomb(
            "a text of 4 GiB",
            b"\x2a\xff\xff\xff\xff\x0fabc",
            "Truncated",
        ),
        bomb(
            "a number of eleven bytes",
            &[b"\x18", &[0xff; 10][..], b"\x01"].concat(),
            "Malformed",
        ),
        bomb(
            "a number that overflows 64 bits",
            &[b"\x18", &[0xff; 9][..], b"\x7f"].concat(),
            "Malformed",
        ),
        bomb(
            "a number that never ends",
            &[b"\x18", &[0x80; 9][..]].concat(),
            "Truncated",
        ),
        bomb(
            "a field number beyond all",
            &[&[0xff; 9][..], b"\x01\x00"].concat(),
            "Malformed",
        ),
        bomb("groups in groups", &b"\x0b".repeat(10_000), "Malformed"),
    ]
}

fn contents() -> Vec<Bomb> {
    vec![
        bomb("two kinds in one value", b"\x08\x00\x10\x01", "Malformed"),
        bomb(
            "a key without its value",
            &field(9, &field(1, NONE)),
            "Malformed",
        ),
        bomb("text that is no UTF-8", &field(5, b"\xff"), "Malformed"),
        bomb(
            "a day that is none",
            &field(18, b"\x08\xe8\x0f\x10\x02\x18\x1e"),
            "Malformed",
        ),
        bomb("an int of 256 KiB", &field(15, &[0x7f; 1 << 18]), "fine"),
        bomb(
            "unknown fields ten thousand times",
            &[&b"\xc8\x01\x05".repeat(10_000)[..], NONE].concat(),
            "fine",
        ),
        Bomb::new(
            Layer::new("protobuf", |input| read_few(Codec::protobuf(), input)),
            "more values than may be",
            field(7, &field(1, NONE).repeat(FEW)),
            "Limit(Items)",
        ),
    ]
}
