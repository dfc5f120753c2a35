//! The findings: everything that can be wrong, and its severity.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use casty_proto::NodeAddress;

use crate::shard::ShardCount;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it may be in a healthy cluster.
    Note,
    /// Messages arrive, or will soon; but something is not as it should be.
    Warning,
    /// Messages do not arrive, or reach two nodes that both hold the entity.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// The status of one node as another one sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservedStatus {
    /// It has no member of that address.
    Absent,
    /// It asked to join.
    Joining,
    /// It takes part.
    Up,
    /// It said that it leaves.
    Leaving,
    /// It does not answer heartbeats, whatever its status says.
    Unreachable,
    /// It was declared dead.
    Down,
    /// It left.
    Removed,
}

impl ObservedStatus {
    /// Returns whether messages to the node may arrive, by that view.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Joining | Self::Up | Self::Leaving)
    }
}

impl fmt::Display for ObservedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no member",
            Self::Joining => "joining",
            Self::Up => "up",
            Self::Leaving => "leaving",
            Self::Unreachable => "unreachable",
            Self::Down => "down",
            Self::Removed => "removed",
        })
    }
}

/// The reason why a node cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeFault {
    /// It cannot be connected.
    Refuses,
    /// It is connected and does not answer.
    Silent,
    /// Others say that it does not answer heartbeats.
    Unreachable,
    /// Others say that it is down or has left.
    Down,
    /// No node lists it as a member.
    NoMember,
}

impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuses => "cannot be connected",
            Self::Silent => "does not answer",
            Self::Unreachable => "is unreachable",
            Self::Down => "is down",
            Self::NoMember => "is no member",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The problem. Its `Display` says it in one line.
    pub problem: Problem,
}

/// A thing that is wrong. Lists are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No node that was asked has answered; nothing else can be told.
    NobodyAnswers,
    /// A member is called up and cannot be connected: it is dead, and perhaps came back from the
    /// dead in the views; or this machine is cut off from it.
    RefusesConnections {
        /// The member.
        node: NodeAddress,
        /// The nodes whose state calls it up.
        called_up_by: Vec<NodeAddress>,
        /// The reason why there is no connection.
        reason: Arc<str>,
    },
    /// A member is called up, is connected, and does not answer: its process hangs.
    DoesNotAnswer {
        /// The member.
        node: NodeAddress,
        /// The nodes whose state calls it up.
        called_up_by: Vec<NodeAddress>,
    },
    /// A node answers with a state that cannot be taken, so nothing is known of what it sees.
    StateUnread {
        /// The node.
        node: NodeAddress,
        /// The reason.
        reason: Arc<str>,
    },
    /// Something hangs on a node that cannot be relied on.
    HangsOnLostNode {
        /// The node.
        node: NodeAddress,
        /// The reason why it cannot be relied on.
        fault: NodeFault,
        /// The thing that hangs on it.
        what: Dependent,
    },
    /// Nodes see the cluster differently.
    ViewsDiffer(Difference),
    /// Nobody follows a leader: no member is up.
    NoLeader,
    /// Shards that no node owns, up to the highest that one does: how many a region has is not
    /// known.
    ShardsWithoutOwner {
        /// The region.
        region: Arc<str>,
        /// The shards.
        shards: Vec<u32>,
        /// `true` if there is a leader to give them an owner when they are first asked for.
        leader: bool,
    },
    /// Programs use different shard counts for a region: shards are allocated that others have not.
    /// Nobody can tell from that who is wrong.
    ShardCounts {
        /// The region.
        region: Arc<str>,
        /// The count that the asker uses; `None` if it uses none, and the finding is a guess.
        count: Option<ShardCount>,
        /// The smaller count that the region looks like; `None` if shards beyond `count` are
        /// allocated, which is a fact and no guess.
        resembles: Option<ShardCount>,
        /// The allocated shards that a region of the smaller of these counts does not have.
        shards: Vec<u32>,
    },
    /// Members with one address and different ids: a second process has taken the address.
    AddressTwice {
        /// The address.
        node: NodeAddress,
        /// The ids.
        ids: Vec<Arc<str>>,
    },
    /// Members with one id and different addresses.
    IdTwice {
        /// The id.
        id: Arc<str>,
        /// The addresses.
        nodes: Vec<NodeAddress>,
    },
    /// A member is joining or leaving, and stays so.
    Stuck {
        /// The member.
        node: NodeAddress,
        /// `true` if it is leaving, `false` if it is joining.
        leaving: bool,
    },
}

