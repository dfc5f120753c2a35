//! The shared containers of a [`Value`].

use std::ops::Deref;
use std::sync::Arc;

use super::Value;

/// The elements of a list, tuple or set, shared.
#[derive(Clone, PartialEq, Default)]
pub struct Items(Arc<Vec<Value>>);

/// The entries of a dict, in order, shared.
#[derive(Clone, PartialEq, Default)]
pub struct Pairs(Arc<Vec<(Value, Value)>>);

impl From<Vec<Value>> for Items {
    fn from(items: Vec<Value>) -> Self {
        Self(Arc::new(items))
    }
}

impl From<Vec<(Value, Value)>> for Pairs {
    fn from(pairs: Vec<(Value, Value)>) -> Self {
        Self(Arc::new(pairs))
    }
}

impl Deref for Items {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl Deref for Pairs {
    type Target = [(Value, Value)];
    fn deref(&self) -> &[(Value, Value)] {
        &self.0
    }
}
