//! The named fields of an object.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::Value;

/// The fields of an object by name, in order.
///
/// Fields that a pickle held remember how it gave them to their object, and pickle writes them
/// back the same way: a class need not have a constructor that takes them all, as one with
/// `field(init=False)` has not. All others, those of json, msgpack, the notation and the
/// program's own, become keywords of the constructor. Values that differ in nothing else are
/// equal. Fields may be changed in place; collect them anew for the constructor to be called.
#[derive(Clone, Default)]
pub struct Fields {
    fields: Vec<(Arc<str>, Value)>,
    #[cfg(feature = "pickle")]
    origin: Origin,
}

/// How a pickle gives an object its fields.
#[cfg(feature = "pickle")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Origin {
    /// By calling its class with keywords.
    #[default]
    Keywords,
    /// By a dict, once the object is there.
    Dict(Maker),
    /// By two dicts: so many fields for `__dict__`, the others for the slots.
    Slots(Maker, u32),
}

/// How a pickle makes an object that has no fields yet.
#[cfg(feature = "pickle")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// By `cls.__new__(cls)`.
    New,
    /// By `cls()`.
    Call,
}

#[cfg(feature = "pickle")]
impl Fields {
    pub(crate) fn of(origin: Origin, fields: Vec<(Arc<str>, Value)>) -> Self {
        Self { fields, origin }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Fields {
    /// Empties the fields.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Value> {
        self.fields.drain(..).map(|(_, value)| value)
    }
}

impl From<Vec<(Arc<str>, Value)>> for Fields {
    fn from(fields: Vec<(Arc<str>, Value)>) -> Self {
        Self {
            fields,
            #[cfg(feature = "pickle")]
            origin: Origin::Keywords,
        }
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        fields
            .map(|(name, value)| (name.into(), value.into()))
            .collect::<Vec<_>>()
            .into()
    }
}

impl Deref for Fields {
    type Target = [(Arc<str>, Value)];
    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for Fields {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a (Arc<str>, Value);
    type IntoIter = std::slice::Iter<'a, (Arc<str>, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
