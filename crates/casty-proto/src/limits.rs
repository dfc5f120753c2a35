//! How much a decoder may spend on one input.

/// The bounds of one decoding: what a peer can make this process do with one message.
///
/// Every reader and every walk over what it read stays within all of them and answers a typed
/// error ([`DecodeError::Limit`](crate::DecodeError::Limit)) where one is passed. The defaults fit
/// a snapshot of some 100,000 shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest input in bytes. Default: 16 MiB, the default frame limit.
    pub bytes: usize,
    /// How deep values may nest. Default: 128 levels; a ceiling of 256 holds whatever is asked
    /// for, so that a typed value is read within a thread's ordinary stack.
    pub depth: usize,
    /// How many values one input may hold, each scalar, container and key being one. Default: 1,048,576.
    pub items: usize,
}

impl Limits {
    /// No nesting beyond this is ever read, whatever [`Limits::depth`] says.
    pub const MAX_DEPTH: usize = 256;

    /// Returns the default limits, also in constants.
    pub const fn new() -> Self {
        Self {
            bytes: 16 * 1024 * 1024,
            depth: 128,
            items: 1 << 20,
        }
    }

    /// Sets the longest input in bytes.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// Sets how deep values may nest; more than [`MAX_DEPTH`](Self::MAX_DEPTH) counts as that.
    #[must_use]
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Sets the number of values that one input may hold.
    #[must_use]
    pub const fn with_items(self, items: usize) -> Self {
        Self { items, ..self }
    }

    /// How many values a walk may visit in an input of `input` bytes. Shared values of a pickle
    /// are visited each time they occur, so a small input could ask for an exponential walk.
    pub fn visits(input: usize) -> usize {
        input.saturating_mul(16).saturating_add(1_000)
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
        assert_eq!((bytes, depth, items), (16_777_216, 128, 1_048_576));
    }
}
