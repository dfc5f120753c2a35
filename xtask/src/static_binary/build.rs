//! One build: the tools that it takes, and what keeps the folders of a machine out of its result.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Failure, Steps, cargo, git};

/// The package, and the program in it.
const PACKAGE: &str = "casty-cli";
const PROGRAM: &str = "casty";

/// The profile of Cargo.toml.
const PROFILE: &str = "dist";

/// The C compiler for musl that Linux distributions have.
const MUSL_GCC: &str = "musl-gcc";

/// A build.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// The workspace.
    pub(super) sources: PathBuf,
    /// The folder that cargo builds in.
    pub(super) folder: PathBuf,
    pub(super) target: String,
    pub(super) host: String,
}

impl Build {
    /// Builds; returns the program.
    pub(super) fn run(&self, steps: &mut Steps) -> Result<PathBuf, Failure> {
        let mut build = cargo(["build", "--locked", "--quiet", "--profile", PROFILE]);
        build.args(["--package", PACKAGE, "--bin", PROGRAM]);
        build.args(["--target", &self.target]);
        build.current_dir(&self.sources);
        build.env("CARGO_TARGET_DIR", &self.folder);
        build.env("CARGO_INCREMENTAL", "0");
        build.env("CARGO_ENCODED_RUSTFLAGS", self.rust_flags()?.join("\x1f"));
        let variable = |name: &str| format!("{name}_{}", self.target.replace('-', "_"));
        build.env(variable("CFLAGS"), self.c_flags()?.join(" "));
        build.env("CC_SHELL_ESCAPED_FLAGS", "1");
        if wants_musl_gcc(&self.target, &self.host) {
            build.env(variable("CC"), MUSL_GCC);
        }
        if env::var_os("SOURCE_DATE_EPOCH").is_none() {
            build.env("SOURCE_DATE_EPOCH", self.committed()?);
        }
        steps.run("one program", &mut build)?;
        let made = self.folder.join(&self.target).join(PROFILE);
        Ok(made.join(PROGRAM))
    }

    /// Returns the folders of this machine that its result must not name.
    pub(super) fn folders(&self) -> [PathBuf; 3] {
        [self.sources.clone(), self.folder.clone(), cargo_home()]
    }

    /// Returns the folders and their names in the result, of two that fit the narrower one last.
    fn renamed(&self) -> Result<Vec<(PathBuf, &'static str)>, Failure> {
        let [sources, folder, home] = self.folders();
        let mut renamed = vec![(home.clone(), "/cargo"), (sources, "/casty")];
        renamed.push((folder, "/target"));
        // Named by where the packages are fetched from, which may be a mirror.
        let registries = home.join("registry/src");
        for registry in fs::read_dir(&registries).map_err(Failure::at(&registries))? {
            let registry = registry.map_err(Failure::at(&registries))?;
            renamed.push((registry.path(), "/registry"));
        }
        Ok(renamed)
    }

    fn rust_flags(&self) -> Result<Vec<String>, Failure> {
        let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
        for (from, to) in self.renamed()? {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        Ok(flags)
    }

    /// Returns the flags for the C of dependencies, cryptography and lzma, in quotes.
    fn c_flags(&self) -> Result<Vec<String>, Failure> {
        let renamed = self.renamed()?.into_iter();
        let flag =
            |(from, to): (PathBuf, &str)| format!("'-ffile-prefix-map={}={to}'", from.display());
        Ok(renamed.map(flag).collect())
    }

    /// Returns the second at which the sources were committed.
    fn committed(&self) -> Result<String, Failure> {
        let mut log = git(&["log", "-1", "--format=%ct"]);
        let output = log.current_dir(&self.sources).output();
        let output = output.map_err(|error| Failure(format!("git: {error}")))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(Failure(format!(
                "git log: {}; set SOURCE_DATE_EPOCH, where there is no repository",
                errors.trim()
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Returns musl's target for machines like one of this target.
pub(super) fn musl(host: &str) -> String {
    format!("{}-unknown-linux-musl", arch(host))
}

/// Returns the kind of processor of a target.
pub(super) fn arch(target: &str) -> &str {
    target.split('-').next().unwrap_or(target)
}

/// Fails with what to install, if the target's standard library or a C compiler for it is missing.
pub(super) fn possible(target: &str, host: &str) -> Result<(), Failure> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .map_err(|error| Failure(format!("rustc: {error}")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(errors.trim().to_owned()));
    }
    let library = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !Path::new(&library).exists() {
        return Err(Failure(format!(
            "Rust's library for {target} is not installed: `rustup target add {target}`, or \
             `--target {host}`"
        )));
    }
    if target.contains("musl") && target != host && compiler(target, host).is_none() {
        return Err(Failure(format!(
            "there is no C compiler for {target}: install {MUSL_GCC}, which Debian has in musl-tools \
             and Fedora in musl-gcc, or name another by CC_{}",
            target.replace('-', "_")
        )));
    }
    Ok(())
}

/// Returns the C compiler for a target that is not this machine's: one that is named, or that is there.
fn compiler(target: &str, host: &str) -> Option<String> {
    let named = format!("CC_{}", target.replace('-', "_"));
    let mut named = [&*named, "TARGET_CC", "CC"]
        .into_iter()
        .filter_map(|name| env::var(name).ok());
    let cross = format!("{}-linux-musl-gcc", arch(target));
    named
        .next()
        .or_else(|| on_path(&cross).then_some(cross))
        .or_else(|| (target == musl(host) && on_path(MUSL_GCC)).then(|| MUSL_GCC.to_owned()))
}

/// Returns whether build scripts have to be told of it: by themselves, they look for it on one kind of machine.
fn wants_musl_gcc(target: &str, host: &str) -> bool {
    target != host && compiler(target, host).as_deref() == Some(MUSL_GCC)
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Returns the folder in which cargo keeps the sources of packages.
fn cargo_home() -> PathBuf {
    let home = || env::home_dir().unwrap_or_default().join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release;

    #[test]
    fn what_is_missing_is_said_with_what_to_install() {
        let host = release::host().unwrap();
        possible(&host, &host).unwrap();
        let unknown = possible("no-such-target", &host).unwrap_err();
        assert!(unknown.0.contains("no-such-target"), "{unknown}");
        // A target that rustc knows, and that nobody installs on a machine for this.
        let far = "m68k-unknown-linux-gnu";
        let failure = possible(far, &host).unwrap_err();
        let told = format!("`rustup target add {far}`");
        assert!(failure.0.contains(&told), "{failure}");
    }

    #[test]
    fn no_folder_keeps_its_name_and_the_narrowest_counts() {
        let build = Build {
            sources: "/sources/casty".into(),
            folder: "/sources/casty/target".into(),
            target: String::new(),
            host: String::new(),
        };
        let flags = build.rust_flags().unwrap();
        let places: Vec<_> = ["casty=/casty", "casty/target=/target"]
            .map(|it| format!("--remap-path-prefix=/sources/{it}"))
            .map(|flag| flags.iter().position(|other| *other == flag).unwrap())
            .to_vec();
        assert!(
            places[0] < places[1],
            "the last that fits is taken: {flags:?}"
        );
        let c = build.c_flags().unwrap();
        assert_eq!(c.len(), flags.len() - 1);
        assert!(c.iter().any(|flag| flag.ends_with("=/registry'")), "{c:?}");
    }
}
