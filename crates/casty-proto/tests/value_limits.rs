//! Values that nest or share without bound.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use std::sync::Arc;

use casty_proto::value::{EnumMember, Member, Object, State};
use casty_proto::{Codec, EncodeError, Limits, Value};

const DEEP: usize = 100_000;

const CODECS: &[Codec] = &[
    Codec::json(),
    Codec::msgpack(),
    #[cfg(feature = "protobuf")]
    Codec::protobuf(),
];

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

/// One more level around a value, of every kind in turn.
fn wrap(level: usize, value: Value) -> Value {
    let object = |state| {
        Value::from(Object {
            class: "a.B".into(),
            state,
        })
    };
    match level % 9 {
        0 => Value::list([value]),
        1 => Value::tuple([value]),
        2 => Value::set([value]),
        3 => Value::frozen_set([value]),
        4 => Value::dict([(value, 1)]),
        5 => Value::dict([(1, value)]),
        6 => object(State::Named([("b", value)].into_iter().collect())),
        7 => object(State::Positional(vec![Value::None, value])),
        _ => Value::from(EnumMember {
            class: "a.C".into(),
            member: Member::Value(value),
        }),
    }
}

fn deep() -> Value {
    (0..DEEP).fold(Value::None, |value, level| wrap(level, value))
}

#[test]
fn deep_values_are_made_compared_printed_written_and_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        let (one, two) = (deep(), deep());
        assert_eq!(one, two);
        assert_ne!(one, wrap(0, two.clone()));
        assert!(format!("{one:?}").len() < 1 << 20);
        assert!(one.to_string().ends_with(']'));
        assert!(one.to_notation().is_err());
        let list = (0..DEEP).fold(Value::None, |value, _| Value::list([value]));
        for codec in CODECS {
            let mut out = Vec::new();
            let error = codec.encode(&list, &mut out).unwrap_err();
            assert_eq!(
                error,
                EncodeError::TooDeep {
                    limit: Limits::MAX_DEPTH
                }
            );
            assert!(codec.encode(&one, &mut out).is_err());
            assert!(out.is_empty());
        }
        assert!(serde_json::to_string(&list).is_err());
        let shared = two.clone();
        drop(two);
        drop((one, list, shared));
        let object = Object {
            class: "a.B".into(),
            state: State::Constructed(vec![deep()]),
        };
        drop(object);
        drop(EnumMember {
            class: "a.C".into(),
            member: Member::Value(deep()),
        });
    });
}

#[test]
fn the_deepest_value_that_is_read_is_written_again_on_a_small_stack() {
    on_a_small_stack(|| {
        let limits = Limits::new().with_depth(Limits::MAX_DEPTH);
        let list = (0..Limits::MAX_DEPTH).fold(Value::from(1), |value, _| Value::tuple([value]));
        for codec in CODECS {
            let mut out = Vec::new();
            codec.encode(&list, &mut out).unwrap();
            assert_eq!(codec.decode::<Value>(&out, &limits).unwrap(), list);
        }
        let text = list.to_notation().unwrap();
        assert_eq!(Value::from_notation(&text, &limits).unwrap(), list);
    });
}

#[test]
fn values_that_double_at_each_level_are_compared_printed_and_refused_in_no_time() {
    let double = || {
        (0..60).fold(Value::from(1), |value, _| {
            Value::list([value.clone(), value])
        })
    };
    let (one, two) = (double(), double());
    assert_eq!(one, two);
    assert!(format!("{one:?}").len() < 1 << 20);
    assert!(serde_json::to_string(&one).is_err());
    assert!(one.to_notation().is_err());
    assert!(Codec::msgpack().encode(&one, &mut Vec::new()).is_err());
}

#[test]
fn a_value_takes_24_bytes() {
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<Option<Value>>(), 24);
}

#[test]
fn a_shared_container_outlives_the_values_that_share_it() {
    let inner = Value::list([1, 2]);
    let outer = Value::tuple([inner.clone(), inner.clone()]);
    drop(outer);
    assert_eq!(inner.items(), Some(&[Value::Int(1), Value::Int(2)][..]));
    let object = Arc::new(Object {
        class: "a.B".into(),
        state: State::Positional(vec![inner]),
    });
    let value = Value::Object(Arc::clone(&object));
    drop(value);
    assert!(matches!(&object.state, State::Positional(items) if items.len() == 1));
}
