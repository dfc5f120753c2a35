//! The regions in use: the owner of each shard, and the row of the published table.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;

use super::event::{RouterOutput, Target};
use super::pending_buffer::Account;
use crate::contradiction::CountContradiction;
use crate::error::RegisterRegionError;
use crate::shard::{ShardCount, ShardId};
use crate::table::{RegionId, Row};
use crate::view::{View, ViewVersion};

/// The owner of a shard, and the source that named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// No source has named one.
    Unknown,
    /// The view named it.
    Viewed(NodeAddress),
    /// A coordinator named it while views were at that version. Views that lag behind do not list
    /// the shard, so its absence there means nothing.
    Learned(NodeAddress, ViewVersion),
}

impl Owner {
    pub(super) fn node(&self) -> Option<&NodeAddress> {
        match self {
            Self::Unknown => None,
            Self::Viewed(node) | Self::Learned(node, _) => Some(node),
        }
    }
}

/// One region.
pub(super) struct Region<H> {
    pub(super) name: Arc<str>,
    pub(super) count: ShardCount,
    /// The contradiction of the view to this count.
    pub(super) contradiction: Option<CountContradiction>,
    owners: Box<[Owner]>,
    /// The published row.
    pub(super) row: Row<H>,
    /// The number of the connection that the published row lists for each shard.
    pub(super) listed: Box<[Option<u64>]>,
    /// `true` if the row may be out of date.
    pub(super) dirty: bool,
}

impl<H> Region<H> {
    fn new(name: Arc<str>, count: ShardCount) -> Self {
        let places = count.len();
        Self {
            name,
            count,
            contradiction: None,
            owners: vec![Owner::Unknown; places].into(),
            row: (0..places).map(|_| None).collect(),
            listed: vec![None; places].into(),
            dirty: true,
        }
    }

    pub(super) fn owner(&self, shard: ShardId) -> &Owner {
        self.owners.get(shard.index()).unwrap_or(&Owner::Unknown)
    }

    /// Takes in the answer of a coordinator.
    pub(super) fn learn(&mut self, shard: ShardId, owner: Owner) {
        if let Some(known) = self.owners.get_mut(shard.index()) {
            *known = owner;
            self.dirty = true;
        }
    }

    /// Takes in a view. `newer`: its version is above that of the view before. Returns what is to be
    /// told of the region, whose number is `id`: that the view says something else against the
    /// count than the one before.
    pub(super) fn apply<T>(
        &mut self,
        id: RegionId,
        view: &View,
        newer: bool,
        suspected: impl Fn(&NodeAddress) -> bool,
    ) -> Option<RouterOutput<H, T>> {
        let allocated = view.allocations(&self.name);
        let contradiction = CountContradiction::of(view, &self.name, self.count)
            .or_else(|| self.contradiction.as_ref()?.persisting(allocated?));
        let changed = contradiction != self.contradiction;
        self.contradiction = contradiction;
        let update = ViewUpdate {
            view,
            newer,
            suspected,
        };
        for (number, owner) in (0..).zip(&mut self.owners) {
            let allocation = allocated.and_then(|shards| shards.get(&number));
            update.revise(owner, allocation.map(|a| &a.primary));
        }
        self.dirty = true;
        changed.then(|| RouterOutput::Contradiction {
            region: id,
            name: Arc::clone(&self.name),
            contradiction: self.contradiction.clone(),
        })
    }

    /// Returns an allocated shard that a region of this count does not have.
    pub(super) fn allocated_beyond(&self) -> Option<ShardId> {
        self.contradiction.as_ref().and_then(allocated_beyond)
    }
}

/// A view, against which known owners are checked.
struct ViewUpdate<'a, F> {
    view: &'a View,
    newer: bool,
    suspected: F,
}

impl<F: Fn(&NodeAddress) -> bool> ViewUpdate<'_, F> {
    fn revise(&self, owner: &mut Owner, assigned: Option<&NodeAddress>) {
        let stays = match (&*owner, assigned) {
            (Owner::Learned(node, since), assigned) => self.keeps(node, *since, assigned),
            (Owner::Viewed(node), Some(assigned)) => node == assigned,
            (Owner::Viewed(_), None) => !self.newer,
            (Owner::Unknown, assigned) => assigned.is_none(),
        };
        if !stays {
            *owner = assigned.map_or(Owner::Unknown, |node| Owner::Viewed(node.clone()));
        }
    }

    /// Returns whether a learned owner stays: while its node is there, and until a newer view names
    /// another that is there too.
    fn keeps(
        &self,
        node: &NodeAddress,
        since: ViewVersion,
        assigned: Option<&NodeAddress>,
    ) -> bool {
        let version = self.view.version();
        if version.generation > since.generation || self.view.avoids(node) {
            return false;
        }
        assigned.is_none_or(|other| {
            let usable = !self.view.avoids(other) && !(self.suspected)(other);
            other == node || version <= since || !usable
        })
    }
}

/// Returns an allocated shard that a region of the count does not have; `None` for a mere guess.
fn allocated_beyond(found: &CountContradiction) -> Option<ShardId> {
    let shards = found.resembles.is_none().then_some(&found.shards)?;
    shards.first().copied()
}

/// All regions, by number and by name.
pub(super) struct Regions<H> {
    all: Vec<Region<H>>,
    names: BTreeMap<Arc<str>, RegionId>,
    /// `true` if a region is of no use while shards beyond its count are allocated.
    pub(super) strict: bool,
}

impl<H> Regions<H> {
    pub(super) fn new(strict: bool) -> Self {
        Self {
            all: Vec::new(),
            names: BTreeMap::new(),
            strict,
        }
    }

    pub(super) fn get(&self, id: RegionId) -> Option<&Region<H>> {
        self.all.get(id.index())
    }

    pub(super) fn get_mut(&mut self, id: RegionId) -> Option<&mut Region<H>> {
        self.all.get_mut(id.index())
    }

    pub(super) fn id(&self, name: &str) -> Option<RegionId> {
        self.names.get(name).copied()
    }

    /// Returns the node that a target is waiting for as far as is known, be it usable or not.
    pub(super) fn account(&self, target: &Target) -> Account {
        match target {
            Target::Node(node) => Some(node.clone()),
            Target::Shard { region, shard } => self.get(*region)?.owner(*shard).node().cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Region<H>> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Region<H>> {
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

    /// Notes that the published row of every region may be out of date.
    pub(super) fn mark_all_dirty(&mut self) {
        for region in &mut self.all {
            region.dirty = true;
        }
    }
}
