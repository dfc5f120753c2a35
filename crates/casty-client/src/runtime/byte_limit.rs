//! Limits of bytes: of what asks keep, of views that wait, of mailboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The number of bytes in use, and its limit. A single item that is longer than the limit is
/// admitted while nothing else is in use.
#[derive(Debug)]
pub(crate) struct ByteLimit {
    /// Relaxed throughout: only the number counts, and no data is published with it.
    used: AtomicUsize,
    limit: usize,
}

impl ByteLimit {
    /// Creates a limit with nothing in use.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    /// Adds `bytes` to those in use, to be [released](Self::release) later; returns `false` if that
    /// would pass the limit.
    #[must_use]
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let admit = |used: usize| {
            let sum = used.saturating_add(bytes);
            (used == 0 || sum <= self.limit).then_some(sum)
        };
        let (stored, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.used.fetch_update(stored, read, admit).is_ok()
    }

    /// Takes reserved bytes off those in use.
    pub(crate) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the limit in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// A received message that counts against a limit until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) message: Bytes,
    limit: Arc<ByteLimit>,
}

impl Counted {
    /// Counts a message; `None` if the limit leaves no bytes for it.
    pub(crate) fn new(message: Bytes, limit: &Arc<ByteLimit>) -> Option<Self> {
        let admitted = limit.reserve(message.len());
        admitted.then(|| Self {
            message,
            limit: Arc::clone(limit),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.limit.release(self.message.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_reached_admits_no_more_and_an_unused_one_anything() {
        let bytes = ByteLimit::new(10);
        assert!(bytes.reserve(4) && bytes.reserve(6));
        assert!(!bytes.reserve(1));
        bytes.release(6);
        assert!(!bytes.reserve(usize::MAX));
        bytes.release(4);
        assert!(bytes.reserve(100));
        assert!(!bytes.reserve(1));
        assert_eq!(bytes.used(), 100);
    }

    #[test]
    fn a_counted_message_takes_its_bytes_until_it_is_dropped() {
        let limit = Arc::new(ByteLimit::new(10));
        let counted = |length| Counted::new(Bytes::from(vec![0; length]), &limit);
        let first = counted(6);
        assert!(first.is_some());
        assert!(counted(5).is_none());
        assert_eq!(limit.used(), 6);
        drop(first);
        assert_eq!(limit.used(), 0);
        let long = counted(20);
        assert!(long.is_some() && counted(1).is_none());
    }
}
