//! The messages of the nodes' application (`counter_app` and `interop_app`), as a Rust program
//! declares them.

use casty_client::{ActorRef, StreamProducerMessage};
use serde::{Deserialize, Serialize};

pub(crate) mod kinds;

macro_rules! messages {
    ($($class:literal $name:ident $(<$of:ident>)? { $($field:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename = $class)]
        pub(crate) struct $name $(<$of>)? { $(pub(crate) $field: $type),* }
    )*};
}

messages! {
    "counter_app.messages.Increment" Increment { amount: i64 }
    "counter_app.messages.GetCount" GetCount { reply_to: ActorRef<i64> }
    "counter_app.messages.SendTo" SendTo { target: ActorRef<Event>, count: u32 }
    "counter_app.messages.Event" Event { seq: u32, text: String }
    "counter_app.messages.Greet" Greet { name: String, reply_to: ActorRef<String> }
    "interop_app.messages.Append" Append { number: u32 }
    "interop_app.messages.GetLog" GetLog { reply_to: ActorRef<Vec<u32>> }
    "interop_app.messages.GetNode" GetNode { reply_to: ActorRef<String> }
    "interop_app.messages.Next" Next { reply_to: ActorRef<String> }
    "interop_app.messages.AskOn" AskOn { target: ActorRef<Greet>, name: String, reply_to: ActorRef<String> }
    "interop_app.messages.PriceUpdate" PriceUpdate { symbol: String, price: f64 }
    "interop_app.messages.Produce" Produce {
        name: String, count: u32, buffer_size: u32, reply_to: ActorRef<Producer<i64>>
    }
    "interop_app.messages.ProducePrices" ProducePrices {
        name: String, reply_to: ActorRef<Producer<PriceUpdate>>
    }
    "interop_app.messages.StartProducer" StartProducer {
        name: String, buffer_size: u32, reply_to: ActorRef<Producer<i64>>
    }
}

/// The reference to a producer of a stream.
pub(crate) type Producer<T> = ActorRef<StreamProducerMessage<T>>;

/// Asks a node to read a producer.
#[derive(Debug, Serialize)]
#[serde(rename = "interop_app.messages.Consume", bound = "")]
pub(crate) struct Consume<T> {
    pub(crate) producer: Producer<T>,
    pub(crate) take: u32,
    pub(crate) timeout: f64,
    pub(crate) reply_to: ActorRef<Consumed<T>>,
}

/// The elements that a node has read, and how long that took.
#[derive(Debug, Deserialize)]
#[serde(rename = "interop_app.messages.Consumed")]
pub(crate) struct Consumed<T> {
    pub(crate) elements: Vec<T>,
    pub(crate) seconds: f64,
}

/// Asks an entity to answer with `value`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename = "counter_app.messages.Echo",
    bound = "V: Serialize + serde::de::DeserializeOwned"
)]
pub(crate) struct Echo<V> {
    pub(crate) value: V,
    pub(crate) reply_to: ActorRef<V>,
}

/// Asks for the sample of that name.
#[derive(Debug, Serialize)]
#[serde(rename = "interop_app.messages.GetSample", bound = "")]
pub(crate) struct GetSample<V> {
    pub(crate) name: &'static str,
    pub(crate) reply_to: ActorRef<V>,
}

/// Asks for what nobody can import: an `instance`, or a `lambda`.
#[derive(Debug, Serialize)]
#[serde(rename = "interop_app.messages.GetByValue", bound = "")]
pub(crate) struct GetByValue<V> {
    pub(crate) kind: &'static str,
    pub(crate) reply_to: ActorRef<V>,
}

/// Asks in what a value differs from the sample of that name.
#[derive(Debug, Serialize)]
#[serde(rename = "interop_app.messages.CheckSample")]
pub(crate) struct CheckSample<V> {
    pub(crate) name: &'static str,
    pub(crate) value: V,
    pub(crate) reply_to: ActorRef<Option<String>>,
}
