//! Writes any serde value, whatever its shapes become.

use num_bigint::BigInt;
use serde::ser::{Error as _, Serialize, Serializer};

use super::super::TypeHint;
use super::marker;
use super::target::{Shape, Target, unsupported};
#[cfg(feature = "protobuf")]
use crate::protobuf;
use crate::value::{VALUE, take};
use crate::{EncodeError, Limits, reference, sets};

mod compound;

use compound::Compound;

/// Writes a whole value and tells its class.
pub(crate) fn encode<T: Serialize + ?Sized, S: Target>(
    value: &T,
    sink: S,
) -> Result<TypeHint, EncodeError> {
    let mut writer = Writer {
        sink,
        depth: 0,
        opening: Opening::Root,
        hint: TypeHint::Borrowed("builtins.object"),
    };
    value.serialize(&mut writer)?;
    writer.sink.finish();
    Ok(writer.hint)
}

/// The serializer.
pub(crate) struct Writer<S> {
    sink: S,
    depth: usize,
    opening: Opening,
    hint: TypeHint,
}

/// What the next value must be told or held against.
#[derive(Clone, Copy)]
enum Opening {
    /// Nothing: it is somewhere inside another.
    Inside,
    /// It is the outermost one, whose class is the type hint.
    Root,
    /// It is the content of a newtype variant and must be of this class.
    Variant(&'static str),
    /// It is the sequence in a collection of this shape.
    Shaped(Shape),
}

impl<S: Target> Writer<S> {
    /// Begins a value of a builtin class.
    #[inline]
    fn builtin(&mut self, class: &'static str) -> Result<(), EncodeError> {
        if matches!(self.opening, Opening::Inside) {
            return Ok(());
        }
        self.open(TypeHint::Borrowed(class))
    }

    #[cold]
    fn open(&mut self, class: TypeHint) -> Result<(), EncodeError> {
        match std::mem::replace(&mut self.opening, Opening::Inside) {
            Opening::Root => self.hint = class,
            Opening::Variant(variant) if marker::same_class(variant, &class) => {}
            Opening::Variant(_) => {
                return Err(unsupported::<S>(
                    "a variant with a dotted name around anything but the dataclass of that name",
                ));
            }
            Opening::Inside | Opening::Shaped(_) => {}
        }
        Ok(())
    }

    /// Begins a value of the class with this serde name.
    #[inline]
    fn class(&mut self, name: &'static str) -> Result<(), EncodeError> {
        if !marker::is_class(name) {
            return Err(no_class(name));
        }
        if matches!(self.opening, Opening::Inside) {
            return Ok(());
        }
        self.open(marker::written(name))
    }

    #[inline]
    fn enter(&mut self) -> Result<(), EncodeError> {
        self.depth += 1;
        if self.depth > Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        Ok(())
    }

    fn seq(&mut self, len: Option<usize>) -> Result<Compound<'_, S>, EncodeError> {
        if let Opening::Shaped(shape) = self.opening {
            self.opening = Opening::Inside;
            return self.shape(shape, len);
        }
        self.builtin("builtins.list")?;
        self.shape(Shape::List, len)
    }

    fn shape(&mut self, shape: Shape, len: Option<usize>) -> Result<Compound<'_, S>, EncodeError> {
        self.enter()?;
        let open = self.sink.open(shape, len)?;
        Ok(Compound::new(self, Some(shape), open, len))
    }

    fn tuple(&mut self, len: usize) -> Result<Compound<'_, S>, EncodeError> {
        self.builtin("builtins.tuple")?;
        self.shape(Shape::Tuple, Some(len))
    }

    fn object(&mut self, class: &'static str, len: usize) -> Result<Compound<'_, S>, EncodeError> {
        self.class(class)?;
        self.enter()?;
        let open = self.sink.open_object(&marker::written(class), len)?;
        Ok(Compound::new(self, None, open, Some(len)))
    }

    fn empty_object(&mut self, class: &'static str) -> Result<(), EncodeError> {
        self.object(class, 0)?.finish()
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        self.builtin("builtins.int")?;
        self.sink.big(value)
    }

    /// Writes what is laid down in the handoff.
    fn value(&mut self) -> Result<(), EncodeError> {
        let value = take().ok_or_else(|| EncodeError::custom("a value of a foreign type"))?;
        if !matches!(self.opening, Opening::Inside) {
            self.open(TypeHint::Owned(
                marker::written(value.class_name()).into_owned(),
            ))?;
        }
        self.sink.value(&value, self.depth)
    }

    /// Writes the content of one of the newtypes that all codecs know.
    fn collection<T: Serialize + ?Sized>(
        &mut self,
        class: &'static str,
        shape: Shape,
        items: &T,
    ) -> Result<(), EncodeError> {
        self.builtin(class)?;
        self.opening = Opening::Shaped(shape);
        items.serialize(self)
    }
}

