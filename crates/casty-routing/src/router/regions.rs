//! The regions in use: the owner of each shard, and the row of the published table.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;

use super::owners::Owners;
use crate::contradiction::CountContradiction;
use crate::error::RegisterRegionError;
use crate::shard::{ShardCount, ShardId};
use crate::table::{NOBODY, RegionId, Row};
use crate::view::owners::ShardOwners;
use crate::view::{View, ViewVersion};

/// The reason why the owner of a shard is not simply the one that the view names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loose {
    /// A coordinator named it while views were at that version. Views that lag behind do not list
    /// the shard, so its absence there means nothing.
    Learned(ViewVersion),
    /// A view named it, and a later one of the same version does not name any.
    Unlisted,
}

/// One region.
pub(super) struct Region {
    pub(super) name: Arc<str>,
    pub(super) count: ShardCount,
    /// The contradiction of the view to this count.
    pub(super) contradiction: Option<CountContradiction>,
    /// The place of each shard's owner.
    pub(super) owners: Box<[u32]>,
    /// The shards whose owner is not simply what the last view names.
    pub(super) loose: BTreeMap<u32, Loose>,
    /// The owners that the last view names.
    pub(super) viewed: Option<Arc<ShardOwners>>,
    /// The published row: the owners, but for shards that must not be listed.
    pub(super) row: Row,
    changed: Changed,
}

/// The shards whose entry in the published row may be out of date.
enum Changed {
    Some(Vec<ShardId>),
    Any,
}

impl Region {
    fn new(name: Arc<str>, count: ShardCount) -> Self {
        let places = count.len();
        Self {
            name,
            count,
            contradiction: None,
            owners: vec![NOBODY; places].into(),
            loose: BTreeMap::new(),
            viewed: None,
            row: vec![NOBODY; places].into(),
            changed: Changed::Some(Vec::new()),
        }
    }

    /// Returns the place of a shard's owner.
    pub(super) fn owner(&self, shard: ShardId) -> u32 {
        self.owners.get(shard.index()).copied().unwrap_or(NOBODY)
    }

    /// Sets the place of a shard's owner.
    pub(super) fn set_owner<H>(&mut self, shard: ShardId, place: u32, owners: &mut Owners<H>) {
        if let Some(owner) = self.owners.get_mut(shard.index()) {
            owners.moved(*owner, place);
            *owner = place;
            self.note_changed(shard);
        }
    }

    /// Takes in the answer of a coordinator, while views are at that version.
    pub(super) fn learn<H>(
        &mut self,
        shard: ShardId,
        node: &NodeAddress,
        version: ViewVersion,
        owners: &mut Owners<H>,
    ) {
        if self.count.contains(shard) {
            self.set_owner(shard, owners.place(node), owners);
            self.loose.insert(shard.get(), Loose::Learned(version));
        }
    }

    /// Returns an allocated shard that a region of this count does not have.
    pub(super) fn allocated_beyond(&self) -> Option<ShardId> {
        self.contradiction.as_ref().and_then(allocated_beyond)
    }

    /// Notes that a shard's entry in the published row may be out of date.
    pub(super) fn note_changed(&mut self, shard: ShardId) {
        if let Changed::Some(shards) = &mut self.changed {
            if shards.len() < self.count.len() / 8 {
                shards.push(shard);
            } else {
                self.changed = Changed::Any;
            }
        }
    }

    /// Notes that any shard's entry in the published row may be out of date.
    pub(super) fn note_all_changed(&mut self) {
        self.changed = Changed::Any;
    }

    /// Returns whether the row is up to date.
    pub(super) fn is_clean(&self) -> bool {
        matches!(&self.changed, Changed::Some(shards) if shards.is_empty())
    }

    /// Takes out the shards whose entry may be out of date; `None` if any may be.
    pub(super) fn take_changed(&mut self) -> Option<Vec<ShardId>> {
        match std::mem::replace(&mut self.changed, Changed::Some(Vec::new())) {
            Changed::Some(shards) => Some(shards),
            Changed::Any => None,
        }
    }
}

/// Returns an allocated shard that a region of the count does not have; `None` for a mere guess.
fn allocated_beyond(found: &CountContradiction) -> Option<ShardId> {
    let shards = found.resembles.is_none().then_some(&found.shards)?;
    shards.first().copied()
}

/// All regions, by number and by name.
pub(super) struct Regions {
    all: Vec<Region>,
    names: BTreeMap<Arc<str>, RegionId>,
    /// `true` if a region is of no use while shards beyond its count are allocated.
    pub(super) strict: bool,
}

impl Regions {
    pub(super) fn new(strict: bool) -> Self {
        Self {
            all: Vec::new(),
            names: BTreeMap::new(),
            strict,
        }
    }

    pub(super) fn get(&self, id: RegionId) -> Option<&Region> {
        self.all.get(id.index())
    }

    pub(super) fn get_mut(&mut self, id: RegionId) -> Option<&mut Region> {
        self.all.get_mut(id.index())
    }

    pub(super) fn id(&self, name: &str) -> Option<RegionId> {
        self.names.get(name).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Region> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Region> {
        self.all.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the region of that name and count, made if it is new, and whether it was made.
    pub(super) fn register(
        &mut self,
        name: &str,
        count: ShardCount,
        view: Option<&View>,
        limit: u32,
    ) -> Result<(RegionId, bool), RegisterRegionError> {
        let found = view.filter(|_| self.strict);
        let found = found.and_then(|view| CountContradiction::of(view, name, count));
        if let Some(allocated) = found.as_ref().and_then(allocated_beyond) {
            return Err(RegisterRegionError::Contradicted {
                allocated,
                asked: count,
            });
        }
        let known = self.id(name).and_then(|id| Some((id, self.get(id)?)));
        match known {
            Some((id, region)) if region.count == count => return Ok((id, false)),
            // A region that is of no use gives its name to one of another count.
            Some((_, region)) if !self.strict || region.allocated_beyond().is_none() => {
                return Err(RegisterRegionError::OtherCount {
                    registered: region.count,
                    asked: count,
                });
            }
            _ => {}
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        if number >= limit {
            return Err(RegisterRegionError::TooManyRegions { limit });
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), RegionId(number));
        self.all.push(Region::new(name, count));
        Ok((RegionId(number), true))
    }
}
