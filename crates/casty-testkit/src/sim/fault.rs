//! The kinds of faults.

use std::fmt;
use std::str::FromStr;

/// A kind of fault.
///
/// [`World::inflict`](super::World::inflict) makes one happen,
/// [`World::chaos`](super::World::chaos) many. The name of a variant is what logs show and
/// [`FromStr`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A node dies and is started again in the end, with nothing of what it had.
    Kill,
    /// A node is started again at once.
    Restart,
    /// A node dies and comes back several times in a row.
    Flap,
    /// A node's host loses its power: its clients are told nothing until it is back.
    PowerLoss,
    /// A node's process is stopped, and goes on in the end.
    Pause,
    /// Nothing gets to a node or from it.
    BlackHole,
    /// Nothing gets to a node; what it sends arrives.
    DeafNode,
    /// Nothing that a node sends arrives; it gets everything.
    MuteNode,
    /// Everything takes long to a node and back.
    Delay,
    /// Frames take very different times, so connections overtake each other.
    Reorder,
    /// All connections of a node are reset.
    Reset,
    /// Connections of a node are reset in the middle of a frame that it sends.
    ResetMidFrame,
    /// Connections of a node end in good order in the middle of a frame.
    Truncate,
    /// Frames arrive with a wrong bit in their heads, in both directions.
    Corrupt,
    /// Empty frames arrive, which the protocol does not know.
    EmptyFrame,
    /// An impostor announces a client's address to a node.
    DuplicateIdentity,
    /// An old view arrives behind the newest.
    StaleView,
    /// Coordinators' answers are lost.
    LostLocation,
    /// Replies to asks are lost.
    LostReply,
    /// Replies to asks come late, behind newer ones.
    LateReply,
    /// Replies to asks come twice.
    RepeatedReply,
    /// A node is dead, and all others call it up again.
    CalledUp,
    /// The leader is cut off from the others: they choose another, until it is back.
    LeaderChange,
    /// Two nodes take each other for dead: views differ.
    SplitViews,
    /// Shards are given to other nodes.
    ShardMoved,
    /// A node reads slowly.
    SlowReader,
    /// All clocks jump ahead, as if the machine had slept.
    ClockJump,
    /// A node refuses connections; those it has go on.
    RefusedDials,
    /// A node does not answer those who connect; connections that it has go on.
    UnansweredDials,
    /// A node is dead for good, and another joins in its place, at another address.
    Replace,
    /// All nodes are replaced, one after the other, as when pods are scheduled anew.
    Renumber,
    /// The network forgets all connections of a node, as a router that is restarted does: what
    /// either side sends on them is lost, and new ones are made as ever. The node notices in the
    /// end; its clients are told nothing, now or later.
    FlowLost,
    /// A client takes a region for one of more shards, and tells some of its entities.
    OtherShardCount,
    /// Every name gets another address before that of its node, where something accepts that is
    /// none, and keeps it; a node's connections are reset.
    DecoyAddress,
    /// The nodes fall apart into two halves, each of which takes the other for dead. Worlds whose nodes
    /// gossip have this one and those below.
    Split,
    /// One node loses whatever it sends another one, and gets what comes back.
    OneWayLink,
    /// The leader dies, and so does the one node that has seen its last changes; that comes back at once.
    LeaderUnseen,
    /// A node is dead, and members go on to hear of it.
    Zombie,
}

impl Fault {
    /// All but [those of members](Self::OF_MEMBERS).
    pub const ALL: &'static [Self] = &[
        Self::Kill,
        Self::Restart,
        Self::Flap,
        Self::PowerLoss,
        Self::Pause,
        Self::BlackHole,
        Self::DeafNode,
        Self::MuteNode,
        Self::Delay,
        Self::Reorder,
        Self::Reset,
        Self::ResetMidFrame,
        Self::Truncate,
        Self::Corrupt,
        Self::EmptyFrame,
        Self::DuplicateIdentity,
        Self::StaleView,
        Self::LostLocation,
        Self::LostReply,
        Self::LateReply,
        Self::RepeatedReply,
        Self::CalledUp,
        Self::LeaderChange,
        Self::SplitViews,
        Self::ShardMoved,
        Self::SlowReader,
        Self::ClockJump,
        Self::RefusedDials,
        Self::UnansweredDials,
        Self::Replace,
        Self::Renumber,
        Self::FlowLost,
        Self::OtherShardCount,
        Self::DecoyAddress,
    ];

    /// The kinds that only nodes know that gossip, as real nodes do.
    pub const OF_MEMBERS: &'static [Self] = &[
        Self::Split,
        Self::OneWayLink,
        Self::LeaderUnseen,
        Self::Zombie,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The error of a name that no fault has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("no fault is called {0:?}")]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let all = Self::ALL.iter().chain(Self::OF_MEMBERS).copied();
        let mut named = all.filter(|fault| fault.to_string() == name);
        named.next().ok_or_else(|| UnknownFault(name.to_owned()))
    }
}
