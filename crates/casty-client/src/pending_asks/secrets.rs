//! The secrets without which nobody can answer an ask.

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};

use crate::runtime::random::Rng;

/// The key from which the secrets of one client's asks are drawn, which no node knows.
///
/// A node knows the ids of its own asks, which tell it those of others, but not their secrets, so it
/// can answer no ask but those that reached it. Nor does a reply to another client that announced the
/// same address reach this one.
///
/// The secrets of a stripe of asks are the key stream of ChaCha with twelve rounds, 64 bits each: who
/// knows any number of them and not the key cannot tell another one from a random number. The key has
/// 128 random bits, more than anybody can try, and each stripe has a stream of its own, which never
/// repeats: its counter has 64 bits.
pub(crate) struct Secrets {
    key: [u8; 32],
}

impl Secrets {
    /// Returns those of a new client.
    pub(crate) fn new(rng: &Rng) -> Self {
        let mut key = [0; 32];
        for half in key[..16].chunks_exact_mut(8) {
            half.copy_from_slice(&rng.next_u64().to_le_bytes());
        }
        Self { key }
    }

    /// Returns the secrets of the stripe of that number, of which none is drawn.
    pub(super) fn of_stripe(&self, number: usize) -> StripeSecrets {
        let mut rng = ChaCha12Rng::from_seed(self.key);
        rng.set_stream(number as u64);
        StripeSecrets { rng, drawn: 0 }
    }
}

/// The secrets of the asks of one stripe, drawn one after the other.
///
/// A draw costs a quarter of a keyed hash of the ask's id: a run of the cipher makes 32 of them.
pub(super) struct StripeSecrets {
    rng: ChaCha12Rng,
    /// The number of secrets that were drawn.
    drawn: u64,
}

/// A secret, and the lower half of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) number: u32,
    pub(super) bits: u64,
}

impl StripeSecrets {
    /// Draws the next secret.
    #[inline]
    pub(super) fn draw(&mut self) -> Secret {
        let number = lower_half(self.drawn);
        self.drawn += 1;
        let bits = self.rng.next_u64();
        Secret { number, bits }
    }

    /// Returns the bits of the secret that was the last to be drawn of all whose numbers have this lower
    /// half; `None` if there was none. Costs a run of the cipher.
    #[cold]
    pub(super) fn drawn(&self, number: u32) -> Option<u64> {
        let last = self.drawn.checked_sub(1)?;
        let since = lower_half(last).wrapping_sub(number);
        let number = last.checked_sub(since.into())?;
        let mut rng = ChaCha12Rng::from_seed(self.rng.get_seed());
        rng.set_stream(self.rng.get_stream());
        // Counted in words of 32 bits.
        rng.set_word_pos(u128::from(number) * 2);
        Some(rng.next_u64())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is asked for"
)]
fn lower_half(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(seed: u64) -> Secrets {
        Secrets::new(&Rng::seeded(seed))
    }

    #[test]
    fn a_secret_that_was_drawn_is_found_by_its_number_and_no_other() {
        let mut stripe = secrets(7).of_stripe(3);
        assert_eq!(stripe.drawn(0), None);
        let drawn: Vec<_> = (0..100).map(|_| stripe.draw()).collect();
        for (number, secret) in (0..).zip(&drawn) {
            assert_eq!(secret.number, number);
            assert_eq!(stripe.drawn(number), Some(secret.bits));
        }
        for number in [100, 101, u32::MAX] {
            assert_eq!(stripe.drawn(number), None);
        }
        let distinct: std::collections::BTreeSet<_> = drawn.iter().map(|it| it.bits).collect();
        assert_eq!(distinct.len(), drawn.len());
    }

    #[test]
    fn secrets_differ_by_client_and_by_stripe_and_are_random_unless_there_is_a_seed() {
        let first = |secrets: &Secrets, stripe| secrets.of_stripe(stripe).draw().bits;
        let one = first(&secrets(7), 0);
        assert_eq!(one, first(&secrets(7), 0));
        assert_ne!(one, first(&secrets(7), 1));
        assert_ne!(one, first(&secrets(8), 0));
        let random = || first(&Secrets::new(&Rng::default()), 0);
        assert_ne!(random(), random());
    }

    #[test]
    fn a_secret_does_not_come_again_when_its_number_does() {
        let mut stripe = secrets(7).of_stripe(0);
        let early = stripe.draw();
        // As after 2^32 draws.
        stripe.drawn += u64::from(u32::MAX);
        stripe.rng.set_word_pos(u128::from(stripe.drawn) * 2);
        let late = stripe.draw();
        assert_eq!((early.number, late.number), (0, 0));
        assert_ne!(early.bits, late.bits);
        assert_eq!(stripe.drawn(0), Some(late.bits));
        assert!(stripe.drawn(u32::MAX).is_some_and(|bits| bits != late.bits));
    }

    #[test]
    fn the_stream_is_that_of_the_cipher() {
        // The words of a block of ChaCha with twelve rounds for a key of zeros, by the reference
        // implementation: 9bf49a6a 0755f953 811fce12 5f2683d5 ..., as bytes.
        let mut stripe = Secrets { key: [0; 32] }.of_stripe(0);
        let bytes = [stripe.draw(), stripe.draw()].map(|it| it.bits.to_le_bytes());
        let expected = 0x9bf4_9a6a_0755_f953_811f_ce12_5f26_83d5_u128;
        assert_eq!(bytes.as_flattened(), expected.to_be_bytes());
    }
}
