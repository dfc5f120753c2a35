//! Shards, and the one that an entity belongs to.

use std::fmt;
use std::num::NonZeroU32;

use casty_proto::Count;
use md5::{Digest, Md5};

/// One shard of a region, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u32);

impl ShardId {
    /// Creates the shard of this number. The region's [`ShardCount`] tells whether it has the
    /// shard.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Returns the number, as it travels.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns its place in a dense array; one that no array has where `usize` cannot hold the
    /// number.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<u32> for ShardId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of shards that a region is divided into; never 0.
///
/// The count does not travel: a client and the nodes that host the region must agree on it, or
/// they disagree about where entities live. A [`CountContradiction`](crate::CountContradiction)
/// shows that some do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardCount(NonZeroU32);

impl ShardCount {
    /// Creates a count; `None` if it is 0.
    pub const fn new(count: u32) -> Option<Self> {
        match NonZeroU32::new(count) {
            Some(count) => Some(Self(count)),
            None => None,
        }
    }

    /// Returns the number of shards.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns whether a region of this many shards has `shard`.
    pub const fn contains(self, shard: ShardId) -> bool {
        shard.0 < self.0.get()
    }

    /// Returns the length of a dense array with a place for each shard.
    pub(crate) fn len(self) -> usize {
        usize::try_from(self.get()).unwrap_or(usize::MAX)
    }
}

impl From<NonZeroU32> for ShardCount {
    fn from(count: NonZeroU32) -> Self {
        Self(count)
    }
}

impl TryFrom<u32> for ShardCount {
    type Error = NoShards;

    fn try_from(count: u32) -> Result<Self, NoShards> {
        Self::new(count).ok_or(NoShards)
    }
}

impl fmt::Display for ShardCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of shards as part of a sentence.
pub(crate) struct Shards(pub(crate) ShardCount);

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Count(self.0.get(), "shard").fmt(f)
    }
}

/// The error of a region that would have 0 shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a region has at least one shard")]
pub struct NoShards;

/// Returns the shard of an entity, as every node computes it: the first four bytes of the MD5 of
/// the id in UTF-8, big-endian, modulo the count.
///
/// Costs one MD5 (some 130 ns for a short id) and no allocation; keep the result for messages to
/// the same entity.
///
/// ```
/// use casty_routing::{ShardCount, ShardId, entity_shard};
/// let count = ShardCount::new(16).expect("not 0");
/// assert_eq!(entity_shard("user-42", count), ShardId::new(7));
/// ```
pub fn entity_shard(entity_id: &str, count: ShardCount) -> ShardId {
    let digest: [u8; 16] = Md5::digest(entity_id.as_bytes()).into();
    let [a, b, c, d, ..] = digest;
    ShardId(u32::from_be_bytes([a, b, c, d]) % count.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(entity_id: &str, count: u32) -> u32 {
        entity_shard(entity_id, ShardCount::new(count).unwrap()).get()
    }

    #[test]
    fn the_shard_seen_on_the_wire_is_computed() {
        assert_eq!(shard("user-42", 16), 7);
        assert_eq!(shard("user-42", 100), 87);
    }

    #[test]
    fn shards_are_those_that_python_computes() {
        let vectors = include_str!("../tests/entity_shards.tsv");
        let mut checked = 0;
        for line in vectors.lines() {
            let mut fields = line.split('\t');
            let mut field = || fields.next().unwrap();
            let (hex, count, expected) = (field(), field(), field());
            let id: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let id = std::str::from_utf8(&id).unwrap();
            let count = count.parse().unwrap();
            assert_eq!(shard(id, count).to_string(), expected, "{id:?} % {count}");
            checked += 1;
        }
        assert_eq!(checked, 200);
    }

    #[test]
    fn a_region_without_shards_cannot_be_written() {
        assert_eq!(ShardCount::try_from(0), Err(NoShards));
        let count = ShardCount::try_from(3).unwrap();
        assert!(count.contains(ShardId::new(2)) && !count.contains(ShardId::new(3)));
    }
}
