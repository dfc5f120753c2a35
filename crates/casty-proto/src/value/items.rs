//! The shared containers of a [`Value`].

use std::ops::Deref;
use std::sync::Arc;

use super::Value;
use super::release::release;

/// The elements of a list, tuple or set, shared. Empty ones take no memory.
#[derive(Clone, Default)]
pub struct Items(pub(super) Option<Arc<Parts>>);

/// At least one element. A single one needs no memory of its own, which keeps a value that is
/// nothing but brackets small.
#[derive(Clone)]
pub(super) enum Parts {
    One([Value; 1]),
    Many(Box<[Value]>),
}

impl Parts {
    pub(super) fn as_slice(&self) -> &[Value] {
        match self {
            Self::One(item) => item,
            Self::Many(items) => items,
        }
    }

    fn into_vec(self) -> Vec<Value> {
        match self {
            Self::One(item) => item.into(),
            Self::Many(items) => items.into_vec(),
        }
    }
}

/// The entries of a dict, in order, shared. Empty ones take no memory.
#[derive(Clone, Default)]
pub struct Pairs(pub(super) Option<Arc<Vec<(Value, Value)>>>);

impl Items {
    /// The elements, copied (a reference count each) only if they are shared.
    pub fn into_vec(mut self) -> Vec<Value> {
        let parts = self.0.take().map(Arc::unwrap_or_clone);
        parts.map(Parts::into_vec).unwrap_or_default()
    }

    /// The elements if nothing else shares them.
    pub(super) fn take_unshared(&mut self) -> Vec<Value> {
        let parts = self.0.take().and_then(Arc::into_inner);
        parts.map(Parts::into_vec).unwrap_or_default()
    }
}

impl Pairs {
    /// The entries, copied (two reference counts each) only if they are shared.
    pub fn into_vec(mut self) -> Vec<(Value, Value)> {
        self.0.take().map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// The entries if nothing else shares them.
    pub(super) fn take_unshared(&mut self) -> Vec<(Value, Value)> {
        self.0.take().and_then(Arc::into_inner).unwrap_or_default()
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        release(self.take_unshared());
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        let pairs = self.take_unshared();
        if !pairs.is_empty() {
            release(pairs.into_iter().flat_map(<[Value; 2]>::from).collect());
        }
    }
}

impl From<Vec<Value>> for Items {
    fn from(items: Vec<Value>) -> Self {
        let parts = match <[Value; 1]>::try_from(items) {
            Ok(item) => Parts::One(item),
            Err(items) if items.is_empty() => return Self(None),
            Err(items) => Parts::Many(items.into()),
        };
        Self(Some(Arc::new(parts)))
    }
}

impl From<Vec<(Value, Value)>> for Pairs {
    fn from(pairs: Vec<(Value, Value)>) -> Self {
        Self((!pairs.is_empty()).then(|| Arc::new(pairs)))
    }
}

impl FromIterator<Value> for Items {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl FromIterator<(Value, Value)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<Vec<_>>().into()
    }
}

impl Deref for Items {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        self.0.as_ref().map_or(&[], |parts| parts.as_slice())
    }
}

impl Deref for Pairs {
    type Target = [(Value, Value)];
    fn deref(&self) -> &[(Value, Value)] {
        self.0.as_ref().map_or(&[], |pairs| pairs)
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a Pairs {
    type Item = &'a (Value, Value);
    type IntoIter = std::slice::Iter<'a, (Value, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
