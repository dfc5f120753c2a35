//! Checks that no compiler makes: budgets, names, dependency arrows, circles between files, and
//! text that sources must not hold.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata;
use crate::protobuf;
use crate::release;
use crate::sim;
use crate::steps::{Failure, Steps, root};

use sources::Size;

mod circles;
mod examples;
mod images;
mod lean;
mod mask;
mod packages;
mod paths;
mod sinks;
mod sources;
mod summaries;
mod words;

/// Checks every file that git knows or would add, and every package.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    steps.check("tidy", || {
        let packages = metadata::packages()?;
        let mut findings = packages::findings(&packages);
        findings.extend(lean::findings(&packages)?);
        findings.extend(examples::findings(&packages));
        findings.extend(protobuf::finding()?);
        findings.extend(sim::findings()?);
        let circles = circles::report(&packages, None);
        print!("{}", circles.summary);
        findings.extend(circles.findings);
        findings.extend(clippy_budget(&read(&root().join("clippy.toml"))));
        let mut largest = Largest::default();
        let files = files()?;
        let repository = images::Repository {
            files: &files,
            packages: &packages,
            promised: release::promised(&packages)?,
            ignored: &read(&root().join(images::IGNORED)),
        };
        for path in &files {
            findings.extend(paths::findings(path));
            // Golden vectors and the like are no text.
            if let Ok(text) = fs::read_to_string(root().join(path)) {
                findings.extend(images::findings(path, &text, repository));
                findings.extend(sources::findings(path, &text));
                findings.extend(sinks::findings(path, &text));
                findings.extend(summaries::findings(path, &text));
                findings.extend(words::findings(path, &text));
                if let Some(size) = sources::size(path, &text) {
                    largest.note(path.clone(), size);
                }
            }
        }
        println!("{largest}");
        for finding in &findings {
            eprintln!("{finding}");
        }
        match findings.len() {
            0 => Ok(()),
            count => Err(Failure(format!("tidy: {count} findings, see above"))),
        }
    })
}

/// The largest files of Rust, and their lines.
#[derive(Debug, Default)]
struct Largest {
    source: (usize, String),
    tests: (usize, String),
}

impl Largest {
    fn note(&mut self, path: String, size: Size) {
        let (largest, lines) = match size {
            Size::Source(lines) => (&mut self.source, lines),
            Size::Tests(lines) => (&mut self.tests, lines),
        };
        if lines > largest.0 {
            *largest = (lines, path);
        }
    }
}

impl fmt::Display for Largest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lines, path) = &self.source;
        writeln!(
            f,
            "largest source file: {path}, {lines} lines before its tests"
        )?;
        let (lines, path) = &self.tests;
        write!(f, "largest test file: {path}, {lines} lines")
    }
}

/// Prints the circles between files, of all packages or of the one of that name, and fails for none.
pub(crate) fn circles(steps: &mut Steps, only: Option<&str>) -> Result<(), Failure> {
    steps.check("circles", || {
        let circles = circles::report(&metadata::packages()?, only);
        print!("{}", circles.text);
        Ok(())
    })
}

/// Prints the openings of docs and the words that are not the house's, in all packages or in the
/// one of that name, and fails for none.
pub(crate) fn words(steps: &mut Steps, only: Option<&str>) -> Result<(), Failure> {
    steps.check("words", || {
        let packages = metadata::packages()?;
        let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for path in &files()? {
            let name = packages::owner(&packages, path);
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let text = read(&root().join(path));
            let found = [
                summaries::findings(path, &text),
                words::findings(path, &text),
            ];
            let counts = counts.entry(name).or_default();
            for (count, findings) in counts.iter_mut().zip(&found) {
                *count += findings.len();
            }
            for finding in found.iter().flatten() {
                println!("{finding}");
            }
        }
        for (name, [openings, words]) in counts {
            println!("{name}: {openings} openings of docs, {words} old words");
        }
        Ok(())
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

/// Returns a finding if clippy is not told the budget of a function, which is clippy's to keep.
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
