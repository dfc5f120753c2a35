//! A release: what has to be true before one is published, and the publishing.

use std::fs;

use crate::metadata::{self, Package};
use crate::steps::{Failure, Steps, cargo, git, root};
use crate::{deny, minimal, package};

/// Checks that the workspace and what it depends on are what a release promises, and packs it. With `execute`
/// it is published and tagged; else cargo does all but send it.
pub(crate) fn run(steps: &mut Steps, version: &str, execute: bool) -> Result<(), Failure> {
    let packages = metadata::published()?;
    let changes = root().join("CHANGELOG.md");
    let changes = fs::read_to_string(&changes).map_err(Failure::at(&changes))?;
    steps.check("the workspace is that release", || {
        let missing = missing(version, &packages, &changes);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure(missing.join("; ")))
    })?;
    steps.check("nothing is uncommitted", nothing_uncommitted)?;
    deny::run(steps, false)?;
    minimal::run(steps)?;
    package::run(steps)?;
    // Cargo finds their order, and waits for each before those that depend on it.
    let mut publish = cargo(["publish", "--no-verify", "--locked"]);
    for package in &packages {
        publish.args(["--package", &package.name]);
    }
    if !execute {
        return steps.run("publish", publish.arg("--dry-run"));
    }
    steps.run("publish", &mut publish)?;
    let tag = format!("v{version}");
    let mut git = git(&["tag", "--annotate", &tag, "--message"]);
    steps.run("tag", git.arg(format!("casty for Rust {version}")))
}

/// Returns what is not as the release promises.
fn missing(version: &str, packages: &[Package], changes: &str) -> Vec<String> {
    let others = packages.iter().filter(|package| package.version != version);
    let mut missing: Vec<_> = others
        .map(|package| format!("{} is of version {}", package.name, package.version))
        .collect();
    let heading = format!("## {version}");
    if !changes
        .lines()
        .any(|line| line.split(" (").next() == Some(&heading))
    {
        missing.push(format!("CHANGELOG.md has no section \"{heading}\""));
    }
    let homeless = packages.iter().filter(|it| it.repository.is_none());
    missing.extend(homeless.map(|package| {
        format!(
            "{}/Cargo.toml has no `repository.workspace = true`",
            package.folder
        )
    }));
    missing
}

/// Fails with what differs from the last commit.
pub(crate) fn nothing_uncommitted() -> Result<(), Failure> {
    let output = git(&["status", "--porcelain"]).output();
    let output = output.map_err(|error| Failure(format!("git: {error}")))?;
    let changed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && changed.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("git status says: {}", changed.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(version: &str, repository: Option<&str>) -> Vec<Package> {
        vec![Package {
            name: "casty-proto".to_owned(),
            version: version.to_owned(),
            repository: repository.map(str::to_owned),
            ..Package::default()
        }]
    }

    #[test]
    fn a_release_has_its_version_everywhere_and_its_section_of_changes() {
        let ready = packages("0.2.0", Some("https://example.org/casty"));
        let changes = "# Changelog\n\n## 0.2.0 (2027-01-01)\n";
        assert_eq!(missing("0.2.0", &ready, changes), Vec::<String>::new());
        let other = missing("0.2.1", &ready, changes);
        assert_eq!(other.len(), 2, "{other:?}");
        let homeless = missing("0.2.0", &packages("0.2.0", None), changes);
        assert!(homeless[0].contains("repository"), "{homeless:?}");
    }
}
