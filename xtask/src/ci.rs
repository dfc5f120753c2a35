//! Everything that a change must pass.

use std::cmp::Ordering;

use crate::api;
use crate::features;
use crate::gates;
use crate::getting_started;
use crate::metadata;
use crate::package;
use crate::readme;
use crate::release::{self, Release};
use crate::steps::{Failure, Steps, cargo};
use crate::tidy;

/// Runs every check, the cheap ones first.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let promised = release::promised(&metadata::packages()?)?;
    steps.check("the compiler is no older than promised", || {
        compiler(release::installed()?, promised)
    })?;
    steps.run("format", &mut cargo(["fmt", "--all", "--check"]))?;
    tidy::run(steps)?;
    let all = ["--workspace", "--all-targets", "--all-features"];
    steps.run(
        "clippy",
        cargo(["clippy"]).args(all).args(["--", "-D", "warnings"]),
    )?;
    let mut docs = cargo(["doc", "--workspace", "--all-features", "--no-deps"]);
    steps.run("docs", docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    api::run(steps, false)?;
    features::run(steps, false)?;
    gates::run(steps, false)?;
    package::run(steps)?;
    getting_started::run(steps)?;
    readme::run(steps)
}

/// Fails if the compiler is older than the manifests promise; prints whether it is exactly the promised
/// one, because then this run tests the promise.
fn compiler(installed: Release, promised: Release) -> Result<(), Failure> {
    match installed.cmp(&promised) {
        Ordering::Less => {
            return Err(Failure(format!(
                "the packages promise Rust {promised}, this is {installed}"
            )));
        }
        Ordering::Equal => {
            println!("rustc {installed}: the promised minimum (MSRV) is tested");
        }
        Ordering::Greater => {
            println!(
                "rustc {installed}: newer than the promised minimum (MSRV), which is not tested"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Package;

    #[test]
    fn an_older_compiler_than_promised_is_refused() {
        let promised = |release: &str| {
            let package = Package {
                rust_version: Some(release.to_owned()),
                ..Package::default()
            };
            release::promised(&[package]).unwrap()
        };
        let installed = release::installed().unwrap();
        compiler(installed, promised("1.85")).unwrap();
        compiler(installed, promised("9.0")).unwrap_err();
    }
}
