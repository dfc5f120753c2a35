//! The stored code, as a program has it: it compiles, and its values survive every codec.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeMap;

use casty_client::casty_proto::value::{
    ByteArray, Bytes, Complex, Date, DateTime, Decimal, Time, TimeDelta, Uuid,
};
use casty_client::casty_proto::{FrozenSet, Set, Tuple};
use casty_client::{ActorRef, Codec, DecodeError, Limits, Value};
use every_codec::{read, survives, survives_in, survives_in_full};

use choices::{Amount, Color, Command, Deposit, Event, Freeze, Journal, Legacy, Level, UserId};

#[allow(dead_code, unreachable_pub)]
#[path = "golden/choices.rs"]
mod choices;
#[allow(dead_code, unreachable_pub)]
#[path = "golden/containers.rs"]
mod containers;
#[path = "shared/every_codec.rs"]
mod every_codec;
#[allow(dead_code, unreachable_pub)]
#[path = "golden/forward.rs"]
mod forward;
#[allow(dead_code, unreachable_pub)]
#[path = "golden/generics.rs"]
mod generics;
#[allow(dead_code, unreachable_pub)]
#[path = "golden/shapes.rs"]
mod shapes;

fn reference<M>() -> ActorRef<M> {
    ActorRef::new("casty://system@127.0.0.1:25520/actor").unwrap()
}

#[test]
fn shapes_survive() {
    survives(&shapes::Circle {
        id: 1,
        name: String::from("c"),
        radius: 2.5,
        unit: shapes::Unit::Foot,
    });
    survives(&shapes::Slotted { x: 1, y: 2 });
    survives(&shapes::Empty {});
    survives(&shapes::OuterInner { v: 1 });
    survives(&shapes::OuterKind::B);
    survives(&shapes::OddClassInner { x: 1 });
    survives(&shapes::Odd {
        r#type: String::from("t"),
        r#match: 1,
        self_: 2,
        user_name: String::from("u"),
        hidden: 3,
    });
    survives(&shapes::UsesPrivate {
        inner: shapes::Private { x: 1 },
    });
}

#[test]
fn choices_survive() {
    let deposit = || Deposit {
        account: UserId(String::from("ada")),
        amount: Amount(5),
    };
    let freeze = || Freeze {
        why: String::from("fraud"),
    };
    survives(&Journal {
        command: Command::Deposit(deposit()),
        legacy: Legacy::Close(choices::Close {}),
        event: Event::Freeze(freeze()),
        last: None,
        maybe: Some(Command::Close(choices::Close {})),
        unnamed: choices::DepositOrFreeze::Freeze(freeze()),
        again: choices::DepositOrFreeze::Deposit(deposit()),
        many: Vec::new(),
        order: String::from("asc"),
        size: Some(2),
        mixed: Value::from(1),
        color: Color::Blue,
        level: Level::High,
        suit: choices::Suit::NotSpades,
        perm: choices::Perm::Rw,
        mode: choices::Mode::Off,
        names: vec![String::from("a")],
        name: None,
        scalar: Value::from("s"),
        by_user: BTreeMap::from([(UserId(String::from("ada")), Amount(1))]),
        by_level: BTreeMap::from([(Level::Low, String::from("low"))]),
        by_maybe: BTreeMap::from([(None, 0), (Some(Color::Red), 1)]),
    });
}

#[test]
fn types_that_hold_themselves_survive() {
    use containers::{Add, Even, Expression, Negate, Node, Number, Odd, Tree};
    let number = |value| Expression::Number(Number { value });
    survives(&Expression::Add(Add {
        left: Box::new(number(1.5)),
        right: Box::new(Expression::Negate(Negate {
            of: Box::new(number(2.0)),
        })),
    }));
    let end = Node {
        value: 2,
        next: None,
    };
    survives(&Node {
        value: 1,
        next: Some(Box::new(end)),
    });
    let leaf = || Tree {
        label: String::from("leaf"),
        children: Vec::new(),
        by_name: BTreeMap::new(),
    };
    survives(&Tree {
        label: String::from("root"),
        children: vec![leaf()],
        by_name: BTreeMap::from([(String::from("l"), leaf())]),
    });
    let inner = Even { odd: None };
    let odd = Odd {
        even: Box::new(inner),
    };
    survives(&Even { odd: Some(odd) });
}

#[test]
fn generic_types_survive() {
    use generics::{AskNumber, Chain, Envelope, Failure, Outcome, Subscribe, Success};
    survives(&Envelope {
        message: Success { value: 1 },
        size: 1,
        cause: None,
        rest: vec![Success { value: 2 }],
    });
    survives(&Outcome::<i64>::Failure(Failure {
        why: String::from("w"),
    }));
    let end = Chain {
        value: 2,
        next: None,
    };
    survives(&Chain {
        value: 1,
        next: Some(Box::new(end)),
    });
    survives(&AskNumber {
        question: String::from("q"),
        reply_to: reference(),
        deadline: 1.5,
    });
    survives(&Subscribe {
        listener: reference(),
        anyone: reference(),
        others: vec![reference()],
    });
}

#[test]
fn what_only_pickle_and_protobuf_carry_survives_there() {
    let date = Date::new(2026, 7, 12).unwrap();
    let time = Time::new(1, 2, 3, 4).unwrap();
    survives_in_full(&forward::Moments {
        when: DateTime {
            date,
            time: time.clone(),
        },
        day: date,
        at: time,
        span: TimeDelta::new(-1, 2, 3).unwrap(),
        key: Uuid([7; 16]),
        price: Decimal("1.50".into()),
        maybe: None,
    });
    survives_in_full(&containers::Pickled {
        members: Set(vec![1]),
        prices: [(Decimal("1.5".into()), String::from("p"))].into(),
        raw: ByteArray(vec![1]),
        z: Complex { re: 1.0, im: 2.0 },
    });
    let binary = containers::Binary {
        data: Bytes(vec![0, 255]),
    };
    survives_in(Codec::msgpack(), &binary);
    survives_in_full(&binary);
}

