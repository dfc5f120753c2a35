//! The changes of the public API since a release that its version does not tell.

use crate::metadata;
use crate::steps::{Failure, Steps, git};
use crate::tools::Tool;

const SEMVER_CHECKS: Tool = Tool {
    name: "semver-checks",
    // Reads what rustdoc of the promised release writes: the two change together.
    release: "0.51.0",
};

/// Compares the published libraries with those of a commit, or with the last release.
pub(crate) fn run(steps: &mut Steps, baseline: Option<&str>) -> Result<(), Failure> {
    let baseline = match baseline {
        Some(revision) => revision.to_owned(),
        None => last_release()?,
    };
    SEMVER_CHECKS.install(steps)?;
    let packages = metadata::published()?;
    let mut check = SEMVER_CHECKS.command();
    check.args(["check-release", "--all-features", "--baseline-rev"]);
    check.arg(baseline);
    for package in packages.iter().filter(|it| it.is_library()) {
        check.args(["--package", &package.name]);
    }
    steps.run("public API", &mut check)
}

/// Returns the tag of the last release.
fn last_release() -> Result<String, Failure> {
    let output = git(&["describe", "--tags", "--abbrev=0", "--match", "v*"]).output();
    let output = output.map_err(|error| Failure(format!("git: {error}")))?;
    if !output.status.success() {
        let none = "no release is tagged yet: name a commit, by --baseline REV";
        return Err(Failure(none.to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
