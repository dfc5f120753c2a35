//! The serializer that writes any serde value, whatever its shapes become.

use num_bigint::BigInt;
use serde::ser::{Error as _, Serialize, Serializer};

use super::sink::unsupported;
use super::target::{Shape, Target};
use crate::class_name::{TUPLE_STRUCT, TUPLE_VARIANT, is_class, with_dots};
use crate::forward::forward_serializer;
#[cfg(feature = "protobuf")]
use crate::protobuf;
use crate::value::{VALUE, take};
use crate::{EncodeError, TypeHint, reference, sets};

mod compound;
mod writer;

use compound::{Compound, Kind};
use writer::{Opening, Writer};

/// Writes a whole value and returns its class.
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

/// Writes a value that is a field of the outermost one.
pub(crate) fn encode_field<T: Serialize + ?Sized, S: Target>(
    value: &T,
    sink: S,
) -> Result<(), EncodeError> {
    let mut writer = Writer {
        sink,
        depth: 1,
        opening: Opening::Inside,
        hint: TypeHint::Borrowed("builtins.object"),
    };
    value.serialize(&mut writer)
}

impl<S: Target> Writer<S> {
    fn unit_variant(
        &mut self,
        name: &'static str,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        if is_class(variant) {
            return self.empty_object(variant);
        }
        self.class(name)?;
        self.sink.member(&with_dots(name), variant)
    }

    fn newtype_struct<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match name {
            VALUE => self.value(),
            reference::REF => {
                self.builtin("casty.remote.ref.RemoteActorRef")?;
                self.sink.open_ref();
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
            _ if is_class(name) => Err(unsupported::<S>(TUPLE_STRUCT)),
            _ => value.serialize(self),
        }
    }

    fn newtype_variant<T: Serialize + ?Sized>(
        &mut self,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.class(variant)?;
        self.opening = Opening::Variant(variant);
        value.serialize(self)
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
        Ok(Compound::new(self, Kind::Container(shape), open, len))
    }

    fn tuple(&mut self, len: usize) -> Result<Compound<'_, S>, EncodeError> {
        self.builtin("builtins.tuple")?;
        self.shape(Shape::Tuple, Some(len))
    }

    fn tuple_struct(
        &mut self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'_, S>, EncodeError> {
        if is_class(name) {
            return Err(unsupported::<S>(TUPLE_STRUCT));
        }
        self.tuple(len)
    }

    fn tuple_variant(
        &mut self,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'_, S>, EncodeError> {
        self.class(variant)?;
        Err(unsupported::<S>(TUPLE_VARIANT))
    }

    fn map(&mut self, len: Option<usize>) -> Result<Compound<'_, S>, EncodeError> {
        // Plain maps know their length; this is what tells them from a flattened struct, whose
        // class would be lost.
        let len = len.ok_or(unsupported::<S>(
            "a map of unknown length, such as a struct with #[serde(flatten)]",
        ))?;
        self.builtin("builtins.dict")?;
        self.shape(Shape::Dict, Some(len))
    }

    #[inline]
    fn object(&mut self, name: &'static str, len: usize) -> Result<Compound<'_, S>, EncodeError> {
        let class = self.class(name)?;
        self.enter()?;
        let open = self.sink.open_object(class, name, len)?;
        Ok(Compound::new(self, Kind::Object(class), open, Some(len)))
    }

    fn empty_object(&mut self, class: &'static str) -> Result<(), EncodeError> {
        self.object(class, 0)?.finish()
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        self.builtin("builtins.int")?;
        self.sink.big(value)
    }

    /// Writes the value that lies in the side channel.
    fn value(&mut self) -> Result<(), EncodeError> {
        let value = take().ok_or_else(|| EncodeError::custom("a value of a foreign type"))?;
        if !matches!(self.opening, Opening::Inside) {
            self.open(TypeHint::Owned(with_dots(value.class_name()).into_owned()))?;
        }
        self.sink.value(&value, self.depth)
    }

    /// Writes the sequence in one of the newtypes that all codecs know.
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
    forward_serializer!((), Compound<'a, S>);

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

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.builtin("builtins.float")?;
        self.sink.float(value);
        Ok(())
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

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.builtin("builtins.NoneType")?;
        self.sink.null();
        Ok(())
    }
}
