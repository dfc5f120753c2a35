//! A prost message of your own inside a message to an actor, in the protobuf serializer.
//!
//! ```sh
//! cargo run -p casty-proto --features protobuf --example protobuf_message
//! ```

use std::error::Error;

use casty_proto::protobuf::{Any, prost, v1};
use casty_proto::{Codec, Limits, Value};
use prost::Message;
use serde::{Deserialize, Serialize};

/// As prost-build makes it of a `.proto` file of yours, with `Config::enable_type_names`.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "prost")]
struct Rate {
    #[prost(double, tag = "1")]
    value: f64,
}

impl prost::Name for Rate {
    const NAME: &'static str = "Rate";
    const PACKAGE: &'static str = "bank.v1";
}

/// A dataclass of the nodes' application, with such a message in it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "bank.SetRate")]
struct SetRate {
    account: String,
    rate: Any<Rate>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let codec = Codec::protobuf();
    let message = SetRate {
        account: "alice".to_owned(),
        rate: Any(Rate { value: 0.025 }),
    };
    let mut bytes = Vec::new();
    let class = codec.encode(&message, &mut bytes)?;
    println!("{class}: {} bytes", bytes.len());

    let typed: SetRate = codec.decode(&bytes, &Limits::default())?;
    println!("as its type: {typed:?}");
    let value: Value = codec.decode(&bytes, &Limits::default())?;
    println!("as any value: {value}");
    // Whoever has the schema reads it without this crate.
    println!("by the schema: {:?}", v1::Value::decode(bytes.as_slice())?);
    Ok(())
}