#[cold]
fn no_class(name: &str) -> EncodeError {
    EncodeError::NoClass { name: name.into() }
}

macro_rules! ints {
    ($($method:ident $type:ty => $write:ident;)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.builtin("builtins.int")?;
            self.sink.$write(value.into());
            Ok(())
        }
    )*};
}

impl<'a, S: Target> Serializer for &'a mut Writer<S> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a, S>;
    type SerializeTuple = Compound<'a, S>;
    type SerializeTupleStruct = Compound<'a, S>;
    type SerializeTupleVariant = Compound<'a, S>;
    type SerializeMap = Compound<'a, S>;
    type SerializeStruct = Compound<'a, S>;
    type SerializeStructVariant = Compound<'a, S>;

    ints! {
        serialize_i8 i8 => int;
        serialize_i16 i16 => int;
        serialize_i32 i32 => int;
        serialize_i64 i64 => int;
        serialize_u8 u8 => uint;
        serialize_u16 u16 => uint;
        serialize_u32 u32 => uint;
        serialize_u64 u64 => uint;
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.builtin("builtins.bool")?;
        self.sink.bool(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => self.big(&value.into()),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => self.big(&value.into()),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.builtin("builtins.float")?;
        self.sink.float(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.builtin("builtins.str")?;
        self.sink.str(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.builtin("builtins.bytes")?;
        self.sink.bytes(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.builtin("builtins.NoneType")?;
        self.sink.null();
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), EncodeError> {
        self.empty_object(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        if marker::is_class(variant) {
            return self.empty_object(variant);
        }
        self.class(name)?;
        self.sink.member(&marker::written(name), variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match name {
            VALUE => self.value(),
            reference::REF => {
                self.builtin("casty.remote.ref.RemoteActorRef")?;
                self.sink.open_ref()?;
                value.serialize(&mut *self)?;
                self.sink.close_ref();
                Ok(())
            }
            sets::TUPLE => self.collection("builtins.tuple", Shape::Tuple, value),
            sets::FROZEN_SET => self.collection("builtins.frozenset", Shape::FrozenSet, value),
            sets::SET => self.collection("builtins.set", Shape::Set, value),
            #[cfg(feature = "protobuf")]
            protobuf::ANY => {
                self.builtin(protobuf::ANY_CLASS)?;
                self.sink.any()?;
                value.serialize(self)
            }
            _ if marker::is_class(name) => Err(unsupported::<S>(
                "a tuple struct as a dataclass: its fields have no names",
            )),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.class(variant)?;
        self.opening = Opening::Variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, S>, EncodeError> {
        self.seq(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, S>, EncodeError> {
        self.tuple(len)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, EncodeError> {
        if marker::is_class(name) {
            return Err(unsupported::<S>(
                "a tuple struct as a dataclass: its fields have no names",
            ));
        }
        self.tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, S>, EncodeError> {
        self.class(variant)?;
        Err(unsupported::<S>(
            "a tuple variant as a dataclass: its fields have no names",
        ))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a, S>, EncodeError> {
        // Plain maps know their length; this is what tells them from a flattened struct, whose
        // class would be lost.
        let len = len.ok_or(unsupported::<S>(
            "a map of unknown length, such as a struct with #[serde(flatten)]",
        ))?;
        self.builtin("builtins.dict")?;
        self.shape(Shape::Dict, Some(len))
    }

    #[inline]
    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, EncodeError> {
        self.object(name, len)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, EncodeError> {
        self.object(variant, len)
    }
}
