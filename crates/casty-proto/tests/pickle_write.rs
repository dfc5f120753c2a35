//! The pickles that the writer emits, all of which are read back as they were.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::message::MemberStatus;
use casty_proto::value::{
    Date, DateTime, EnumMember, Fields, Member, Object, State, Time, TimeDelta,
};
use casty_proto::{
    ActorRef, Codec, EncodeError, FrozenSet, Limits, NodeAddress, Set, Tuple, Value,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // What a dynamic value may name has tests of its own.
    let codec = codec.allowing(["*"]).unwrap();
    codec.encode(value, &mut out).unwrap();
    out
}

fn hint<T: Serialize + ?Sized>(value: &T) -> String {
    let codec = Codec::pickle().allowing(["*"]).unwrap();
    let hint = codec.encode(value, &mut Vec::new());
    hint.unwrap().into_owned()
}

fn refused<T: Serialize + ?Sized>(value: &T) -> EncodeError {
    let mut out = b"before".to_vec();
    let error = Codec::pickle().encode(value, &mut out).unwrap_err();
    assert_eq!(out, b"before", "the output is as it was");
    error
}

#[track_caller]
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    for codec in [Codec::pickle(), Codec::pickle_positional()] {
        let written = encode(codec, value);
        assert_eq!(
            &codec.decode::<T>(&written, &Limits::default()).unwrap(),
            value
        );
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Point")]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Empty")]
struct Empty;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Id")]
struct Id(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Pair")]
struct Pair(u8, u8);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Colour")]
enum Colour {
    #[serde(rename = "RED")]
    Red,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    #[serde(rename = "app.Point")]
    Point(Point),
    #[serde(rename = "app.Move")]
    Move { by: Point, fast: bool },
    #[serde(rename = "app.One")]
    One { only: u8 },
    #[serde(rename = "app.Stop")]
    Stop,
    #[serde(rename = "app.Triple")]
    Triple(u8, u8, u8),
    #[serde(other)]
    Unknown,
}

#[test]
fn a_users_class_is_called_by_keyword() {
    assert_eq!(
        encode(Codec::pickle(), &Point { x: 1, y: -1 }),
        b"\x80\x05\x8c\x09functools\x8c\x07partial\x93\x8c\x03app\x8c\x05Point\x93\x85\
          }(\x8c\x01xK\x01\x8c\x01yJ\xff\xff\xff\xffu\x92)R."
    );
}

#[test]
fn a_users_class_is_called_in_order_where_that_is_asked_for() {
    assert_eq!(
        encode(Codec::pickle_positional(), &Point { x: 1, y: 2 }),
        b"\x80\x05\x8c\x03app\x8c\x05Point\x93K\x01K\x02\x86R."
    );
}

#[test]
fn castys_own_classes_take_the_shape_that_python_writes() {
    for codec in [Codec::pickle(), Codec::pickle_positional()] {
        assert_eq!(
            encode(codec, &NodeAddress::new("h", 1)),
            b"\x80\x05\x8c\x13casty.cluster.state\x8c\x0bNodeAddress\x93)\x81\
              }(\x8c\x04host\x8c\x01h\x8c\x04portK\x01ub."
        );
        assert_eq!(
            encode(codec, &MemberStatus::Up),
            b"\x80\x05\x8c\x08builtins\x8c\x07getattr\x93\
              \x8c\x13casty.cluster.state\x8c\x0cMemberStatus\x93\x8c\x02up\x86R."
        );
    }
}

#[test]
fn types_survive() {
    survives(&Point {
        x: i64::MIN,
        y: i64::MAX,
    });
    survives(&(Empty, Id("a".into()), Pair(1, 2), Colour::Red));
    survives(&vec![
        Message::Point(Point { x: 1, y: 2 }),
        Message::Move {
            by: Point { x: 3, y: 4 },
            fast: true,
        },
        Message::One { only: 1 },
        Message::Stop,
        Message::Triple(1, 2, 3),
    ]);
    survives(&(Some(1), None::<u8>, Some(Some("x".to_owned())), ()));
    survives(&(
        FrozenSet(vec![1, 2]),
        Set(vec!['a']),
        Tuple(vec![1.5, f64::INFINITY]),
    ));
    survives(&(
        Tuple::<u8>(vec![]),
        FrozenSet::<u8>(vec![]),
        Set::<u8>(vec![]),
        Vec::<u8>::new(),
    ));
    survives(&BTreeMap::from([
        ((1, true), vec!["x".to_owned()]),
        ((2, false), vec![]),
    ]));
    survives(&("é😀".to_owned(), "x".repeat(300), "y".repeat(70_000)));
    survives(&ActorRef::<Point>::new("casty://s@h:1/a").unwrap());
    survives(&[u64::MAX, 0, 1 << 63]);
    survives(&(i128::MIN, i128::MAX, u128::MAX, -1_i128, 1_u128 << 64));
    survives(&NodeAddress::new("h", 65_535));
}

#[test]
fn a_class_that_no_variant_names_is_the_other_one() {
    let written = encode(Codec::pickle(), &Pair(1, 2));
    let read = Codec::pickle().decode::<Message>(&written, &Limits::default());
    assert_eq!(read.unwrap(), Message::Unknown);
}

#[test]
fn every_root_has_the_class_that_python_gives_it() {
    for (found, expected) in [
        (hint(&Point { x: 1, y: 2 }), "app.Point"),
        (hint(&Message::Stop), "app.Stop"),
        (hint(&Message::Point(Point { x: 1, y: 2 })), "app.Point"),
        (hint(&Colour::Red), "app.Colour"),
        (hint(&Empty), "app.Empty"),
        (hint(&Pair(1, 2)), "app.Pair"),
        (hint(&1_u8), "builtins.int"),
        (hint(&1.5), "builtins.float"),
        (hint("x"), "builtins.str"),
        (hint(&true), "builtins.bool"),
        (hint(&()), "builtins.NoneType"),
        (hint(&None::<u8>), "builtins.NoneType"),
        (hint(&vec![Empty]), "builtins.list"),
        (hint(&(1, 2)), "builtins.tuple"),
        (hint(&Tuple(vec![1])), "builtins.tuple"),
        (hint(&Set(vec![1])), "builtins.set"),
        (hint(&FrozenSet(vec![1])), "builtins.frozenset"),
        (hint(&BTreeMap::from([(1, 2)])), "builtins.dict"),
        (
            hint(&ActorRef::<()>::new("casty://s/a").unwrap()),
            "casty.remote.ref.RemoteActorRef",
        ),
        (
            hint(&object("app:outer.inner", State::Named(Fields::default()))),
            "app.outer.inner",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn types_without_a_class_are_refused_wherever_they_are() {
    #[derive(Serialize)]
    struct Plain {
        x: u8,
    }
    #[derive(Serialize)]
    struct PlainUnit;
    #[derive(Serialize)]
    struct PlainPair(u8, u8);
    #[derive(Serialize)]
    enum PlainEnum {
        A,
        B(u8),
        C { x: u8 },
        D(u8, u8),
    }
    let no_class = |name: &str| EncodeError::NoClass { name: name.into() };
    assert_eq!(refused(&Plain { x: 1 }), no_class("Plain"));
    assert_eq!(refused(&vec![Plain { x: 1 }]), no_class("Plain"));
    assert_eq!(refused(&PlainUnit), no_class("PlainUnit"));
    assert_eq!(refused(&PlainPair(1, 2)), no_class("PlainPair"));
    assert_eq!(refused(&PlainEnum::A), no_class("PlainEnum"));
    assert_eq!(refused(&PlainEnum::B(1)), no_class("B"));
    assert_eq!(refused(&PlainEnum::C { x: 1 }), no_class("C"));
    assert_eq!(refused(&PlainEnum::D(1, 2)), no_class("D"));
    assert_eq!(
        refused(&object("nodots", State::Named(Fields::default()))),
        no_class("nodots")
    );
}

#[test]
fn a_variant_named_otherwise_than_its_struct_is_refused() {
    #[derive(Serialize)]
    enum Misnamed<T> {
        #[serde(rename = "app.Line")]
        Line(T),
    }
    #[derive(Serialize)]
    #[serde(rename = "app.Line")]
    struct Line {}
    assert!(matches!(
        refused(&Misnamed::Line(Point { x: 1, y: 2 })),
        EncodeError::Unsupported { .. }
    ));
    assert!(matches!(
        refused(&Misnamed::Line(5)),
        EncodeError::Unsupported { .. }
    ));
    // A struct of the right name further inside does not count.
    assert!(matches!(
        refused(&Misnamed::Line(vec![Line {}])),
        EncodeError::Unsupported { .. }
    ));
    let line = encode(Codec::pickle(), &Misnamed::Line(Line {}));
    assert_eq!(line, encode(Codec::pickle(), &Line {}));
    assert_eq!(
        line,
        encode(Codec::pickle(), &Misnamed::Line(Misnamed::Line(Line {})))
    );
}

#[test]
fn fields_left_out_in_order_are_refused_unless_they_are_last() {
    #[derive(Serialize)]
    #[serde(rename = "app.Sparse")]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<u8>,
    }
    let positional = Codec::pickle_positional();
    assert_eq!(
        encode(
            positional,
            &Sparse {
                a: Some(1),
                b: None
            }
        ),
        b"\x80\x05\x8c\x03app\x8c\x06Sparse\x93K\x01\x85R."
    );
    let holed = Sparse {
        a: None,
        b: Some(1),
    };
    assert!(positional.encode(&holed, &mut Vec::new()).is_err());
    assert!(Codec::pickle().encode(&holed, &mut Vec::new()).is_ok());
}

#[test]
fn a_class_whose_name_is_too_long_to_be_read_is_refused() {
    for (module, class, fine) in [(512, 512, true), (513, 1, false), (1, 513, false)] {
        let name = format!("{}.{}", "m".repeat(module), "C".repeat(class));
        for value in [
            Value::object(name.as_str(), [("x", 1)]),
            Value::member_of_value(name.as_str(), 1),
        ] {
            let mut out = Vec::new();
            let any = Codec::pickle().allowing(["*"]).unwrap();
            let written = any.encode(&value, &mut out);
            if fine {
                let read = Codec::pickle().decode::<Value>(&out, &Limits::default());
                assert_eq!(read, Ok(value));
            } else {
                let refused = matches!(written, Err(EncodeError::Unsupported { .. }));
                assert!(refused, "{written:?}");
            }
        }
    }
}

#[test]
fn what_nests_too_deep_is_refused_on_a_small_stack() {
    let nested = |levels: usize| {
        let mut value = Value::None;
        for _ in 0..levels {
            value = Value::Tuple(vec![value].into());
        }
        value
    };
    let check = move || {
        assert!(
            Codec::pickle()
                .encode(&nested(Limits::MAX_DEPTH), &mut Vec::new())
                .is_ok()
        );
        assert_eq!(
            refused(&nested(Limits::MAX_DEPTH + 1)),
            EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH
            }
        );
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn the_deepest_typed_value_fits_an_ordinary_stack() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "app.Nest")]
    struct Nest {
        inner: Option<Box<Nest>>,
    }
    let mut nest = Nest { inner: None };
    for _ in 1..Limits::MAX_DEPTH {
        nest = Nest {
            inner: Some(Box::new(nest)),
        };
    }
    let limits = Limits::new().with_depth(usize::MAX);
    let written = encode(Codec::pickle(), &nest);
    assert_eq!(
        Codec::pickle().decode::<Nest>(&written, &limits).unwrap(),
        nest
    );
    let deeper = Nest {
        inner: Some(Box::new(nest)),
    };
    assert!(matches!(refused(&deeper), EncodeError::TooDeep { .. }));
}

fn object(class: &str, state: State) -> Value {
    Value::Object(Arc::new(Object {
        class: class.into(),
        state,
    }))
}

fn offset() -> impl Strategy<Value = TimeDelta> {
    let day = 86_400_000_000_i128;
    (1 - day..day).prop_map(|total| TimeDelta::from_microseconds(total).unwrap())
}

fn time() -> impl Strategy<Value = Time> {
    let clock = (0_u8..24, 0_u8..60, 0_u8..60, 0_u32..1_000_000);
    let zone = proptest::option::of(proptest::sample::select(vec!["UTC", "Europe/Berlin"]));
    (clock, any::<bool>(), proptest::option::of(offset()), zone).prop_map(
        |((hour, minute, second, microsecond), fold, offset, zone)| Time {
            hour,
            minute,
            second,
            microsecond,
            fold,
            offset: offset.filter(|_| zone.is_none()),
            zone: zone.map(|name| name.parse().unwrap()),
        },
    )
}

fn date() -> impl Strategy<Value = Date> {
    (1_u16..10_000, 1_u8..13, 1_u8..29).prop_map(|(year, month, day)| Date { year, month, day })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-70_000_i64..70_000).prop_map(Value::Int),
        (i128::from(i64::MAX) + 1..i128::MAX).prop_map(|int| Value::BigInt(Arc::new(int.into()))),
        (i128::MIN..i128::from(i64::MIN)).prop_map(|int| Value::BigInt(Arc::new(int.into()))),
        (-1e300..1e300).prop_map(Value::Float),
        any::<String>().prop_map(|text| Value::Str(text.into())),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<Vec<u8>>().prop_map(|bytes| Value::ByteArray(bytes.into())),
        date().prop_map(Value::Date),
        time().prop_map(|time| Value::Time(Arc::new(time))),
        (date(), time())
            .prop_map(|(date, time)| Value::DateTime(Arc::new(DateTime { date, time }))),
        (
            -999_999_999_i32..=999_999_999,
            0_u32..86_400,
            0_u32..1_000_000
        )
            .prop_map(|(days, seconds, microseconds)| Value::TimeDelta(TimeDelta {
                days,
                seconds,
                microseconds
            })),
        any::<[u8; 16]>().prop_map(|uuid| Value::Uuid(Arc::new(uuid))),
        "-?[0-9]{1,5}(\\.[0-9]{1,5})?(E[+-][0-9])?".prop_map(|d| Value::Decimal(d.into())),
        (-1e9..1e9, -1e9..1e9).prop_map(|(re, im)| Value::Complex(re, im)),
        Just(Value::Ref(ActorRef::new("casty://s@h:1/a").unwrap())),
        "[A-Z]{1,5}".prop_map(|name| member(Member::Name(name.into()))),
    ]
}

