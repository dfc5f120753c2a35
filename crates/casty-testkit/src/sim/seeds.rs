//! Seeds that once failed, with the defects that they showed.

/// A seed that once showed a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RegressionSeed {
    /// The defect, as the name of the test that fails without its fix.
    pub name: &'static str,
    /// The seed of [`run_scenario`](super::run_scenario) that showed it.
    pub seed: u64,
}

/// The seeds that once showed a defect; they are run with every change.
///
/// A seed shows what it showed for as long as the scenario draws the same numbers; each defect has
/// a test of its own beside it, see `TESTING.md`.
pub const REGRESSION_SEEDS: &[RegressionSeed] = &[
    // A node lost its power: the secondary connection stayed half open for ever, and was trusted.
    RegressionSeed {
        name: "the_secondary_connection_of_a_node_that_was_lost_is_made_anew",
        seed: 31,
    },
    // Two fake nodes that took each other for dead gossiped all the same, and each took the
    // other's shards for ever.
    RegressionSeed {
        name: "nodes_do_not_gossip_to_those_they_take_for_dead",
        seed: 26,
    },
    // All nodes were replaced, the old ones without a word: the client believed their connections,
    // and never tried the name that it had begun with.
    RegressionSeed {
        name: "while_all_that_are_connected_are_silent_the_contacts_are_dialled_besides",
        seed: 303,
    },
    // The owner of a shard was replaced, and no view named it any more: it was dialled for ever,
    // and no node was asked for its owner now.
    RegressionSeed {
        name: "an_owner_that_no_view_lists_and_that_cannot_be_connected_is_asked_for_anew",
        seed: 37,
    },
    // What a stuck connection had taken and not written came back two seconds after its node was
    // called down, behind newer messages.
    RegressionSeed {
        name: "what_is_not_begun_can_be_revoked_and_the_rest_goes_on",
        seed: 894,
    },
    // A name that had led to a lost node led to another one: the client came to it under a fresh
    // address, and references to its first one were dead there.
    RegressionSeed {
        name: "a_node_in_the_place_of_a_lost_one_gets_a_secondary_connection_too",
        seed: 803,
    },
    // The owner of a shard, which no view named, vanished without a word: its connection was kept.
    RegressionSeed {
        name: "a_silent_node_that_is_only_wanted_is_not_waited_for_either",
        seed: 19_121,
    },
    // A view was of a time before a node was started again: the client gave up what the node had granted
    // since, which stayed held.
    RegressionSeed {
        name: "what_a_node_granted_that_was_called_gone_is_released_when_it_is_back",
        seed: 5_100,
    },
    // Two members led at once: what one published under an epoch that the other had taken was lost.
    RegressionSeed {
        name: "what_was_published_under_an_epoch_that_was_taken_is_published_anew",
        seed: 6_168,
    },
    // A release came to another node than the one that had granted, and its answer was believed.
    RegressionSeed {
        name: "a_release_that_another_node_answers_is_sent_again",
        seed: 12_848,
    },
];
