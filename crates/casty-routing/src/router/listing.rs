//! What the published table lists: every shard whose owner is connected and usable and for which
//! nothing is held.

use std::sync::Arc;

use super::{Router, Target};
use crate::table::Row;
use crate::{RegionId, RouteTable, ShardId};

impl<H: Clone, T> Router<H, T> {
    /// The table as it is now, if it differs from the published one.
    pub(super) fn rebuild(&mut self) -> Option<Arc<RouteTable<H>>> {
        let mut changed = self.published != self.regions.len();
        for number in 0..self.regions.len() {
            let Some(id) = u32::try_from(number).ok().map(RegionId) else {
                break;
            };
            if self.regions.get(id).is_some_and(|region| region.dirty) {
                changed |= self.rebuild_row(id);
            }
        }
        if !changed {
            return None;
        }
        self.published = self.regions.len();
        let rows = self.regions.iter().map(|region| Arc::clone(&region.row));
        Some(Arc::new(RouteTable::new(rows.collect())))
    }

    /// Brings the row of a region up to date; whether it changed.
    fn rebuild_row(&mut self, id: RegionId) -> bool {
        let Some(region) = self.regions.get(id) else {
            return false;
        };
        let open = |number: u32| {
            let shard = ShardId::new(number);
            let link = self.peers.link(self.owner(id, shard).ok()?)?;
            let target = Target::Shard { region: id, shard };
            (self.hold.is_empty() || !self.hold.has(&target)).then_some(link)
        };
        let links: Vec<_> = (0..region.count.get()).map(open).collect();
        let listed: Box<[_]> = links
            .iter()
            .map(|link| Some(link.as_ref()?.number))
            .collect();
        let changed = listed != region.listed;
        let row: Option<Row<H>> = changed.then(|| {
            let handles = links.iter().map(|link| Some(link.as_ref()?.handle.clone()));
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
