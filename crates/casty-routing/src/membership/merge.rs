//! The rules by which a node takes another one's state into its own. Every node has to come to the same
//! outcome, so they are those of Casty's nodes, the questionable ones too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::message::{ClusterState, Member, MemberStatus, ServiceEntry};
use casty_proto::{FrozenSet, NodeAddress};

/// Returns the state of `me` after it has merged the state that `from` gossips.
///
/// The clocks are merged, and `me` counts a change, whatever changed. Of a member that both list, the entry of
/// the later clock is taken; if neither is later, one that is alive beats one that is not, which is how dead
/// members come back. Allocations are those of the higher epoch, all regions as a whole. Costs time in
/// proportion to both states.
///
/// Members are listed by address in the outcome. A state that lists one address twice, which no node does,
/// counts for its last entry.
pub fn merge_gossip(
    own: &ClusterState,
    theirs: &ClusterState,
    me: &NodeAddress,
    from: &NodeAddress,
) -> ClusterState {
    let members = merged_members(own, theirs);
    let changed = is_changed(own, &members);
    let alive: BTreeSet<_> = alive(members.values().copied());
    let unreachable: BTreeSet<_> = own.unreachable.iter().chain(&theirs.unreachable).collect();
    let unreachable = unreachable.difference(&alive).map(|node| (*node).clone());
    let unreachable = unreachable.collect();
    let mut seen: BTreeSet<_> = [me, from].into();
    if !changed {
        seen.extend(own.seen.iter().chain(&theirs.seen));
    }
    let newer = if theirs.allocation_epoch > own.allocation_epoch {
        theirs
    } else {
        own
    };
    let mut version = own.version.clone();
    version.merge(&theirs.version);
    version.increment(me);
    ClusterState {
        unreachable,
        version,
        shard_allocations: newer.shard_allocations.clone(),
        allocation_epoch: newer.allocation_epoch,
        seen: seen.into_iter().cloned().collect(),
        registry: live_services(own, theirs, &members),
        members: members.into_values().cloned().collect(),
    }
}

/// Returns the members by address.
pub(super) fn by_address(state: &ClusterState) -> BTreeMap<&NodeAddress, &Member> {
    let members = state.members.iter();
    members.map(|member| (&member.address, member)).collect()
}

/// Returns whether two entries say the same of a member. Roles are a set, and each node writes them in an order
/// of its own.
pub(super) fn is_same(one: &Member, two: &Member) -> bool {
    let is_one = one.address == two.address && one.status == two.status && one.id == two.id;
    is_one && (one.roles == two.roles || roles(one) == roles(two))
}

fn roles(member: &Member) -> BTreeSet<&Arc<str>> {
    member.roles.iter().collect()
}

/// Returns the instances of services that either set has, each once.
pub(super) fn both_services(
    own: &FrozenSet<ServiceEntry>,
    theirs: &FrozenSet<ServiceEntry>,
) -> FrozenSet<ServiceEntry> {
    let both = own.iter().chain(theirs);
    let both: BTreeMap<_, _> = both
        .map(|entry| ((&entry.key, &entry.node, &entry.path), entry))
        .collect();
    both.into_values().cloned().collect()
}

fn is_changed(own: &ClusterState, members: &BTreeMap<&NodeAddress, &Member>) -> bool {
    let before = by_address(own);
    let is_kept = |(address, member): (&&NodeAddress, &&Member)| {
        let before = before.get(address);
        before.is_some_and(|before| is_same(before, member))
    };
    before.len() != members.len() || !members.iter().all(is_kept)
}

fn merged_members<'a>(
    own: &'a ClusterState,
    theirs: &'a ClusterState,
) -> BTreeMap<&'a NodeAddress, &'a Member> {
    let is_newer = own.version.is_before(&theirs.version);
    let is_older = theirs.version.is_before(&own.version);
    let mut merged = by_address(own);
    for (address, theirs) in by_address(theirs) {
        merged
            .entry(address)
            .and_modify(|kept| {
                let wins = priority(theirs.status) > priority(kept.status);
                if is_newer || (!is_older && wins) {
                    *kept = theirs;
                }
            })
            .or_insert(theirs);
    }
    merged
}

/// Returns by what one of two statuses wins of which none is later.
fn priority(status: MemberStatus) -> (bool, MemberStatus) {
    (status.is_alive(), status)
}

fn alive<'a>(members: impl Iterator<Item = &'a Member>) -> BTreeSet<&'a NodeAddress> {
    let alive = members.filter(|member| member.status.is_alive());
    alive.map(|member| &member.address).collect()
}

/// Returns the instances of services that either state lists, without those on nodes that are dead.
fn live_services(
    own: &ClusterState,
    theirs: &ClusterState,
    members: &BTreeMap<&NodeAddress, &Member>,
) -> FrozenSet<ServiceEntry> {
    let mut services = both_services(&own.registry, &theirs.registry);
    services.retain(|entry| {
        let member = members.get(&entry.node);
        member.is_none_or(|member| member.status.is_alive())
    });
    services
}

#[cfg(test)]
mod tests {
    use casty_proto::message::VectorClock;

    use super::*;

    fn node(name: &str) -> NodeAddress {
        NodeAddress::new(name, 1)
    }

    fn state(status: MemberStatus, roles: &[&str], clock: &[(&str, u64)]) -> ClusterState {
        let member = Member {
            address: node("c"),
            status,
            roles: roles.iter().map(|role| (*role).into()).collect(),
            id: "c".into(),
        };
        let versions = clock.iter().map(|(name, count)| (node(name), *count));
        ClusterState {
            members: [member].into_iter().collect(),
            version: VectorClock {
                versions: versions.collect(),
            },
            seen: [node("a"), node("d")].into_iter().collect(),
            ..ClusterState::default()
        }
    }

    fn merged(own: &ClusterState, theirs: &ClusterState) -> ClusterState {
        merge_gossip(own, theirs, &node("a"), &node("b"))
    }

    #[test]
    fn the_later_entry_is_taken_and_of_two_that_are_apart_the_living() {
        use MemberStatus::{Down, Up};
        for (own, theirs, expected) in [
            (&[("a", 1)][..], &[("a", 1), ("b", 1)][..], Down),
            (&[("a", 2), ("b", 1)], &[("a", 1), ("b", 1)], Up),
            (&[("a", 1)], &[("b", 1)], Up),
        ] {
            let merged = merged(&state(Up, &[], own), &state(Down, &[], theirs));
            assert_eq!(merged.members[0].status, expected, "{own:?} {theirs:?}");
        }
    }

    #[test]
    fn roles_in_another_order_are_no_change_and_others_are() {
        let own = state(MemberStatus::Up, &["x", "y"], &[("a", 1)]);
        let later = &[("a", 1), ("b", 1)];
        let shuffled = merged(&own, &state(MemberStatus::Up, &["y", "x"], later));
        assert_eq!(shuffled.seen.len(), 3, "{:?}", shuffled.seen);
        let other = merged(&own, &state(MemberStatus::Up, &["y", "z"], later));
        assert_eq!(*other.seen, [node("a"), node("b")]);
    }
}
