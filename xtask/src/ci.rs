//! Everything that a change must pass.

use std::process::Command;

use crate::features;
use crate::metadata::{self, Package};
use crate::readme;
use crate::steps::{Failure, Steps, cargo};
use crate::tidy;

/// Runs every check, the cheap ones first.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let packages = metadata::packages()?;
    steps.check("the compiler is no older than promised", || {
        compiler(&packages)
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
    features::run(steps, false)?;
    readme::run(steps)
}

/// Whether `rustc` is at least the release that the manifests promise; says so when it is exactly
/// that one, because then this run tests the promise.
fn compiler(packages: &[Package]) -> Result<(), Failure> {
    let output = Command::new("rustc")
        .arg("--version")
        .output()
        .map_err(|error| Failure(format!("rustc: {error}")))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let release = line.split(' ').nth(1).unwrap_or_default();
    for package in packages {
        let promised = package.rust_version.as_deref().unwrap_or_default();
        match (parse(promised), parse(release)) {
            (Some(promised), Some(release)) if release >= promised => {}
            _ => {
                let name = &package.name;
                return Err(Failure(format!(
                    "{name} promises Rust {promised}, this is {release}"
                )));
            }
        }
    }
    let promised: Vec<_> = packages
        .iter()
        .filter_map(|package| package.rust_version.as_deref())
        .collect();
    if promised
        .iter()
        .all(|promised| parse(promised) == parse(release))
    {
        println!("rustc {release}: the promised minimum (MSRV) is tested");
    } else {
        println!("rustc {release}: newer than the promised minimum (MSRV), which is not tested");
    }
    Ok(())
}

/// Major and minor of a release.
fn parse(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_compiler_than_promised_is_refused() {
        let promising = |release: &str| Package {
            rust_version: Some(release.to_owned()),
            ..Package::default()
        };
        compiler(&[promising("1.85")]).unwrap();
        compiler(&[promising("9.0")]).unwrap_err();
        compiler(&[Package::default()]).unwrap_err();
    }
}
