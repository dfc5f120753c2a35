//! Commands of cargo that others wrote, installed under target/ where there are none.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::{Failure, Steps, cargo, root};

/// A command of cargo that a crate named `cargo-NAME` brings.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The release that is installed where there is none.
    pub(crate) version: &'static str,
}

impl Tool {
    /// Installs it if neither the user nor an earlier run did.
    pub(crate) fn install(&self, steps: &mut Steps) -> Result<(), Failure> {
        if self.is_there() {
            return Ok(());
        }
        let package = format!("cargo-{}", self.name);
        // Unoptimised: it builds in half the time, and waits for the compiler anyway.
        let install = ["install", "--debug", "--locked", "--version", self.version];
        let mut command = cargo(install);
        command.arg(&package).arg("--root").arg(folder());
        steps.run(&package, &mut command)
    }

    /// `cargo NAME`, whoever installed it.
    pub(crate) fn command(&self) -> Command {
        let path = env::var_os("PATH").unwrap_or_default();
        let ours = std::iter::once(folder().join("bin"));
        let path = env::join_paths(env::split_paths(&path).chain(ours));
        let mut command = cargo([self.name]);
        command.env("PATH", path.unwrap_or_else(|_| OsString::new()));
        command
    }

    fn is_there(&self) -> bool {
        let version = self
            .command()
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    }
}

/// Where everything is that was built.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where tools are installed, so that they go with everything else that was built.
fn folder() -> PathBuf {
    target().join("tools")
}
