//! Names that many objects have.

use std::sync::Arc;

/// The names seen lately: classes and fields repeat, and share their memory.
#[derive(Default)]
pub(crate) struct Names(Vec<Option<Arc<str>>>);

impl Names {
    const SLOTS: usize = 64;

    pub(crate) fn intern(&mut self, name: &str) -> Arc<str> {
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, None);
        }
        let hash = name.bytes().fold(0, |hash: usize, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        match self.0.get_mut(hash % Self::SLOTS) {
            Some(Some(known)) if **known == *name => Arc::clone(known),
            Some(slot) => Arc::clone(slot.insert(name.into())),
            None => name.into(),
        }
    }
}
