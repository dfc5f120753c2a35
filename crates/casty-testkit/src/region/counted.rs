//! A region of which it is told how many entities it has.

use std::sync::Arc;

use casty_proto::DecodeError;
use casty_routing::ShardId;

use super::{Received, Region, RegionPlan};
use crate::node::handling::Handling;

/// A function that is told the number of a region's entities on one node before and after it has
/// changed. A node that ends has none.
pub(crate) type CountChanged = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// A region whose entities are counted as they come and go.
struct Counted {
    region: Box<dyn Region>,
    changed: CountChanged,
}

impl RegionPlan {
    /// Has it told how many entities each node has, whenever that changes.
    pub(crate) fn counted(self, changed: CountChanged) -> Self {
        let Self { name, shards, make } = self;
        let make = move || -> Box<dyn Region> {
            Box::new(Counted {
                region: make(),
                changed: Arc::clone(&changed),
            })
        };
        Self {
            name,
            shards,
            make: Arc::new(make),
        }
    }
}

impl Counted {
    /// Does something to the region, and tells what it changed.
    fn watch<T>(&mut self, act: impl FnOnce(&mut dyn Region) -> T) -> T {
        let before = self.region.len();
        let done = act(&mut *self.region);
        let after = self.region.len();
        if before != after {
            (self.changed)(before, after);
        }
        done
    }
}

impl Region for Counted {
    fn envelope(&mut self, bytes: &[u8], node: Handling<'_>) -> Result<Received, DecodeError> {
        self.watch(|region| region.envelope(bytes, node))
    }

    fn bare(
        &mut self,
        id: &str,
        bytes: &[u8],
        node: Handling<'_>,
    ) -> Result<Received, DecodeError> {
        self.watch(|region| region.bare(id, bytes, node))
    }

    fn vacate(&mut self, shard: ShardId) {
        self.watch(|region| region.vacate(shard));
    }

    fn len(&self) -> usize {
        self.region.len()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.region.len();
        if before > 0 {
            (self.changed)(before, 0);
        }
    }
}
