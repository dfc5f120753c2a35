//! The scenarios, in the order in which they run; one file a topic.

mod actors;
mod admin;
mod by_value;
mod certificates;
mod closing;
mod compression;
mod counts;
mod doctor;
mod failures;
mod gossip;
mod guards;
mod members;
mod merges;
mod messages;
mod names;
mod neighbours;
mod nodes;
mod other_versions;
mod paths;
mod samples;
mod services;
mod starting;
mod streams;
mod structures;
mod traces;
mod types;
mod vectors;
mod verifier;
mod written;

pub(crate) use compression::exchange;

use crate::scenario::Scenario;

/// Returns all scenarios.
pub fn all() -> Vec<Scenario> {
    [
        verifier::SCENARIOS,
        vectors::SCENARIOS,
        written::SCENARIOS,
        merges::SCENARIOS,
        nodes::SCENARIOS,
        messages::SCENARIOS,
        traces::SCENARIOS,
        counts::SCENARIOS,
        services::SCENARIOS,
        paths::SCENARIOS,
        structures::SCENARIOS,
        actors::SCENARIOS,
        streams::SCENARIOS,
        samples::SCENARIOS,
        types::SCENARIOS,
        by_value::SCENARIOS,
        compression::SCENARIOS,
        neighbours::SCENARIOS,
        certificates::SCENARIOS,
        closing::SCENARIOS,
        starting::SCENARIOS,
        names::SCENARIOS,
        failures::SCENARIOS,
        admin::SCENARIOS,
        doctor::SCENARIOS,
        other_versions::SCENARIOS,
        members::SCENARIOS,
        guards::SCENARIOS,
    ]
    .concat()
}
