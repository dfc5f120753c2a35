//! A cache of the names that many objects have.

use std::sync::Arc;

/// The names of classes and fields seen lately: they repeat, and share their memory.
#[derive(Default)]
pub(crate) struct NameCache(Vec<Option<Arc<str>>>);

impl NameCache {
    const ENTRIES: usize = 64;

    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns `name`, shared with its last occurrence unless another name took its place.
    pub(crate) fn intern(&mut self, name: &str) -> Arc<str> {
        if self.0.is_empty() {
            self.0.resize(Self::ENTRIES, None);
        }
        let hash = name.bytes().fold(0, |hash: usize, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        match self.0.get_mut(hash % Self::ENTRIES) {
            Some(Some(known)) if **known == *name => Arc::clone(known),
            Some(entry) => Arc::clone(entry.insert(name.into())),
            None => name.into(),
        }
    }
}
