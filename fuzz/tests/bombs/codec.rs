//! Hostile json and msgpack.

use std::collections::BTreeMap;

use casty_proto::{Codec, DecodeError, Limit, Limits, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Bomb, Layer, MIB, ORDINARY};

/// A depth beyond any limit.
const DEEP: usize = 20_000;

/// The limit of [`read_few`].
pub(super) const FEW: usize = 10_000;

/// A class that nests in itself, for which readers recurse.
#[derive(Deserialize)]
#[serde(rename = "app.Node")]
pub(super) struct Node {
    #[expect(dead_code, reason = "only read")]
    next: Option<Box<Self>>,
}

/// A class whose marker comes behind a field.
#[derive(Deserialize)]
struct Late {
    #[expect(dead_code, reason = "only read")]
    a: Box<Option<Self>>,
}

/// Returns the name of the error, or "fine".
pub(super) fn outcome<T>(read: Result<T, DecodeError>) -> &'static str {
    let Err(error) = read else {
        return "fine";
    };
    match error.without_path() {
        DecodeError::Truncated { .. } => "Truncated",
        DecodeError::Malformed { .. } => "Malformed",
        DecodeError::Trailing { .. } => "Trailing",
        DecodeError::Opcode { .. } => "Opcode",
        DecodeError::NeedsPython { .. } => "NeedsPython",
        DecodeError::Class { .. } => "Class",
        DecodeError::LoneSurrogate { .. } => "LoneSurrogate",
        DecodeError::Custom(_) => "Custom",
        DecodeError::Limit { limit, .. } => match limit {
            Limit::Bytes => "Limit(Bytes)",
            Limit::Depth => "Limit(Depth)",
            Limit::Items => "Limit(Items)",
            Limit::Visits => "Limit(Visits)",
            _ => "another limit",
        },
        _ => "another error",
    }
}

/// Reads with few values allowed, so that a short input passes the limit.
pub(super) fn read_few(codec: Codec, input: &[u8]) -> &'static str {
    let limits = Limits::new().with_items(FEW);
    outcome(codec.decode::<Value>(input, &limits))
}

/// Reads at the greatest depth that can be asked for.
pub(super) fn read<T: DeserializeOwned>(codec: Codec, input: &[u8]) -> &'static str {
    let limits = Limits::new().with_depth(usize::MAX);
    outcome(codec.decode::<T>(input, &limits))
}

fn text<T: DeserializeOwned>(input: &[u8]) -> &'static str {
    read::<T>(Codec::json(), input)
}

fn packed<T: DeserializeOwned>(input: &[u8]) -> &'static str {
    read::<T>(Codec::msgpack(), input)
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    open.repeat(levels) + "1" + &close.repeat(levels)
}

const JSON: Layer = Layer::new("json", text::<Value>);

pub(super) fn json() -> Vec<Bomb> {
    [json_that_nests(), json_texts(), json_amounts()]
        .into_iter()
        .flatten()
        .collect()
}

fn json_that_nests() -> Vec<Bomb> {
    let bomb = |name, input: &str, expected| Bomb::new(JSON, name, input, expected);
    let object = ("{\"_type\": \"app.Node\", \"next\": ", "}");
    let late = nested("{\"a\": ", ", \"_type\": \"a.B\"}", 120);
    let late = late.replace('1', &(" ".repeat(MIB / 32) + "1"));
    vec![
        bomb("lists in lists", &nested("[", "]", DEEP), "Limit(Depth)"),
        bomb(
            "dicts in dicts",
            &nested("{\"a\": ", "}", DEEP),
            "Limit(Depth)",
        ),
        bomb(
            "objects in objects",
            &nested(object.0, object.1, DEEP),
            "Limit(Depth)",
        ),
        bomb(
            "tuples in tuples",
            &nested("{\"__tuple__\": [", "]}", DEEP),
            "Limit(Depth)",
        ),
        bomb(
            "dicts as keys of dicts",
            &nested("{\"__dict__\": [[", ", 1]]}", DEEP),
            "Limit(Depth)",
        ),
        Bomb::new(
            Layer::new("json", text::<Node>),
            "objects in objects, typed",
            nested(object.0, object.1, DEEP),
            "Limit(Depth)",
        )
        .needing(ORDINARY),
        Bomb::new(
            Layer::new("json", text::<BTreeMap<String, Late>>),
            "markers that come late at each level",
            late,
            "Limit(Visits)",
        )
        .needing(ORDINARY),
    ]
}

