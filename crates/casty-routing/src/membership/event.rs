//! The settings of a member, its inputs and outputs, and what it has to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::message::{ClusterState, ServiceEntry, ShardAllocation};
use casty_proto::{Count, Escaped, FrozenSet, NodeAddress};

use super::detector::DetectorConfig;

/// The settings of a member: who it is, how it joins, and its times. The defaults are those of Casty's nodes,
/// but for healing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MembershipConfig {
    /// The address that it announces, which is its name among the members. The lowest of those that are `up`
    /// leads: by host as a text, in which digits stand before letters, then by port.
    pub address: NodeAddress,
    /// Its name for people.
    pub id: Arc<str>,
    /// Its roles.
    pub roles: FrozenSet<Arc<str>>,
    /// The nodes that it asks to join, its own address not counted. With none, it waits to be asked.
    pub seeds: Vec<NodeAddress>,
    /// The time between two requests to join. Default 1 s.
    pub join_interval: Duration,
    /// The time between two rounds of gossip. Default 1 s.
    pub gossip_interval: Duration,
    /// The most members that are told in a round. Default 3.
    pub gossip_fanout: usize,
    /// The time between two heartbeats. Default 500 ms.
    pub heartbeat_interval: Duration,
    /// The time between two looks at who has fallen silent. Default 500 ms; Casty's nodes look each 2 s.
    pub check_interval: Duration,
    /// The settings of the failure detector, which decides when a node counts as silent.
    pub detector: DetectorConfig,
    /// The way in which dead members are kept from coming back. Default [`Healing::Silence`].
    pub healing: Healing,
    /// The delay of an event of its own after which it takes itself to have been paused, and judges nobody by
    /// what it did not hear meanwhile. Default 1 s.
    pub pause: Duration,
    /// The time that a member which joins has for its first answer to a heartbeat. Default 5 s.
    pub first_answer: Duration,
    /// The longest time that it takes to leave; it is gone earlier once all members have seen that it leaves.
    /// Default 2 s.
    pub leaving: Duration,
    /// The most members, the dead ones among them. A state that lists more is refused. Default 1,024.
    pub max_members: usize,
}

impl MembershipConfig {
    /// Returns the defaults for a node at an address, with a name.
    pub fn new(address: NodeAddress, id: impl Into<Arc<str>>) -> Self {
        Self {
            address,
            id: id.into(),
            roles: FrozenSet::default(),
            seeds: Vec::new(),
            join_interval: Duration::from_secs(1),
            gossip_interval: Duration::from_secs(1),
            gossip_fanout: 3,
            heartbeat_interval: Duration::from_millis(500),
            check_interval: Duration::from_millis(500),
            detector: DetectorConfig::default(),
            healing: Healing::default(),
            pause: Duration::from_secs(1),
            first_answer: Duration::from_secs(5),
            leaving: Duration::from_secs(2),
            max_members: 1_024,
        }
    }
}

/// The way in which a member keeps dead ones from being called `up` again.
///
/// Two nodes that change something at the same time do not know of each other's change, and then whoever is
/// alive in either state is alive in the outcome: so Casty's nodes revive a member that they have just
/// declared dead. One member that insists cures the whole cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Healing {
    /// Nothing, as Casty's nodes: not even against being called dead itself.
    Off,
    /// A member that it has found silent stays down in what it gossips, until it answers a heartbeat, gossips
    /// itself, or joins. A broken link from here to a living member takes that member from all.
    #[default]
    Silence,
    /// As `Silence`, but a silent member is dead only if its own count of changes, which grows with each
    /// gossip that it merges, has not grown for this long either in what others gossip.
    SilenceAndStillness(Duration),
}

/// An event that a [`Membership`](super::Membership) is told of. `Q` is what an answer goes to.
///
/// Where a node is named as the sender, it has to be the one at the other end of the connection, under the
/// address that it announced there: a message may name any.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MembershipInput<Q> {
    /// `GossipMessage`.
    Gossip {
        /// The node that sent it.
        from: NodeAddress,
        /// Its state.
        state: Arc<ClusterState>,
        /// `true` if it answers gossip of this node.
        is_reply: bool,
    },
    /// `JoinRequest`.
    Join {
        /// The node.
        node: NodeAddress,
        /// Its name.
        id: Arc<str>,
        /// Its roles.
        roles: FrozenSet<Arc<str>>,
        /// The target of the answer, if one is wanted.
        asker: Option<Q>,
    },
    /// `JoinAccepted`.
    Accepted(Arc<ClusterState>),
    /// `HeartbeatRequest`.
    Heartbeat {
        /// The target of the answer.
        asker: Q,
    },
    /// `HeartbeatResponse`.
    Answered {
        /// The node.
        node: NodeAddress,
    },
    /// `PromoteMember`.
    Promote(NodeAddress),
    /// `DownMember`: the order to declare a member dead, from an operator, or from the member itself, which
    /// leaves. It stays dead, whatever is gossiped or heard of it, until it joins.
    Down(NodeAddress),
    /// `UpdateShardAllocations`, from a coordinator of this node.
    Allocations {
        /// The region.
        region: Arc<str>,
        /// All of its shards that are allocated.
        allocations: BTreeMap<u32, ShardAllocation>,
        /// The number of changes.
        epoch: u64,
    },
    /// `UpdateRegistry`: instances of services that are added, those as well that were withdrawn.
    Services(FrozenSet<ServiceEntry>),
    /// Instances of services have ended: this node lists them no more, whatever is gossiped. Casty's nodes have
    /// no message for that: all that are not told so go on to list them, until the instances' nodes are dead.
    Withdraw(FrozenSet<ServiceEntry>),
    /// The node leaves: it says so, until all have seen it or the time for that is up.
    Leave,
    /// Nothing but time passed.
    Tick,
}

