//! The writer: a serde serializer that appends protocol 5 to a buffer and allocates nothing.

use serde::{Serialize, Serializer};

use super::super::TypeHint;
use super::class;
use super::{Construction, opcode as op};
#[cfg(feature = "protobuf")]
use crate::protobuf;
use crate::reference::REF;
use crate::sets::{FROZEN_SET, SET, TUPLE};
use crate::value::{VALUE, take};
use crate::{EncodeError, Limits};

mod compound;
mod scalar;
mod value;

use compound::Compound;

/// Writes `value` as a pickle and tells its class.
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    construction: Construction,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    out.extend_from_slice(&[op::PROTO, 5]);
    let mut writer = Writer {
        out,
        construction,
        hint: None,
        shape: Shape::Plain,
        depth: 0,
        awaited: None,
    };
    value.serialize(&mut writer)?;
    let hint = writer.hint.unwrap_or(TypeHint::Borrowed("builtins.object"));
    out.push(op::STOP);
    Ok(hint)
}

/// What the next text or sequence stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Ref,
    FrozenSet,
    Set,
    Tuple,
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    construction: Construction,
    hint: Option<TypeHint>,
    shape: Shape,
    depth: usize,
    /// The class that the object beginning at that offset must have.
    awaited: Option<(usize, &'static str)>,
}

impl Writer<'_> {
    fn hint(&mut self, class: &'static str) {
        if self.hint.is_none() {
            self.hint = Some(TypeHint::Borrowed(class));
        }
    }

    /// Enters a container; [`Writer::leave`] ends it.
    fn enter(&mut self) -> Result<(), EncodeError> {
        if self.depth == Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Notes that an object of the class `name` begins here, and takes its name apart.
    fn begin(&mut self, name: &'static str) -> Result<(&'static str, &'static str), EncodeError> {
        let parts = class::parts(name).ok_or_else(|| no_class(name))?;
        if self.hint.is_none() {
            self.hint = Some(parts.with_dots());
        }
        if self.awaited == Some((self.out.len(), name)) {
            self.awaited = None;
        }
        Ok((parts.module, parts.class))
    }

    /// An instance of a class without fields.
    fn empty_object(&mut self, name: &'static str) -> Result<(), EncodeError> {
        let (module, class) = self.begin(name)?;
        self.bare(module, class);
        Ok(())
    }

    /// A class called without arguments; one that looks like a function as a constructor with
    /// keywords of which there are none, which no reader takes for a call of a function.
    fn bare(&mut self, module: &str, class: &str) {
        let called = class::is_class_path(class.as_bytes());
        if !is_castys(module) && !called {
            self.partial();
        }
        self.global(module, class);
        let closing: &[u8] = match (is_castys(module), called) {
            (true, _) => &[op::EMPTY_TUPLE, op::NEWOBJ],
            (false, true) => &[op::EMPTY_TUPLE, op::REDUCE],
            (false, false) => &[
                op::TUPLE1,
                op::EMPTY_DICT,
                op::NEWOBJ_EX,
                op::EMPTY_TUPLE,
                op::REDUCE,
            ],
        };
        self.out.extend_from_slice(closing);
    }

    /// A member of an enum.
    fn member(&mut self, name: &'static str, member: &str) -> Result<(), EncodeError> {
        let parts = class::parts(name).ok_or_else(|| no_class(name))?;
        if self.hint.is_none() {
            self.hint = Some(parts.with_dots());
        }
        self.getattr(parts.module, parts.class, member);
        Ok(())
    }

    /// A call of a class with what `value` is.
    fn call<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let (module, class) = self.begin(name)?;
        self.enter()?;
        self.global(module, class);
        value.serialize(&mut *self)?;
        self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
        self.leave();
        Ok(())
    }

    /// A variant that holds the dataclass it is named after.
    fn union<T: Serialize + ?Sized>(
        &mut self,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if !class::is_dotted(variant) {
            return Err(no_class(variant));
        }
        let outer = self.awaited.take();
        self.awaited = Some((self.out.len(), variant));
        value.serialize(&mut *self)?;
        if self.awaited.is_some() {
            return Err(EncodeError::Unsupported {
                codec: "pickle",
                what: "a variant whose name is not that of the struct in it",
            });
        }
        // A union in a union: both variants have the name of the struct.
        self.awaited = outer.filter(|&(_, name)| name != variant);
        Ok(())
    }

    /// What `value` is, its text or sequence standing for something else.
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

    fn take_shape(&mut self) -> Shape {
        std::mem::replace(&mut self.shape, Shape::Plain)
    }
}

/// Whether a class is one of Casty's own: none has slots, so all take a dict as their state.
fn is_castys(module: &str) -> bool {
    module.starts_with("casty.")
}

fn no_class(name: &str) -> EncodeError {
    EncodeError::NoClass { name: name.into() }
}

macro_rules! ints {
    ($($method:ident $int:ty),*) => {
        $(fn $method(self, value: $int) -> Result<(), EncodeError> {
            self.hint("builtins.int");
            self.int(value.into());
            Ok(())
        })*
    };
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'w, 'o>;
    type SerializeTuple = Compound<'w, 'o>;
    type SerializeTupleStruct = Compound<'w, 'o>;
    type SerializeTupleVariant = Compound<'w, 'o>;
    type SerializeMap = Compound<'w, 'o>;
    type SerializeStruct = Compound<'w, 'o>;
    type SerializeStructVariant = Compound<'w, 'o>;

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

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.hint("builtins.float");
        self.float(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
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

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.hint("builtins.NoneType");
        self.out.push(op::NONE);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), EncodeError> {
        self.empty_object(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        if class::is_dotted(variant) {
            self.empty_object(variant)
        } else {
            self.member(name, variant)
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
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
                what: protobuf::ALONE,
            }),
            _ if class::is_dotted(name) => self.call(name, value),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.union(variant, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::seq(self, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::tuple(self, Some(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::call(self, name, len)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::call(self, variant, len)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::map(self)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::object(self, name, len)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 'o>, EncodeError> {
        Compound::object(self, variant, len)
    }
}
