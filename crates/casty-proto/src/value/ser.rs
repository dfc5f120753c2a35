//! Makes a [`Value`] of any serde value, by the conventions of all codecs.

use std::sync::Arc;

use serde::ser::{self, Error as _, Serialize, Serializer};

use super::{VALUE, Value, take};
use crate::{ActorRef, EncodeError, Limits, reference, sets};

/// What the error of a value that has no form is told of.
const NAME: &str = "a value";

/// The [`Value`] that `value` is on the wire, for codecs of your own: a type with a dotted serde
/// name becomes an object or an enum's member of that class, and so on; see
/// [`Codec`](crate::Codec).
///
/// # Errors
/// As for the built-in codecs: a struct without a dotted name, `flatten`, nesting beyond
/// [`Limits::MAX_DEPTH`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, EncodeError> {
    value.serialize(Ser { depth: 0 })
}

/// The serializer; `depth` containers are open around it.
#[derive(Clone, Copy)]
struct Ser {
    depth: usize,
}

/// Whether a serde name is the name of a Python class.
pub(super) fn is_class(name: &str) -> bool {
    name.contains('.')
}

/// A serde name as a qualified name: its colon is for pickle only.
pub(super) fn class_name(name: &str) -> String {
    name.replace(':', ".")
}

fn class(name: &str) -> Result<Arc<str>, EncodeError> {
    if is_class(name) {
        return Ok(class_name(name).into());
    }
    Err(EncodeError::NoClass { name: name.into() })
}

fn unsupported(what: &'static str) -> EncodeError {
    EncodeError::Unsupported { codec: NAME, what }
}

const NO_NAMES: &str = "a tuple struct as a dataclass: its fields have no names";

impl Ser {
    fn inside(self) -> Result<Self, EncodeError> {
        let depth = self.depth + 1;
        if depth > Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        Ok(Self { depth })
    }

    fn compound(self, parts: Parts) -> Result<Compound, EncodeError> {
        Ok(Compound {
            ser: self.inside()?,
            parts,
        })
    }

    fn object(self, name: &str) -> Result<Compound, EncodeError> {
        self.compound(Parts::Object(class(name)?, Vec::new()))
    }
}

/// A container that is being made.
struct Compound {
    ser: Ser,
    parts: Parts,
}

enum Parts {
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Object(Arc<str>, Vec<(Arc<str>, Value)>),
    Dict {
        pairs: Vec<(Value, Value)>,
        /// The key whose value must follow.
        key: Option<Value>,
        /// How many entries were announced.
        len: usize,
    },
}

impl Compound {
    fn push<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Parts::List(items) | Parts::Tuple(items) = &mut self.parts {
            items.push(part);
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Parts::Object(_, fields) = &mut self.parts {
            fields.push((name.into(), part));
        }
        Ok(())
    }

    fn finish(self) -> Result<Value, EncodeError> {
        Ok(match self.parts {
            Parts::List(items) => Value::List(items.into()),
            Parts::Tuple(items) => Value::Tuple(items.into()),
            Parts::Object(class, fields) => Value::object(class, fields),
            Parts::Dict { pairs, key, len } if key.is_none() && pairs.len() == len => {
                Value::Dict(pairs.into())
            }
            Parts::Dict { .. } => {
                return Err(EncodeError::custom(
                    "a Serialize implementation announced another number of parts than it wrote",
                ));
            }
        })
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident)*) => {$(
        impl ser::$trait for Compound {
            type Ok = Value;
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
                self.push(part)
            }

            fn end(self) -> Result<Value, EncodeError> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Compound {
            type Ok = Value;
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                part: &T,
            ) -> Result<(), EncodeError> {
                self.field(name, part)
            }

            fn end(self) -> Result<Value, EncodeError> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Compound {
    type Ok = Value;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Parts::Dict { key, .. } = &mut self.parts {
            *key = Some(part);
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), EncodeError> {
        let part = part.serialize(self.ser)?;
        if let Parts::Dict { pairs, key, .. } = &mut self.parts {
            let key = key.take();
            let key = key.ok_or_else(|| EncodeError::custom("a map's value without its key"))?;
            pairs.push((key, part));
        }
        Ok(())
    }

    fn end(self) -> Result<Value, EncodeError> {
        self.finish()
    }
}

macro_rules! plain {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<Value, EncodeError> {
            Ok(Value::from(value))
        }
    )*};
}

impl Serializer for Ser {
    type Ok = Value;
    type Error = EncodeError;
    type SerializeSeq = Compound;
    type SerializeTuple = Compound;
    type SerializeTupleStruct = Compound;
    type SerializeTupleVariant = Compound;
    type SerializeMap = Compound;
    type SerializeStruct = Compound;
    type SerializeStructVariant = Compound;

    plain! {
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
        serialize_f32 f32,
        serialize_f64 f64,
        serialize_char char,
        serialize_str &str,
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, EncodeError> {
        Ok(Value::bytes(value))
    }

    fn serialize_none(self) -> Result<Value, EncodeError> {
        Ok(Value::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, EncodeError> {
        Ok(Value::None)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Value, EncodeError> {
        self.object(name)?.finish()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, EncodeError> {
        if is_class(variant) {
            return self.object(variant)?.finish();
        }
        Ok(Value::member(class(name)?, variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, EncodeError> {
        if name == VALUE {
            return take().ok_or_else(|| EncodeError::custom("a value of a foreign type"));
        }
        if is_class(name) {
            return Err(unsupported(NO_NAMES));
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

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, EncodeError> {
        let expected = class(variant)?;
        match value.serialize(self)? {
            Value::Object(object) if object.class == expected => Ok(Value::Object(object)),
            _ => Err(unsupported(
                "a variant with a dotted name around anything but the dataclass of that name",
            )),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound, EncodeError> {
        self.compound(Parts::List(Vec::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound, EncodeError> {
        self.compound(Parts::Tuple(Vec::new()))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound, EncodeError> {
        if is_class(name) {
            return Err(unsupported(NO_NAMES));
        }
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound, EncodeError> {
        class(variant)?;
        Err(unsupported(
            "a tuple variant as a dataclass: its fields have no names",
        ))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound, EncodeError> {
        // Plain maps know their length; this is what tells them from a flattened struct, whose
        // class would be lost.
        let len = len.ok_or(unsupported(
            "a map of unknown length, such as a struct with #[serde(flatten)]",
        ))?;
        self.compound(Parts::Dict {
            pairs: Vec::new(),
            key: None,
            len,
        })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound, EncodeError> {
        self.object(name)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound, EncodeError> {
        self.object(variant)
    }
}
