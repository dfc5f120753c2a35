//! Hands members of enums and instances of unions to visitors.

use serde::de::{DeserializeSeed, EnumAccess, Error as _, VariantAccess, Visitor};

use super::super::marker;
use super::super::reader::Reader;
use super::super::source::{Mark, Open, Source};
use super::Head;
use super::access::Name;
use crate::DecodeError;

/// A member of an enum; the source stands before its name.
pub(super) struct MemberName<'a, S>(pub(super) &'a mut Reader<S>);

impl<'de, S: Source> EnumAccess<'de> for MemberName<'_, S> {
    type Error = DecodeError;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Unit), DecodeError> {
        Ok((seed.deserialize(Name(self.0.source.str()?))?, Unit))
    }
}

/// What an enum's member holds: nothing.
pub(super) struct Unit;

impl Unit {
    fn empty<T>() -> Result<T, DecodeError> {
        Err(DecodeError::custom("the member of an enum holds no fields"))
    }
}

impl<'de> VariantAccess<'de> for Unit {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, DecodeError> {
        Self::empty()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Self::empty()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Self::empty()
    }
}

/// An instance of one of a union's classes; the source stands before its class.
pub(super) struct Instance<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    pub(super) head: Head,
    /// Where the whole object begins.
    pub(super) start: Mark,
    pub(super) variants: &'static [&'static str],
}

impl<'de, 'a, S: Source> EnumAccess<'de> for Instance<'a, S> {
    type Error = DecodeError;
    type Variant = Content<'a, S>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a, S>), DecodeError> {
        let class = self.reader.source.str()?;
        // The derive compares with the serde name, colon and all.
        let spelt = self
            .variants
            .iter()
            .find(|variant| variant.contains(':') && marker::same_class(variant, class));
        let variant = seed.deserialize(Name(spelt.copied().unwrap_or(class)))?;
        let content = Content {
            open: self.head.fields(self.reader),
            reader: self.reader,
            start: self.start,
        };
        Ok((variant, content))
    }
}

/// The fields of an instance.
pub(super) struct Content<'a, S> {
    reader: &'a mut Reader<S>,
    open: Open,
    start: Mark,
}

impl<'de, S: Source> VariantAccess<'de> for Content<'_, S> {
    type Error = DecodeError;

    fn unit_variant(mut self) -> Result<(), DecodeError> {
        self.reader.close(&mut self.open)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        // The inner type reads the object anew and checks its class itself.
        self.reader.source.rewind(self.start);
        self.reader.leave();
        let value = seed.deserialize(&mut *self.reader)?;
        self.reader.enter()?;
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::custom(
            "a tuple variant as a dataclass: its fields have no names",
        ))
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.reader.fields(&mut self.open, visitor)
    }
}
