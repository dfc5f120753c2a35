//! How many bytes the asks of a client keep.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in use, against a limit. What is over the limit by itself is admitted when nothing else
/// is there.
#[derive(Debug)]
pub(crate) struct ByteLimit {
    used: AtomicUsize,
    limit: usize,
}

impl ByteLimit {
    /// Nothing is used yet.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    /// Enters `bytes`, to be [released](Self::release) later; tells whether there was room.
    #[must_use]
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let admit = |used: usize| {
            let sum = used.saturating_add(bytes);
            (used == 0 || sum <= self.limit).then_some(sum)
        };
        let (stored, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.used.fetch_update(stored, read, admit).is_ok()
    }

    /// Strikes out what was reserved.
    pub(crate) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The limit.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_room_admits_no_more_and_an_empty_one_anything() {
        let room = ByteLimit::new(10);
        assert!(room.reserve(4) && room.reserve(6));
        assert!(!room.reserve(1));
        room.release(6);
        assert!(!room.reserve(usize::MAX));
        room.release(4);
        assert!(room.reserve(100));
        assert!(!room.reserve(1));
        assert_eq!(room.used(), 100);
    }
}
