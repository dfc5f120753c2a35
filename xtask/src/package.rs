//! The packages as they would be published: packed in the order in which they depend on each other, unpacked
//! elsewhere, and used by a project that has nothing but those files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata::{self, Package};
use crate::steps::{Failure, Steps, cargo, root};
use crate::tools;

/// The package whose example becomes the project's program, and the example.
const EXAMPLE: (&str, &str) = ("casty-client", "examples/tell_and_ask.rs");

/// The dependencies of the program beside casty-client and casty-testkit, as the example has them.
const DEPENDENCIES: &str = "\
serde = { version = \"1\", features = [\"derive\"] }
tokio = { version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }
";

/// Packs, unpacks, checks every unpacked package, and runs the program.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let packages = metadata::published()?;
    let folder = tools::target().join("package");
    steps.run("packages", &mut pack(&packages))?;
    let scratch = folder.join("scratch");
    steps.check("packages are unpacked into a project", || {
        unpack(&packages, &folder, &scratch)
    })?;
    steps.run(
        "packed packages",
        &mut in_project(&scratch, &["check", "--workspace"]),
    )?;
    let program = ["run", "--package", "first-program"];
    steps.run(
        "a project on packed packages",
        &mut in_project(&scratch, &program),
    )
}

/// Returns the command that packs them; it does not build them, because they are checked together, once.
fn pack(packages: &[Package]) -> Command {
    let mut command = cargo(["package", "--no-verify", "--allow-dirty", "--quiet"]);
    for package in packages {
        command.args(["--package", &package.name]);
    }
    command
}

fn in_project(scratch: &Path, args: &[&str]) -> Command {
    let mut command = cargo(args);
    command.arg("--quiet").current_dir(scratch);
    // What is built there is kept beside it, because packing empties neither.
    command.env("CARGO_TARGET_DIR", scratch.with_file_name("scratch-target"));
    command
}

fn unpack(packages: &[Package], folder: &Path, scratch: &Path) -> Result<(), Failure> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).map_err(Failure::at(scratch))?;
    }
    let sources = scratch.join("first-program/src");
    fs::create_dir_all(&sources).map_err(Failure::at(&sources))?;
    for package in packages {
        let archive = folder.join(format!("{}.crate", unpacked(package)));
        let mut tar = Command::new("tar");
        tar.arg("xzf").arg(&archive).arg("-C").arg(scratch);
        let status = tar.status().map_err(Failure::at(&archive))?;
        if !status.success() {
            return Err(Failure(format!("{}: tar: {status}", archive.display())));
        }
        let licence = scratch.join(unpacked(package)).join("LICENSE");
        if !licence.exists() {
            return Err(Failure(format!(
                "{} is packed without LICENSE",
                package.name
            )));
        }
    }
    let example = packages.iter().find(|package| package.name == EXAMPLE.0);
    let example = example.map(|package| scratch.join(unpacked(package)).join(EXAMPLE.1));
    let example = example.ok_or_else(|| Failure(format!("{} is not published", EXAMPLE.0)))?;
    // Else each new release of a dependency might fail a check of this project, which has not changed.
    let lock = root().join("Cargo.lock");
    fs::copy(&lock, scratch.join("Cargo.lock")).map_err(Failure::at(&lock))?;
    let program = sources.join("main.rs");
    fs::copy(&example, &program).map_err(Failure::at(&example))?;
    write(&scratch.join("Cargo.toml"), &project(packages))?;
    write(
        &scratch.join("first-program/Cargo.toml"),
        &first_program(packages),
    )
}

/// Returns the name of a package's archive, and of the folder in it.
fn unpacked(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// Returns the manifest of a workspace of the unpacked packages, which stand in for the published ones.
fn project(packages: &[Package]) -> String {
    let folders: Vec<_> = packages.iter().map(unpacked).collect();
    let members = folders.iter().map(|folder| format!("    {folder:?},\n"));
    let members: String = members.collect();
    let patches = packages.iter().zip(&folders);
    let patches =
        patches.map(|(package, folder)| format!("{} = {{ path = {folder:?} }}\n", package.name));
    let patches: String = patches.collect();
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\n    \"first-program\",\n{members}]\n\n\
         [patch.crates-io]\n{patches}"
    )
}

/// Returns the manifest of a user's first program.
fn first_program(packages: &[Package]) -> String {
    let used = packages
        .iter()
        .filter(|package| ["casty-client", "casty-testkit"].contains(&&*package.name));
    let used = used.map(|package| format!("{} = \"{}\"\n", package.name, package.version));
    let used: String = used.collect();
    format!(
        "[package]\nname = \"first-program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{used}{DEPENDENCIES}"
    )
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            ..Package::default()
        }
    }

    #[test]
    fn a_project_takes_every_package_from_its_unpacked_folder() {
        let packages = [package("casty-proto"), package("casty-client")];
        let manifest: toml::Table = project(&packages).parse().unwrap();
        let patches = manifest["patch"]["crates-io"].as_table().unwrap();
        assert_eq!(
            patches["casty-proto"]["path"].as_str(),
            Some("casty-proto-0.1.0")
        );
        let members = manifest["workspace"]["members"].as_array().unwrap();
        assert_eq!(members.len(), 3);
    }

    #[test]
    fn a_first_program_depends_on_versions_and_on_no_path() {
        let packages = [package("casty-proto"), package("casty-client")];
        let manifest: toml::Table = first_program(&packages).parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        assert_eq!(dependencies["casty-client"].as_str(), Some("0.1.0"));
        assert!(!dependencies.contains_key("casty-proto"));
    }
}
