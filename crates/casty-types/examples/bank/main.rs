//! Types from Python: a module of messages, the Rust types that were generated from it, and the check that
//! the two have not drifted apart.
//!
//! ```sh
//! cargo run -p casty-types --example bank
//! ```
//!
//! `bank.py` has the messages of an application, and `messages.rs` is what `casty types --out messages.rs
//! bank` wrote of them. Needs no cluster, and for the check a Python of at least 3.12; without one the check
//! is left out.

use std::error::Error;
use std::path::Path;

use casty_client::{Codec, DecodeError, Limits};
use casty_types::{Types, TypesError};
use serde::de::DeserializeOwned;

use messages::{Balance, Currency, Deposit, Message};

#[allow(dead_code, unreachable_pub)]
mod messages;

fn main() -> Result<(), Box<dyn Error>> {
    // A union of dataclasses is an enum. A node reads this as `Deposit(amount=5, currency=Currency.EUR)`.
    let deposit = Message::from(Deposit {
        amount: 5,
        currency: Currency::Eur,
    });
    let mut bytes = Vec::new();
    Codec::json().encode(&deposit, &mut bytes)?;
    println!("{}", String::from_utf8_lossy(&bytes));
    assert_eq!(read::<Message>(&bytes)?, deposit);

    // A node may have another version of the module. A field that is not known is passed over, and one that
    // is missing has the default that Python has for it.
    let newer = br#"{"_type": "bank.Deposit", "amount": 5, "note": "rent"}"#;
    assert_eq!(read::<Message>(newer)?, deposit);
    // Without a default it is an error, which names the field.
    let older =
        br#"{"_type": "bank.Balance", "currency": {"__enum__": "bank.Currency", "value": "EUR"}}"#;
    let error = read::<Balance>(older).err().ok_or("no field is missing")?;
    println!("{error}");
    assert_eq!(error, DecodeError::MissingField { field: "amount" });
    // So it is with a class that the union does not have.
    let unknown = br#"{"_type": "bank.Freeze"}"#;
    let error = read::<Message>(unknown).err().ok_or("the class is known")?;
    println!("{error}");
    assert!(matches!(error, DecodeError::UnknownVariant { .. }));

    check()
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    Codec::json().decode(json, &Limits::default())
}

/// Checks that the types are still what Python has, as a test of a program does.
fn check() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Where casty is installed, its own package is found; here a stand-in will do.
    let types = Types::of(["bank"])
        .path(package.join("examples/bank"))
        .path(package.join("tests/python"));
    let generated = match types.generate() {
        Err(error @ (TypesError::NoPython { .. } | TypesError::TooOld { .. })) => {
            println!("not compared with Python: {error}");
            return Ok(());
        }
        generated => generated?,
    };
    let drift = generated.drift_from(include_str!("messages.rs"));
    for change in &drift {
        println!("{change}");
    }
    if !drift.is_empty() {
        return Err("bank.py has changed, and messages.rs has not".into());
    }
    println!("messages.rs has what bank.py has");
    Ok(())
}
