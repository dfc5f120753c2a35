//! Access to elements and fields.

use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::super::arena::{self, Id, Node};
use super::cursor::De;
use crate::DecodeError;
use crate::error::path::{Segment, located};

/// The elements of a sequence.
pub(super) struct Seq<'a, 'de> {
    /// A deserializer at the depth of the elements.
    nested: De<'a, 'de>,
    items: std::slice::Iter<'a, Id>,
    len: usize,
}

impl<'a, 'de> Seq<'a, 'de> {
    pub(super) fn new(nested: De<'a, 'de>, items: &'a [Id]) -> Self {
        Self {
            nested,
            items: items.iter(),
            len: items.len(),
        }
    }

    /// Returns the number of elements that the visitor did not take.
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
        let Some(&id) = self.items.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(self.nested.child(id)).map(Some);
        located(read, || {
            Segment::Index(self.len.saturating_sub(self.items.len() + 1))
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a dict, or those of `__dict__` and then of the slots.
pub(super) struct Fields<'a, 'de> {
    /// A deserializer at the depth of the entries.
    nested: De<'a, 'de>,
    entries: std::iter::Chain<std::slice::Iter<'a, Id>, std::slice::Iter<'a, Id>>,
    /// The key whose value is next.
    key: Id,
}

impl<'a, 'de> Fields<'a, 'de> {
    pub(super) fn new(nested: De<'a, 'de>, first: &'a [Id], second: &'a [Id]) -> Self {
        Self {
            nested,
            entries: first.iter().chain(second),
            key: arena::NONE,
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
            Some(&key) => {
                self.key = key;
                seed.deserialize(self.nested.child(key)).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        // Entries come in pairs, so there is a value wherever there was a key.
        let value = self.entries.next().copied().unwrap_or(arena::NONE);
        let read = seed.deserialize(self.nested.child(value));
        located(read, || {
            Segment::Name(self.nested.arena.str(self.key).unwrap_or("?"))
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint().1.map(|ids| ids / 2)
    }
}

impl<'de, 'a> De<'a, 'de> {
    /// Reads elements, all of which the visitor must take.
    pub(super) fn seq<V: Visitor<'de>>(
        self,
        children: &'a [Id],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut seq = Seq::new(self.nested()?, children);
        let value = visitor.visit_seq(&mut seq)?;
        match seq.rest() {
            0 => Ok(value),
            extra => Err(DecodeError::custom(format_args!(
                "{extra} of {} elements are too many",
                children.len()
            ))),
        }
    }

    /// Reads the fields of an object of any class, by name or in order.
    pub(super) fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::New { .. } => self.map(&[], &[], visitor),
            Node::Named { state, .. } => {
                let (own, slots) = self.arena.entries(state);
                self.map(own, slots, visitor)
            }
            Node::Positional { state, .. } => self.seq(self.arena.items(state), visitor),
            Node::Constructed { args, .. } => self.seq(self.arena.items(args), visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    /// Reads the entries of a dict, or those of `__dict__` and then of the slots.
    pub(super) fn map<V: Visitor<'de>>(
        self,
        first: &'a [Id],
        second: &'a [Id],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Fields::new(self.nested()?, first, second))
    }

    /// Reads the arguments that an object was constructed of, in order.
    pub(super) fn arguments<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Constructed { .. } | Node::Positional { .. } => self.fields(visitor),
            Node::New { .. } => self.seq(&[], visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    /// Reads bytes as the elements of a `Vec<u8>` or an array.
    pub(super) fn byte_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Bytes(span) | Node::ByteArray(span) => {
                let mut bytes =
                    SeqDeserializer::new(self.arena.copied_bytes(span)?.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end().map(|()| value)
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }
}
