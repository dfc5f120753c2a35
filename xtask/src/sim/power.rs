//! The power of the tests: faults put into the engines on purpose, each of which has to be caught
//! by simulation, or else by the tests of its package.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::program::build_in;
use crate::steps::{Failure, Steps, cargo, root};

/// Worlds that a fault may take to show.
const SEEDS: &str = "2000";

/// The longest time in seconds that the tests of a package may take, once they are built: a fault may
/// well be shown by a test that does not end.
const LONGEST: &str = "600";
/// The exit status of `timeout` when that is over.
const TIMED_OUT: i32 = 124;

/// One line of the table.
struct Fault {
    patch: String,
    /// None: nothing.
    caught_by: Option<String>,
}

/// Applies one patch after the other, or those whose names begin with one of `names`, to a copy of
/// the workspace, and runs what should catch it.
pub(super) fn run(steps: &mut Steps, names: &[String]) -> Result<(), Failure> {
    let scratch = root().join("target/power");
    let tree = scratch.join("tree");
    let mut table = Vec::new();
    for patch in patches()? {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy();
        if !names.is_empty() && !names.iter().any(|it| name.starts_with(&**it)) {
            continue;
        }
        steps.check(&format!("power: {name}"), || {
            synchronise(root(), &tree, 0).map_err(|error| Failure(format!("{error}")))?;
            apply(&tree, &patch)?;
            let caught_by = catch(&tree, &scratch.join("target"), &package(&patch)?)?;
            let patch = name.to_string();
            table.push(Fault { patch, caught_by });
            Ok(())
        })?;
    }
    println!("{:<44} caught by", "fault put in");
    for Fault { patch, caught_by } in &table {
        let by = caught_by.as_deref().unwrap_or("NOTHING");
        println!("{patch:<44} {by}");
    }
    let uncaught = table.iter().filter(|fault| fault.caught_by.is_none());
    match uncaught.count() {
        0 => Ok(()),
        count => Err(Failure(format!("nothing catches {count} faults"))),
    }
}

/// Returns a finding for each patch that does not apply to the sources as they are.
pub(super) fn findings() -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for patch in patches()? {
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).arg(&patch);
        let checked = output(git.current_dir(root()))?;
        if !checked.status.success() {
            let name = patch.file_name().unwrap_or_default().to_string_lossy();
            let said = String::from_utf8_lossy(&checked.stderr);
            let said = said.lines().next().unwrap_or_default();
            findings.push(format!(
                "xtask/power/{name}: the fault is to be put into the present code anew: {said}"
            ));
        }
    }
    Ok(findings)
}

fn patches() -> Result<Vec<PathBuf>, Failure> {
    let folder = root().join("xtask/power");
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(Failure::at(&folder))?;
    let mut patches: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    patches.retain(|path| path.extension().is_some_and(|it| it == "patch"));
    patches.sort();
    Ok(patches)
}

