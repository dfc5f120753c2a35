//! The scenarios, in the order in which they run; one file a topic.

mod nodes;
mod verifier;

use crate::scenario::Scenario;

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [nodes::SCENARIOS, verifier::SCENARIOS].concat()
}
