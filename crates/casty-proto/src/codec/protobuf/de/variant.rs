//! Objects as instances of a union's classes.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error as _, VariantAccess, Visitor};

use super::cursor::De;
use crate::DecodeError;
use crate::class_name::TUPLE_VARIANT;
use crate::forward::forward_variant_access;

/// An object of the class that a variant is named after, or of none of them.
pub(super) struct Instance<'a, 'de, 'v> {
    pub(super) de: De<'a, 'de>,
    pub(super) message: &'de [u8],
    pub(super) variant: &'v str,
}

impl<'de> EnumAccess<'de> for Instance<'_, 'de, '_> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = StrDeserializer::new(self.variant);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'a, 'de> Instance<'a, 'de, '_> {
    fn content(self) -> Result<De<'a, 'de>, DecodeError> {
        self.de.again()
    }

    #[expect(clippy::unused_self, reason = "an arm like the others")]
    fn tuple<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::custom(TUPLE_VARIANT))
    }

    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.de.fields(self.message, visitor)
    }
}

impl<'de> VariantAccess<'de> for Instance<'_, 'de, '_> {
    forward_variant_access!();
}
