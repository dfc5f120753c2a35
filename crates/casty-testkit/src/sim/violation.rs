//! The checks of a world by name, and their violations.

use std::fmt;
use std::time::Duration;

/// Something that is checked in every world. The names are those of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Anything that a scenario itself expects.
    Scenario,
    /// The counters of a client add up: accepted = written + not sent + unknown + buffered +
    /// queued.
    Conservation,
    /// The counters of each region add up, and their sums are the client's.
    ConservationByRegion,
    /// The counters of each node add up: routed = written + requeued + unknown + queued.
    ConservationByNode,
    /// As many dead letters as the counters say, of each fate.
    DeadLetters,
    /// Nothing is fuller than its limit.
    Bounds,
    /// Allocations of an older version never replace newer ones.
    ViewGoesBack,
    /// Contradictions of a view to a shard count are told, and keep no message back.
    Contradictions,
    /// Nothing is routed to a node that the view says is dead.
    SentToTheDead,
    /// One query for a shard's owner is in flight at a time.
    OneRefresh,
    /// Nodes are dialled at a bounded pace.
    DialPace,
    /// Events in virtual time are bounded.
    BusyLoop,
    /// Messages of one sender to one entity arrive in order at one owner.
    Order,
    /// A message that was sent once arrives once at most.
    Duplicate,
    /// A reply reaches the asker and no other.
    StrangersReply,
    /// An ask ends inside its deadline, and its time is not over before.
    Deadline,
    /// A client has one connection to a node under one address: the node would close the other.
    OneAddress,
    /// A message that is said not to have been sent has not arrived.
    FalseFate,
    /// A message that cannot be lost arrives.
    Arrival,
    /// Everything works again within a bound after all faults have ended.
    Recovery,
    /// No more participants take themselves for holders of a lock, or of permits, than there may be,
    /// while the node that granted them lives.
    Exclusion,
    /// Nobody holds a lock, or a permit, that everybody has released or given up.
    GhostHolder,
    /// A counter has all that was added for sure, while its node lives, and never more than was sent.
    Tally,
    /// A barrier lets all go who have arrived, or none.
    AllOrNone,
    /// Nodes that gossip agree within a bound after the last fault: all that run are up, the dead are not,
    /// and each shard that was given away, as it is when it is first asked for, has one owner, which runs; and
    /// it stays so.
    Agreement,
    /// A closed client has no connections, no messages, no asks.
    LeftBehind,
    /// No task goes on after the end.
    Tasks,
    /// Nothing happens any more after the end.
    Timers,
    /// No task has panicked.
    Panic,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Violation {
    /// The check.
    pub check: Check,
    /// The virtual time at which it was seen.
    pub at: Duration,
    /// The observation, in words.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, at, what } = self;
        write!(f, "{check} at {:.3} s: {what}", at.as_secs_f64())
    }
}
