//! The path to the part of a message that does not fit, in every codec.
#![cfg(all(
    feature = "json",
    feature = "msgpack",
    feature = "pickle",
    feature = "protobuf"
))]
#![allow(clippy::unwrap_used)] // tests throughout

use std::collections::BTreeMap;
use std::fmt::Debug;

use casty_proto::value::{from_value, to_value};
use casty_proto::{Codec, DecodeError, Limits, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Account")]
struct Account<T> {
    first: u8,
    tier: T,
    last: Option<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Bank")]
struct Bank<T> {
    name: String,
    accounts: Vec<Account<T>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Tier")]
enum Tier {
    Silver,
    Gold,
}

/// The same class with other variants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Tier")]
enum NewTier {
    Silver,
    Platinum,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Left")]
struct Left {
    x: u8,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.Left")]
struct Wider {
    x: u8,
    y: u8,
}

fn bank<T>(tiers: impl IntoIterator<Item = T>) -> Bank<T> {
    let accounts = tiers.into_iter().map(|tier| Account {
        first: 1,
        tier,
        last: None,
    });
    Bank {
        name: "first".to_owned(),
        accounts: accounts.collect(),
    }
}

/// Returns the errors of reading what was written as a `T`, by each codec and from a `Value`.
fn errors<T: DeserializeOwned + Debug>(written: &impl Serialize) -> Vec<DecodeError> {
    let codecs = [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle(),
        Codec::pickle_positional(),
        Codec::protobuf(),
    ];
    let read = codecs.map(|codec| {
        let mut bytes = Vec::new();
        codec.encode(written, &mut bytes).unwrap();
        codec.decode::<T>(&bytes, &Limits::default()).unwrap_err()
    });
    let value = to_value(written).unwrap();
    let mut errors = read.to_vec();
    errors.push(from_value::<T>(&value, &Limits::default()).unwrap_err());
    errors
}

#[track_caller]
fn located<T: DeserializeOwned + Debug>(written: &impl Serialize, path: &str, error: &str) {
    for found in errors::<T>(written) {
        let said = found.without_path().to_string();
        // By position there are no names of fields.
        let positions = path.replace("accounts", "[1]").replace(".tier", "[1]");
        let found = found.path().unwrap_or_default();
        assert!(
            found == path || found == positions,
            "{found:?} for {path:?}: {said}"
        );
        assert!(said.contains(error), "{said}");
    }
}

#[test]
fn the_path_leads_to_the_part_that_does_not_fit() {
    let text = bank(["a"]);
    located::<Bank<u8>>(&text, "accounts[0].tier", "invalid type: ");
    let second = bank([Some(1), None]);
    located::<Bank<u8>>(&second, "accounts[1].tier", "invalid type: ");
    let tiers = bank([NewTier::Silver, NewTier::Silver, NewTier::Platinum]);
    located::<Bank<Tier>>(&tiers, "accounts[2].tier", "unknown variant \"Platinum\"");
    let left = bank([Left { x: 1 }]);
    located::<Bank<Account<u8>>>(&left, "accounts[0].tier", "bank.Account, found bank.Left");
    located::<Bank<Wider>>(&left, "accounts[0].tier", "");
    let nested = bank([vec![vec![1], vec![2, 300]]]);
    located::<Bank<Vec<Vec<u8>>>>(&nested, "accounts[0].tier[1][1]", "invalid value: ");
    let tuple = bank([(1, (2, "x"))]);
    located::<Bank<(u8, (u8, u8))>>(&tuple, "accounts[0].tier[1][1]", "invalid type: ");
}

#[test]
fn an_error_about_the_whole_message_has_no_path() {
    for error in errors::<Bank<u8>>(&Left { x: 1 }) {
        assert_eq!(error.path(), None, "{error}");
        assert_eq!(*error.without_path(), error);
    }
    for error in errors::<Wider>(&Left { x: 1 }).into_iter().take(1) {
        assert_eq!(error.to_string(), "missing field `y`");
    }
}

#[test]
fn entries_of_a_dict_go_by_their_keys() {
    let dict = bank([BTreeMap::from([("a", 1), ("b.c\n", 300)])]);
    for error in errors::<Bank<BTreeMap<String, u8>>>(&dict) {
        let path = error.path().unwrap();
        assert!(path.ends_with(r#"["b.c\n"]"#), "{path}");
    }
}

#[test]
fn what_is_said_begins_with_the_path() {
    #[derive(Debug, Deserialize)]
    #[serde(rename = "bank.Account")]
    struct Account {
        #[expect(dead_code, reason = "only read")]
        tier: Tier,
    }
    let json = br#"{"_type": "bank.Account", "skipped": [{"a": {}}], "tier": 1, "more": 2}"#;
    let error = Codec::json().decode::<Account>(json, &Limits::default());
    let said = error.unwrap_err().to_string();
    assert!(
        said.starts_with("tier: expected an object of class bank.Tier"),
        "{said}"
    );
}

#[test]
fn a_member_by_its_value_is_told_the_alias_that_it_wants() {
    for (value, wanted) in [
        (Value::from(1), r#"alias = "1""#),
        (Value::from("gold"), r#"alias = "gold""#),
    ] {
        let tier = Value::member_of_value("bank.Tier", value);
        let account = Value::object("bank.Account", [("tier", tier)]);
        let mut pickle = Vec::new();
        let codec = Codec::pickle().allowing(["bank.*"]).unwrap();
        codec.encode(&account, &mut pickle).unwrap();
        for error in [
            codec.decode::<Account<Tier>>(&pickle, &Limits::default()),
            from_value::<Account<Tier>>(&account, &Limits::default()),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error.path(), Some("tier"));
            let said = error.to_string();
            assert!(
                said.starts_with("tier: unknown variant ") && said.contains(wanted),
                "{said}"
            );
            assert!(matches!(
                error.without_path(),
                DecodeError::MemberValue {
                    class: "bank.Tier",
                    ..
                }
            ));
        }
    }
    // By name there is no alias to want.
    let tier = Value::member("bank.Tier", "Copper");
    let error = from_value::<Tier>(&tier, &Limits::default()).unwrap_err();
    assert!(
        matches!(error, DecodeError::UnknownVariant { .. }),
        "{error}"
    );
}
