//! Elements, entries and fields, one after the other.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::De;
use crate::DecodeError;
use crate::codec::protobuf::read_value::{none_left, value_of};
use crate::codec::protobuf::tag;
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

/// The entries of a dict, or the fields of an object.
pub(super) struct Entries<'a, 'de> {
    /// Any value at the depth of the entries.
    inside: De<'a, 'de>,
    keys: Parts<'a, 'de>,
    values: Parts<'a, 'de>,
    /// Whether keys are names, no values.
    named: bool,
}

impl<'a, 'de> Entries<'a, 'de> {
    pub(super) fn of_dict(inside: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            inside,
            keys: Parts::new(inside.budget, message, tag::KEYS),
            values: Parts::new(inside.budget, message, tag::VALUES),
            named: false,
        }
    }

    #[inline]
    pub(super) fn of_object(inside: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            inside,
            keys: Parts::new(inside.budget, message, tag::NAMES).beside_one(tag::CLASS),
            values: Parts::new(inside.budget, message, tag::FIELD_VALUES),
            named: true,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let key = self.keys.next()?;
        none_left(key.is_some(), &mut self.values)?;
        match key {
            Some(name) if self.named => {
                let budget = self.inside.budget;
                budget.item()?;
                let name = BorrowedStrDeserializer::new(budget.text(name)?);
                seed.deserialize(name).map(Some)
            }
            Some(key) => seed.deserialize(self.inside.beside(key)?).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
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
