//! The owners of shards as numbers: they compare and look up faster than addresses do.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::ShardAllocation;

/// The owners of a region's allocated shards, in the order of the shards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardOwners {
    shards: Box<[u32]>,
    /// The [number](Numbers) of each shard's owner.
    owners: Box<[u32]>,
}

impl ShardOwners {
    /// Returns the allocated shards, sorted.
    pub(crate) fn shards(&self) -> &[u32] {
        &self.shards
    }

    /// Returns the allocated shards with the numbers of their owners.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let owners = self.owners.iter().copied();
        self.shards.iter().copied().zip(owners)
    }

    /// Returns the number of a shard's owner; `None` if it is not allocated.
    pub(crate) fn owner(&self, shard: u32) -> Option<u32> {
        let place = self.shards.binary_search(&shard).ok()?;
        self.owners.get(place).copied()
    }
}

/// The numbers of the nodes that own shards. Views that share allocations number them alike: a later
/// one only adds to the numbers of the one before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    nodes: Vec<NodeAddress>,
    by_node: BTreeMap<NodeAddress, u32>,
}

impl Numbers {
    /// Returns the node of that number.
    pub(crate) fn node(&self, number: u32) -> Option<&NodeAddress> {
        self.nodes.get(usize::try_from(number).ok()?)
    }

    /// Returns the number of numbers.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn add(&mut self, node: &NodeAddress) -> u32 {
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(node.clone());
        self.by_node.insert(node.clone(), number);
        number
    }
}

/// The numbers that are of use no more and yet are kept, beside as many as there are in use. Few in
/// tests, which then see them given up.
const SPARE: usize = if cfg!(test) { 1 } else { 1_024 };

/// The numbering of the owners in one view.
pub(super) struct Numbering {
    numbers: Arc<Numbers>,
    /// The numbers found last, by a [place](place_of), or at the one beside it.
    found: Box<[u32]>,
    /// `true` for each number that the view has.
    used: Vec<bool>,
}

impl Numbering {
    /// Begins with the numbers of the view before.
    pub(super) fn after(before: Option<Arc<Numbers>>) -> Self {
        let numbers = before.unwrap_or_default();
        let places = (numbers.len().saturating_mul(4)).next_power_of_two();
        Self {
            found: vec![u32::MAX; places.clamp(1 << 10, 1 << 16)].into(),
            used: vec![false; numbers.len()],
            numbers,
        }
    }

    /// Returns the owners of a region's shards, and whether any has replicas. Fastest for shards whose
    /// owners are those that are `known` from the view before.
    pub(super) fn owners(
        &mut self,
        allocations: &BTreeMap<u32, ShardAllocation>,
        known: Option<&ShardOwners>,
    ) -> (ShardOwners, bool) {
        let mut shards = Vec::with_capacity(allocations.len());
        let mut owners = Vec::with_capacity(allocations.len());
        let mut replicated = false;
        let mut known = known.into_iter().flat_map(ShardOwners::iter).peekable();
        for (shard, ShardAllocation { primary, replicas }) in allocations {
            while known.next_if(|(other, _)| other < shard).is_some() {}
            let guess = known.next_if(|(other, _)| other == shard);
            let guess = guess.map(|(_, number)| number);
            let guess = guess.filter(|guess| self.numbers.node(*guess) == Some(primary));
            let number = guess.unwrap_or_else(|| self.number(primary));
            self.note_used(number);
            shards.push(*shard);
            owners.push(number);
            replicated |= !replicas.is_empty();
        }
        let (shards, owners) = (shards.into(), owners.into());
        (ShardOwners { shards, owners }, replicated)
    }

    fn number(&mut self, node: &NodeAddress) -> u32 {
        let place = place_of(node) & (self.found.len() - 1);
        let places = [place, place ^ 1];
        let found = places.map(|place| self.found.get(place).copied().unwrap_or(u32::MAX));
        for found in found {
            if self.numbers.node(found) == Some(node) {
                return found;
            }
        }
        let number = match self.numbers.by_node.get(node) {
            Some(number) => *number,
            None => Arc::make_mut(&mut self.numbers).add(node),
        };
        self.used.resize(self.numbers.len(), false);
        for (place, number) in places.into_iter().zip([number, found[0]]) {
            if let Some(found) = self.found.get_mut(place) {
                *found = number;
            }
        }
        number
    }

    fn note_used(&mut self, number: u32) {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
    }

    /// Returns the numbers; where most of them are of no use any more, only those in use, by which
    /// all `regions` are numbered anew.
    pub(super) fn finish<'r>(
        self,
        regions: impl Iterator<Item = &'r mut Arc<ShardOwners>>,
    ) -> Arc<Numbers> {
        let used = self.used.iter().filter(|used| **used).count();
        if self.numbers.len() <= used.saturating_mul(2).saturating_add(SPARE) {
            return self.numbers;
        }
        let mut numbers = Numbers::default();
        let nodes = self.numbers.nodes.iter().zip(&self.used);
        let anew: Vec<u32> = nodes
            .map(|(node, used)| if *used { numbers.add(node) } else { u32::MAX })
            .collect();
        let number = |old: &u32| {
            anew.get(usize::try_from(*old).unwrap_or(usize::MAX))
                .copied()
        };
        for region in regions {
            *region = Arc::new(ShardOwners {
                shards: region.shards.clone(),
                owners: region.owners.iter().filter_map(number).collect(),
            });
        }
        Arc::new(numbers)
    }
}

/// Returns a place for a node, at random but always the same. What a peer may choose so that many
/// nodes share one costs a look-up in the tree each, as for any that is new.
fn place_of(node: &NodeAddress) -> usize {
    // Hosts of one cluster differ at their end.
    let host = node.host().as_bytes();
    let end = host.last_chunk().map_or_else(
        || host.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
        |end| u64::from_le_bytes(*end),
    );
    let mixed = (end ^ u64::from(node.port()).rotate_right(24)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 40).unwrap_or(0)
}
