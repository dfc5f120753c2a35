//! The published table: every shard whose owner is connected and usable and for which nothing is
//! buffered.

use std::sync::Arc;

use super::event::Target;
use super::pending_buffer::PendingBuffer;
use super::route::Routes;
use crate::shard::ShardId;
use crate::table::{RegionId, RouteTable, Row};

impl<H: Clone> Routes<H> {
    /// Builds the table as it is now; `None` if it does not differ from the published one.
    pub(super) fn rebuild<T>(&mut self, buffer: &PendingBuffer<T>) -> Option<Arc<RouteTable<H>>> {
        let mut changed = self.published != self.regions.len();
        for number in 0..self.regions.len() {
            let Some(id) = u32::try_from(number).ok().map(RegionId) else {
                break;
            };
            if self.regions.get(id).is_some_and(|region| region.dirty) {
                changed |= self.rebuild_row(id, buffer);
            }
        }
        if !changed {
            return None;
        }
        self.published = self.regions.len();
        let rows = self.regions.iter().map(|region| Arc::clone(&region.row));
        Some(Arc::new(RouteTable::new(rows.collect())))
    }

    /// Brings the row of a region up to date, and returns whether it changed.
    fn rebuild_row<T>(&mut self, id: RegionId, buffer: &PendingBuffer<T>) -> bool {
        let Some(region) = self.regions.get(id) else {
            return false;
        };
        let open = |number: u32| {
            let shard = ShardId::new(number);
            let connection = self.peers.connection(self.owner(id, shard).ok()?)?;
            let target = Target::Shard { region: id, shard };
            // A shard that something is buffered for must not be listed: what the table lets past
            // the router would overtake it.
            (buffer.is_empty() || !buffer.has(&target)).then_some(connection)
        };
        let connections: Vec<_> = (0..region.count.get()).map(open).collect();
        let listed: Box<[_]> = connections
            .iter()
            .map(|connection| Some(connection.as_ref()?.number))
            .collect();
        // Handles cannot be compared; the numbers of their connections can.
        let changed = listed != region.listed;
        let row: Option<Row<H>> = changed.then(|| {
            let handles = connections
                .iter()
                .map(|connection| Some(connection.as_ref()?.handle.clone()));
            handles.collect()
        });
        let Some(region) = self.regions.get_mut(id) else {
            return false;
        };
        region.dirty = false;
        if let Some(row) = row {
            (region.listed, region.row) = (listed, row);
        }
        changed
    }
}
