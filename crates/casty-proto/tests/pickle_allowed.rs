//! The classes that dynamic values may name in pickles: whatever a value was made of, and wherever in it
//! the name stands.
#![cfg(all(feature = "pickle", feature = "json", feature = "msgpack"))]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::message::ShardEnvelope;
use casty_proto::value::{Object, State, from_value, to_value};
use casty_proto::{AllowError, Codec, EncodeError, Limits, Value};
use serde::{Deserialize, Serialize};

fn notation(text: &str) -> Value {
    Value::from_notation(text, &Limits::default()).unwrap()
}

/// The values that a node must not be sent, with the class that each names.
const ATTACKS: [(&str, &str); 12] = [
    (
        r#"{"__enum__": "os.system", "__value__": "id"}"#,
        "os.system",
    ),
    (
        r#"{"__enum__": "os:system", "__value__": "id"}"#,
        "os:system",
    ),
    (r#"{"__enum__": "os.system", "value": "id"}"#, "os.system"),
    (
        r#"{"_type": "subprocess.Popen", "args": ["id"]}"#,
        "subprocess.Popen",
    ),
    (r#"{"_type": "subprocess.Popen"}"#, "subprocess.Popen"),
    (
        r#"{"_type": "subprocess.Popen", "__args__": [["id"], -1]}"#,
        "subprocess.Popen",
    ),
    (
        r#"{"_type": "builtins.Exec", "__state__": [1]}"#,
        "builtins.Exec",
    ),
    (
        r#"{"_type": "casty.config:os.system", "__args__": ["id", 1]}"#,
        "casty.config:os.system",
    ),
    (
        r#"{"_type": "casty.remote.tls.Config.create_ca"}"#,
        "casty.remote.tls.Config.create_ca",
    ),
    (
        r#"{"_type": "casty.core.journal.SqliteJournal", "path": "/etc/x"}"#,
        "casty.core.journal.SqliteJournal",
    ),
    (r#"{"_type": "bank.Deposit", "amount": 5}"#, "bank.Deposit"),
    (r#"{"__enum__": "bank.Tier", "value": "GOLD"}"#, "bank.Tier"),
];

/// The places in a value where another can stand.
const PLACES: [&str; 12] = [
    "X",
    "[1, X]",
    r#"{"__tuple__": [X]}"#,
    r#"{"__frozenset__": [X]}"#,
    r#"{"__set__": [X]}"#,
    r#"{"__dict__": [[X, 1]]}"#,
    r#"{"__dict__": [["a", [[X]]]]}"#,
    r#"{"key": X}"#,
    r#"{"_type": "casty.distributed.set.Add", "value": X}"#,
    r#"{"_type": "casty.distributed.set.Add", "__state__": [X]}"#,
    r#"{"_type": "casty.distributed.set.Add", "__args__": [X, 1]}"#,
    r#"{"__enum__": "casty.cluster.state.MemberStatus", "__value__": X}"#,
];

#[track_caller]
fn refused(value: &impl Serialize, named: &str) {
    for codec in [Codec::pickle(), Codec::pickle_positional()] {
        let mut out = b"before".to_vec();
        let error = codec.encode(value, &mut out).unwrap_err();
        let expected = EncodeError::ClassNotAllowed {
            class: named.into(),
        };
        assert_eq!(error, expected);
        assert_eq!(out, b"before");
        let said = error.to_string();
        assert!(
            said.contains(named) && said.contains("allowed_classes"),
            "{said}"
        );
    }
}

#[test]
fn a_value_that_names_any_class_is_refused_wherever_the_name_stands() {
    for (attack, named) in ATTACKS {
        for place in PLACES {
            let value = notation(&place.replace('X', attack));
            refused(&value, named);
            refused(&ShardEnvelope::new("alice", value.clone()), named);
            refused(&Some(vec![value.clone()]), named);
            assert!(value.classes().contains(named), "{value}");
            let any = Codec::pickle().allowing(["*"]).unwrap();
            any.encode(&value, &mut Vec::new()).unwrap();
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
}

#[test]
fn a_value_is_refused_wherever_it_came_from_and_a_type_of_the_program_passes() {
    let deposit = Deposit { amount: 5 };
    let allowed = Codec::pickle().allowing(["bank.Deposit"]).unwrap();
    for codec in [Codec::json(), Codec::msgpack(), Codec::pickle()] {
        let mut bytes = Vec::new();
        codec.encode(&deposit, &mut bytes).unwrap();
        let value: Value = codec.decode(&bytes, &Limits::default()).unwrap();
        refused(&value, "bank.Deposit");
        allowed.encode(&value, &mut Vec::new()).unwrap();
        let typed: Deposit = from_value(&value, &Limits::default()).unwrap();
        Codec::pickle().encode(&typed, &mut Vec::new()).unwrap();
    }
    refused(&to_value(&deposit).unwrap(), "bank.Deposit");
    refused(
        &Value::object("bank.Deposit", [("amount", 5)]),
        "bank.Deposit",
    );
    let object = Object {
        class: "bank.Deposit".into(),
        state: State::Constructed(vec![5.into(), 6.into()]),
    };
    refused(&Value::from(object), "bank.Deposit");
}

#[test]
fn other_serializers_ask_for_no_list() {
    let value = notation(r#"{"_type": "bank.Deposit", "amount": 5}"#);
    for codec in [Codec::json(), Codec::msgpack()] {
        codec.encode(&value, &mut Vec::new()).unwrap();
    }
}

#[test]
fn values_of_python_and_of_casty_itself_pass() {
    for text in [
        "[null, true, 1, 0.5, \"a\"]",
        r#"{"__datetime__": "2024-10-27T02:30:00[Europe/Berlin]"}"#,
        r#"{"__decimal__": "1.50"}"#,
        r#"{"__ref__": "casty://s@h:1/a"}"#,
        r#"{"_type": "casty.distributed.counter.Increment", "amount": 5}"#,
        r#"{"__enum__": "casty.cluster.state.MemberStatus", "value": "up"}"#,
    ] {
        Codec::pickle()
            .encode(&notation(text), &mut Vec::new())
            .unwrap();
    }
}

#[test]
fn what_is_allowed_is_a_class_or_all_of_a_module_and_stays_with_a_codec() {
    let codec = Codec::pickle()
        .allowing(["bank.Deposit", "shop.*"])
        .unwrap();
    let encoded = |codec: Codec, class: &str| {
        let value = Value::object(class, [("x", 1)]);
        codec.encode(&value, &mut Vec::new()).is_ok()
    };
    for (class, allowed) in [
        ("bank.Deposit", true),
        ("bank:Deposit", true),
        ("bank.Withdraw", false),
        ("shop.cart.Item", true),
        ("shop:subprocess.Popen", false),
        ("shop.subprocess.Popen", true),
    ] {
        assert_eq!(encoded(codec, class), allowed, "{class}");
    }
    let compressed = codec.allowing(["app.X"]).unwrap();
    assert!(encoded(compressed, "app.X") && encoded(compressed, "shop.Cart"));
    assert_ne!(codec, Codec::pickle());
    assert_eq!(
        Codec::pickle().allowing(["shop.*", "bank:Deposit"]),
        Ok(codec)
    );
    let wrong = Codec::pickle().allowing(["plain"]);
    assert_eq!(
        wrong,
        Err(AllowError::Entry {
            entry: "plain".into()
        })
    );
}

#[test]
fn the_classes_of_a_value_are_found_however_often_it_shares_its_parts() {
    let deposit = notation(r#"{"_type": "b.C", "x": {"__enum__": "a.E", "__value__": [1]}}"#);
    let mut value = Value::list([deposit]);
    for _ in 0..100 {
        value = Value::tuple([value.clone(), value]);
    }
    assert!(value.classes().into_iter().eq(["a.E", "b.C"]));
    assert!(Value::dict([("a", 1)]).classes().is_empty());
}
