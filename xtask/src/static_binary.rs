//! The `casty` command as one static program, whose bytes depend on the sources and the tools alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::publish::nothing_uncommitted;
use crate::release;
use crate::steps::{Failure, Steps, git, root};
use crate::tools;

mod build;
mod elf;

use build::{Build, arch, musl};

/// The wishes of a caller.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// The target; musl's of this machine if it is `None`.
    target: Option<String>,
    /// The wish for a second build elsewhere, with which it is compared.
    twice: bool,
}

impl Wishes {
    /// Reads arguments; `None` if one of them is none of ours.
    pub(crate) fn read(args: &[&str]) -> Option<Self> {
        let mut wishes = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--twice" => wishes.twice = true,
                "--target" => wishes.target = Some((*args.next()?).to_owned()),
                _ => return None,
            }
        }
        Some(wishes)
    }
}

/// Builds it, looks at it, and runs it where this machine can.
pub(crate) fn run(steps: &mut Steps, wishes: Wishes) -> Result<(), Failure> {
    let host = release::host()?;
    let target = wishes.target.unwrap_or_else(|| musl(&host));
    steps.check("what it takes is there", || build::possible(&target, &host))?;
    if wishes.twice {
        steps.check("nothing is uncommitted", nothing_uncommitted)?;
    }
    let here = Build {
        sources: root().to_path_buf(),
        folder: tools::target(),
        target: target.clone(),
        host: host.clone(),
    };
    let program = here.run(steps)?;
    steps.check("it is static, and names no folder of this machine", || {
        looked_at(&program, &here)
    })?;
    if arch(&target) == arch(&host) {
        steps.run("it runs", Command::new(&program).arg("demo"))?;
    }
    if wishes.twice {
        let again = again(steps, &here)?;
        steps.check("both builds are the same", || same(&program, &again))?;
    }
    Ok(())
}

/// Builds the same commit in another folder; returns the program.
fn again(steps: &mut Steps, here: &Build) -> Result<PathBuf, Failure> {
    let elsewhere = here.folder.join("static-again");
    if elsewhere.exists() {
        fs::remove_dir_all(&elsewhere).map_err(Failure::at(&elsewhere))?;
    }
    let sources = elsewhere.join("the-same-sources");
    let mut clone = git(&["clone", "--quiet", "--no-hardlinks", "."]);
    steps.run("the same sources", clone.arg(&sources))?;
    let build = Build {
        folder: elsewhere.join("built"),
        sources,
        ..here.clone()
    };
    build.run(steps)
}

fn looked_at(program: &Path, build: &Build) -> Result<(), Failure> {
    let bytes = fs::read(program).map_err(Failure::at(program))?;
    let at = Failure::at::<String>(program);
    let loader = elf::loader(&bytes).map_err(|error| at(error.to_string()))?;
    if let Some(loader) = loader {
        return Err(at(format!("is not static: {loader} loads it")));
    }
    for folder in build.folders() {
        if contains(&bytes, folder.as_os_str().as_encoded_bytes()) {
            return Err(at(format!("names {}", folder.display())));
        }
    }
    println!("{}: {} bytes", program.display(), bytes.len());
    Ok(())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Fails if two files differ.
fn same(one: &Path, other: &Path) -> Result<(), Failure> {
    let [first, second] = [one, other].map(|path| fs::read(path).map_err(Failure::at(path)));
    let (first, second) = (first?, second?);
    if first == second {
        return Ok(());
    }
    let differ = first.iter().zip(&second).filter(|(a, b)| a != b).count();
    Err(Failure(format!(
        "{} has {} bytes and {} has {}; {differ} differ",
        one.display(),
        first.len(),
        other.display(),
        second.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_target_and_whether_it_is_built_twice() {
        assert_eq!(Wishes::read(&[]), Some(Wishes::default()));
        let both = Wishes::read(&["--twice", "--target", "a-b-c"]).unwrap();
        assert_eq!((both.target.as_deref(), both.twice), (Some("a-b-c"), true));
        assert_eq!(Wishes::read(&["--target"]), None);
        assert_eq!(Wishes::read(&["a-b-c"]), None);
    }

    #[test]
    fn files_that_differ_in_one_byte_are_not_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        fs::write(&one, b"abc").unwrap();
        fs::write(&other, b"abc").unwrap();
        same(&one, &other).unwrap();
        fs::write(&other, b"abd").unwrap();
        let failure = same(&one, &other).unwrap_err();
        assert!(failure.0.ends_with("1 differ"), "{failure}");
    }

    #[test]
    fn this_program_is_not_static_and_names_its_folder() {
        // The test itself, built as programs are by default.
        let own = std::env::current_exe().unwrap();
        let build = Build {
            sources: root().to_path_buf(),
            folder: root().to_path_buf(),
            target: String::new(),
            host: String::new(),
        };
        let bytes = fs::read(&own).unwrap();
        assert!(contains(&bytes, root().as_os_str().as_encoded_bytes()));
        if cfg!(target_env = "gnu") {
            let failure = looked_at(&own, &build).unwrap_err();
            assert!(failure.0.contains("is not static"), "{failure}");
        }
    }
}
