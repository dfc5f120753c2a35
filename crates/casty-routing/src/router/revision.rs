//! A view, against which the owners that are known are checked.

use std::cmp::Ordering;
use std::sync::Arc;

use casty_proto::NodeAddress;

use super::event::RouterOutput;
use super::owners::Owners;
use super::regions::{Loose, Region};
use crate::contradiction::CountContradiction;
use crate::shard::ShardId;
use crate::table::{NOBODY, RegionId};
use crate::view::owners::ShardOwners;
use crate::view::{View, ViewVersion};

/// A view, against which the owners that are known are checked, region by region.
pub(super) struct Revision<'a> {
    view: &'a View,
    /// `true` if its version is above that of the view before.
    newer: bool,
    /// Returns whether a node could not be connected.
    suspected: &'a dyn Fn(&NodeAddress) -> bool,
    /// The places of the nodes that the view numbers, as far as they were needed.
    places: Vec<u32>,
}

impl<'a> Revision<'a> {
    pub(super) fn new(
        view: &'a View,
        newer: bool,
        suspected: &'a dyn Fn(&NodeAddress) -> bool,
    ) -> Self {
        Self {
            view,
            newer,
            suspected,
            places: vec![NOBODY; view.numbers().len()],
        }
    }

    /// Has a region take in the view. Returns what is to be told of the region, whose number is
    /// `id`: that the view says something else against the count than the one before.
    ///
    /// Looks at no shard but the loose ones if the view shares the region with the one before.
    pub(super) fn apply<H, T>(
        &mut self,
        id: RegionId,
        region: &mut Region,
        owners: &mut Owners<H>,
    ) -> Option<RouterOutput<H, T>> {
        let viewed = self.view.shard_owners(&region.name);
        let same = match (&region.viewed, viewed) {
            (Some(before), Some(viewed)) => Arc::ptr_eq(before, viewed),
            (before, viewed) => before.is_none() && viewed.is_none(),
        };
        if same {
            self.revise_loose(region, owners);
            // The same shards say the same against the count.
            return None;
        }
        let contradiction = viewed.and_then(|viewed| {
            CountContradiction::of_shards(viewed.shards(), region.count)
                .or_else(|| region.contradiction.as_ref()?.persisting(viewed.shards()))
        });
        region.viewed = viewed.cloned();
        self.revise(region, viewed.map(|viewed| &**viewed), owners);
        if contradiction == region.contradiction {
            return None;
        }
        region.contradiction = contradiction;
        // A strict router may list the region now, or must not any more.
        region.note_all_changed();
        Some(RouterOutput::Contradiction {
            region: id,
            name: Arc::clone(&region.name),
            contradiction: region.contradiction.clone(),
        })
    }

    /// Revises the owners of all shards of a region, by those that the view names.
    fn revise<H>(
        &mut self,
        region: &mut Region,
        viewed: Option<&ShardOwners>,
        owners: &mut Owners<H>,
    ) {
        let mut viewed = viewed.into_iter().flat_map(ShardOwners::iter).peekable();
        let loose: Vec<u32> = region.loose.keys().copied().collect();
        let mut loose = loose.into_iter().peekable();
        for number in 0..region.count.get() {
            let named = viewed.next_if(|(shard, _)| *shard == number);
            let named = named.map(|(_, owner)| self.place(owner, owners));
            let shard = ShardId::new(number);
            if loose.next_if_eq(&number).is_some() {
                self.revise_one(region, shard, named, owners);
                continue;
            }
            let owner = region.owner(shard);
            match named {
                Some(place) if place != owner => region.set_owner(shard, place, owners),
                None if owner != NOBODY => self.unlisted(region, shard, owners),
                _ => {}
            }
        }
    }

    /// Revises the owners of the loose shards of a region, all others being as they are by the view
    /// before.
    fn revise_loose<H>(&mut self, region: &mut Region, owners: &mut Owners<H>) {
        let loose: Vec<u32> = region.loose.keys().copied().collect();
        for shard in loose {
            let viewed = region.viewed.as_ref();
            let named = viewed.and_then(|viewed| viewed.owner(shard));
            let named = named.map(|owner| self.place(owner, owners));
            self.revise_one(region, ShardId::new(shard), named, owners);
        }
    }

    /// Revises the owner of a loose shard, `named` being the place of the one that the view names.
    fn revise_one<H>(
        &self,
        region: &mut Region,
        shard: ShardId,
        named: Option<u32>,
        owners: &mut Owners<H>,
    ) {
        let owner = region.owner(shard);
        let stays = match region.loose.get(&shard.get()) {
            Some(Loose::Learned(since)) => {
                let named = named.and_then(|place| owners.node(place));
                owners
                    .node(owner)
                    .is_some_and(|node| self.keeps(node, *since, named))
            }
            Some(Loose::Unlisted) => named.is_none() && !self.newer,
            None => true,
        };
        if !stays {
            region.loose.remove(&shard.get());
            let place = named.unwrap_or(NOBODY);
            if place != owner {
                region.set_owner(shard, place, owners);
            }
        }
    }

    /// Handles that the view names no owner of a shard that a view named one of.
    fn unlisted<H>(&self, region: &mut Region, shard: ShardId, owners: &mut Owners<H>) {
        if self.newer {
            region.set_owner(shard, NOBODY, owners);
        } else {
            region.loose.insert(shard.get(), Loose::Unlisted);
        }
    }

    /// Returns whether a learned owner stays: while its node is there, and until a newer view names
    /// another that is there too.
    fn keeps(&self, node: &NodeAddress, since: ViewVersion, named: Option<&NodeAddress>) -> bool {
        let version = self.view.version();
        if version.generation > since.generation || self.view.avoids(node) {
            return false;
        }
        named.is_none_or(|other| {
            let usable = !self.view.avoids(other) && !(self.suspected)(other);
            other == node || version <= since || !usable
        })
    }

    /// Returns the place of the node of that number.
    fn place<H>(&mut self, number: u32, owners: &mut Owners<H>) -> u32 {
        let Ok(index) = usize::try_from(number) else {
            return NOBODY;
        };
        let Some(place) = self.places.get_mut(index) else {
            return NOBODY;
        };
        if *place == NOBODY
            && let Some(node) = self.view.numbers().node(number)
        {
            *place = owners.place(node);
        }
        *place
    }
}

/// Returns what is in one of two sorted slices and not in the other.
pub(super) fn differing<'a, T: Ord>(one: &'a [T], other: &'a [T]) -> Vec<&'a T> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut differing = Vec::new();
    while let (Some(left), Some(right)) = (one.peek(), other.peek()) {
        match left.cmp(right) {
            Ordering::Less => differing.extend(one.next()),
            Ordering::Greater => differing.extend(other.next()),
            Ordering::Equal => {
                one.next();
                other.next();
            }
        }
    }
    differing.extend(one.chain(other));
    differing
}
