//! Questions to a router that change nothing.

use std::sync::Arc;

use super::Router;
use super::event::{Buffered, Target};
use super::route::Route;
use crate::contradiction::CountContradiction;
use crate::shard::ShardCount;
use crate::table::RegionId;

impl<H: Clone, T> Router<H, T> {
    /// Returns what the view says against the shard count of a region; `None` if nothing.
    pub fn contradiction(&self, region: RegionId) -> Option<&CountContradiction> {
        self.routes.regions.get(region)?.contradiction.as_ref()
    }

    /// Returns the shard count of a region; `None` if it is none of this router's.
    pub fn shard_count(&self, region: RegionId) -> Option<ShardCount> {
        Some(self.routes.regions.get(region)?.count)
    }

    /// Returns the number that a name has now; `None` if no region has the name.
    pub fn region_id(&self, name: &str) -> Option<RegionId> {
        self.routes.regions.id(name)
    }

    /// Returns the name of a region; `None` if it is none of this router's.
    pub fn region_name(&self, region: RegionId) -> Option<&Arc<str>> {
        Some(&self.routes.regions.get(region)?.name)
    }

    /// Returns the regions, with their names.
    pub fn regions(&self) -> impl Iterator<Item = (RegionId, &Arc<str>)> {
        let numbered = (0..).map(RegionId).zip(self.routes.regions.iter());
        numbered.map(|(id, region)| (id, &region.name))
    }

    /// Returns the amount that is buffered at the moment.
    pub fn buffered(&self) -> Buffered {
        self.buffer.buffered()
    }

    /// Returns the targets for which messages are buffered, with the number of messages for each.
    pub fn buffered_each(&self) -> impl Iterator<Item = (&Target, usize)> {
        self.buffer.each()
    }

    /// Returns whether messages are buffered for `target`: what is sent to it now has to go behind
    /// them.
    pub fn has_buffered(&self, target: &Target) -> bool {
        self.buffer.has(target)
    }

    /// Returns whether there is capacity for a message of `bytes` bytes for `target`: it could be
    /// buffered, or need not be.
    pub fn accepts(&self, target: &Target, bytes: usize) -> bool {
        let passes = match self.routes.route(target) {
            Route::Open { busy, .. } => !busy && !self.buffer.has(target),
            Route::Refused(_) => true,
            Route::Connect(_) | Route::Locate => false,
        };
        passes || {
            let account = self.routes.account(target);
            self.buffer.has_capacity(target, account, bytes)
        }
    }
}
