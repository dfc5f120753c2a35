//! Access to the members of enums and the instances of unions.

use serde::de::{DeserializeSeed, EnumAccess, Error as _, VariantAccess, Visitor};

use super::super::reader::Reader;
use super::super::source::{Mark, Open, Source};
use super::access::Name;
use super::head::Head;
use crate::DecodeError;
use crate::class_name::{TUPLE_VARIANT, same_class};

/// A member of an enum, its name being next.
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

/// The content of an enum's member: nothing.
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

/// An instance of one of a union's classes, its class being next.
pub(super) struct Instance<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    pub(super) head: Head,
    /// The position of the whole object.
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
        // The derived code compares with the serde name, which may have a colon.
        let spelled = self
            .variants
            .iter()
            .find(|variant| variant.contains(':') && same_class(variant, class));
        let variant = seed.deserialize(Name(spelled.copied().unwrap_or(class)))?;
        let content = Content {
            open: self.head.into_keys(self.reader),
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
        // The inner type reads the object again and checks its class itself.
        self.reader.source.rewind(self.start);
        self.reader.leave();
        let value = seed.deserialize(&mut *self.reader)?;
        self.reader.enter()?;
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::custom(TUPLE_VARIANT))
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.reader.fields(&mut self.open, visitor)
    }
}
