//! The scenarios, in the order in which they run; one file a topic.

mod messages;
mod nodes;
mod vectors;
mod verifier;

use crate::scenario::Scenario;

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [
        nodes::SCENARIOS,
        messages::SCENARIOS,
        vectors::SCENARIOS,
        verifier::SCENARIOS,
    ]
    .concat()
}
