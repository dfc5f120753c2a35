//! The published table: every shard whose owner is connected and usable and for which nothing is
//! buffered.

use std::sync::Arc;

use super::event::Target;
use super::owners::Owners;
use super::pending_buffer::PendingBuffer;
use super::regions::Region;
use super::route::Routes;
use crate::table::{NOBODY, RegionId, RouteTable};

impl<H: Clone> Routes<H> {
    /// Builds the table as it is now; `None` if it does not differ from the published one. Costs
    /// time for what may have changed since, and for each region and owner; a region of which a
    /// shard changed is copied, four bytes a shard.
    pub(super) fn rebuild<T>(&mut self, buffer: &PendingBuffer<T>) -> Option<Arc<RouteTable<H>>> {
        let Self {
            view,
            peers,
            regions,
            owners,
            published,
        } = self;
        owners.relist(|node| {
            let connection = peers.connection(node)?;
            let avoided = view.as_ref().is_some_and(|view| view.avoids(node));
            (!avoided).then_some((connection.number, &connection.handle))
        });
        let strict = regions.strict;
        let mut changed = *published != regions.len();
        for (id, region) in (0..).map(RegionId).zip(regions.iter_mut()) {
            if !region.is_clean() {
                changed |= region.rebuild(id, strict, buffer, owners);
            }
        }
        changed |= owners.settle();
        if !changed {
            return None;
        }
        *published = regions.len();
        let rows = regions.iter().map(|region| Arc::clone(&region.row));
        let nodes = Arc::clone(owners.listed());
        Some(Arc::new(RouteTable::new(rows.collect(), nodes)))
    }
}

impl Region {
    /// Brings the row up to date, and returns whether it lists anything otherwise.
    fn rebuild<H, T>(
        &mut self,
        id: RegionId,
        strict: bool,
        buffer: &PendingBuffer<T>,
        owners: &mut Owners<H>,
    ) -> bool {
        let unused = strict && self.allocated_beyond().is_some();
        let mut changed = false;
        // A shard that something is buffered for must not be listed: what the table lets past the
        // router would overtake it.
        if let Some(shards) = self.take_changed() {
            let row = Arc::make_mut(&mut self.row);
            for shard in shards {
                let Some(entry) = row.get_mut(shard.index()) else {
                    continue;
                };
                let target = Target::Shard { region: id, shard };
                let hidden = unused || buffer.has(&target);
                let owner = if hidden {
                    NOBODY
                } else {
                    self.owners[shard.index()]
                };
                let former = std::mem::replace(entry, owner);
                if former != owner {
                    changed |= owners.entry_moved(former, owner);
                }
            }
            return changed;
        }
        let mut row = self.owners.to_vec();
        if unused {
            row.fill(NOBODY);
        }
        for shard in buffer.shards_of(id) {
            if let Some(entry) = row.get_mut(shard.index()) {
                *entry = NOBODY;
            }
        }
        for (former, owner) in self.row.iter().zip(&row) {
            if former != owner {
                changed |= owners.entry_moved(*former, *owner);
            }
        }
        self.row = row.into();
        changed
    }
}
