//! The reading of views, by a thread of its own where it takes long.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use casty_proto::{Codec, DecodeError, Limits, NodeAddress};
use casty_routing::View;
use siphasher::sip128::{Hasher128, SipHasher13};

/// The means to read a view.
pub(super) struct ViewReader {
    pub(super) codec: Codec,
    pub(super) limits: Limits,
    pub(super) fingerprints: Fingerprints,
    /// The view that need not be read again if it comes again.
    pub(super) repeatable: Option<Fingerprint>,
    /// The view that is kept, with which the one that is read shares what is equal.
    pub(super) kept: Option<Arc<View>>,
}

/// A view that was read, or could not be.
pub(super) struct ReadView {
    pub(super) from: NodeAddress,
    pub(super) subscription: u64,
    pub(super) outcome: Result<Outcome, DecodeError>,
}

/// The outcome of reading a view.
pub(super) enum Outcome {
    /// It is the last one once more, byte for byte.
    Repeated,
    /// It was read, and made ready to be taken in.
    Read(View, Fingerprint),
}

impl ViewReader {
    /// Reads a view that came for a subscription.
    pub(super) fn read(self, from: NodeAddress, subscription: u64, message: &[u8]) -> ReadView {
        ReadView {
            from,
            subscription,
            outcome: self.outcome(subscription, message),
        }
    }

    fn outcome(self, subscription: u64, message: &[u8]) -> Result<Outcome, DecodeError> {
        let fingerprint = self.fingerprints.of(subscription, message);
        if self.repeatable == Some(fingerprint) {
            return Ok(Outcome::Repeated);
        }
        let snapshot = self.codec.decode(message, &self.limits)?;
        let view = View::after(self.kept.as_deref(), snapshot);
        Ok(Outcome::Read(view, fingerprint))
    }
}

/// The fingerprint of a view as a node sent it for one subscription. Two views of the same fingerprint
/// are the same.
//
// A node sends its whole view every quarter of a second. Its bytes are not kept to compare with: those
// of a million shards are as much memory as the view, and a hash of 128 bits under keys that nobody
// else knows tells as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    subscription: u64,
    length: usize,
    hash: u128,
}

/// The secret of one client, by which fingerprints are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprints {
    keys: (u64, u64),
}

impl Fingerprints {
    /// Draws the secret.
    pub(super) fn new() -> Self {
        let drawn = RandomState::new();
        Self {
            keys: (drawn.hash_one(0), drawn.hash_one(1)),
        }
    }

    /// Returns the fingerprint of a view: a nanosecond a byte at most.
    fn of(&self, subscription: u64, view: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        hasher.write(view);
        Fingerprint {
            subscription,
            length: view.len(),
            hash: hasher.finish128().as_u128(),
        }
    }
}

#[cfg(test)]
mod tests {
    use casty_proto::message::TopologySnapshot;

    use super::*;

    #[test]
    fn only_the_view_that_is_repeatable_is_not_read_again() {
        let fingerprints = Fingerprints::new();
        let codec = Codec::json();
        let read = |repeatable, epoch| {
            let reader = ViewReader {
                codec,
                limits: Limits::new(),
                fingerprints,
                repeatable,
                kept: None,
            };
            let mut message = Vec::new();
            let snapshot = TopologySnapshot {
                allocation_epoch: epoch,
                ..TopologySnapshot::default()
            };
            codec.encode(&snapshot, &mut message).unwrap();
            let from = NodeAddress::new("a", 1);
            reader.read(from, 1, &message).outcome.unwrap()
        };
        let Outcome::Read(view, first) = read(None, 3) else {
            panic!("there was none before")
        };
        assert_eq!(view.version().epoch, 3);
        assert!(matches!(read(Some(first), 3), Outcome::Repeated));
        let Outcome::Read(view, other) = read(Some(first), 4) else {
            panic!("it is another")
        };
        assert_eq!(view.version().epoch, 4);
        assert_ne!(other, first);
    }

    #[test]
    fn views_that_differ_in_a_byte_or_in_the_subscription_have_other_fingerprints() {
        let fingerprints = Fingerprints::new();
        let view = fingerprints.of(1, b"a view");
        assert_eq!(fingerprints.of(1, b"a view"), view);
        assert_ne!(fingerprints.of(1, b"a View"), view);
        assert_ne!(fingerprints.of(2, b"a view"), view);
        assert_ne!(Fingerprints::new().of(1, b"a view"), view);
    }
}
