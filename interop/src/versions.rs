//! The core of the suite on each version of casty, as a table: version by serializer.

use std::collections::BTreeMap;

use crate::python::{Installation, SetupError};
use crate::scenario::Scenario;
use crate::serializer::Serializer;
use crate::suite::{self, Result as Outcome, Selection};
use crate::version::Version;

/// The outcomes on one version.
struct Ran {
    version: Version,
    outcomes: Vec<Outcome>,
}

/// Runs what the selection takes of the core of `scenarios` on each version, in an environment of its own; prints a
/// line for each as it ends, then the table and what was left out. Whether none failed.
///
/// # Errors
/// An environment could not be made.
pub async fn run(
    versions: &[Version],
    scenarios: &[Scenario],
    selection: &Selection,
) -> Result<bool, SetupError> {
    let core = scenarios.iter().filter(|scenario| scenario.is_core);
    let core: Vec<_> = core.copied().collect();
    let mut all = Vec::new();
    for version in versions {
        let python = Installation::prepare(*version)?;
        println!("casty {version}");
        let Some(outcomes) = suite::results(&python, &core, selection).await else {
            return Ok(false);
        };
        all.push(Ran {
            version: *version,
            outcomes,
        });
    }
    print_table(&all, &selection.serializers);
    print_left_out(&all);
    let outcomes = || all.iter().flat_map(|ran| &ran.outcomes);
    Ok(!outcomes().any(Outcome::is_failure) && outcomes().any(|it| it.left_out().is_none()))
}

fn print_table(all: &[Ran], serializers: &[Serializer]) {
    let row = |name: &str, cells: Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<28}")).collect();
        println!("{name:8}  {}", cells.join("  ").trim_end());
    };
    println!();
    row(
        "casty",
        serializers.iter().map(|it| it.name().to_owned()).collect(),
    );
    for ran in all {
        let cells = serializers.iter().map(|serializer| {
            let of_it = ran.outcomes.iter();
            cell(of_it.filter(|outcome| outcome.serializer() == *serializer))
        });
        row(&ran.version.to_string(), cells.collect());
    }
}

/// Returns the numbers of outcomes of each kind, those that are not 0.
fn cell<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for outcome in outcomes {
        if outcome.is_failure() {
            failed += 1;
        } else if outcome.left_out().is_some() {
            left_out += 1;
        } else {
            passed += 1;
        }
    }
    let kinds = [
        (passed, "passed"),
        (failed, "FAILED"),
        (left_out, "left out"),
    ];
    let counted = kinds.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<_> = counted
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    counted.join(", ")
}

/// Prints each reason for which something was left out, and what.
fn print_left_out(all: &[Ran]) {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Ran { version, outcomes } in all {
        for outcome in outcomes {
            if let Some(reason) = outcome.left_out() {
                let (scenario, serializer) = (outcome.scenario(), outcome.serializer());
                let what = format!("{version} {serializer} {scenario}");
                reasons.entry(reason).or_default().push(what);
            }
        }
    }
    for (reason, what) in reasons {
        println!("\nleft out, because {reason}:");
        for what in what {
            println!("  {what}");
        }
    }
}
