//! What a program that asks for little must not get: the crates of features that it left out.

use crate::steps::{Failure, cargo};

/// Crates that only a feature of casty-client brings in, by the beginnings of their names.
const OPTIONAL: [&str; 10] = [
    "bzip2", "flate2", "libbz2", "liblzma", "lz4", "miniz", "prost", "zlib-rs", "rustls", "quinn",
];

/// Those that a client with TCP and one serializer depends on all the same.
pub(super) fn findings() -> Result<Vec<String>, Failure> {
    let output = cargo([
        "tree",
        "--package",
        "casty-client",
        "--edges",
        "normal,build",
    ])
    .args(["--no-default-features", "--features", "tcp,pickle"])
    .args(["--prefix", "none", "--format", "{p}"])
    .output()
    .map_err(|error| Failure(format!("cargo tree: {error}")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("cargo tree: {errors}")));
    }
    Ok(needless(&String::from_utf8_lossy(&output.stdout)))
}

fn needless(tree: &str) -> Vec<String> {
    let crates = tree.lines().filter_map(|line| line.split(' ').next());
    crates
        .filter(|name| OPTIONAL.iter().any(|optional| name.starts_with(optional)))
        .map(|name| format!("casty-client: with tcp and pickle alone depends on {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_of_a_feature_that_was_left_out_is_found() {
        let tree = "casty-client v0.1.0 (/a)\nbytes v1.12.2\n";
        assert!(needless(tree).is_empty());
        let found = needless(&format!("{tree}flate2 v1.1.11\nserde v1.0.0 (*)\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("flate2"), "{found:?}");
    }
}
