//! The random numbers of the engines: reproducible from a seed.

use std::time::Duration;

/// A SplitMix64 generator: small, and even enough to spread attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Slightly uneven, which does not matter for a choice among members.
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    /// Draws a duration from zero to `most`, both included, to the microsecond.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        // Slightly uneven, which does not matter for pauses; the sum saturates because the longest
        // duration has no successor.
        Duration::from_micros(self.next() % most.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_splitmix64_describes() {
        // The reference implementation's first numbers for this seed.
        let mut rng = Rng::new(1_234_567);
        let numbers: [u64; 5] = std::array::from_fn(|_| rng.next());
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }
}