/// A thing that hangs on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dependent {
    /// The cluster: it leads.
    Leadership,
    /// It owns shards.
    Shards {
        /// The region.
        region: Arc<str>,
        /// The shards.
        shards: Vec<u32>,
    },
    /// It is listed to run instances of a service.
    Service {
        /// The key of the service.
        key: Arc<str>,
        /// The number of instances.
        instances: usize,
    },
}

/// A thing that nodes see differently.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The status of a member.
    Status {
        /// The member.
        node: NodeAddress,
        /// The nodes that see it in each status.
        statuses: BTreeMap<ObservedStatus, Vec<NodeAddress>>,
    },
    /// The leader.
    Leader {
        /// The nodes that follow each leader, or none.
        leaders: BTreeMap<Option<NodeAddress>, Vec<NodeAddress>>,
    },
    /// The owner of each of these shards: at least two nodes are named.
    Owners {
        /// The region.
        region: Arc<str>,
        /// The shards.
        shards: Vec<u32>,
    },
    /// The epoch of the allocations; or, where that is one, the presence of an owner of a shard.
    Allocations {
        /// The nodes that have each epoch.
        epochs: BTreeMap<u64, Vec<NodeAddress>>,
        /// The nodes that name no owner of a shard of which another node names one.
        incomplete: Vec<NodeAddress>,
    },
}

/// The identity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject<'a> {
    code: &'static str,
    node: Option<&'a NodeAddress>,
    name: Option<&'a str>,
}

impl Problem {
    /// Returns a name for programs, in lower case with hyphens.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NobodyAnswers => "nobody-answers",
            Self::RefusesConnections { .. } => "refuses-connections",
            Self::DoesNotAnswer { .. } => "does-not-answer",
            Self::StateUnread { .. } => "state-unread",
            Self::HangsOnLostNode { what, .. } => match what {
                Dependent::Leadership => "lost-leader",
                Dependent::Shards { .. } => "shards-of-lost-node",
                Dependent::Service { .. } => "stale-service",
            },
            Self::ViewsDiffer(difference) => match difference {
                Difference::Status { .. } => "status-differs",
                Difference::Leader { .. } => "leader-differs",
                Difference::Owners { .. } => "owners-differ",
                Difference::Allocations { .. } => "allocations-differ",
            },
            Self::NoLeader => "no-leader",
            Self::ShardsWithoutOwner { .. } => "shards-without-owner",
            Self::ShardCounts { .. } => "shard-counts-differ",
            Self::AddressTwice { .. } => "address-twice",
            Self::IdTwice { .. } => "id-twice",
            Self::Stuck { .. } => "stuck",
        }
    }

    /// Returns the node that is concerned; `None` if it is not one node.
    pub fn node(&self) -> Option<&NodeAddress> {
        match self {
            Self::RefusesConnections { node, .. }
            | Self::DoesNotAnswer { node, .. }
            | Self::StateUnread { node, .. }
            | Self::HangsOnLostNode { node, .. }
            | Self::ViewsDiffer(Difference::Status { node, .. })
            | Self::AddressTwice { node, .. }
            | Self::Stuck { node, .. } => Some(node),
            Self::NobodyAnswers
            | Self::ViewsDiffer(_)
            | Self::NoLeader
            | Self::ShardsWithoutOwner { .. }
            | Self::ShardCounts { .. }
            | Self::IdTwice { .. } => None,
        }
    }

    /// Returns the region, service key or id that is concerned; `None` if it is not one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::HangsOnLostNode { what, .. } => match what {
                Dependent::Leadership => None,
                Dependent::Shards { region: name, .. } | Dependent::Service { key: name, .. } => {
                    Some(name)
                }
            },
            Self::ViewsDiffer(Difference::Owners { region: name, .. })
            | Self::ShardsWithoutOwner { region: name, .. }
            | Self::ShardCounts { region: name, .. }
            | Self::IdTwice { id: name, .. } => Some(name),
            _ => None,
        }
    }

    /// Returns what tells one problem from another, however it develops.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            code: self.code(),
            node: self.node(),
            name: self.name(),
        }
    }

    /// Returns whether it is seen for a second or two in healthy clusters as well, while nodes
    /// join, leave or allocate: nodes tell each other about once a second.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::ViewsDiffer(_) | Self::AddressTwice { .. } | Self::Stuck { .. } => true,
            // A region whose shards are being asked for in their order looks so for a moment.
            Self::ShardCounts { resembles, .. } => resembles.is_some(),
            Self::NobodyAnswers
            | Self::RefusesConnections { .. }
            | Self::DoesNotAnswer { .. }
            | Self::StateUnread { .. }
            | Self::HangsOnLostNode { .. }
            | Self::NoLeader
            | Self::ShardsWithoutOwner { .. }
            | Self::IdTwice { .. } => false,
        }
    }
}
