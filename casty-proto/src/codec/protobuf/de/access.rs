//! Elements, entries and fields, one after the other.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::De;
use crate::DecodeError;
use crate::codec::protobuf::tag;
use crate::codec::protobuf::value_in::{none_left, value_of};
use crate::codec::protobuf::wire::Parts;

/// The elements of a list, tuple or set.
pub(super) struct Seq<'r, 'a, 'de> {
    /// Any value at the depth of the elements.
    inside: De<'a, 'de>,
    rest: &'r mut Parts<'a, 'de>,
}

impl<'r, 'a, 'de> Seq<'r, 'a, 'de> {
    pub(super) fn new(inside: De<'a, 'de>, rest: &'r mut Parts<'a, 'de>) -> Self {
        Self { inside, rest }
    }
}

impl<'de> SeqAccess<'de> for Seq<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        match self.rest.next()? {
            Some(part) => seed.deserialize(self.inside.beside(part)?).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.count())
    }
}

/// The entries of a dict.
pub(super) struct Dict<'a, 'de> {
    inside: De<'a, 'de>,
    keys: Parts<'a, 'de>,
    values: Parts<'a, 'de>,
}

impl<'a, 'de> Dict<'a, 'de> {
    pub(super) fn new(inside: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            inside,
            keys: Parts::new(inside.budget, message, tag::KEYS),
            values: Parts::new(inside.budget, message, tag::VALUES),
        }
    }
}

impl<'de> MapAccess<'de> for Dict<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let key = self.keys.next()?;
        none_left(key.is_some(), &mut self.values)?;
        match key {
            Some(key) => seed.deserialize(self.inside.beside(key)?).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.inside.beside(value_of(&mut self.values)?)?)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.keys.count())
    }
}

/// The fields of an object.
pub(super) struct Object<'a, 'de> {
    inside: De<'a, 'de>,
    names: Parts<'a, 'de>,
    values: Parts<'a, 'de>,
}

impl<'a, 'de> Object<'a, 'de> {
    #[inline]
    pub(super) fn new(inside: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            inside,
            names: Parts::new(inside.budget, message, tag::NAMES),
            values: Parts::new(inside.budget, message, tag::FIELD_VALUES),
        }
    }
}

impl<'de> MapAccess<'de> for Object<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let budget = self.inside.budget;
        let Some(name) = self.names.next()? else {
            none_left(false, &mut self.values)?;
            return Ok(None);
        };
        budget.item()?;
        let name = BorrowedStrDeserializer::new(budget.text(name)?);
        seed.deserialize(name).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.inside.beside(value_of(&mut self.values)?)?)
    }
}
