//! Access to elements, entries and fields.

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::super::kind::Kind;
use super::super::read_value::{none_left, value_of};
use super::super::tag;
use super::super::wire::Repeated;
use super::cursor::De;
use crate::DecodeError;
use crate::error::path::{Segment, located};

/// The elements of a list, tuple or set.
pub(super) struct Seq<'r, 'a, 'de> {
    /// A deserializer at the depth of the elements.
    nested: De<'a, 'de>,
    rest: &'r mut Repeated<'a, 'de>,
    /// The number of elements that were read.
    count: usize,
}

impl<'r, 'a, 'de> Seq<'r, 'a, 'de> {
    pub(super) fn new(nested: De<'a, 'de>, rest: &'r mut Repeated<'a, 'de>) -> Self {
        Self {
            nested,
            rest,
            count: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Seq<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(part) = self.rest.next()? else {
            return Ok(None);
        };
        let index = self.count;
        self.count += 1;
        let read = seed.deserialize(self.nested.sibling(part)?).map(Some);
        located(read, || Segment::Index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.count())
    }
}

/// The entries of a dict, or the fields of an object.
pub(super) struct Entries<'a, 'de> {
    /// A deserializer at the depth of the entries.
    nested: De<'a, 'de>,
    keys: Repeated<'a, 'de>,
    values: Repeated<'a, 'de>,
    /// True if keys are names instead of values.
    named: bool,
    /// The key whose value is next.
    key: &'de [u8],
}

impl<'a, 'de> Entries<'a, 'de> {
    pub(super) fn of_dict(nested: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            nested,
            keys: Repeated::new(nested.budget, message, tag::KEYS),
            values: Repeated::new(nested.budget, message, tag::VALUES),
            named: false,
            key: &[],
        }
    }

    #[inline]
    pub(super) fn of_object(nested: De<'a, 'de>, message: &'de [u8]) -> Self {
        Self {
            nested,
            keys: Repeated::new(nested.budget, message, tag::NAMES).beside_one(tag::CLASS),
            values: Repeated::new(nested.budget, message, tag::FIELD_VALUES),
            named: true,
            key: &[],
        }
    }
}

impl<'de> Entries<'_, 'de> {
    /// Returns the step to the value of the last key.
    fn step(&self) -> Segment<'de> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or("?");
        if self.named {
            return Segment::Name(text(self.key));
        }
        match Kind::read(self.nested.budget, self.key) {
            Ok(Kind::Str(key)) => Segment::Name(text(key)),
            _ => Segment::Name("?"),
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
        self.key = key.unwrap_or_default();
        match key {
            Some(name) if self.named => {
                let budget = self.nested.budget;
                budget.item()?;
                let name = BorrowedStrDeserializer::new(budget.text(name)?);
                seed.deserialize(name).map(Some)
            }
            Some(key) => seed.deserialize(self.nested.sibling(key)?).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let value = self.nested.sibling(value_of(&mut self.values)?)?;
        located(seed.deserialize(value), || self.step())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.keys.count())
    }
}

impl<'de> De<'_, 'de> {
    /// Reads the elements of a container, all of which the visitor must take.
    pub(super) fn seq<V: Visitor<'de>>(
        self,
        message: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut rest = Repeated::new(self.budget, message, tag::ITEMS);
        let value = visitor.visit_seq(Seq::new(self.nested()?, &mut rest))?;
        match rest.next()? {
            None => Ok(value),
            Some(_) => Err(rest.malformed("more elements than the type has")),
        }
    }

    /// Reads bytes as a sequence of ints.
    pub(super) fn byte_seq<V: Visitor<'de>>(
        self,
        bytes: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.budget.check_items(bytes.len())?;
        let mut access = SeqDeserializer::new(bytes.iter().copied());
        let value = visitor.visit_seq(&mut access)?;
        access.end()?;
        Ok(value)
    }

    /// Reads the entries of a dict.
    pub(super) fn dict<V: Visitor<'de>>(
        self,
        message: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Entries::of_dict(self.nested()?, message))
    }

    /// Reads the fields of an object.
    #[inline]
    pub(super) fn fields<V: Visitor<'de>>(
        self,
        message: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Entries::of_object(self.nested()?, message))
    }
}