fn member(member: Member) -> Value {
    let class = "app.Outer.Colour".into();
    Value::Enum(Arc::new(EnumMember { class, member }))
}

fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 64, 6, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..6);
        let fields = prop::collection::vec(("[a-z]{1,8}", inner.clone()), 0..6);
        let class = prop_oneof![Just("app.Point"), Just("casty.x.Point"), Just("app:low.er")];
        prop_oneof![
            items.clone().prop_map(|items| Value::List(items.into())),
            items.clone().prop_map(|items| Value::Tuple(items.into())),
            items.clone().prop_map(|items| Value::Set(items.into())),
            items
                .clone()
                .prop_map(|items| Value::FrozenSet(items.into())),
            prop::collection::vec((inner.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| Value::Dict(pairs.into())),
            inner.prop_map(|value| member(Member::Value(value))),
            (class, fields).prop_map(|(class, fields)| object(
                class,
                State::Named(fields.into_iter().collect())
            )),
            items
                .clone()
                .prop_map(|items| object("app.Point", State::Positional(items))),
            // With one argument it would be a member of an enum, with none it has no state.
            items
                .prop_filter("two or more", |items| items.len() > 1)
                .prop_map(|items| object("app.Point", State::Constructed(items))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_value_is_read_back_as_it_was(value in any_value()) {
        for codec in [Codec::pickle(), Codec::pickle_positional()] {
            let written = encode(codec, &value);
            let read: Value = codec.decode(&written, &Limits::default()).unwrap();
            prop_assert!(read == value, "{read:?}\n{value:?}");
        }
    }

    /// More opcodes behind the scalar make the full reader read it.
    #[test]
    fn a_scalar_is_the_same_alone_and_memoized(value in scalar(), framed: bool, cut in 0_usize..9) {
        let mut alone = encode(Codec::pickle(), &value);
        if framed {
            alone.splice(2..2, [0x95, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        let mut memoized = alone.clone();
        memoized.splice(alone.len() - 1..alone.len() - 1, [0x94, 0x94]);
        let limits = Limits::default();
        let read = |pickle: &[u8]| Codec::pickle().decode::<Value>(pickle, &limits);
        prop_assert_eq!(read(&alone).unwrap().to_string(), value.to_string());
        prop_assert_eq!(read(&memoized).unwrap().to_string(), value.to_string());
        alone.remove((2 + cut).min(alone.len() - 2));
        let removed = read(&alone);
        alone.splice(alone.len() - 1..alone.len() - 1, [0x94, 0x94]);
        prop_assert!(removed.is_err() || read(&alone).is_ok());
        let none = limits.with_items(0);
        prop_assert!(Codec::pickle().decode::<Value>(&memoized, &none).is_err());
    }

    #[test]
    fn every_integer_is_read_back_as_it_was(wide: i128, bits in 0_u32..128) {
        let int = wide >> bits;
        let written = encode(Codec::pickle(), &int);
        prop_assert_eq!(Codec::pickle().decode::<i128>(&written, &Limits::default()), Ok(int));
    }

    #[test]
    fn a_written_pickle_cut_anywhere_is_an_error(value in any_value()) {
        let written = encode(Codec::pickle(), &value);
        for cut in 0..written.len() {
            let read = Codec::pickle().decode::<Value>(&written[..cut], &Limits::default());
            prop_assert!(read.is_err());
        }
    }
}
