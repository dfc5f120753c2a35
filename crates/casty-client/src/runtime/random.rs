//! The randomness of a client.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A generator of random numbers, from the operating system or from a seed.
#[derive(Debug, Default)]
pub(crate) struct Rng(Option<Seeded>);

#[derive(Debug)]
struct Seeded {
    seed: u64,
    drawn: AtomicU64,
}

impl Rng {
    /// Creates a generator that draws the same numbers for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        let drawn = AtomicU64::new(0);
        Self(Some(Seeded { seed, drawn }))
    }

    /// Returns whether the numbers come from a seed.
    pub(crate) fn is_seeded(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the next 64 random bits.
    pub(crate) fn next_u64(&self) -> u64 {
        match &self.0 {
            // The keys of a hash map, which std takes from the operating system's randomness.
            None => RandomState::new().hash_one(()),
            Some(Seeded { seed, drawn }) => {
                // Relaxed: each caller gets a number of its own, and nothing else is shared.
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
