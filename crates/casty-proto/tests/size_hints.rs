//! Size hints: types learn the number of a container's parts where it is known, so that they can
//! allocate once; and types that nest or look at a value without end are stopped.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fmt;

use casty_proto::Limit;
use casty_proto::{Codec, DecodeError, Limits, Value};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The hint before the first part, before the second, and so on.
#[derive(Debug, PartialEq)]
struct Hints(Vec<Option<usize>>);

impl<'de> Deserialize<'de> for Hints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ask;
        impl<'de> Visitor<'de> for Ask {
            type Value = Hints;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a container")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Hints, A::Error> {
                let mut hints = vec![parts.size_hint()];
                while parts.next_element::<IgnoredAny>()?.is_some() {
                    hints.push(parts.size_hint());
                }
                Ok(Hints(hints))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Hints, A::Error> {
                let mut hints = vec![parts.size_hint()];
                while parts.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    hints.push(parts.size_hint());
                }
                Ok(Hints(hints))
            }
        }
        deserializer.deserialize_any(Ask)
    }
}

/// All serializers, and whether they announce the number of a container's parts.
const CODECS: &[(Codec, bool)] = &[
    #[cfg(feature = "json")]
    (Codec::json(), false),
    #[cfg(feature = "msgpack")]
    (Codec::msgpack(), true),
    #[cfg(feature = "pickle")]
    (Codec::pickle(), true),
    #[cfg(feature = "protobuf")]
    (Codec::protobuf(), true),
];

fn read<T: for<'de> Deserialize<'de>>(codec: Codec, value: &Value) -> Result<T, DecodeError> {
    let mut out = Vec::new();
    codec.encode(value, &mut out).unwrap();
    codec.decode(&out, &Limits::default())
}

#[test]
fn how_many_parts_are_left_is_told_by_serializers_that_announce_it() {
    for value in [
        Value::list([1, 2, 3]),
        Value::tuple([1, 2, 3]),
        Value::frozen_set([1, 2, 3]),
        Value::dict([(1, 1), (2, 2), (3, 3)]),
    ] {
        for &(codec, announces) in CODECS {
            let hints = read::<Hints>(codec, &value).unwrap();
            let left = [3, 2, 1, 0].map(|left| announces.then_some(left));
            assert_eq!(hints, Hints(left.to_vec()), "{codec:?}: {value}");
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Nest(Vec<Nest>);

#[test]
fn typed_values_nest_as_deep_as_the_limit_and_no_deeper() {
    let nested = |levels| (1..levels).fold(Value::list([0; 0]), |inner, _| Value::list([inner]));
    for &(codec, _) in CODECS {
        let limits = Limits::new().with_depth(50);
        let read = |levels| {
            let mut out = Vec::new();
            codec.encode(&nested(levels), &mut out).unwrap();
            codec.decode::<Nest>(&out, &limits)
        };
        assert!(read(50).is_ok(), "{codec:?}");
        let passed = DecodeError::Limit {
            limit: Limit::Depth,
            max: 50,
        };
        assert_eq!(read(51), Err(passed), "{codec:?}");
    }
}

#[cfg(any(feature = "pickle", feature = "protobuf"))]
#[test]
fn a_type_that_looks_at_one_value_without_end_is_stopped() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Endless(Box<Endless>);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Perhaps(Box<Option<Perhaps>>);
    let codecs = [
        #[cfg(feature = "pickle")]
        Codec::pickle(),
        #[cfg(feature = "protobuf")]
        Codec::protobuf(),
    ];
    for codec in codecs {
        let passed = DecodeError::Limit {
            limit: Limit::Depth,
            max: 32,
        };
        assert_eq!(read::<Endless>(codec, &5.into()), Err(passed.clone()));
        assert_eq!(read::<Perhaps>(codec, &5.into()), Err(passed));
    }
}
