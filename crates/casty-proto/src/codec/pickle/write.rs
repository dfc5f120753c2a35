//! The writer: a serde serializer that appends protocol 5 to a buffer and allocates nothing.

use serde::{Serialize, Serializer};

use super::class;
use super::construction::Construction;
use super::opcode as op;
use crate::codec::allowed::Allowed;
use crate::forward::forward_serializer;
#[cfg(feature = "protobuf")]
use crate::protobuf;
use crate::reference::REF;
use crate::sets::{FROZEN_SET, SET, TUPLE};
use crate::value::{VALUE, take};
use crate::{EncodeError, TypeHint};

mod compound;
mod scalar;
mod spelling;
mod value;
mod writer;

use compound::Compound;
use writer::{ExpectedClass, Shape, Writer, no_class};

/// Writes `value` as a pickle and returns its class.
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    construction: Construction,
    allowed: Allowed,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    out.extend_from_slice(&[op::PROTO, 5]);
    let mut writer = Writer::new(out, construction, allowed);
    value.serialize(&mut writer)?;
    let hint = writer.hint.unwrap_or(TypeHint::Borrowed("builtins.object"));
    out.push(op::STOP);
    Ok(hint)
}

/// The bytes of an envelope before the entity's id, between that and the message, and at the end.
const ENVELOPE: [&[u8]; 3] = [
    b"\x80\x05\x8c\x16casty.cluster.envelope\x8c\x0dShardEnvelope\x93)\x81}(\x8c\x09entity_id",
    b"\x8c\x07message",
    &[op::SETITEMS, op::BUILD, op::STOP],
];

/// Writes the envelope of a message for an entity as a pickle.
pub(super) fn write_envelope<T: Serialize + ?Sized>(
    entity_id: &str,
    message: &T,
    construction: Construction,
    allowed: Allowed,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let [before_id, before_message, end] = ENVELOPE;
    out.extend_from_slice(before_id);
    let mut writer = Writer::inside(out, construction, allowed);
    writer.str(entity_id);
    writer.out.extend_from_slice(before_message);
    message.serialize(&mut writer)?;
    out.extend_from_slice(end);
    Ok(())
}

impl<'o> Writer<'o> {
    fn unit_variant(
        &mut self,
        name: &'static str,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        if class::is_dotted(variant) {
            self.empty_object(variant)
        } else {
            self.member(name, variant)
        }
    }

    fn newtype_struct<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match name {
            REF => self.shaped(Shape::Ref, value),
            FROZEN_SET => self.shaped(Shape::FrozenSet, value),
            SET => self.shaped(Shape::Set, value),
            TUPLE => self.shaped(Shape::Tuple, value),
            VALUE => match take() {
                Some(value) => self.value(&value),
                None => Err(EncodeError::Custom("no value was handed over".into())),
            },
            #[cfg(feature = "protobuf")]
            protobuf::ANY => Err(EncodeError::Unsupported {
                codec: "pickle",
                what: protobuf::PROTOBUF_ONLY,
            }),
            _ if class::is_dotted(name) => self.call_with(name, value),
            _ => value.serialize(self),
        }
    }

    /// Writes a variant that holds the dataclass it is named after.
    fn newtype_variant<T: Serialize + ?Sized>(
        &mut self,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if !class::is_dotted(variant) {
            return Err(no_class(variant));
        }
        let outer = self.expected.take();
        self.expected = Some(ExpectedClass {
            at: self.out.len(),
            name: variant,
        });
        value.serialize(&mut *self)?;
        if self.expected.is_some() {
            return Err(EncodeError::Unsupported {
                codec: "pickle",
                what: "a variant whose name is not that of the struct in it",
            });
        }
        // In a union inside a union, both variants have the name of the struct.
        self.expected = outer.filter(|outer| outer.name != variant);
        Ok(())
    }

    fn seq(&mut self, len: Option<usize>) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::seq(self, len)
    }

    fn tuple(&mut self, len: usize) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::tuple(self, Some(len))
    }

    fn tuple_struct(
        &mut self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::call(self, name, len)
    }

    fn tuple_variant(
        &mut self,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::call(self, variant, len)
    }

    fn map(&mut self, _len: Option<usize>) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::map(self)
    }

    #[inline]
    fn object(&mut self, name: &'static str, len: usize) -> Result<Compound<'_, 'o>, EncodeError> {
        Compound::object(self, name, len)
    }

    /// Writes a call of a class with one argument.
    fn call_with<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let class = self.begin(name)?;
        self.enter()?;
        self.global(class.module, class.name);
        value.serialize(&mut *self)?;
        self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
        self.leave();
        Ok(())
    }

    /// Writes `value`, whose text or sequence has another meaning.
    fn shaped<T: Serialize + ?Sized>(
        &mut self,
        shape: Shape,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.shape = shape;
        value.serialize(&mut *self)?;
        self.shape = Shape::Plain;
        Ok(())
    }
}

macro_rules! ints {
    ($($method:ident $int:ty),*) => {
        $(#[inline]
        fn $method(self, value: $int) -> Result<(), EncodeError> {
            self.hint("builtins.int");
            self.int(value.into());
            Ok(())
        })*
    };
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    forward_serializer!((), Compound<'w, 'o>);

    ints! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        self.serialize_u128(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        self.hint("builtins.int");
        match i64::try_from(value) {
            Ok(int) => self.int(int),
            Err(_) => self.long(&value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        self.hint("builtins.int");
        match i64::try_from(value) {
            Ok(int) => self.int(int),
            Err(_) => self.unsigned_long(value),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.hint("builtins.bool");
        self.bool(value);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.hint("builtins.float");
        self.float(value);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        if self.take_shape() == Shape::Ref {
            self.hint("casty.remote.ref.RemoteActorRef");
            self.reference(value);
        } else {
            self.hint("builtins.str");
            self.str(value);
        }
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.hint("builtins.bytes");
        self.bytes(value);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.hint("builtins.NoneType");
        self.out.push(op::NONE);
        Ok(())
    }
}
