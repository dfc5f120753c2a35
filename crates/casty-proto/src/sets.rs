//! The collections of Python that serde has no word for: `frozenset`, `set`, and `tuple[T, ...]`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The serde names by which all codecs know the collections.
pub(crate) const FROZEN_SET: &str = "$casty::frozenset";
pub(crate) const SET: &str = "$casty::set";
pub(crate) const TUPLE: &str = "$casty::tuple";

/// The most elements to allocate for before they are read: a peer may announce any number.
pub(crate) const MAX_PREALLOCATED: usize = 64;

macro_rules! collection {
    ($(#[$doc:meta])* $name:ident, $wire:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name<T>(pub Vec<T>);

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self(Vec::new())
            }
        }

        impl<T> Deref for $name<T> {
            type Target = Vec<T>;
            fn deref(&self) -> &Vec<T> {
                &self.0
            }
        }

        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut Vec<T> {
                &mut self.0
            }
        }

        impl<T> FromIterator<T> for $name<T> {
            fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
                Self(items.into_iter().collect())
            }
        }

        impl<T> IntoIterator for $name<T> {
            type Item = T;
            type IntoIter = std::vec::IntoIter<T>;
            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }

        impl<'a, T> IntoIterator for &'a $name<T> {
            type Item = &'a T;
            type IntoIter = std::slice::Iter<'a, T>;
            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl<T: Serialize> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($wire, &self.0)
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let items = Items { expected: $expected, item: PhantomData };
                deserializer.deserialize_newtype_struct($wire, items).map(Self)
            }
        }
    };
}

collection! {
    /// A Python `frozenset`, its members in the order in which they travelled.
    ///
    /// The members need be neither hashable nor ordered here. The sender makes sure that none occurs
    /// twice; Python drops a second one silently.
    FrozenSet, FROZEN_SET, "a frozenset"
}

collection! {
    /// A Python `set`, its members in the order in which they travelled. Pickle and protobuf carry it.
    Set, SET, "a set"
}

collection! {
    /// A Python `tuple` of any length, `tuple[T, ...]`; one of known length is a Rust tuple.
    Tuple, TUPLE, "a tuple"
}

/// The visitor that reads the members, with or without the newtype around them.
struct Items<T> {
    expected: &'static str,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_PREALLOCATED));
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