fn json_texts() -> Vec<Bomb> {
    let bomb = |name, input: &str, expected| Bomb::new(JSON, name, input, expected);
    vec![
        bomb("a list without its end", &"[".repeat(100), "Truncated"),
        bomb(
            "an int of a hundred thousand digits",
            &"9".repeat(100_000),
            "Malformed",
        ),
        bomb(
            "an exponent of a hundred thousand digits",
            &("1e".to_owned() + &"9".repeat(100_000)),
            "fine",
        ),
        bomb(
            "an exponent beyond every float",
            "[1e999999999, -1e-999999999]",
            "fine",
        ),
        bomb("NaN and infinities", "[NaN, Infinity, -Infinity]", "fine"),
        bomb("a lone surrogate", r#""\ud800""#, "LoneSurrogate"),
        bomb(
            "surrogates in the wrong order",
            r#""\udc00\ud800""#,
            "LoneSurrogate",
        ),
        Bomb::new(
            JSON,
            "text that is no UTF-8",
            *b"[\"\xff\xfe\"]",
            "Malformed",
        ),
    ]
}

fn json_amounts() -> Vec<Bomb> {
    let bomb = |name, input: &str, expected| Bomb::new(JSON, name, input, expected);
    vec![
        bomb(
            "one key ten thousand times",
            &format!("{{{}\"a\": 1}}", "\"a\": 1, ".repeat(10_000)),
            "fine",
        ),
        bomb(
            "an object of two classes",
            r#"{"_type": "a.B", "_type": "a.C"}"#,
            "fine",
        ),
        Bomb::new(
            Layer::new("json", text::<i64>),
            "an int beyond 64 bits",
            "9223372036854775808",
            "Custom",
        ),
        Bomb::new(
            Layer::new("json", |input| read_few(Codec::json(), input)),
            "more values than may be",
            format!("[{}1]", "1,".repeat(FEW)),
            "Limit(Items)",
        ),
    ]
}

pub(super) fn msgpack() -> Vec<Bomb> {
    let value = Layer::new("msgpack", packed::<Value>);
    let bomb = |name, input: &[u8], expected| Bomb::new(value, name, input, expected);
    let nodes = b"\x82\xa5_type\xa8app.Node\xa4next".repeat(DEEP);
    let announcing = [
        &b"\xdd\x00\x01\x80\x00".repeat(100)[..],
        &vec![0x90; 98_304],
    ]
    .concat();
    vec![
        bomb("arrays in arrays", &b"\x91".repeat(DEEP), "Limit(Depth)"),
        bomb("maps in maps", &b"\x81\xa1a".repeat(DEEP), "Limit(Depth)"),
        bomb("objects in objects", &nodes, "Limit(Depth)"),
        Bomb::new(
            Layer::new("msgpack", packed::<Node>),
            "objects in objects, typed",
            nodes.clone(),
            "Limit(Depth)",
        )
        .needing(ORDINARY),
        bomb(
            "an array of 4 Gi items",
            b"\xdd\xff\xff\xff\xff\x01",
            "Truncated",
        ),
        bomb(
            "a map of 4 Gi entries",
            b"\xdf\xff\xff\xff\xff\x01\x02",
            "Truncated",
        ),
        bomb("a text of 4 GiB", b"\xdb\xff\xff\xff\xffabc", "Truncated"),
        bomb("bytes of 4 GiB", b"\xc6\xff\xff\xff\xffabc", "Truncated"),
        bomb(
            "a hundred arrays that each announce all the rest",
            &announcing,
            "Truncated",
        ),
        bomb(
            "an extension of 4 GiB",
            b"\xc9\xff\xff\xff\xff\x01",
            "Malformed",
        ),
        bomb("text that is no UTF-8", b"\xa2\xff\xfe", "Malformed"),
        bomb("a lone surrogate", b"\xa3\xed\xa0\x80", "Malformed"),
        Bomb::new(
            Layer::new("msgpack", |input| read_few(Codec::msgpack(), input)),
            "more values than may be",
            [&b"\xdd\x00\x00\x27\x10"[..], &[0; FEW]].concat(),
            "Limit(Items)",
        ),
        bomb("a byte that stands for nothing", b"\xc1", "Malformed"),
        Bomb::new(
            Layer::new("msgpack", packed::<i64>),
            "an int beyond 64 bits",
            *b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            "Custom",
        ),
    ]
}
