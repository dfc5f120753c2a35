//! Hostile inputs in json and msgpack: small ones that ask for much memory, deep stacks or much time.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use casty_proto::Limit;
use casty_proto::{Codec, DecodeError, EncodeError, FrozenSet, Limits, Tuple, Value};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

const DEEP: usize = 100_000;

/// Runs `test` on a thread with a stack of 128 KiB.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "app.Node")]
struct Node {
    next: Option<Box<Node>>,
}

/// A type of serde's own that recurses on any sequence.
#[derive(Debug, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

fn too_deep<T: DeserializeOwned>(codec: Codec, input: &[u8]) {
    let limits = Limits::new().with_depth(usize::MAX);
    for limits in [Limits::default(), limits] {
        match codec.decode::<T>(input, &limits).err() {
            Some(DecodeError::Limit {
                limit: Limit::Depth,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn repeat(parts: &[(&str, &str)], codec: Codec, pack: &[u8]) -> Vec<u8> {
    if codec == Codec::msgpack() {
        return pack.repeat(DEEP);
    }
    parts
        .iter()
        .map(|(open, close)| open.repeat(DEEP) + "1" + &close.repeat(DEEP))
        .collect::<String>()
        .into()
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    on_a_small_stack(|| {
        for codec in [Codec::json(), Codec::msgpack()] {
            for (open, close, pack) in [
                ("[", "]", &b"\x91"[..]),
                ("{\"a\": ", "}", b"\x81\xa1a"),
                ("{\"__tuple__\": [", "]}", b"\x81\xa9__tuple__\x91"),
                (
                    "{\"__dict__\": [[1, ",
                    "]]}",
                    b"\x81\xa8__dict__\x91\x92\x01",
                ),
                ("{\"__dict__\": [[", ", 1]]}", b"\x81\xa8__dict__\x91\x92"),
                (
                    "{\"_type\": \"a.B\", \"b\": ",
                    "}",
                    b"\x82\xa5_type\xa3a.B\xa1b",
                ),
            ] {
                let input = repeat(&[(open, close)], codec, pack);
                too_deep::<Value>(codec, &input);
                too_deep::<IgnoredAny>(codec, &input);
            }
        }
    });
}

#[test]
fn deep_nesting_of_a_typed_value_is_refused_within_an_ordinary_stack() {
    for codec in [Codec::json(), Codec::msgpack()] {
        let lists = repeat(&[("[", "]")], codec, b"\x91");
        too_deep::<Nest>(codec, &lists);
        let next = ("{\"_type\": \"app.Node\", \"next\": ", "}");
        let nodes = repeat(&[next], codec, b"\x82\xa5_type\xa8app.Node\xa4next");
        too_deep::<Node>(codec, &nodes);
    }
}

#[test]
fn a_typed_value_nested_too_deep_is_refused_when_it_is_written() {
    let mut node = Node { next: None };
    for _ in 0..Limits::MAX_DEPTH {
        node = Node {
            next: Some(Box::new(node)),
        };
    }
    for codec in [Codec::json(), Codec::msgpack()] {
        let error = codec.encode(&node, &mut Vec::new()).unwrap_err();
        assert_eq!(
            error,
            EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH
            }
        );
    }
}

#[test]
fn markers_that_come_late_at_each_level_cost_bounded_time() {
    let mut text = "1".to_owned();
    for _ in 0..120 {
        text = format!("{{\"a\": {text}, \"_type\": \"a.B\"}}");
    }
    let filler = " ".repeat(1 << 20);
    let text = text.replace('1', &format!("{filler}1"));
    let read = Codec::json()
        .decode::<std::collections::BTreeMap<String, Late>>(text.as_bytes(), &Limits::default());
    assert!(
        matches!(
            read,
            Err(DecodeError::Limit {
                limit: Limit::Visits,
                ..
            })
        ),
        "{read:?}"
    );
    // A value needs no second look.
    assert!(
        Codec::json()
            .decode::<Value>(text.as_bytes(), &Limits::default())
            .is_ok()
    );
}

#[derive(Debug, Deserialize)]
struct Late {
    #[expect(dead_code, reason = "only read")]
    a: Box<Option<Late>>,
}

#[test]
fn announced_lengths_are_not_believed() {
    for input in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdd\xff\xff\xff\xff\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdc\xff\xff",
        b"\x81\xa9__tuple__\xdd\xff\xff\xff\xff",
        b"\x81\xa8__dict__\xdd\xff\xff\xff\xff",
    ] {
        fn truncated<T: DeserializeOwned>(input: &[u8]) {
            let error = Codec::msgpack()
                .decode::<T>(input, &Limits::default())
                .err();
            assert!(
                matches!(error, Some(DecodeError::Truncated { .. })),
                "{error:?}"
            );
        }
        truncated::<Value>(input);
        truncated::<IgnoredAny>(input);
        if input[0] == 0xdd {
            truncated::<Vec<u8>>(input);
            truncated::<Tuple<Value>>(input);
            truncated::<FrozenSet<()>>(input);
        }
    }
}

#[test]
fn numbers_of_a_million_digits_are_refused_at_once() {
    for text in ["1".repeat(1_000_000), "-".to_owned() + &"9".repeat(4_301)] {
        let error = Codec::json().decode::<Value>(text.as_bytes(), &Limits::default());
        assert!(
            matches!(error, Err(DecodeError::Malformed { .. })),
            "{error:?}"
        );
    }
    let longest = "9".repeat(4_300);
    let value: Value = Codec::json()
        .decode(longest.as_bytes(), &Limits::default())
        .unwrap();
    assert_eq!(value.to_string(), longest);
    let float = format!("1.{}e5", "1".repeat(1_000_000));
    let float: f64 = Codec::json()
        .decode(float.as_bytes(), &Limits::default())
        .unwrap();
    assert!((float - 111_111.111_111_111_1).abs() < 1e-9);
}

#[test]
fn inputs_over_a_limit_are_refused() {
    let limits = Limits::new().with_bytes(10).with_items(5);
    let read = |text: &str| Codec::json().decode::<Value>(text.as_bytes(), &limits);
    let passed = |limit, max| Err(DecodeError::Limit { limit, max });
    assert!(read("[1,2,3,4]").is_ok());
    assert_eq!(read("[1,2,3,4]  "), passed(Limit::Bytes, 10));
    assert_eq!(read("[1,2,3,4,5]"), passed(Limit::Bytes, 10));
    assert_eq!(read("[[],[],[]"), Err(DecodeError::Truncated { at: 9 }));
    let list = Codec::json().decode::<Vec<u8>>(b"[1,2,3,4,5]", &Limits::new().with_items(5));
    assert_eq!(
        list,
        Err(DecodeError::Limit {
            limit: Limit::Items,
            max: 5
        })
    );
    let ignored = Codec::json().decode::<IgnoredAny>(b"[1,2,3,4,5]", &Limits::new().with_items(5));
    assert!(matches!(
        ignored,
        Err(DecodeError::Limit {
            limit: Limit::Items,
            ..
        })
    ));
}
