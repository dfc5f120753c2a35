//! A number of bytes that many holders share, of which one alone never takes all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that are held, and their limit.
#[derive(Debug)]
pub(crate) struct SharedBytes {
    /// Relaxed throughout: only the number counts, and no data is published with it.
    used: AtomicUsize,
    limit: usize,
}

impl SharedBytes {
    /// Creates a limit of which nothing is held.
    pub(crate) fn new(limit: usize) -> Self {
        let used = AtomicUsize::new(0);
        Self { used, limit }
    }

    /// Returns the bytes that are held.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// The bytes that one of the holders has, which are free again when it is dropped.
///
/// It has at most as many as are free besides, the rule by which switches share a memory among their
/// queues (Choudhury and Hahne's dynamic thresholds): one holder gets half of the limit, two a third
/// each, and however many hold all they may, something is left for the next.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<SharedBytes>,
    held: usize,
}

impl Share {
    /// Returns a share of nothing yet.
    pub(crate) fn of(shared: &Arc<SharedBytes>) -> Self {
        Self {
            of: Arc::clone(shared),
            held: 0,
        }
    }

    /// Changes the bytes that are held. Returns `false`, and changes nothing, if these are more than
    /// before and more than would be free.
    #[must_use]
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let admit = |used: usize| {
            let sum = (used - self.held).saturating_add(bytes);
            let fits = bytes <= self.held || bytes <= self.of.limit.saturating_sub(sum);
            fits.then_some(sum)
        };
        let (stored, read) = (Ordering::Relaxed, Ordering::Relaxed);
        let admitted = self.of.used.fetch_update(stored, read, admit).is_ok();
        if admitted {
            self.held = bytes;
        }
        admitted
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_as_much_as_it_leaves_free_and_gives_it_back() {
        let shared = Arc::new(SharedBytes::new(100));
        let [mut one, mut two, mut three] = [(); 3].map(|()| Share::of(&shared));
        assert!(!one.set(51) && shared.used() == 0);
        assert!(one.set(50) && !one.set(51) && one.set(50));
        assert!(!two.set(26) && two.set(25) && !two.set(26));
        assert!(!three.set(13) && three.set(12));
        assert_eq!(shared.used(), 87);
        // Less is always admitted, though it is more than is left.
        assert!(one.set(49) && shared.used() == 86);
        assert!(!one.set(50) && !one.set(usize::MAX));
        drop(one);
        assert_eq!(shared.used(), 37);
        assert!(two.set(0) && three.set(0) && two.set(50));
        drop((two, three));
        assert_eq!(shared.used(), 0);
    }
}
