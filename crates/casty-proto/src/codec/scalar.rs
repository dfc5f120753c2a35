//! Messages that are one scalar, as many replies are: they are read without all that others need.
//!
//! Each codec finds such a message by its first bytes ([`Find`]). What this reader does not know, in
//! the message or in the type that is asked for, and all that is wrong, is left to the codec's whole
//! reader, whose answers are the same.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::value::{VALUE, hand_over};
use crate::{Limits, Value};

/// A message that is one scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'de> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'de str),
}

/// The way in which a codec finds a scalar that is the whole input; `None` if it is another message,
/// malformed, or spelled as is seldom done.
pub(super) type Find = for<'de> fn(&'de [u8]) -> Option<Scalar<'de>>;

/// Reads an input that is one scalar; `None` if that is for the whole reader.
#[inline]
pub(super) fn read<T: DeserializeOwned>(input: &[u8], limits: &Limits, find: Find) -> Option<T> {
    if limits.items == 0 || input.len() > limits.bytes {
        return None;
    }
    let scalar = find(input)?;
    let inside = false;
    T::deserialize(Only { scalar, inside }).ok()
}

/// Returns a short text; `None` if it is longer, or no UTF-8.
pub(super) fn short_text(bytes: &[u8]) -> Option<Scalar<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.len() <= 255).then_some(Scalar::Str(text))
}

/// The deserializer of a scalar.
struct Only<'de> {
    scalar: Scalar<'de>,
    /// Set in a newtype or an `Option`. A type may wrap nothing but itself, so that is done once here.
    inside: bool,
}

impl Only<'_> {
    /// Returns the deserializer for the type in a type.
    #[inline]
    fn again(self) -> Result<Self, ForWhole> {
        if self.inside {
            return Err(ForWhole);
        }
        Ok(Self {
            inside: true,
            ..self
        })
    }
}

/// The methods for types of which no scalar is one, or not by itself alone.
macro_rules! for_whole {
    ($($method:ident($($argument:ty),*))*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, ForWhole> {
            Err(ForWhole)
        })*
    };
}

