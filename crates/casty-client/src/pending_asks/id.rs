//! The ids of asks and of connections, in tables and on the wire.

use std::fmt;

use super::letters::{from_letters, letters};
use crate::runtime::clock::Tick;
use crate::runtime::stripes::STRIPES;

/// The number of a connection, which no other connection of the client ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId(pub(crate) u32);

/// The carrier of messages that never leave the client.
pub(crate) const HERE: PeerId = PeerId(u32::MAX);

/// The carrier of an ask that has none.
pub(super) const NOBODY: PeerId = PeerId(u32::MAX - 1);

/// The id of an ask, to which its reply is addressed: 64 bits that travel as sixteen
/// [letters](super::letters).
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
    /// The connection that is noted as its carrier before the message is sent; `None` if none is.
    pub(crate) carrier: Option<PeerId>,
}

/// The address to which the reply to an ask is sent: its id, and the secret that goes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyAddress {
    pub(crate) id: AskId,
    /// See [`Secrets`](super::secrets::Secrets).
    pub(crate) secret: u64,
}

impl ReplyAddress {
    /// The number of letters of an address.
    pub(crate) const LETTERS: usize = 32;

    /// Returns the letters as which it travels.
    #[inline]
    pub(crate) fn letters(self) -> [u8; Self::LETTERS] {
        let mut all = [0; Self::LETTERS];
        let (id, secret) = all.split_at_mut(16);
        id.copy_from_slice(&letters(self.id.bits()));
        secret.copy_from_slice(&letters(self.secret));
        all
    }

    /// Reads the letters of an address with which a text begins; `None` for anything else.
    #[inline]
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let all: &[u8; Self::LETTERS] = text.first_chunk()?;
        let (id, secret) = all.split_at(16);
        Some(Self {
            id: AskId::from_bits(from_letters(id)?),
            secret: from_letters(secret)?,
        })
    }
}

/// The upper bits of [`AskId::slot`] name the stripe.
const INDEX_BITS: u32 = 28;
/// The most asks that may wait, whatever is set.
///
/// Beyond it, `pending_asks` counts as this many.
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
        self.slot_index() as usize
    }

    /// Returns its index as it is kept in lists.
    pub(super) fn slot_index(self) -> u32 {
        self.slot & ((1 << INDEX_BITS) - 1)
    }

    /// Returns its 64 bits.
    pub(crate) fn bits(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.generation)
    }

    /// Returns the id of these bits.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Self {
            slot: half(bits >> 32),
            generation: half(bits),
        }
    }
}

impl fmt::Debug for ReplyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret, which is nobody's to read in a log.
        write!(f, "ReplyAddress({:?})", self.id)
    }
}

impl fmt::Debug for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = letters(self.bits());
        f.write_str(str::from_utf8(&letters).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_secrets_survive_their_letters() {
        for id in [
            AskId::new(15, 77, 5),
            AskId::new(0, 0, 0),
            AskId::new(3, MAX_PENDING - 1, !0),
        ] {
            assert_eq!(AskId::from_bits(id.bits()), id);
            let address = ReplyAddress { id, secret: 7 };
            let mut text = address.letters().to_vec();
            assert!(text.starts_with(format!("{id:?}").as_bytes()));
            assert_eq!(ReplyAddress::read(&text[..31]), None);
            text.push(b'.');
            assert_eq!(ReplyAddress::read(&text), Some(address));
            for place in [0, 31] {
                let mut other = text.clone();
                other[place] = b'A';
                assert_eq!(ReplyAddress::read(&other), None);
            }
        }
    }
}
