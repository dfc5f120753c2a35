//! The bounds of one decoding.

use crate::{DecodeError, Limit};

/// The bounds of one decoding: the most that a peer can make this process do with one message.
///
/// Every reader stays within all of them, and so does all that goes over what it has read; where
/// one is passed, a typed error ([`DecodeError::Limit`]) says which. The defaults fit a snapshot of
/// 1,000,000 shards with two replicas each, in any codec.
///
/// ```
/// use casty_proto::Limits;
/// const SMALL: Limits = Limits::new().with_bytes(64 * 1024).with_depth(16);
/// assert_eq!(SMALL.items, Limits::default().items);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// The longest input in bytes. Default: 512 MiB.
    pub bytes: usize,
    /// The deepest nesting of values. Default: 128 levels; a ceiling of 256 holds whatever is asked
    /// for, so that a typed value is read within a thread's ordinary stack.
    pub depth: usize,
    /// The most values in one input, each scalar, container and key being one. Default:
    /// 33,554,432.
    pub items: usize,
}

impl Limits {
    /// The deepest nesting that is ever read, whatever [`Limits::depth`] says.
    pub const MAX_DEPTH: usize = 256;

    /// Returns the default limits.
    pub const fn new() -> Self {
        Self {
            bytes: 512 * 1024 * 1024,
            depth: 128,
            items: 1 << 25,
        }
    }

    /// Sets the longest input in bytes.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// Sets the deepest nesting in levels; more than [`MAX_DEPTH`](Self::MAX_DEPTH) means that many.
    #[must_use]
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Sets the most values in one input.
    #[must_use]
    pub const fn with_items(self, items: usize) -> Self {
        Self { items, ..self }
    }

    /// Returns how many values may be visited in an input of `input` bytes. A pickle's shared values
    /// are visited each time they occur, so a small input could ask for exponentially many visits.
    pub const fn visits(input: usize) -> usize {
        input.saturating_mul(16).saturating_add(1_000)
    }

    /// Checks the length of an input.
    pub(crate) fn admit(&self, size: usize) -> Result<(), DecodeError> {
        if size > self.bytes {
            return Err(DecodeError::limit(Limit::Bytes, self.bytes));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let Limits {
            bytes,
            depth,
            items,
        } = Limits::default();
        assert_eq!((bytes, depth, items), (536_870_912, 128, 33_554_432));
    }
}
