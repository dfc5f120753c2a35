//! The hot path: who is connected and owns a shard, without lock or allocation.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::ShardId;

/// A region as its [`Router`](crate::Router) numbers it: dense, from 0, never used again for
/// another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub(crate) u32);

impl RegionId {
    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// One row: the owner of each shard of a region.
pub(crate) type Row<H> = Arc<[Option<H>]>;

/// Who may be sent to directly, at one moment. Immutable.
///
/// Lists an owner only while its connection is up, no view calls it dead, and nothing older is
/// held for the shard. A shard that is not listed is a matter for the
/// [`Router`](crate::Router).
pub struct RouteTable<H> {
    rows: Box<[Row<H>]>,
}

impl<H> RouteTable<H> {
    pub(crate) fn new(rows: Box<[Row<H>]>) -> Self {
        Self { rows }
    }

    /// The connected owner of a shard.
    ///
    /// Two array accesses; nothing is hashed, locked or allocated. Unknown regions and shards have
    /// no owner.
    pub fn owner(&self, region: RegionId, shard: ShardId) -> Option<&H> {
        self.rows.get(region.index())?.get(shard.index())?.as_ref()
    }

    /// How many shards have a listed owner, over all regions. Walks the whole table.
    pub fn listed(&self) -> usize {
        self.rows
            .iter()
            .map(|row| row.iter().flatten().count())
            .sum()
    }
}

impl<H> Default for RouteTable<H> {
    /// The table that lists nobody.
    fn default() -> Self {
        Self::new(Box::default())
    }
}

impl<H> fmt::Debug for RouteTable<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTable")
            .field("regions", &self.rows.len())
            .field("listed", &self.listed())
            .finish()
    }
}

/// The current [`RouteTable`] behind an atomic pointer: many readers, one writer, no lock.
pub struct SharedTable<H>(ArcSwap<RouteTable<H>>);

impl<H> SharedTable<H> {
    /// A table that lists nobody yet.
    pub fn new() -> Self {
        Self(ArcSwap::from_pointee(RouteTable::default()))
    }

    /// The current table, for a short look; [`TableGuard`] derefs to it.
    pub fn load(&self) -> TableGuard<H> {
        TableGuard(self.0.load())
    }

    /// Replaces the table. Only the owner of the [`Router`](crate::Router) does this, with what
    /// [`RouterOutput::Publish`](crate::RouterOutput::Publish) hands it, in that order.
    pub fn store(&self, table: Arc<RouteTable<H>>) {
        self.0.store(table);
    }
}

impl<H> Default for SharedTable<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> fmt::Debug for SharedTable<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

/// A look at the current table. Keeps that table alive, so it is not for keeping.
pub struct TableGuard<H>(Guard<Arc<RouteTable<H>>>);

impl<H> Deref for TableGuard<H> {
    type Target = RouteTable<H>;

    fn deref(&self) -> &RouteTable<H> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_has_an_owner() {
        let shared = SharedTable::new();
        let (region, shard) = (RegionId(0), ShardId::new(1));
        assert_eq!(shared.load().owner(region, shard), None::<&&str>);
        let row: Row<&str> = Arc::new([None, Some("n1")]);
        let other: Row<&str> = Arc::new([Some("n2")]);
        shared.store(Arc::new(RouteTable::new(Box::new([row, other]))));
        let table = shared.load();
        assert_eq!(table.owner(region, shard), Some(&"n1"));
        assert_eq!(table.owner(region, ShardId::new(0)), None);
        assert_eq!(table.owner(region, ShardId::new(u32::MAX)), None);
        assert_eq!(table.owner(RegionId(u32::MAX), shard), None);
        assert_eq!(table.owner(RegionId(1), ShardId::new(0)), Some(&"n2"));
        assert_eq!(table.listed(), 2);
    }
}