/// An order of a [`Membership`](super::Membership) to its driver.
#[derive(Debug, Clone, PartialEq)]
pub enum MembershipOutput<Q> {
    /// Send `GossipMessage`.
    Gossip {
        /// The member.
        to: NodeAddress,
        /// The state of this node.
        state: Arc<ClusterState>,
        /// `true` if it answers the member's own.
        is_reply: bool,
    },
    /// Send `JoinRequest`.
    Join {
        /// The node that is asked.
        to: NodeAddress,
        /// `true` if an answer is wanted.
        wants_answer: bool,
    },
    /// Send `HeartbeatRequest`.
    Heartbeat {
        /// The member.
        to: NodeAddress,
    },
    /// Send `DownMember` of this node, which leaves.
    Leaving {
        /// The member that is told.
        to: NodeAddress,
    },
    /// Answer `JoinAccepted`.
    Accept {
        /// The target of the answer.
        asker: Q,
        /// The state of this node.
        state: Arc<ClusterState>,
    },
    /// Answer `HeartbeatResponse`.
    Answer {
        /// The target of the answer.
        asker: Q,
    },
    /// Connect the node at once if there is something to send to it, even if that has just failed: it has
    /// started anew ([`NodeConnectionsInput::EndQuarantine`](crate::NodeConnectionsInput::EndQuarantine)).
    EndQuarantine(NodeAddress),
    /// The state is another one, or its view is due to be told once more: tell it to all who have subscribed
    /// to it, and to the node's coordinators.
    View(Arc<ClusterState>),
    /// Something happened that an operator wants to read.
    Event(MembershipEvent),
    /// Nothing more to do until then, or until something happens; `None` once the node has left.
    Wait(Option<Instant>),
}

/// Something that happened to a member or its cluster.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipEvent {
    /// A node took this one in.
    #[error("joined a cluster of {}", Count(*members, "member"))]
    Joined {
        /// The number of members, this one counted.
        members: usize,
    },
    /// A node asked to join.
    #[error("{node} joins")]
    Joining {
        /// The node.
        node: NodeAddress,
    },
    /// This node, which leads, has made a member `up`.
    #[error("{node} is up")]
    Promoted {
        /// The member.
        node: NodeAddress,
    },
    /// This node has declared a member dead.
    #[error("{node} is down: it does not answer (phi {phi:.1})")]
    Silent {
        /// The member.
        node: NodeAddress,
        /// The suspicion.
        phi: f64,
    },
    /// A member does not answer this node, but goes on to change the state that others gossip.
    #[error("{node} does not answer here, but is alive for others")]
    Unheard {
        /// The member.
        node: NodeAddress,
    },
    /// A member was declared dead by order.
    #[error("{node} is down by order, or leaves")]
    Ordered {
        /// The member.
        node: NodeAddress,
    },
    /// Gossip called a dead member alive, and was contradicted. Told once for each death.
    #[error("{from} calls {node}, which is dead, alive again: it stays down")]
    KeptDown {
        /// The dead member.
        node: NodeAddress,
        /// The member that called it alive.
        from: NodeAddress,
    },
    /// A member that was declared dead here is alive.
    #[error("{node} is back")]
    Back {
        /// The member.
        node: NodeAddress,
    },
    /// This node was paused, and judges nobody by what it did not hear meanwhile.
    #[error("this node was paused for about {0:?}")]
    Paused(Duration),
    /// A member calls this node dead. It joins anew.
    #[error("{from} calls this node dead; it joins anew")]
    CalledDead {
        /// The member.
        from: NodeAddress,
    },
    /// Something was not taken in that a peer sent, or a coordinator or service of this node.
    #[error("{from}: {reason}")]
    Refused {
        /// The peer; this node itself for allocations and services.
        from: NodeAddress,
        /// The reason.
        reason: MembershipRefusal,
    },
}

/// The reason why nothing of what a peer sent was taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipRefusal {
    /// A state lists more members than the configuration allows, or one more node would be too many.
    #[error("more than {}", Count(*limit, "member"))]
    TooManyMembers {
        /// The limit.
        limit: usize,
    },
    /// A state counts changes of far more nodes than there can be members.
    #[error("changes of {nodes} nodes, more than {limit}")]
    TooManyClocks {
        /// The number of nodes.
        nodes: usize,
        /// The limit.
        limit: usize,
    },
    /// A number that only grows is further ahead of what is known here than it can have grown.
    #[error("the count of {what} is {count}")]
    Implausible {
        /// The thing that is counted.
        what: &'static str,
        /// The number.
        count: u64,
    },
    /// A state lists one member twice.
    #[error("{node} is listed twice")]
    ListedTwice {
        /// The member.
        node: NodeAddress,
    },
    /// The sender is none of the members that it lists.
    #[error("it lists no member of its own address")]
    Stranger,
    /// There are more instances of services, regions, shards or roles than can be, or a name is longer.
    #[error("{count} {what}")]
    TooMany {
        /// The things of which there are too many.
        what: &'static str,
        /// Their number.
        count: usize,
    },
    /// A peer claims to have this node's address.
    #[error("it claims to be at the address of this node, as {}", Escaped::new(id))]
    OwnAddress {
        /// The name that it has.
        id: Arc<str>,
    },
    /// A state that takes this node in does not list it.
    #[error("it takes this node in, and does not list it")]
    NotListed,
    /// A node asks to join under an address that nobody can reach.
    #[error("{node} is no address that can be dialled")]
    Undialable {
        /// The address.
        node: NodeAddress,
    },
}
