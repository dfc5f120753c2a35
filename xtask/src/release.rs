//! Releases of Rust: the one that is installed, and the one that the manifests promise.

use std::fmt;
use std::process::Command;

use crate::metadata::Package;
use crate::steps::Failure;

/// Major and minor of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    major: u32,
    minor: u32,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Returns the release of the compiler.
pub(crate) fn installed() -> Result<Release, Failure> {
    let output = Command::new("rustc")
        .arg("--version")
        .output()
        .map_err(|error| Failure(format!("rustc: {error}")))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let release = line.split(' ').nth(1).unwrap_or_default();
    parse(release).ok_or_else(|| Failure(format!("rustc --version says {line}")))
}

/// Returns the target of programs that run on this machine.
pub(crate) fn host() -> Result<String, Failure> {
    let output = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output()
        .map_err(|error| Failure(format!("rustc: {error}")))?;
    let host = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if host.is_empty() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("rustc --print host-tuple: {errors}")));
    }
    Ok(host)
}

/// Returns the oldest release that every package promises to build with.
pub(crate) fn promised(packages: &[Package]) -> Result<Release, Failure> {
    let mut promised = None;
    for package in packages {
        let release = package.rust_version.as_deref().and_then(parse);
        let silent = || Failure(format!("{} promises no release of Rust", package.name));
        promised = promised.max(Some(release.ok_or_else(silent)?));
    }
    promised.ok_or_else(|| Failure("there are no packages".to_owned()))
}

fn parse(release: &str) -> Option<Release> {
    let mut parts = release.split('.').map(str::parse);
    Some(Release {
        major: parts.next()?.ok()?,
        minor: parts.next()?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_promise_counts_and_every_package_makes_one() {
        let promising = |release: &str| Package {
            rust_version: Some(release.to_owned()),
            ..Package::default()
        };
        let both = promised(&[promising("1.85"), promising("1.95.1")]).unwrap();
        assert_eq!(both.to_string(), "1.95");
        assert!(promised(&[promising("1.9")]).unwrap() < both);
        promised(&[promising("1.85"), Package::default()]).unwrap_err();
    }
}
