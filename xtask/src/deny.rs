//! The rules for dependencies: their licences, their sources, what is known against them.

use crate::steps::{Failure, Steps};
use crate::tools::Tool;

const DENY: Tool = Tool {
    name: "deny",
    release: "0.20.2",
};

/// Checks them by `deny.toml`. With `offline`, without the database of advisories, which is fetched.
pub(crate) fn run(steps: &mut Steps, offline: bool) -> Result<(), Failure> {
    DENY.install(steps)?;
    let mut checks = vec!["bans", "licenses", "sources"];
    if !offline {
        checks.push("advisories");
    }
    let mut deny = DENY.command();
    // Who depends on a duplicate is a tree of a hundred lines: `cargo tree --invert` has it.
    deny.args(["check", "--hide-inclusion-graph"]);
    steps.run("dependencies", deny.args(checks))
}
