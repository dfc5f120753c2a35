//! Objects of the program's own types, whose names are spelled once: byte for byte those of dynamic
//! values, which are spelled each time.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(
    feature = "json",
    feature = "msgpack",
    feature = "pickle",
    feature = "protobuf"
))]

use casty_proto::{Codec, EncodeError, Limits, Value};
use proptest::prelude::*;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// An object of any class with any fields, written as a derived `Serialize` writes one.
#[derive(Debug, Clone)]
struct Typed {
    class: &'static str,
    fields: Vec<(&'static str, Part)>,
}

#[derive(Debug, Clone)]
enum Part {
    Int(i64),
    Text(String),
    Object(Typed),
    /// A list of objects.
    List(Vec<Typed>),
}

impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct(self.class, self.fields.len())?;
        for (name, part) in &self.fields {
            object.serialize_field(name, part)?;
        }
        object.end()
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(int) => int.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

impl From<&Typed> for Value {
    fn from(typed: &Typed) -> Self {
        let fields = typed.fields.iter();
        Self::object(
            typed.class,
            fields.map(|(name, part)| (*name, Self::from(part))),
        )
    }
}

impl From<&Part> for Value {
    fn from(part: &Part) -> Self {
        match part {
            Part::Int(int) => (*int).into(),
            Part::Text(text) => text.as_str().into(),
            Part::Object(object) => object.into(),
            Part::List(items) => Self::List(items.iter().map(Self::from).collect()),
        }
    }
}

fn codecs() -> [Codec; 4] {
    [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle().allowing(["*"]).unwrap(),
        Codec::protobuf(),
    ]
}

fn check(typed: &Typed) {
    let value = Value::from(typed);
    for codec in codecs() {
        let (mut expected, mut written) = (Vec::new(), vec![7]);
        let class = codec.encode(&value, &mut expected).unwrap();
        assert_eq!(codec.encode(typed, &mut written).as_ref(), Ok(&class));
        assert_eq!(written[1..], expected, "{codec:?}");
    }
}

const CLASSES: [&str; 6] = [
    "bank.Deposit",
    "bank.sub.Outer.Inner",
    "bank.sub:outer.inner",
    "bank.quoted\"é.Class",
    "casty.cluster.Own",
    "bank.a-name-of-more-than-thirty-one-bytes.Class",
];

/// More fields than a class keeps.
const FIELDS: [&str; 20] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "q",
    "r",
    "quoted\"\\é",
    "a-field-of-more-than-thirty-one-bytes",
];

fn typed() -> impl Strategy<Value = Typed> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(Part::Int),
        "\\PC{0,20}".prop_map(Part::Text),
    ];
    let object = |part: BoxedStrategy<Part>| {
        let class = prop::sample::select(&CLASSES);
        let names = prop::sample::subsequence(&FIELDS, 0..FIELDS.len()).prop_shuffle();
        let fields = names.prop_flat_map(move |names| {
            let parts = prop::collection::vec(part.clone(), names.len());
            parts.prop_map(move |parts| names.iter().copied().zip(parts).collect())
        });
        (class, fields).prop_map(|(class, fields)| Typed { class, fields })
    };
    let part = scalar.prop_recursive(3, 20, 4, move |inner| {
        let inner = object(inner.boxed());
        prop_oneof![
            inner.clone().prop_map(Part::Object),
            prop::collection::vec(inner, 0..3).prop_map(Part::List),
        ]
    });
    object(part.boxed())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn objects_are_written_the_same_whether_their_names_are_spelled_once_or_each_time(
        typed in typed(),
    ) {
        check(&typed);
    }
}

#[test]
fn fields_that_are_left_out_or_in_another_order_are_written_as_they_come() {
    let fields = |names: &[&'static str]| Typed {
        class: "bank.Changing",
        fields: names.iter().map(|name| (*name, Part::Int(1))).collect(),
    };
    for _ in 0..2 {
        for names in [&["a", "b"][..], &["b"], &["b", "a"], &[], &["a", "b", "c"]] {
            check(&fields(names));
        }
    }
}

/// An object that announces a field and writes none.
struct Announced;

impl Serialize for Announced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_struct("bank.Announced", 1)?.end()
    }
}

#[test]
fn an_object_that_writes_none_of_its_fields_is_refused_or_has_none() {
    for codec in codecs() {
        let mut out = Vec::new();
        match codec.encode(&vec![Announced], &mut out) {
            Ok(_) => {
                let read: Vec<Value> = codec.decode(&out, &Limits::default()).unwrap();
                assert_eq!(read[0].class_name(), "bank.Announced");
            }
            Err(error) => assert!(matches!(error, EncodeError::Custom(_)), "{error}"),
        }
    }
}
