//! Seeds that once failed, with what it was.

/// A seed that found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// What was found, as the name of a test.
    pub name: &'static str,
    /// The seed of [`prove`](super::prove) that showed it.
    pub seed: u64,
}

/// They are run with every change. A seed shows what it showed for as long as the scenario draws
/// the same lots; what it found has a test of its own beside it, see `TESTING.md`.
pub const NAMED: &[Named] = &[
    // A node lost its power: the companion stayed half open for ever, and was trusted.
    Named {
        name: "the_companion_of_a_node_that_was_lost_is_made_anew",
        seed: 412,
    },
    // Two fake nodes that took each other for dead gossiped all the same, and each took the
    // other's shards for ever.
    Named {
        name: "nodes_do_not_gossip_to_those_they_take_for_dead",
        seed: 303,
    },
    // A node that reads slowly got what a closed connection still held after what the next one
    // brought: order holds on one connection, and this is no violation of it.
    Named {
        name: "what_a_closed_connection_still_holds_may_be_overtaken",
        seed: 293,
    },
];
