//! The nodes that own shards: the place of each, and whether the table may list it.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;

use crate::table::{NOBODY, Nodes};

/// The nodes that own shards as far as is known, each at a place by which rows name it.
///
/// Memory: a place for each node that owns a shard, or did when most places were in use.
pub(super) struct Owners<H> {
    by_node: BTreeMap<NodeAddress, u32>,
    places: Vec<Place>,
    free: Vec<u32>,
    /// The places whose node may own nothing any more.
    idle: Vec<u32>,
    /// The places whose node may be listed otherwise than the table has it.
    touched: Vec<u32>,
    /// The places of which something has changed since the last table; some may be there twice.
    altered: Vec<u32>,
    /// The nodes as the table lists them.
    listed: Nodes<H>,
}

/// A place, and its node if it has one.
#[derive(Default)]
struct Place {
    node: Option<NodeAddress>,
    /// The number of shards that the node owns.
    shards: usize,
    /// The number of entries of rows that name this place.
    entries: usize,
    /// The number of those that were changed since the last table.
    arrived: usize,
    /// The number of the listed connection; `None` if the node is not listed.
    connection: Option<u64>,
    /// The same, as the last table has it.
    before: Option<u64>,
    touched: bool,
}

impl<H> Owners<H> {
    pub(super) fn new() -> Self {
        Self {
            by_node: BTreeMap::new(),
            places: Vec::new(),
            free: Vec::new(),
            idle: Vec::new(),
            touched: Vec::new(),
            altered: Vec::new(),
            listed: Nodes::default(),
        }
    }

    /// Returns the node at a place; `None` for [`NOBODY`].
    pub(super) fn node(&self, place: u32) -> Option<&NodeAddress> {
        self.at(place)?.node.as_ref()
    }

    /// Returns the place of a node, which is made if it is new. It is gone with the next
    /// [`sweep`](Self::sweep) unless the node then owns a shard.
    pub(super) fn place(&mut self, node: &NodeAddress) -> u32 {
        if let Some(place) = self.by_node.get(node) {
            return *place;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            let next = u32::try_from(self.places.len()).unwrap_or(NOBODY);
            self.places.push(Place::default());
            next
        });
        self.by_node.insert(node.clone(), place);
        if let Some(at) = self.at_mut(place) {
            at.node = Some(node.clone());
        }
        self.idle.push(place);
        self.touch_place(place);
        place
    }

    /// Notes that a shard's owner is another one now.
    pub(super) fn moved(&mut self, from: u32, to: u32) {
        if let Some(place) = self.at_mut(from) {
            place.shards -= 1;
            if place.shards == 0 {
                self.idle.push(from);
            }
        }
        if let Some(place) = self.at_mut(to) {
            place.shards += 1;
        }
    }

    /// Forgets the nodes that own nothing.
    pub(super) fn sweep(&mut self) {
        for idle in std::mem::take(&mut self.idle) {
            let Some(place) = self.at_mut(idle).filter(|place| place.shards == 0) else {
                continue;
            };
            if let Some(node) = place.node.take() {
                self.by_node.remove(&node);
                self.free.push(idle);
                self.touch_place(idle);
            }
        }
    }

    /// Notes that a node may be listed otherwise than before, if it owns anything.
    pub(super) fn touch(&mut self, node: &NodeAddress) {
        if let Some(place) = self.by_node.get(node) {
            self.touch_place(*place);
        }
    }

    fn touch_place(&mut self, touched: u32) {
        if let Some(place) = self.at_mut(touched)
            && !std::mem::replace(&mut place.touched, true)
        {
            self.touched.push(touched);
        }
    }

    /// Notes that an entry of a row names another place. Returns whether that lists another
    /// connection for its shard than the last table does.
    pub(super) fn entry_moved(&mut self, from: u32, to: u32) -> bool {
        let mut before = None;
        if let Some(place) = self.at_mut(from) {
            place.entries -= 1;
            before = place.before;
        }
        let mut now = None;
        if let Some(place) = self.at_mut(to) {
            place.entries += 1;
            place.arrived += 1;
            now = place.connection;
            if place.arrived == 1 {
                self.altered.push(to);
            }
        }
        before != now
    }

    /// Returns whether any of the entries that have not [moved](Self::entry_moved) lists another
    /// connection than the last table does. The table that is made now is the last one from here on.
    pub(super) fn settle(&mut self) -> bool {
        let mut changed = false;
        for altered in std::mem::take(&mut self.altered) {
            if let Some(place) = self.at_mut(altered) {
                changed |= place.before != place.connection && place.entries > place.arrived;
                place.before = place.connection;
                place.arrived = 0;
            }
        }
        changed
    }

    /// Returns the nodes as the table lists them.
    pub(super) fn listed(&self) -> &Nodes<H> {
        &self.listed
    }

    /// Returns the numbers of nodes and of places.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_node.len(), self.places.len())
    }

    fn at(&self, place: u32) -> Option<&Place> {
        self.places.get(usize::try_from(place).ok()?)
    }

    fn at_mut(&mut self, place: u32) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(place).ok()?)
    }
}

impl<H: Clone> Owners<H> {
    /// Brings up to date which nodes are listed; `open` returns the number of a node's connection
    /// and its handle if it can be sent to.
    pub(super) fn relist<'h>(&mut self, open: impl Fn(&NodeAddress) -> Option<(u64, &'h H)>)
    where
        H: 'h,
    {
        let mut changes = Vec::new();
        for touched in std::mem::take(&mut self.touched) {
            let Some(place) = self.at_mut(touched) else {
                continue;
            };
            place.touched = false;
            let open = place.node.as_ref().and_then(&open);
            let connection = open.map(|(number, _)| number);
            if place.connection != connection {
                place.connection = connection;
                changes.push((touched, open.map(|(_, handle)| handle.clone())));
            }
        }
        if changes.is_empty() {
            return;
        }
        let mut listed = self.listed.to_vec();
        listed.resize(self.places.len(), None);
        for (place, handle) in changes {
            self.altered.push(place);
            let index = usize::try_from(place).unwrap_or(usize::MAX);
            if let Some(listed) = listed.get_mut(index) {
                *listed = handle;
            }
        }
        self.listed = Arc::from(listed);
    }
}
