//! Elements and fields, one after the other.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::{De, Id};
use crate::DecodeError;

/// The elements of a sequence.
pub(super) struct Seq<'a, 'de> {
    /// Any value at the depth of the elements.
    inside: De<'a, 'de>,
    items: std::slice::Iter<'a, Id>,
}

impl<'a, 'de> Seq<'a, 'de> {
    pub(super) fn new(inside: De<'a, 'de>, items: &'a [Id]) -> Self {
        Self {
            inside,
            items: items.iter(),
        }
    }

    /// How many elements nobody asked for.
    pub(super) fn rest(&self) -> usize {
        self.items.len()
    }
}

impl<'de> SeqAccess<'de> for &mut Seq<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        match self.items.next() {
            Some(&id) => seed.deserialize(self.inside.child(id)).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a dict, or those of `__dict__` and then of the slots.
pub(super) struct Fields<'a, 'de> {
    /// Any value at the depth of the entries.
    inside: De<'a, 'de>,
    entries: std::iter::Chain<std::slice::Iter<'a, Id>, std::slice::Iter<'a, Id>>,
}

impl<'a, 'de> Fields<'a, 'de> {
    pub(super) fn new(inside: De<'a, 'de>, first: &'a [Id], second: &'a [Id]) -> Self {
        Self {
            inside,
            entries: first.iter().chain(second),
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        match self.entries.next() {
            Some(&key) => seed.deserialize(self.inside.child(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        // Entries come in pairs, so there is a value wherever there was a key.
        let value = self
            .entries
            .next()
            .copied()
            .unwrap_or(super::super::arena::NONE);
        seed.deserialize(self.inside.child(value))
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint().1.map(|ids| ids / 2)
    }
}
