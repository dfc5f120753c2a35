//! Hostile pickles.

use casty_proto::{Codec, Value};
use serde::de::DeserializeOwned;

use super::codec::{FEW, Node, read, read_few};
use super::{Bomb, Layer, ORDINARY};

const DEEP: usize = 20_000;

fn unpickle<T: DeserializeOwned>(input: &[u8]) -> &'static str {
    read::<T>(Codec::pickle(), input)
}

/// Returns a pickle of these opcodes, its first and last ones added.
fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x05", &parts.concat()[..], b"."].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn global(module: &str, name: &str) -> Vec<u8> {
    [text(module), text(name), vec![0x93]].concat()
}

/// Returns tuples that each contain the one before twice.
fn doubling() -> Vec<u8> {
    let levels = (0..60).flat_map(|level| [b'h', level, b'h', level, 0x86, 0x94]);
    [&b"(]\x94"[..], &levels.collect::<Vec<_>>(), b"t"].concat()
}

/// Returns objects in objects, each instantiated and given its state.
fn objects() -> Vec<u8> {
    let class = [global("app", "Node"), b"\x940".to_vec()].concat();
    let open = [&b"h\x00)\x81}"[..], &text("next")].concat();
    let class = &class[..class.len() - 1];
    [
        class,
        &open.repeat(DEEP),
        b"N",
        &b"sb".repeat(DEEP),
        b"\x86",
    ]
    .concat()
}

/// Returns a state of forty fields that a thousand objects share.
fn shared_state() -> Vec<u8> {
    let fields = [text("x"), b"\x94N".to_vec(), b"h\x01N".repeat(39)].concat();
    let point = [global("app", "Point"), b"\x94)\x81".to_vec()].concat();
    let state = [&b"}("[..], &fields, b"u\x94"].concat();
    let objects = b"h\x00)\x81h\x02b".repeat(1000);
    [b"(".to_vec(), point, state, objects, b"t".to_vec()].concat()
}

/// Returns a dict of a hundred entries that a thousand counters are made of.
fn shared_counters() -> Vec<u8> {
    let dict = [b"}(", &b"NN".repeat(100)[..], b"u\x94"].concat();
    let counter = [global("collections", "Counter"), b"\x940".to_vec()].concat();
    let counter = &counter[..counter.len() - 1];
    let counters = b"h\x01h\x00\x85R".repeat(1000);
    [&b"("[..], &dict, counter, b"\x85", &counters, b"t"].concat()
}

/// Returns a time in the zone of this name.
fn zoned(name: &str) -> Vec<u8> {
    let method = [
        global("builtins", "getattr"),
        global("zoneinfo", "ZoneInfo"),
        text("_unpickle"),
        b"\x86R".to_vec(),
    ];
    let zone = [method.concat(), text(name), b"K\x01\x86R".to_vec()];
    let time = [global("datetime", "time"), b"C\x06\0\0\0\0\0\0".to_vec()];
    [time.concat(), zone.concat(), b"\x86R".to_vec()].concat()
}

/// Returns a text of 128 KiB that is mentioned a hundred times.
fn mentions() -> Vec<u8> {
    let long = [&b"X\x00\x00\x02\x00"[..], &vec![b'x'; 1 << 17], b"\x94"].concat();
    [b"(", &long[..], &b"h\x00".repeat(100), b"t"].concat()
}

pub(super) fn bombs() -> Vec<Bomb> {
    [nesting(), sharing(), lengths(), contents()]
        .into_iter()
        .flatten()
        .collect()
}

fn bomb(name: &'static str, parts: &[&[u8]], expected: &'static str) -> Bomb {
    Bomb::new(
        Layer::new("pickle", unpickle::<Value>),
        name,
        pickle(parts),
        expected,
    )
}

fn nesting() -> Vec<Bomb> {
    vec![
        bomb(
            "tuples in tuples",
            &[b"N", &b"\x85".repeat(DEEP)],
            "Limit(Depth)",
        ),
        bomb(
            "lists in lists",
            &[&b"]".repeat(DEEP + 1), &b"a".repeat(DEEP)],
            "Limit(Depth)",
        ),
        bomb(
            "dicts in dicts",
            &[&b"}N".repeat(DEEP), b"N", &b"s".repeat(DEEP)],
            "Limit(Depth)",
        ),
        bomb(
            "marks in marks",
            &[&b"(".repeat(DEEP), &b"t".repeat(DEEP)],
            "Limit(Depth)",
        ),
        Bomb::new(
            Layer::new("pickle", unpickle::<Node>),
            "objects in objects, typed",
            pickle(&[&objects()]),
            "Limit(Depth)",
        )
        .needing(ORDINARY),
    ]
}

