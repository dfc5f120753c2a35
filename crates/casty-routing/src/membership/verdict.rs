//! The members that this node calls dead, and the evidence.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::{ClusterState, MemberStatus};

/// The verdict that a member is dead, which stands whatever is gossiped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    /// The status that the member had here.
    pub(super) status: MemberStatus,
    /// The member's own count of changes at that time; `None` if the verdict was an order.
    pub(super) version: Option<u64>,
    /// `true` once it was said that gossip is contradicted.
    pub(super) told: bool,
}

impl Verdict {
    /// Returns the verdict on a member that does not answer.
    pub(super) fn of_silence(status: MemberStatus, version: u64) -> Self {
        Self {
            status,
            version: Some(version),
            told: false,
        }
    }

    /// Returns the verdict that an operator, or the member itself, has ordered.
    pub(super) fn by_order(status: MemberStatus) -> Self {
        Self {
            status,
            version: None,
            told: false,
        }
    }

    /// Returns whether it was an order: no sign of life is against it.
    pub(super) fn is_order(&self) -> bool {
        self.version.is_none()
    }
}

/// The counts of changes of members, and when each was last seen to grow.
#[derive(Debug, Default)]
pub(super) struct Growth(BTreeMap<NodeAddress, (u64, Instant)>);

impl Growth {
    /// Notes the counts of all members of a state.
    pub(super) fn note(&mut self, now: Instant, state: &ClusterState) {
        let versions = &state.version.versions;
        self.0.retain(|node, _| versions.contains_key(node));
        for (node, version) in versions {
            let seen = self.0.entry(node.clone()).or_insert((*version, now));
            if seen.0 < *version {
                *seen = (*version, now);
            }
        }
    }

    /// Has all counts seen to have grown just now: nothing could be seen for a while.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        for (_, since) in self.0.values_mut() {
            *since = now;
        }
    }

    /// Returns whether a member's count has not grown for that long.
    pub(super) fn is_still(&self, now: Instant, node: &NodeAddress, long: Duration) -> bool {
        let grown = self.0.get(node);
        grown.is_none_or(|(_, grown)| now.saturating_duration_since(*grown) >= long)
    }
}
