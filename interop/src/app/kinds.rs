//! A class of every kind that dataclasses and enums come in, and those with a field of every type.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bytes::Bytes;
use casty_client::{ActorRef, Value};
use casty_proto::value::{
    BigInt, ByteArray, Complex, Date, DateTime, Decimal, Time, TimeDelta, Uuid,
};
use casty_proto::{FrozenSet, Set, Tuple};
use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($class:literal $name:ident { $($field:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(rename = $class)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }
    )*};
}

classes! {
    "counter_app.messages.Point" Point { x: i64, y: i64 }
    "counter_app.messages.MutablePoint" MutablePoint { x: i64, y: i64 }
    "counter_app.messages.SlotPoint" SlotPoint { x: i64, y: i64 }
    "counter_app.messages.MutableSlotPoint" MutableSlotPoint { x: i64, y: i64 }
    "counter_app.messages.WithDefaults" WithDefaults {
        name: String, retries: u8, tags: Tuple<String>, meta: BTreeMap<String, Value>
    }
    "counter_app.messages.Empty" Empty {}
    "counter_app.messages.Outer.Inner" Inner { v: i64 }
    "interop_app.messages.Keywords" Keywords { first: u8, second: String }
    "interop_app.messages.KeywordSlots" KeywordSlots { first: u8, second: String }
    // Python computes the area: its constructor does not take one.
    "interop_app.messages.Computed" Computed { side: i64 }
}

/// The aliases are the members' values, by which Python pickles them.
macro_rules! enums {
    ($($class:literal $name:ident { $($member:ident $python:literal $value:literal),* })*) => {$(
        #[derive(Debug, Clone, Copy, Serialize, Deserialize)]
        #[serde(rename = $class)]
        pub(crate) enum $name {
            $(#[serde(rename = $python, alias = $value)] $member),*
        }
    )*};
}

enums! {
    "counter_app.messages.Color" Color {
        Red "RED" "1", Green "GREEN" "green", Blue "BLUE" "(0, 0, 255)"
    }
    "counter_app.messages.Level" Level { Low "LOW" "1", High "HIGH" "2" }
    "counter_app.messages.Perm" Perm { R "R" "1", W "W" "2" }
}

/// A class that has these fields behind those of [`JsonSafe`].
macro_rules! everything {
    ($class:literal $name:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(rename = $class)]
        pub(crate) struct $name {
            pub(crate) none: (),
            pub(crate) yes: bool,
            pub(crate) no: bool,
            pub(crate) small: u8,
            pub(crate) neg: i8,
            pub(crate) i8: i8,
            pub(crate) u16: u16,
            pub(crate) i32: i32,
            pub(crate) i64: i64,
            pub(crate) bigint: BigInt,
            pub(crate) negbig: BigInt,
            pub(crate) f: f64,
            pub(crate) ninf: f64,
            pub(crate) nan: f64,
            pub(crate) text: String,
            pub(crate) empty_text: String,
            pub(crate) lst: Vec<Value>,
            pub(crate) tup: (u8, char, (u8, u8), f64),
            pub(crate) empty_tup: Tuple<u8>,
            pub(crate) t1: (u8,),
            pub(crate) t2: (u8, u8),
            pub(crate) t3: [u8; 3],
            pub(crate) t4: Tuple<u8>,
            pub(crate) dct: BTreeMap<String, Value>,
            pub(crate) intkeys: BTreeMap<Reverse<i64>, String>,
            pub(crate) tupkeys: BTreeMap<(u8, u8), String>,
            pub(crate) fset: FrozenSet<String>,
            pub(crate) empty_fset: FrozenSet<String>,
            pub(crate) color: Color,
            pub(crate) level: Level,
            pub(crate) perm: Perm,
            pub(crate) point: Point,
            pub(crate) mpoint: MutablePoint,
            pub(crate) slot: SlotPoint,
            pub(crate) mslot: MutableSlotPoint,
            pub(crate) dflt: WithDefaults,
            pub(crate) empty: Empty,
            pub(crate) inner: Inner,
            #[serde(rename = "ref")]
            pub(crate) actor: ActorRef<()>,
            $(pub(crate) $field: $type),*
        }
    };
}

everything! { "counter_app.messages.JsonSafe" JsonSafe {} }
everything! { "counter_app.messages.MsgpackSafe" MsgpackSafe { data: Bytes } }
everything! { "counter_app.messages.Everything" Everything {
    data: Bytes,
    big_data: Bytes,
    barr: ByteArray,
    st: Set<u8>,
    empty_st: Set<u8>,
    when: DateTime,
    when_utc: DateTime,
    day: Date,
    tod: Time,
    delta: TimeDelta,
    uid: Uuid,
    dec: Decimal,
    cplx: Complex,
    shared_a: Vec<u8>,
    shared_b: Vec<u8>
} }