impl<'de> Deserializer<'de> for Only<'de> {
    type Error = ForWhole;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForWhole> {
        match self.scalar {
            Scalar::None => visitor.visit_unit(),
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Int(value) => visitor.visit_i64(value),
            Scalar::Float(value) => visitor.visit_f64(value),
            Scalar::Str(text) => visitor.visit_str(text),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForWhole> {
        match self.scalar {
            Scalar::None => visitor.visit_none(),
            _ => visitor.visit_some(self.again()?),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ForWhole> {
        if name == VALUE {
            return hand_over(self.scalar.into(), visitor);
        }
        // All other names with a meaning have one of these characters.
        if name.contains(['.', ':', '$']) {
            return Err(ForWhole);
        }
        visitor.visit_newtype_struct(self.again()?)
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForWhole> {
        visitor.visit_unit()
    }

    for_whole! {
        deserialize_unit_struct(&'static str)
        deserialize_seq()
        deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize)
        deserialize_map()
        deserialize_struct(&'static str, &'static [&'static str])
        deserialize_enum(&'static str, &'static [&'static str])
        deserialize_identifier()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::None => Self::None,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Float(value) => Self::Float(value),
            Scalar::Str(text) => text.into(),
        }
    }
}

/// The answer that only the whole reader knows; it is never shown.
#[derive(Debug)]
struct ForWhole;

impl fmt::Display for ForWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the whole reader knows")
    }
}

impl std::error::Error for ForWhole {}

impl de::Error for ForWhole {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(all(test, feature = "json", feature = "msgpack", feature = "pickle"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde::{Deserialize, Serialize};

    use super::super::{Codec, pickle, tree};
    use super::*;
    use crate::{ActorRef, DecodeError, FrozenSet};

    #[derive(Debug, Deserialize)]
    struct Newtype(#[allow(dead_code, reason = "for its Debug")] i64);

    #[derive(Debug, Deserialize)]
    #[serde(rename = "bank.Dotted")]
    struct Dotted(#[allow(dead_code, reason = "for its Debug")] i64);

    #[derive(Debug, Deserialize)]
    struct Unit;

    #[derive(Debug, Deserialize)]
    struct Fields {
        #[allow(dead_code, reason = "for its Debug")]
        a: i64,
    }

    #[derive(Debug, Deserialize)]
    enum Variants {
        #[serde(alias = "1")]
        A,
    }

    /// A type that wraps nothing but itself.
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct Endless(#[allow(dead_code, reason = "for its Debug")] Option<Box<Endless>>);

    fn codecs() -> [(Codec, Find); 3] {
        [
            (Codec::pickle(), pickle::only),
            (Codec::json(), tree::only_json),
            (Codec::msgpack(), tree::only_msgpack),
        ]
    }

    fn whole<T: DeserializeOwned>(codec: Codec, input: &[u8]) -> Result<T, DecodeError> {
        let limits = Limits::default();
        if codec == Codec::json() {
            tree::decode_whole_json(input, &limits)
        } else if codec == Codec::msgpack() {
            tree::decode_whole_msgpack(input, &limits)
        } else {
            pickle::decode_whole(input, &limits)
        }
    }

    /// Checks that what is read as a scalar is what the whole reader makes of it.
    fn agree<T: DeserializeOwned + Debug>(input: &[u8]) {
        for (codec, find) in codecs() {
            if let Some(value) = read::<T>(input, &Limits::default(), find) {
                let whole = whole::<T>(codec, input);
                assert_eq!(format!("{whole:?}"), format!("Ok({value:?})"), "{codec:?}");
            }
        }
    }

    fn agree_on_all_types(input: &[u8]) {
        agree::<i64>(input);
        agree::<u8>(input);
        agree::<i128>(input);
        agree::<bool>(input);
        agree::<f64>(input);
        agree::<String>(input);
        agree::<char>(input);
        agree::<()>(input);
        agree::<Option<i64>>(input);
        agree::<Option<Option<i64>>>(input);
        agree::<Option<String>>(input);
        agree::<Newtype>(input);
        agree::<Option<Newtype>>(input);
        agree::<Dotted>(input);
        agree::<Unit>(input);
        agree::<Fields>(input);
        agree::<Variants>(input);
        agree::<Vec<u8>>(input);
        agree::<(i64,)>(input);
        agree::<BTreeMap<String, i64>>(input);
        agree::<FrozenSet<i64>>(input);
        agree::<ActorRef<()>>(input);
        agree::<Value>(input);
        agree::<crate::value::Bytes>(input);
        agree::<IgnoredAny>(input);
    }

    fn input() -> impl Strategy<Value = Vec<u8>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..12);
        let framed = |(frame, scalar): (bool, Vec<u8>)| {
            let frame: &[u8] = if frame {
                b"\x95\x09\0\0\0\0\0\0\0"
            } else {
                b""
            };
            [b"\x80\x05", frame, &scalar, b"."].concat()
        };
        let opcode = prop::sample::select(b"N\x88\x89KMJ\x8aG\x8c\x94X]".to_vec());
        let pickle = (opcode, bytes(), any::<bool>()).prop_map(|(opcode, rest, memo)| {
            let memo: &[u8] = if memo { b"\x94" } else { b"" };
            [&[opcode], &rest[..], memo].concat()
        });
        let text = "\\PC{0,6}|[ -~]{0,3}".prop_map(|text| {
            let len = u8::try_from(text.len()).unwrap_or_default();
            [&[0x8c, len], text.as_bytes()].concat()
        });
        let json = "-?[0-9]{0,20}|-?[0-9]{1,4}(\\.[0-9]{1,2})?(e[0-9])?|\"[ -~é\n]{0,5}\"| ?(null|true|false|nul) ?";
        prop_oneof![
            bytes(),
            (any::<bool>(), prop_oneof![bytes(), pickle, text]).prop_map(framed),
            json.prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_scalar_is_what_the_whole_reader_makes_of_it(input in input()) {
            agree_on_all_types(&input);
        }
    }

    fn scalar<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
        for (codec, find) in codecs() {
            let mut input = Vec::new();
            codec.encode(value, &mut input).unwrap();
            let read_it = |limits: Limits| read::<T>(&input, &limits, find);
            assert_eq!(read_it(Limits::new()).as_ref(), Some(value), "{codec:?}");
            assert_eq!(read_it(Limits::new().with_bytes(input.len() - 1)), None);
            assert_eq!(read_it(Limits::new().with_items(0)), None);
            assert!(read::<Endless>(&input, &Limits::new(), find).is_none());
        }
    }

    #[test]
    fn scalars_are_read_within_the_limits_and_without_the_whole_reader() {
        for int in [
            0,
            1,
            -1,
            127,
            128,
            -128,
            256,
            70_000,
            -70_000,
            1 << 40,
            -(1 << 40),
        ] {
            scalar(&int);
            scalar(&Some(int));
            scalar(&Value::Int(int));
        }
        scalar(&true);
        scalar(&Some(false));
        scalar(&String::from("short"));
        scalar(&Value::from("short"));
    }
}
