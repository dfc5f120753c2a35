//! The limits of what can be true of a state that a peer sends. One that cannot is refused as a whole: a part
//! of it is not what its clock stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use casty_proto::message::{Allocations, ClusterState, Member, ServiceEntry, ShardAllocation};
use casty_proto::{FrozenSet, NodeAddress};

use super::event::{MembershipConfig, MembershipRefusal};
use super::{change, merge};

/// The most changes that a count can be ahead of what is known here: a thousand a second for 34 years. One that
/// is further ahead would be the greatest for ever, and so would the allocations that come with it.
const LONGEST_LEAP: u64 = 1 << 40;

/// The most instances of services in a state.
const MOST_SERVICES: usize = 65_536;

/// The most regions in a state, and the most shards of all of them that are allocated.
const MOST_REGIONS: usize = 4_096;
const MOST_SHARDS: usize = 1 << 20;

/// The most roles of a member.
const MOST_ROLES: usize = 64;

/// The most bytes of a role, a host, or the name of a member, service or region; and of a path.
const LONGEST_NAME: usize = 1_024;
const LONGEST_PATH: usize = 4_096;

/// Returns the reason why a state cannot be that of a node of the cluster whose state is `known`.
pub(super) fn check(
    state: &ClusterState,
    known: &ClusterState,
    config: &MembershipConfig,
) -> Result<(), MembershipRefusal> {
    check_sizes(state, config.max_members)?;
    check_clock(state, known)?;
    check_epoch(state.allocation_epoch, known)?;
    check_allocations(&state.shard_allocations)?;
    let mut listed = BTreeSet::new();
    for member in &state.members {
        check_member(member)?;
        if !listed.insert(&member.address) {
            let node = member.address.clone();
            return Err(MembershipRefusal::ListedTwice { node });
        }
    }
    let new = listed
        .iter()
        .filter(|node| change::status(known, node).is_none());
    let limit = config.max_members;
    if known.members.len() + new.count() > limit {
        return Err(MembershipRefusal::TooManyMembers { limit });
    }
    check_services(&known.registry, &state.registry)
}

/// Returns the reason why nobody can have that name and those roles.
pub(super) fn check_member(member: &Member) -> Result<(), MembershipRefusal> {
    let roles = &member.roles;
    too_many("roles of one member", roles.len(), MOST_ROLES)?;
    for name in roles.iter().chain([&member.id]) {
        check_name(name)?;
    }
    check_name(member.address.host())
}

/// Returns the reason why a node cannot be called back at an address.
pub(super) fn check_dialable(node: &NodeAddress) -> Result<(), MembershipRefusal> {
    if is_dialable(node) {
        return Ok(());
    }
    Err(MembershipRefusal::Undialable { node: node.clone() })
}

/// Returns whether an address is one that can be dialled. Those of clients are not: they have no port, or the
/// address of a group, at which nobody listens. Nor is one whose host has blanks, which no name has.
pub(super) fn is_dialable(node: &NodeAddress) -> bool {
    let is_of_one = |host: IpAddr| {
        let broadcast = host == IpAddr::V4(Ipv4Addr::BROADCAST);
        !host.is_multicast() && !host.is_unspecified() && !broadcast
    };
    let is_blank = |letter: char| letter.is_whitespace() || letter.is_control();
    node.port() != 0
        && !node.host().contains(is_blank)
        && node.to_raw().parse::<NodeAddress>().is_ok()
        && node.host().parse().map_or(true, is_of_one)
}

/// Returns the reason why instances of services cannot be added to those that are known.
pub(super) fn check_services(
    known: &FrozenSet<ServiceEntry>,
    new: &FrozenSet<ServiceEntry>,
) -> Result<(), MembershipRefusal> {
    for entry in new {
        check_name(&entry.key)?;
        check_name(entry.node.host())?;
        too_many(
            "bytes in the path of a service",
            entry.path.len(),
            LONGEST_PATH,
        )?;
    }
    let what = "instances of services";
    too_many(what, new.len(), MOST_SERVICES)?;
    if known.len() + new.len() > MOST_SERVICES {
        let both = merge::both_services(known, new);
        too_many(what, both.len(), MOST_SERVICES)?;
    }
    Ok(())
}

/// Returns the reason why instances of services cannot be added to those that have ended, which are kept in
/// mind.
pub(super) fn check_withdrawn(
    known: usize,
    new: &FrozenSet<ServiceEntry>,
) -> Result<(), MembershipRefusal> {
    let what = "instances of services that have ended";
    too_many(what, known + new.len(), MOST_SERVICES)
}

/// Returns the reason why the shards of one region cannot be allocated beside those of others.
pub(super) fn check_region(
    known: &Allocations,
    region: &str,
    shards: &BTreeMap<u32, ShardAllocation>,
) -> Result<(), MembershipRefusal> {
    check_name(region)?;
    let others = known.iter().filter(|(other, _)| other.as_ref() != region);
    let others: Vec<_> = others.map(|(_, shards)| shards.len()).collect();
    let all = shards.len() + others.iter().sum::<usize>();
    too_many("regions", others.len() + 1, MOST_REGIONS)?;
    too_many("shards that are allocated", all, MOST_SHARDS)
}

/// Returns the reason why allocations cannot have changed that often.
pub(super) fn check_epoch(epoch: u64, known: &ClusterState) -> Result<(), MembershipRefusal> {
    leap("changes of allocations", epoch, known.allocation_epoch)
}

fn check_sizes(state: &ClusterState, limit: usize) -> Result<(), MembershipRefusal> {
    if state.members.len() > limit {
        return Err(MembershipRefusal::TooManyMembers { limit });
    }
    // Members of old stay in the clocks, and are listed for ever as well.
    let others = state.seen.len().max(state.unreachable.len());
    let nodes = state.version.versions.len().max(others);
    if nodes > limit {
        return Err(MembershipRefusal::TooManyClocks { nodes, limit });
    }
    Ok(())
}

fn check_clock(state: &ClusterState, known: &ClusterState) -> Result<(), MembershipRefusal> {
    let mut counts = state.version.versions.iter();
    counts.try_for_each(|(node, count)| {
        leap("changes of a node", *count, known.version.version_of(node))
    })
}

fn check_allocations(allocations: &Allocations) -> Result<(), MembershipRefusal> {
    too_many("regions", allocations.len(), MOST_REGIONS)?;
    let shards = allocations.values().map(BTreeMap::len);
    too_many("shards that are allocated", shards.sum(), MOST_SHARDS)?;
    allocations.keys().try_for_each(|region| check_name(region))
}

fn leap(what: &'static str, count: u64, known: u64) -> Result<(), MembershipRefusal> {
    if count > known.saturating_add(LONGEST_LEAP) {
        return Err(MembershipRefusal::Implausible { what, count });
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), MembershipRefusal> {
    too_many("bytes in a name", name.len(), LONGEST_NAME)
}

fn too_many(what: &'static str, count: usize, limit: usize) -> Result<(), MembershipRefusal> {
    if count > limit {
        return Err(MembershipRefusal::TooMany { what, count });
    }
    Ok(())
}
