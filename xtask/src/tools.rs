//! Cargo's subcommands that are not cargo's own, installed where they are missing.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::{Failure, Steps, cargo, root};

/// A subcommand, and the release of it that is installed where there is none.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) release: &'static str,
}

impl Tool {
    /// Makes sure that there is one: the user's, or one under `target/`.
    pub(crate) fn install(&self, steps: &mut Steps) -> Result<(), Failure> {
        let version = self
            .command()
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if version.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let package = format!("cargo-{}", self.name);
        // Unoptimised: it builds in half the time, and waits for the compiler anyway.
        let install = ["install", "--debug", "--locked", "--version", self.release];
        let mut install = cargo(install);
        install.arg(&package).arg("--root").arg(folder());
        steps.run(&package, &mut install)
    }

    /// Returns `cargo <name>`, the user's or that of [`install`](Self::install).
    pub(crate) fn command(&self) -> Command {
        let path = env::var_os("PATH").unwrap_or_default();
        let ours = std::iter::once(folder().join("bin"));
        let path = env::join_paths(env::split_paths(&path).chain(ours));
        let mut command = cargo([self.name]);
        command.env("PATH", path.unwrap_or_else(|_| OsString::new()));
        command
    }
}

/// Returns the folder that cargo builds in.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the folder that tools are installed in, so that they go with everything else that was
/// built.
fn folder() -> PathBuf {
    target().join("tools")
}