#[test]
fn what_python_computes_is_read_and_never_written() {
    let computed: shapes::Computed =
        read(r#"{"_type": "typed.shapes.Computed", "side": 3, "area": 9}"#).unwrap();
    assert_eq!(computed.area, Some(9));
    let mut written = Vec::new();
    Codec::json().encode(&computed, &mut written).unwrap();
    assert_eq!(written, br#"{"_type": "typed.shapes.Computed", "side": 3}"#);
}

#[test]
fn what_is_missing_takes_pythons_default_or_is_named() {
    let refused = read::<shapes::Defaults>(r#"{"_type": "typed.shapes.Defaults"}"#).unwrap_err();
    assert_eq!(refused, DecodeError::MissingField { field: "process" });
    let read: shapes::Defaults =
        read(r#"{"_type": "typed.shapes.Defaults", "process": 1, "unknown": [2]}"#).unwrap();
    let settings = |retries, microseconds| shapes::Settings {
        retries,
        backoff: TimeDelta::new(0, 1, microseconds).unwrap(),
    };
    let expected = shapes::Defaults {
        yes: true,
        no: false,
        none: (),
        count: 0,
        large: -1_234_567,
        ratio: std::f64::consts::PI,
        whole: 2.0,
        endless: f64::INFINITY,
        text: String::from("say \"hi\"\n"),
        empty: String::new(),
        missing: None,
        given: Some(7),
        names: Vec::new(),
        pair: (1, String::from("one")),
        sizes: Tuple(vec![1, 2, 3]),
        nothing: Tuple(Vec::new()),
        labels: BTreeMap::new(),
        tags: FrozenSet(vec![String::from("a"), String::from("b")]),
        unit: shapes::Unit::Foot,
        settings: settings(5, 500_000),
        made: settings(3, 500_000),
        anything: Value::None,
        price: Decimal("1.50".into()),
        key: "12345678-1234-5678-1234-567812345678".parse().unwrap(),
        process: 1,
    };
    assert_eq!(read, expected);
}

/// Circles as nodes of other versions may have them.
mod others {
    use serde::Serialize;

    #[derive(Serialize)]
    #[serde(rename = "typed.shapes.Circle")]
    pub(super) struct Newer {
        pub(super) id: i64,
        pub(super) color: &'static str,
        pub(super) corners: Vec<Older>,
    }

    #[derive(Serialize)]
    #[serde(rename = "typed.shapes.Circle")]
    pub(super) struct Older {
        pub(super) name: &'static str,
    }
}

#[test]
fn every_codec_passes_over_what_is_not_known_and_names_what_is_missing() {
    let codecs = [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle(),
        Codec::protobuf(),
    ];
    for codec in codecs {
        let mut bytes = Vec::new();
        let newer = others::Newer {
            id: 7,
            color: "red",
            corners: vec![others::Older { name: "none" }],
        };
        codec.encode(&newer, &mut bytes).unwrap();
        let read: shapes::Circle = codec.decode(&bytes, &Limits::default()).unwrap();
        let expected = shapes::Circle {
            id: 7,
            name: String::from("unnamed"),
            radius: 1.0,
            unit: shapes::Unit::Metre,
        };
        assert_eq!(read, expected, "{codec:?}");
        bytes.clear();
        codec
            .encode(&others::Older { name: "c" }, &mut bytes)
            .unwrap();
        let refused = codec.decode::<shapes::Circle>(&bytes, &Limits::default());
        let missing = DecodeError::MissingField { field: "id" };
        assert_eq!(refused, Err(missing), "{codec:?}");
        let refused = codec.decode::<Event>(&bytes, &Limits::default());
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, DecodeError::UnknownVariant { .. }),
            "{codec:?}: {refused:?}"
        );
        let refused = codec.decode::<Freeze>(&bytes, &Limits::default());
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, DecodeError::Class { .. }),
            "{codec:?}: {refused:?}"
        );
    }
}

#[test]
fn a_default_is_what_a_message_without_fields_is_read_as() {
    let read: shapes::Settings = read(r#"{"_type": "typed.shapes.Settings"}"#).unwrap();
    assert_eq!(shapes::Settings::default(), read);
    let success = generics::Success { value: 1 };
    let outcome = generics::Outcome::from(success.clone());
    assert_eq!(outcome, generics::Outcome::Success(success));
}

#[test]
fn an_optional_field_without_a_default_must_be_there() {
    let refused = read::<containers::Even>(r#"{"_type": "typed.containers.Even"}"#).unwrap_err();
    assert_eq!(refused, DecodeError::MissingField { field: "odd" });
}

#[test]
fn members_are_known_by_name_and_by_value() {
    let by_name: Color = read(r#"{"__enum__": "typed.choices.Color", "value": "GREEN"}"#).unwrap();
    assert_eq!(by_name, Color::Green);
    // As nodes pickle it: the class, called with the value.
    let pickled = b"\x80\x05\x8c\rtyped.choices\x8c\x05Color\x93\x8c\x05green\x85R.";
    let by_value: Color = Codec::pickle().decode(pickled, &Limits::default()).unwrap();
    assert_eq!(by_value, Color::Green);
}
