//! A serializer of one's own: Casty's JSON notation, which carries everything that pickle does,
//! turned into a `Codec` that typed messages go through like through any other.
//!
//! ```sh
//! cargo run -p casty-proto --example custom_codec
//! ```

use std::error::Error;

use casty_proto::value::TimeDelta;
use casty_proto::{
    ActorRef, Codec, DecodeError, EncodeError, FrozenSet, Limits, Value, ValueCodec,
};
use serde::{Deserialize, Serialize};

/// Writes and reads the notation.
struct Notation;

impl ValueCodec for Notation {
    fn name(&self) -> &'static str {
        "notation"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let text = value.to_notation().map_err(serde::ser::Error::custom)?;
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn decode(&self, input: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
        let text = std::str::from_utf8(input).map_err(serde::de::Error::custom)?;
        Value::from_notation(text, limits).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
    tags: FrozenSet<String>,
    within: TimeDelta,
    reply_to: ActorRef<i64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let codec = Codec::custom(&Notation);
    let deposit = Deposit {
        amount: 5,
        tags: ["gift".to_owned()].into_iter().collect(),
        within: TimeDelta {
            days: 1,
            seconds: 0,
            microseconds: 0,
        },
        reply_to: ActorRef::new("casty://bank@10.0.1.10:25520/teller")?,
    };
    let mut bytes = Vec::new();
    let hint = codec.encode(&deposit, &mut bytes)?;
    println!("{hint}: {}", String::from_utf8_lossy(&bytes));
    let read: Deposit = codec.decode(&bytes, &Limits::default())?;
    assert_eq!(read, deposit);
    println!("{read:?}");
    Ok(())
}
