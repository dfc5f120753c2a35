//! Where a client's randomness comes from.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws numbers: the operating system's, or those of a seed.
#[derive(Debug, Default)]
pub(crate) struct Rng(Option<Seeded>);

#[derive(Debug)]
struct Seeded {
    seed: u64,
    drawn: AtomicU64,
}

impl Rng {
    /// The same numbers for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        let drawn = AtomicU64::new(0);
        Self(Some(Seeded { seed, drawn }))
    }

    /// Whether a seed decides.
    pub(crate) fn is_seeded(&self) -> bool {
        self.0.is_some()
    }

    /// The next 64 random bits.
    pub(crate) fn next_u64(&self) -> u64 {
        match &self.0 {
            // By way of the keys of a hash map.
            None => RandomState::new().hash_one(()),
            Some(Seeded { seed, drawn }) => {
                let count = drawn.fetch_add(1, Ordering::Relaxed);
                BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, count))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_all_that_is_drawn() {
        let draw = |rng: Rng| [(); 3].map(|()| rng.next_u64());
        let drawn = draw(Rng::seeded(7));
        assert_eq!(drawn, draw(Rng::seeded(7)));
        assert_ne!(drawn, draw(Rng::seeded(8)));
        assert_ne!(draw(Rng::default()), draw(Rng::default()));
    }
}
