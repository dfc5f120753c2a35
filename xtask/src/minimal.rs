//! The oldest releases of direct dependencies that the manifests allow: each line of them is a promise.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata;
use crate::steps::{Failure, Steps, cargo, root};
use crate::tools;

/// Checks all packages that are published with those releases, in a folder of its own.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let packages = metadata::published()?;
    let lock = root().join("Cargo.lock");
    let kept = Kept::take(&lock)?;
    let mut update = unstable(&["update", "-Z", "direct-minimal-versions"]);
    let updated = steps.run("the oldest releases that are allowed", &mut update);
    let folder = tools::target().join("minimal");
    let mut check = cargo(["check", "--all-features", "--keep-going", "--quiet"]);
    check.arg("--target-dir").arg(folder);
    for package in &packages {
        check.args(["--package", &package.name]);
    }
    let checked = updated.and_then(|()| steps.run("packages", &mut check));
    kept.give_back().and(checked)
}

/// Returns a command of cargo that may use what is not stable yet: it writes a file, and builds nothing.
fn unstable(args: &[&str]) -> Command {
    let mut command = cargo(args);
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// A file's content, to be given back.
struct Kept<'a> {
    path: &'a Path,
    content: Vec<u8>,
}

impl<'a> Kept<'a> {
    fn take(path: &'a Path) -> Result<Self, Failure> {
        let content = fs::read(path);
        let content = content.map_err(Failure::at(path))?;
        Ok(Self { path, content })
    }

    fn give_back(self) -> Result<(), Failure> {
        let written = fs::write(self.path, self.content);
        written.map_err(Failure::at(self.path))
    }
}
