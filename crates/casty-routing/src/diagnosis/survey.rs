//! The answers of nodes to one survey of their cluster, and what they say about each node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::{ClusterState, MemberStatus};

use super::finding::{NodeFault, ObservedStatus};
use crate::shard::ShardCount;

/// The observation of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// It answered with its state.
    Answered(Arc<ClusterState>),
    /// It is connected, and did not answer in time.
    Silent,
    /// It answered, and its state could not be taken: it cannot be read, or is over a limit; the
    /// reason, for people. The node is as well as any, as far as that tells.
    Unread(Arc<str>),
    /// It could not be connected; the reason, for people.
    Unreached(Arc<str>),
}

/// The observations of a cluster at one time, one for each node that was asked. A node that is not
/// listed was not asked, and is judged by what others say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    nodes: BTreeMap<NodeAddress, Observed>,
    /// The status of each member, as each node that answered sees it.
    statuses: BTreeMap<NodeAddress, BTreeMap<NodeAddress, ObservedStatus>>,
    /// The shard counts that the asker uses.
    shard_counts: BTreeMap<Arc<str>, ShardCount>,
}

impl Survey {
    /// Notes the observation of a node, in place of the one before.
    pub fn add(&mut self, node: NodeAddress, observed: Observed) {
        let statuses = match &observed {
            Observed::Answered(state) => Some(statuses(state)),
            Observed::Silent | Observed::Unread(_) | Observed::Unreached(_) => None,
        };
        self.statuses.remove(&node);
        self.statuses
            .extend(statuses.map(|statuses| (node.clone(), statuses)));
        self.nodes.insert(node, observed);
    }

    /// Notes the shard count that the asker uses for a region, in place of the one before: nodes do
    /// not tell theirs.
    pub fn set_shard_count(&mut self, region: impl Into<Arc<str>>, count: ShardCount) {
        self.shard_counts.insert(region.into(), count);
    }

    /// Returns the shard count that the asker uses for a region; `None` if it uses none.
    pub fn shard_count(&self, region: &str) -> Option<ShardCount> {
        self.shard_counts.get(region).copied()
    }

    /// Returns the observation of each node that was asked.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeAddress, &Observed)> {
        self.nodes.iter()
    }

    /// Returns the states of the nodes that answered.
    pub fn states(&self) -> impl Iterator<Item = (&NodeAddress, &ClusterState)> {
        self.nodes.iter().filter_map(|(node, it)| match it {
            Observed::Answered(state) => Some((node, &**state)),
            Observed::Silent | Observed::Unread(_) | Observed::Unreached(_) => None,
        })
    }

    /// Returns every node that is a member to one that answered, dead or alive.
    pub fn members(&self) -> BTreeSet<&NodeAddress> {
        self.statuses.values().flat_map(BTreeMap::keys).collect()
    }

    /// Returns the status of a node as each node that answered sees it.
    fn seen<'a>(
        &'a self,
        node: &'a NodeAddress,
    ) -> impl Iterator<Item = (&'a NodeAddress, ObservedStatus)> {
        self.statuses.iter().map(move |(viewer, statuses)| {
            let status = statuses.get(node).copied();
            (viewer, status.unwrap_or(ObservedStatus::Absent))
        })
    }

    /// Returns the nodes that answered, by the status in which they see `node`.
    pub fn statuses(&self, node: &NodeAddress) -> BTreeMap<ObservedStatus, Vec<NodeAddress>> {
        let mut statuses = BTreeMap::<_, Vec<_>>::new();
        for (viewer, status) in self.seen(node) {
            statuses.entry(status).or_default().push(viewer.clone());
        }
        statuses
    }

    /// Returns the nodes that call a node up, or joining, and not unreachable.
    pub fn calling_up(&self, node: &NodeAddress) -> Vec<NodeAddress> {
        let up = |status| matches!(status, ObservedStatus::Up | ObservedStatus::Joining);
        let viewers = self.seen(node).filter(|(_, status)| up(*status));
        viewers.map(|(viewer, _)| viewer.clone()).collect()
    }

    /// Returns the reason why messages to a node do not arrive, or soon will not; `None` if nothing
    /// speaks against it. What it says of itself counts only where no other node says anything.
    pub fn fault(&self, node: &NodeAddress) -> Option<NodeFault> {
        match self.nodes.get(node) {
            Some(Observed::Unreached(_)) => return Some(NodeFault::Refuses),
            Some(Observed::Silent) => return Some(NodeFault::Silent),
            Some(Observed::Answered(_) | Observed::Unread(_)) | None => {}
        }
        let alone = self.statuses.keys().all(|viewer| viewer == node);
        let seen = self.seen(node);
        let said: BTreeSet<_> = seen
            .filter(|(viewer, _)| alone || *viewer != node)
            .map(|(_, status)| status)
            .collect();
        if said.iter().any(|status| status.is_live()) {
            None
        } else if said.contains(&ObservedStatus::Unreachable) {
            Some(NodeFault::Unreachable)
        } else if said.contains(&ObservedStatus::Down) || said.contains(&ObservedStatus::Removed) {
            Some(NodeFault::Down)
        } else {
            said.first().map(|_| NodeFault::NoMember)
        }
    }
}

/// Returns the status of each member in a state. Of several entries for an address the most alive
/// counts; being unreachable outweighs the status of one that is alive.
fn statuses(state: &ClusterState) -> BTreeMap<NodeAddress, ObservedStatus> {
    let unreachable: BTreeSet<_> = state.unreachable.iter().collect();
    let mut statuses = BTreeMap::new();
    for member in &state.members {
        let status = match member.status {
            MemberStatus::Down => ObservedStatus::Down,
            MemberStatus::Removed => ObservedStatus::Removed,
            _ if unreachable.contains(&member.address) => ObservedStatus::Unreachable,
            MemberStatus::Joining => ObservedStatus::Joining,
            MemberStatus::Up => ObservedStatus::Up,
            MemberStatus::Leaving => ObservedStatus::Leaving,
        };
        let kept = statuses.entry(member.address.clone()).or_insert(status);
        *kept = status.min(*kept);
    }
    statuses
}

/// Returns whether a member of this status is down or has left.
pub(super) fn is_dead(status: MemberStatus) -> bool {
    matches!(status, MemberStatus::Down | MemberStatus::Removed)
}

/// Returns the leader as a state has it: the member that is `up` and lowest by host and port,
/// reachable or not; `None` if no member is up.
pub fn leader(state: &ClusterState) -> Option<&NodeAddress> {
    let up = state
        .members
        .iter()
        .filter(|it| it.status == MemberStatus::Up);
    up.map(|member| &member.address).min()
}
