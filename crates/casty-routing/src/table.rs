//! The hot path: the connected owner of a shard, without lock or allocation.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use crate::shard::ShardId;

/// A region as its [`Router`](crate::Router) numbers it: dense, from 0, never used again for
/// another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub(crate) u32);

impl RegionId {
    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The entry of a row for a shard without owner: beyond the places of all nodes.
pub(crate) const NOBODY: u32 = u32::MAX;

/// One row of the table: for each shard of a region the place of its owner among the nodes.
pub(crate) type Row = Arc<[u32]>;

/// The nodes of a table, by place; `None` where the node cannot be sent to.
pub(crate) type Nodes<H> = Arc<[Option<H>]>;

/// The nodes that may be sent to directly, at one moment. Immutable.
///
/// Lists an owner only while its connection is up, no view calls it dead, and nothing older is
/// buffered for the shard. A shard that is not listed is a matter for the
/// [`Router`](crate::Router).
pub struct RouteTable<H> {
    // Rows and nodes are shared with the table before: what did not change costs a pointer. Rows
    // name nodes by place, so that one which is connected or lost changes no row, and a row is made
    // and dropped without a look at each shard's handle, be it by a sender who has it last.
    rows: Box<[Row]>,
    nodes: Nodes<H>,
}

impl<H> RouteTable<H> {
    pub(crate) fn new(rows: Box<[Row]>, nodes: Nodes<H>) -> Self {
        Self { rows, nodes }
    }

    fn node(&self, place: u32) -> Option<&H> {
        self.nodes.get(usize::try_from(place).ok()?)?.as_ref()
    }

    /// Returns the connected owner of a shard; `None` if it has none.
    ///
    /// Three array accesses; nothing is hashed, locked or allocated. Unknown regions and shards have
    /// no owner.
    #[inline]
    pub fn owner(&self, region: RegionId, shard: ShardId) -> Option<&H> {
        self.node(*self.rows.get(region.index())?.get(shard.index())?)
    }

    /// Returns the number of shards with a listed owner, over all regions. Walks the whole table.
    pub fn listed(&self) -> usize {
        let entries = self.rows.iter().flat_map(|row| row.iter());
        entries.filter(|place| self.node(**place).is_some()).count()
    }
}

impl<H> Default for RouteTable<H> {
    /// Creates the table that lists no owner.
    fn default() -> Self {
        Self::new(Box::default(), Nodes::default())
    }
}

impl<H> fmt::Debug for RouteTable<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTable")
            .field("regions", &self.rows.len())
            .field("nodes", &self.nodes.iter().flatten().count())
            .field("listed", &self.listed())
            .finish()
    }
}

/// The current [`RouteTable`] behind an atomic pointer: many readers, one writer, no lock.
///
/// Readers never wait, neither for each other nor for the writer; the writer does not wait for them
/// either. A table lives until its last reader is done with it.
//
// Not a lock around the table: every tell and every ask reads it, from all threads, and even an
// uncontended reader-writer lock writes to memory that they share. `ArcSwap` makes `load` a read of
// the pointer and a write to a slot of the reading thread's own, and orders `store` before `load`
// as release and acquire: a reader that sees a table sees all that was written before it was
// stored, which is what lets the router publish an owner only after everything older was handed
// over.
pub struct SharedTable<H> {
    table: ArcSwap<RouteTable<H>>,
    /// The number of tables stored so far, counted after each. Read and written as release and acquire,
    /// so who reads a number finds that table, or a later one.
    version: AtomicU64,
}

impl<H> SharedTable<H> {
    /// Creates a table that lists no owner yet.
    pub fn new() -> Self {
        Self {
            table: ArcSwap::from_pointee(RouteTable::default()),
            version: AtomicU64::new(0),
        }
    }

    /// Returns the current table, for a short look; [`TableGuard`] derefs to it.
    #[must_use = "loading a table does nothing by itself"]
    pub fn load(&self) -> TableGuard<H> {
        TableGuard(self.table.load())
    }

