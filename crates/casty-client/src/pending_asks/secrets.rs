//! The secrets without which nobody can answer an ask.

use siphasher::sip::SipHasher13;

use super::id::{AskId, ReplyAddress};
use crate::runtime::random::Rng;

/// The secrets of the asks of one client, made from a key that no node knows.
///
/// A node knows the ids of its own asks, which tell it those of others, but not their secrets, so it
/// can answer no ask but those that reached it. Nor does a reply to another client that announced the
/// same address reach this one.
#[derive(Clone)]
pub(crate) struct Secrets(SipHasher13);

impl Secrets {
    /// Returns those of a new client.
    pub(crate) fn new(rng: &Rng) -> Self {
        Self(SipHasher13::new_with_keys(rng.next_u64(), rng.next_u64()))
    }

    /// Returns the address to which the reply to an ask is sent.
    #[inline]
    pub(crate) fn address(&self, id: AskId) -> ReplyAddress {
        let secret = self.0.hash(&id.bits().to_le_bytes());
        ReplyAddress { id, secret }
    }

    /// Returns whether an address holds the secret of its ask.
    pub(crate) fn is_true(&self, address: ReplyAddress) -> bool {
        self.address(address.id) == address
    }
}