fn sharing() -> Vec<Bomb> {
    vec![
        bomb(
            "tuples that double sixty times",
            &[&doubling()],
            "Limit(Visits)",
        ),
        Bomb::new(
            Layer::new("pickle", unpickle::<Node>),
            "tuples that double, typed",
            pickle(&[&doubling()]),
            "Limit(Visits)",
        ),
        bomb(
            "a state that a thousand objects share",
            &[&shared_state()],
            "Limit(Visits)",
        ),
        bomb(
            "a dict that a thousand counters share",
            &[&shared_counters()],
            "Limit(Visits)",
        ),
        bomb(
            "a text that is mentioned a hundred times",
            &[&mentions()],
            "fine",
        ),
        Bomb::new(
            Layer::new("pickle", unpickle::<Vec<String>>),
            "a text that is mentioned, typed",
            pickle(&[&mentions()]),
            "Limit(Visits)",
        ),
        bomb(
            "a list that contains itself",
            &[b"]\x94h\x00a"],
            "Malformed",
        ),
    ]
}

fn lengths() -> Vec<Bomb> {
    vec![
        bomb("a text of 4 GiB", &[b"X\xff\xff\xff\xff"], "Truncated"),
        bomb(
            "a text of 2^63 bytes",
            &[b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"],
            "Truncated",
        ),
        bomb("bytes of 4 GiB", &[b"B\xff\xff\xff\xff"], "Truncated"),
        bomb(
            "bytes of 2^64 bytes",
            &[b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff"],
            "Truncated",
        ),
        bomb(
            "a bytearray of 2^63 bytes",
            &[b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f"],
            "Truncated",
        ),
        bomb("an int of 2 GiB", &[b"\x8b\xff\xff\xff\x7f"], "Malformed"),
        bomb(
            "an int of a negative length",
            &[b"\x8b\xff\xff\xff\xff"],
            "Malformed",
        ),
        bomb(
            "the longest int",
            &[b"\x8b\x00\x10\x00\x00", &[0xff; 4096]],
            "fine",
        ),
        bomb(
            "a memo of four thousand million entries",
            &[b"Nr\xff\xff\xff\xff"],
            "Malformed",
        ),
        bomb(
            "a memo entry that is not there",
            &[b"j\xff\xff\xff\xff"],
            "Malformed",
        ),
    ]
}

fn contents() -> Vec<Bomb> {
    let eval = [global("builtins", "eval"), text("1"), b"\x85R".to_vec()].concat();
    let decimal = [
        global("decimal", "Decimal"),
        text("1E+999999999999999999999"),
        b"\x85R".to_vec(),
    ];
    let method = [
        global("builtins", "getattr"),
        global("app", "Job"),
        text("run"),
        b"\x86R)R".to_vec(),
    ];
    let subclass = [global("app", "Dict"), b")\x81NNs".to_vec()];
    vec![
        bomb("a call of eval", &[&eval], "NeedsPython"),
        bomb(
            "a call of a class's method",
            &[&method.concat()],
            "NeedsPython",
        ),
        bomb(
            "entries of a class of dicts",
            &[&subclass.concat()],
            "NeedsPython",
        ),
        bomb("a time in a zone", &[&zoned("Europe/Berlin")], "fine"),
        bomb(
            "a zone whose name is a path",
            &[&zoned("../../etc/passwd")],
            "Malformed",
        ),
        bomb(
            "a decimal beyond all memory",
            &[&decimal.concat()],
            "Malformed",
        ),
        bomb(
            "a lone surrogate",
            &[b"\x8c\x03\xed\xa0\x80"],
            "LoneSurrogate",
        ),
        bomb("text that is no UTF-8", &[b"\x8c\x02\xff\xfe"], "Malformed"),
        bomb("an opcode that nodes never write", &[b"P0\n"], "Opcode"),
        Bomb::new(
            Layer::new("pickle", |input| read_few(Codec::pickle(), input)),
            "more values than may be",
            pickle(&[b"(", &b"N".repeat(FEW), b"t"]),
            "Limit(Items)",
        ),
    ]
}
