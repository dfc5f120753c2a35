//! The placement of shards: on which node a new one, and on which those of a dead one.

use std::collections::{BTreeMap, BTreeSet};

use casty_proto::message::ShardAllocation;
use casty_proto::{NodeAddress, Tuple};

/// Places one more shard: its primary on the host with the fewest primaries, the replicas on the
/// other hosts with the fewest replicas; the lowest address among equals. `None` without hosts.
pub(super) fn allocate<'a>(
    allocations: &BTreeMap<u32, ShardAllocation>,
    hosts: impl Iterator<Item = &'a NodeAddress>,
    replicas: usize,
) -> Option<ShardAllocation> {
    let mut loads: BTreeMap<&NodeAddress, Load> =
        hosts.map(|host| (host, Load::default())).collect();
    for allocation in allocations.values() {
        if let Some(load) = loads.get_mut(&allocation.primary) {
            load.primaries += 1;
        }
        for replica in &allocation.replicas {
            if let Some(load) = loads.get_mut(replica) {
                load.replicas += 1;
            }
        }
    }
    let (primary, _) = loads.iter().min_by_key(|(_, load)| load.primaries)?;
    let primary = NodeAddress::clone(primary);
    loads.remove(&primary);
    let mut others: Vec<_> = loads.into_iter().collect();
    others.sort_by_key(|(_, load)| load.replicas);
    let replicas = others.into_iter().take(replicas);
    Some(ShardAllocation {
        primary,
        replicas: replicas.map(|(host, _)| host.clone()).collect(),
    })
}

/// The shards on one host.
#[derive(Default)]
struct Load {
    primaries: usize,
    replicas: usize,
}

/// Takes all that is not live out of the allocations: the first live replica takes the place of a
/// dead primary, and a shard without one is no longer allocated. Returns whether anything changed.
pub(super) fn vacate(
    allocations: &mut BTreeMap<u32, ShardAllocation>,
    live: &BTreeSet<NodeAddress>,
) -> bool {
    let mut changed = false;
    allocations.retain(|_, allocation| {
        let Tuple(replicas) = &mut allocation.replicas;
        let copies = replicas.len();
        replicas.retain(|replica| live.contains(replica));
        changed |= replicas.len() != copies;
        if live.contains(&allocation.primary) {
            return true;
        }
        changed = true;
        if replicas.is_empty() {
            return false;
        }
        allocation.primary = replicas.remove(0);
        true
    });
    changed
}
