//! The headers of envelopes to one node: one for each region, made for the first envelope and copied
//! for all others.

use std::sync::OnceLock;

use casty_routing::RegionId;

/// The regions in one block, and the blocks: for all the regions that a client may use.
const BLOCK: usize = 32;

/// The part of a frame's payload that comes before the message, for each region.
///
/// Read without a lock and without counting references: an entry is set once and stays.
pub(super) struct Templates([OnceLock<Box<Block>>; BLOCK]);

type Block = [OnceLock<Box<[u8]>>; BLOCK];

impl Templates {
    /// Creates an empty set, which allocates a block with its first entry.
    pub(super) const fn new() -> Self {
        Self([const { OnceLock::new() }; BLOCK])
    }

    /// Returns the header of a region's envelopes, which is made if there is none yet; `None` of a
    /// region beyond those that a client may use.
    #[inline]
    pub(super) fn get(&self, region: RegionId, make: impl FnOnce() -> Vec<u8>) -> Option<&[u8]> {
        let region = region.get() as usize;
        let block = self.0.get(region / BLOCK)?;
        let block = block.get_or_init(|| Box::new([const { OnceLock::new() }; BLOCK]));
        Some(block[region % BLOCK].get_or_init(|| make().into()))
    }
}