/// Makes `to` the same as `from`, touching only what differs, so that little is built again.
fn synchronise(from: &Path, to: &Path, depth: u32) -> io::Result<()> {
    const DEEPEST: u32 = 32;
    fs::create_dir_all(to)?;
    remove_what_is_gone(from, to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if depth == 0 && (name == "target" || name == ".git") {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if kind.is_dir() && depth < DEEPEST {
            synchronise(&from, &to, depth + 1)?;
        } else if kind.is_file() {
            let wanted = fs::read(&from)?;
            if fs::read(&to).ok().as_ref() != Some(&wanted) {
                fs::write(&to, wanted)?;
            }
        }
    }
    Ok(())
}

/// Removes the files of `to` that `from` has no longer: cargo would build tests that were moved.
fn remove_what_is_gone(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if from.join(entry.file_name()).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the package that a patch changes.
fn package(patch: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(patch).unwrap_or_default();
    let changed = text.lines().find_map(|line| line.strip_prefix("+++ b/"));
    let package = changed.and_then(package_of);
    let nothing = || Failure(format!("{} changes no crate", patch.display()));
    package.map(str::to_owned).ok_or_else(nothing)
}

/// Returns the package that a source file belongs to: published ones lie in `crates/`.
fn package_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

fn apply(tree: &Path, patch: &Path) -> Result<(), Failure> {
    // The copy lies within the work tree, which git would take for the one to patch.
    let ceiling = tree.parent().unwrap_or(tree);
    let mut git = Command::new("git");
    git.args(["apply", "--verbose"]).arg(patch);
    git.current_dir(tree)
        .env("GIT_CEILING_DIRECTORIES", ceiling);
    let output = output(&mut git)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure(format!(
        "{} no longer applies: {said}",
        patch.display()
    )))
}

/// Tells what catches the fault in the copy, if anything does.
fn catch(tree: &Path, target: &Path, package: &str) -> Result<Option<String>, Failure> {
    let mut build = build_in(tree, target);
    let built = output(build.arg("--quiet"))?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        return Err(Failure(format!("it does not build: {said}")));
    }
    let mut worlds = Command::new(target.join("sim/casty-sim"));
    let run = output(worlds.args(["--seeds", SEEDS, "--until-failure"]))?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stdout);
        return Ok(Some(first_violation(&said)));
    }
    let tests = ["test", "--quiet", "--all-features", "--package", package];
    let mut build = cargo(tests);
    build.arg("--no-run");
    output(build.current_dir(tree).env("CARGO_TARGET_DIR", target))?;
    let run = cargo(tests);
    // Ends what the tests have started, too.
    let mut tests = Command::new("timeout");
    tests
        .arg(LONGEST)
        .arg(run.get_program())
        .args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => tests.env(name, value),
            None => tests.env_remove(name),
        };
    }
    tests.current_dir(tree).env("CARGO_TARGET_DIR", target);
    let tested = output(&mut tests)?;
    if tested.status.success() {
        return Ok(None);
    }
    if tested.status.code() == Some(TIMED_OUT) {
        return Ok(Some(format!("test of {package}: one does not end")));
    }
    let said = String::from_utf8_lossy(&tested.stdout).into_owned();
    let failed = said.lines().find_map(|line| line.strip_prefix("---- "));
    let failed = failed.and_then(|line| line.split(' ').next());
    let failed = failed.unwrap_or_default();
    Ok(Some(format!("test of {package}: {failed}")))
}

/// Returns the check that a run of worlds first violates, and the number of worlds that it took.
fn first_violation(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    let violation = lines.iter().find(|line| line.starts_with("  "));
    let check = violation.and_then(|line| line.trim().split([' ', ':']).next());
    let worlds = lines
        .iter()
        .find_map(|line| line.split_once(" worlds in "))
        .map_or("?", |(count, _)| count);
    format!(
        "simulation: {} after {worlds} worlds",
        check.unwrap_or("a hang")
    )
}

fn output(command: &mut Command) -> Result<Output, Failure> {
    let done = command.output();
    done.map_err(|error| Failure(format!("{}: {error}", command.get_program().display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_belongs_to_the_package_whose_folder_it_is_in() {
        assert_eq!(
            package_of("crates/casty-routing/src/a.rs"),
            Some("casty-routing")
        );
        assert_eq!(package_of("soak/src/main.rs"), None);
    }

    #[test]
    fn a_copy_keeps_no_file_that_was_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("tests")).unwrap();
        fs::create_dir_all(to.join("old")).unwrap();
        fs::write(from.join("tests/a.rs"), "a").unwrap();
        fs::write(to.join("old/a.rs"), "a").unwrap();
        fs::write(to.join("b.rs"), "b").unwrap();
        synchronise(&from, &to, 0).unwrap();
        assert!(to.join("tests/a.rs").exists());
        assert!(!to.join("old").exists() && !to.join("b.rs").exists());
    }

    #[test]
    fn the_first_violation_is_named_with_the_worlds_it_took() {
        let said =
            "seed 7\n  Recovery at 9.1 s: nothing\n  to see it: x\n12 worlds in 0.1 s, ...\n";
        let told = first_violation(said);
        assert_eq!(told, "simulation: Recovery after 12 worlds");
    }
}
