//! The ids of asks and of connections, in tables and on the wire.

use std::fmt;

use super::hex::from_hex;
use crate::runtime::clock::Tick;
use crate::runtime::stripes::STRIPES;

/// The number of a connection, which no other connection of the client ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId(pub(crate) u32);

/// The carrier of messages that never leave the client.
pub(crate) const HERE: PeerId = PeerId(u32::MAX);

/// The id of an ask, to which its reply is addressed: 64 bits that travel as sixteen hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AskId {
    slot: u32,
    pub(super) generation: u32,
}

/// An ask that has its slot, and its deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenAsk {
    pub(crate) id: AskId,
    pub(crate) deadline: Tick,
}

/// The upper bits of [`AskId::slot`] name the stripe.
const INDEX_BITS: u32 = 28;
pub(super) const MAX_PENDING: usize = 1 << INDEX_BITS;

impl AskId {
    pub(super) fn new(stripe: usize, index: usize, generation: u32) -> Self {
        let slot = u32::try_from(stripe << INDEX_BITS | index).unwrap_or(u32::MAX);
        Self { slot, generation }
    }

    pub(super) fn stripe(self) -> usize {
        (self.slot >> INDEX_BITS) as usize % STRIPES
    }

    pub(super) fn index(self) -> usize {
        self.slot as usize & (MAX_PENDING - 1)
    }

    /// Returns its 64 bits.
    pub(crate) fn bits(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.generation)
    }

    /// Reads the sixteen digits of its bits; `None` for anything else.
    #[inline]
    pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
        let bits = from_hex(digits)?;
        Some(Self {
            slot: u32::try_from(bits >> 32).ok()?,
            generation: u32::try_from(bits & u64::from(u32::MAX)).ok()?,
        })
    }
}

impl fmt::Debug for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::super::hex::hex;
    use super::*;

    #[test]
    fn ids_survive_their_digits() {
        for id in [
            AskId::new(15, 77, 5),
            AskId::new(0, 0, 0),
            AskId::new(3, MAX_PENDING - 1, !0),
        ] {
            assert_eq!(AskId::from_hex(&hex(id.bits())), Some(id));
        }
        for wrong in [
            &b"0123456789abcde"[..],
            b"0123456789ABCDEF",
            b"0123456789abcdeg0",
        ] {
            assert_eq!(AskId::from_hex(wrong), None);
        }
    }
}
