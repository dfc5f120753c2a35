//! The randomness of a client.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A generator of random numbers, from the operating system or from a seed.
///
/// Those of the operating system are asked for one by one and nothing is kept, so two processes of
/// which one is a fork of the other draw different ones.
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
            None => getrandom::u64().unwrap_or_else(|_| makeshift()),
            Some(Seeded { seed, drawn }) => {
                // Relaxed: each caller gets a number of its own, and nothing else is shared.
                let count = drawn.fetch_add(1, Ordering::Relaxed);
                split_mix(*seed, count)
            }
        }
    }
}

/// Returns a number that differs from those of other processes, on a system that has no randomness
/// to give, which is none that is supported.
fn makeshift() -> u64 {
    // The keys of a hash map alone are those of the process that this one is a fork of.
    RandomState::new().hash_one((std::process::id(), SystemTime::now()))
}

/// Returns the number at a place in the sequence that SplitMix64 draws from a seed. What a hasher
/// of std makes of a number may change with its version; this does not.
fn split_mix(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(place.wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

    #[test]
    fn what_a_seed_draws_is_the_same_with_every_compiler() {
        // The reference implementation's first numbers for this seed.
        let rng = Rng::seeded(1_234_567);
        let drawn = [(); 3].map(|()| rng.next_u64());
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
            ]
        );
    }

    #[test]
    fn two_makeshift_numbers_differ() {
        assert_ne!(makeshift(), makeshift());
    }

    /// Returns what a fork of this process draws.
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "nothing else forks a process")]
    fn drawn_by_a_fork(rng: &Rng) -> u64 {
        let mut ends = [0; 2];
        let mut bytes = [0; 8];
        // SAFETY: the array holds the two descriptors that are made, which are used up to the end
        // of this function. The child calls nothing that another thread may have locked: it asks
        // the kernel for a number, writes that from its own stack, and ends.
        unsafe {
            assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
            let child = libc::fork();
            if child == 0 {
                let drawn = rng.next_u64().to_ne_bytes();
                libc::write(ends[1], drawn.as_ptr().cast(), drawn.len());
                libc::_exit(0);
            }
            assert!(child > 0);
            let read = libc::read(ends[0], bytes.as_mut_ptr().cast(), bytes.len());
            assert_eq!(read, 8);
            libc::waitpid(child, std::ptr::null_mut(), 0);
            for end in ends {
                libc::close(end);
            }
        }
        u64::from_ne_bytes(bytes)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn processes_that_were_forked_draw_different_numbers() {
        let rng = Rng::default();
        // Whatever is made once for each thread is made now.
        rng.next_u64();
        let theirs = [(); 2].map(|()| drawn_by_a_fork(&rng));
        let ours = rng.next_u64();
        assert_ne!(theirs[0], theirs[1]);
        assert!(!theirs.contains(&ours), "{theirs:?} {ours}");
    }

    #[test]
    fn it_is_known_whether_a_seed_decides() {
        assert!(Rng::seeded(7).is_seeded());
        assert!(!Rng::default().is_seeded());
    }
}
