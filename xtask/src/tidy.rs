//! What a compiler does not check: budgets, names, dependency arrows, and what sources must not
//! hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata;
use crate::protobuf;
use crate::steps::{Failure, Steps, root};

mod lean;
mod mask;
mod packages;
mod paths;
mod sources;

/// Checks every file that git knows or would add, and every package.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    steps.check("tidy", || {
        let packages = metadata::packages()?;
        let mut findings = packages::findings(&packages);
        findings.extend(lean::findings(&packages)?);
        findings.extend(protobuf::finding()?);
        findings.extend(clippy_budget(&read(&root().join("clippy.toml"))));
        for path in files()? {
            findings.extend(paths::findings(&path));
            // Golden vectors and the like are no text.
            if let Ok(text) = fs::read_to_string(root().join(&path)) {
                findings.extend(sources::findings(&path, &text));
            }
        }
        for finding in &findings {
            eprintln!("{finding}");
        }
        match findings.len() {
            0 => Ok(()),
            count => Err(Failure(format!("tidy: {count} findings, see above"))),
        }
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Paths from the workspace's folder, with `/` between their parts.
fn files() -> Result<Vec<String>, Failure> {
    let output = Command::new("git")
        // Whoever owns the checkout: only names are asked for.
        .args(["-c", "safe.directory=*"])
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .map_err(|error| Failure(format!("git ls-files: {error}")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("git ls-files: {errors}")));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    Ok(listing.split_terminator('\0').map(str::to_owned).collect())
}

/// The budget of a function is clippy's to keep; here, that clippy is told so.
fn clippy_budget(config: &str) -> Option<String> {
    let wanted = "too-many-lines-threshold = 60";
    let set = config.lines().any(|line| line.trim() == wanted);
    (!set).then(|| format!("clippy.toml: must say `{wanted}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_of_a_function_must_be_configured() {
        assert_eq!(clippy_budget("too-many-lines-threshold = 60\n"), None);
        assert!(clippy_budget("too-many-lines-threshold = 600\n").is_some());
        assert!(clippy_budget("").is_some());
    }
}