    /// Returns the current table, for whoever looks at it again and again: see
    /// [`refresh`](Self::refresh).
    pub fn cached(&self) -> CachedTable<H> {
        CachedTable {
            version: self.version.load(Ordering::Acquire),
            table: self.table.load_full(),
        }
    }

    /// Returns the current table, which takes the place of `cached` if that is an earlier one of this
    /// table's. Costs less than [`load`](Self::load): a read of a number, and nothing is written.
    #[inline]
    pub fn refresh<'c>(&self, cached: &'c mut CachedTable<H>) -> &'c RouteTable<H> {
        if !self.is_current(cached) {
            *cached = self.cached();
        }
        cached
    }

    /// Returns whether no other table was stored since this one of the same table's was
    /// [taken](Self::cached) or refreshed.
    #[inline]
    pub fn is_current(&self, cached: &CachedTable<H>) -> bool {
        cached.version == self.version.load(Ordering::Acquire)
    }

    /// Replaces the table. Only the owner of the [`Router`](crate::Router) does this, with what
    /// [`RouterOutput::Publish`](crate::RouterOutput::Publish) hands it, in that order.
    pub fn store(&self, table: Arc<RouteTable<H>>) {
        self.table.store(table);
        self.version.fetch_add(1, Ordering::Release);
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

/// A table that is looked at again and again, with the means to find out whether it is still the
/// current one. Keeps its table alive until it is [refreshed](SharedTable::refresh).
#[derive(Debug)]
pub struct CachedTable<H> {
    version: u64,
    table: Arc<RouteTable<H>>,
}

impl<H> Deref for CachedTable<H> {
    type Target = RouteTable<H>;

    #[inline]
    fn deref(&self) -> &RouteTable<H> {
        &self.table
    }
}

/// A look at the current table. Keeps that table alive, so it is not for keeping.
//
// Each thread has a few slots for guards that cost no reference count; a guard that is kept takes
// one up, and further ones become slower.
pub struct TableGuard<H>(Guard<Arc<RouteTable<H>>>);

impl<H> Deref for TableGuard<H> {
    type Target = RouteTable<H>;

    fn deref(&self) -> &RouteTable<H> {
        &self.0
    }
}

impl<H> fmt::Debug for TableGuard<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
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
        let rows: [Row; 2] = [Arc::new([NOBODY, 2]), Arc::new([0, 1])];
        let nodes: Nodes<&str> = Arc::new([Some("n2"), None, Some("n1")]);
        shared.store(Arc::new(RouteTable::new(Box::new(rows), nodes)));
        let table = shared.load();
        assert_eq!(table.owner(region, shard), Some(&"n1"));
        assert_eq!(table.owner(region, ShardId::new(0)), None);
        assert_eq!(table.owner(region, ShardId::new(u32::MAX)), None);
        assert_eq!(table.owner(RegionId(u32::MAX), shard), None);
        assert_eq!(table.owner(RegionId(1), ShardId::new(0)), Some(&"n2"));
        let shard = ShardId::new(1);
        assert_eq!(table.owner(RegionId(1), shard), None, "it is not connected");
        assert_eq!(table.listed(), 2);
    }

    #[test]
    fn a_cached_table_is_the_current_one_once_it_is_refreshed() {
        let shared = SharedTable::new();
        let (region, shard) = (RegionId(0), ShardId::new(0));
        let mut cached = shared.cached();
        assert_eq!(shared.refresh(&mut cached).owner(region, shard), None);
        for owner in ["n1", "n2"] {
            let row: Row = Arc::new([0]);
            let table = RouteTable::new(Box::new([row]), Arc::new([Some(owner)]));
            let table = Arc::new(table);
            shared.store(Arc::clone(&table));
            for _ in 0..2 {
                let current = shared.refresh(&mut cached);
                assert_eq!(current.owner(region, shard), Some(&owner));
                assert!(std::ptr::eq(current, Arc::as_ptr(&table)));
            }
        }
    }
}
