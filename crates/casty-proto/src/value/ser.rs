//! The serializer that makes a [`Value`] of any serde value, by the conventions of all codecs.

use std::sync::Arc;

use serde::ser::{Error as _, Serialize, Serializer};

use super::Value;
use super::side_channel::{VALUE, take};
use crate::class_name::{OTHER_VARIANT, TUPLE_STRUCT, TUPLE_VARIANT, is_class, with_dots};
use crate::forward::{forward_compound, forward_serializer};
use crate::{ActorRef, EncodeError, Limits, reference, sets};

/// The name of the "codec" in errors about values that have no form here.
const NAME: &str = "a value";

/// Returns the [`Value`] that `value` stands for, for codecs of your own: a type with a dotted
/// serde name becomes an object or an enum's member of that class, and so on; see
/// [`Codec`](crate::Codec).
///
/// # Errors
/// As for the built-in codecs: a struct without a dotted name, `flatten`, nesting beyond
/// [`Limits::MAX_DEPTH`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, EncodeError> {
    value.serialize(Ser { depth: 0 })
}

/// The serializer of one value, around which `depth` containers are open.
#[derive(Clone, Copy)]
struct Ser {
    depth: usize,
}

/// Returns the class that a serde name names.
fn class(name: &str) -> Result<Arc<str>, EncodeError> {
    if is_class(name) {
        return Ok(with_dots(name).into());
    }
    Err(EncodeError::NoClass { name: name.into() })
}

fn unsupported(what: &'static str) -> EncodeError {
    EncodeError::Unsupported { codec: NAME, what }
}

impl Ser {
    /// Returns the serializer one level deeper.
    fn nested(self) -> Result<Self, EncodeError> {
        let depth = self.depth + 1;
        if depth > Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        Ok(Self { depth })
    }

    fn compound(self, parts: Collected) -> Result<Compound, EncodeError> {
        Ok(Compound {
            ser: self.nested()?,
            parts,
        })
    }

    fn empty_object(self, name: &str) -> Result<Value, EncodeError> {
        self.object(name, 0)?.finish()
    }

    fn unit_variant(self, name: &str, variant: &str) -> Result<Value, EncodeError> {
        if is_class(variant) {
            return self.empty_object(variant);
        }
        Ok(Value::member(class(name)?, variant))
    }

    fn newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &str,
        value: &T,
    ) -> Result<Value, EncodeError> {
        if name == VALUE {
            return take().ok_or_else(|| EncodeError::custom("a value of a foreign type"));
        }
        if is_class(name) {
            return Err(unsupported(TUPLE_STRUCT));
        }
        let inner = value.serialize(self)?;
        Ok(match (name, inner) {
            (reference::REF, Value::Str(uri)) => Value::Ref(ActorRef::from_wire(uri)),
            (sets::TUPLE, Value::List(items)) => Value::Tuple(items),
            (sets::FROZEN_SET, Value::List(items)) => Value::FrozenSet(items),
            (sets::SET, Value::List(items)) => Value::Set(items),
            (_, inner) => inner,
        })
    }

    fn newtype_variant<T: Serialize + ?Sized>(
        self,
        variant: &str,
        value: &T,
    ) -> Result<Value, EncodeError> {
        let expected = class(variant)?;
        match value.serialize(self)? {
            Value::Object(object) if object.class == expected => Ok(Value::Object(object)),
            _ => Err(unsupported(OTHER_VARIANT)),
        }
    }

    fn seq(self, _len: Option<usize>) -> Result<Compound, EncodeError> {
        self.compound(Collected::List(Vec::new()))
    }

    fn tuple(self, _len: usize) -> Result<Compound, EncodeError> {
        self.compound(Collected::Tuple(Vec::new()))
    }

    fn tuple_struct(self, name: &str, len: usize) -> Result<Compound, EncodeError> {
        if is_class(name) {
            return Err(unsupported(TUPLE_STRUCT));
        }
        self.tuple(len)
    }

    #[expect(clippy::unused_self, reason = "an arm like the others")]
    fn tuple_variant(self, variant: &str, _len: usize) -> Result<Compound, EncodeError> {
        class(variant)?;
        Err(unsupported(TUPLE_VARIANT))
    }

    fn map(self, len: Option<usize>) -> Result<Compound, EncodeError> {
        // Plain maps know their length; this is what tells them from a flattened struct, whose
        // class would be lost.
        let len = len.ok_or(unsupported(
            "a map of unknown length, such as a struct with #[serde(flatten)]",
        ))?;
        self.compound(Collected::Dict {
            pairs: Vec::new(),
            key: None,
            len,
        })
    }

    fn object(self, name: &str, _len: usize) -> Result<Compound, EncodeError> {
        self.compound(Collected::Object(class(name)?, Vec::new()))
    }
}

/// A container that is being collected.
struct Compound {
    ser: Ser,
    parts: Collected,
}

/// The parts of a container that were written so far.
enum Collected {
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Object(Arc<str>, Vec<(Arc<str>, Value)>),
    Dict {
        pairs: Vec<(Value, Value)>,
        /// The key whose value must follow.
        key: Option<Value>,
        /// The number of entries that was announced.
        len: usize,
    },
}

impl Compound {
    fn element<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Collected::List(items) | Collected::Tuple(items) = &mut self.parts {
            items.push(part);
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Collected::Object(_, fields) = &mut self.parts {
            fields.push((name.into(), part));
        }
        Ok(())
    }

    fn key<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Collected::Dict { key, .. } = &mut self.parts {
            *key = Some(part);
        }
        Ok(())
    }

    fn entry_value<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Collected::Dict { pairs, key, .. } = &mut self.parts {
            let key = key.take();
            let key = key.ok_or_else(|| EncodeError::custom("a map's value without its key"))?;
            pairs.push((key, part));
        }
        Ok(())
    }

    fn finish(self) -> Result<Value, EncodeError> {
        Ok(match self.parts {
            Collected::List(items) => Value::List(items.into()),
            Collected::Tuple(items) => Value::Tuple(items.into()),
            Collected::Object(class, fields) => Value::object(class, fields),
            Collected::Dict { pairs, key, len } if key.is_none() && pairs.len() == len => {
                Value::Dict(pairs.into())
            }
            Collected::Dict { .. } => {
                return Err(EncodeError::custom(
                    "a Serialize implementation announced another number of parts than it wrote",
                ));
            }
        })
    }
}

forward_compound! { [] Compound, Value }

macro_rules! scalars {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<Value, EncodeError> {
            Ok(Value::from(value))
        }
    )*};
}

impl Serializer for Ser {
    forward_serializer!(Value, Compound);

    scalars! {
        serialize_bool bool,
        serialize_i8 i8,
        serialize_i16 i16,
        serialize_i32 i32,
        serialize_i64 i64,
        serialize_i128 i128,
        serialize_u8 u8,
        serialize_u16 u16,
        serialize_u32 u32,
        serialize_u64 u64,
        serialize_u128 u128,
        serialize_f64 f64,
        serialize_str &str,
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, EncodeError> {
        Ok(Value::bytes(value))
    }

    fn serialize_unit(self) -> Result<Value, EncodeError> {
        Ok(Value::None)
    }
}
