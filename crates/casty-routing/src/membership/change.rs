//! The changes that a node makes to its own state, whose members are listed by address.

use std::collections::BTreeSet;

use casty_proto::NodeAddress;
use casty_proto::message::{ClusterState, Member, MemberStatus};

use crate::steps::step;

/// Counts a change that `me` made, and which nobody else has seen.
pub(super) fn count(state: &mut ClusterState, me: &NodeAddress) {
    state.version.increment(me);
    state.seen = [me.clone()].into_iter().collect();
}

/// Returns a member, if it is listed.
pub(super) fn listed<'a>(state: &'a ClusterState, node: &NodeAddress) -> Option<&'a Member> {
    state.members.get(place(state, node).ok()?)
}

/// Returns the status of a member, if it is listed.
pub(super) fn status(state: &ClusterState, node: &NodeAddress) -> Option<MemberStatus> {
    listed(state, node).map(|member| member.status)
}

/// Lists a member, in the place of what was listed at its address.
pub(super) fn put(state: &mut ClusterState, member: Member) {
    state.unreachable.retain(|node| *node != member.address);
    match place(state, &member.address) {
        Ok(place) => {
            if let Some(listed) = state.members.get_mut(place) {
                *listed = member;
            }
        }
        Err(place) => state.members.insert(place, member),
    }
}

/// Lists members as dead, and nothing of their services any more.
pub(super) fn mark_down(state: &mut ClusterState, nodes: &BTreeSet<NodeAddress>) {
    if nodes.is_empty() {
        return;
    }
    set_status(state, nodes, MemberStatus::Down);
    let unreachable: BTreeSet<_> = state.unreachable.iter().chain(nodes).cloned().collect();
    state.unreachable = unreachable.into_iter().collect();
    state.registry.retain(|entry| !nodes.contains(&entry.node));
}

/// Lists members as alive, with that status.
pub(super) fn mark_alive(
    state: &mut ClusterState,
    nodes: &BTreeSet<NodeAddress>,
    status: MemberStatus,
) {
    set_status(state, nodes, status);
    state.unreachable.retain(|node| !nodes.contains(node));
}

/// Drops the counts, sights and silences of nodes that are not listed: no node has any, and they would be
/// kept and passed on for ever.
pub(super) fn drop_unlisted(state: &mut ClusterState) {
    let members = &state.members;
    let listed: BTreeSet<_> = members.iter().map(|member| &member.address).collect();
    let is_listed = |node: &NodeAddress| listed.contains(node);
    state.version.versions.retain(|node, _| is_listed(node));
    state.seen.retain(is_listed);
    state.unreachable.retain(is_listed);
}

/// Returns whether a member of that status is gossiped to, and asked whether it lives.
pub(super) fn is_asked(status: MemberStatus) -> bool {
    matches!(status, MemberStatus::Joining | MemberStatus::Up)
}

fn set_status(state: &mut ClusterState, nodes: &BTreeSet<NodeAddress>, status: MemberStatus) {
    for node in nodes {
        if let Ok(place) = place(state, node)
            && let Some(member) = state.members.get_mut(place)
        {
            member.status = status;
        }
    }
}

/// Returns where a member is listed, or where it would be.
fn place(state: &ClusterState, node: &NodeAddress) -> Result<usize, usize> {
    state.members.binary_search_by(|listed| {
        step();
        listed.address.cmp(node)
    })
}
