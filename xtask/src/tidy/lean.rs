//! The crates that a program which asks for little must not get: those of features that it left
//! out.

use crate::metadata::Package;
use crate::steps::{Failure, cargo};

/// The serializers among the features of casty-client, each with crates that are its own, by the
/// beginnings of their names.
const CODECS: [(&str, &[&str]); 4] = [
    ("pickle", &[]),
    ("json", &[]),
    ("msgpack", &["rmp"]),
    ("protobuf", &["prost"]),
];

/// Crates that only another feature of casty-client brings in: compressions, TLS, QUIC and
/// configuration.
const OPTIONAL: [&str; 16] = [
    "bzip2",
    "flate2",
    "libbz2",
    "liblzma",
    "lz4",
    "miniz",
    "twox-hash",
    "zlib",
    "ring",
    "rustls",
    "tokio-rustls",
    "untrusted",
    "quinn",
    "config",
    "humantime",
    "toml",
];

/// Returns the crates of other features that a client with TCP and one serializer depends on all
/// the same, for each serializer that there is.
pub(super) fn findings(packages: &[Package]) -> Result<Vec<String>, Failure> {
    let client = packages
        .iter()
        .find(|package| package.name == "casty-client");
    let features = client.map_or(&[][..], |client| &client.features);
    let mut findings = Vec::new();
    for (codec, _) in CODECS {
        if features.iter().any(|feature| feature == codec) {
            findings.extend(needless(codec, &tree(codec)?));
        }
    }
    Ok(findings)
}

/// Returns all crates that casty-client depends on with TCP and that serializer, one a line.
fn tree(codec: &str) -> Result<String, Failure> {
    let output = cargo(["tree", "--package", "casty-client"])
        .args(["--edges", "normal,build", "--no-default-features"])
        .args(["--features", &format!("tcp,{codec}")])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .map_err(|error| Failure(format!("cargo tree: {error}")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("cargo tree: {errors}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn needless(codec: &str, tree: &str) -> Vec<String> {
    let of_others = CODECS.iter().filter(|(other, _)| *other != codec);
    let of_others = of_others.flat_map(|(_, crates)| crates.iter().copied());
    let unwanted: Vec<_> = OPTIONAL.into_iter().chain(of_others).collect();
    let crates = tree.lines().filter_map(|line| line.split(' ').next());
    crates
        .filter(|name| unwanted.iter().any(|unwanted| name.starts_with(unwanted)))
        .map(|name| format!("casty-client: with tcp and {codec} alone depends on {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_of_a_feature_that_was_left_out_is_found() {
        let lean = "casty-client v0.1.0 (/a)\nbytes v1.12.2\n";
        assert!(needless("pickle", lean).is_empty());
        for optional in ["flate2", "tokio-rustls", "quinn-proto", "ring", "rmp"] {
            let found = needless(
                "pickle",
                &format!("{lean}{optional} v1.1.11\nserde v1.0.0 (*)\n"),
            );
            assert_eq!(found.len(), 1, "{optional}");
            assert!(found[0].contains(optional), "{found:?}");
        }
    }

    #[test]
    fn the_crates_of_a_serializer_are_no_waste_where_it_was_asked_for() {
        assert!(needless("msgpack", "rmp v0.8.15\n").is_empty());
        assert_eq!(needless("json", "rmp v0.8.15\n").len(), 1);
    }

    /// The list is of crates that are really called so.
    #[test]
    fn a_client_with_everything_is_seen_to_have_optional_crates() {
        let tree = tree("pickle,tls,quic,zlib,bz2,lzma,lz4,config").unwrap();
        let found = needless("pickle", &tree).join("\n");
        // What flate2 would bring in by default.
        for optional in OPTIONAL.iter().filter(|name| **name != "miniz") {
            assert!(
                found.contains(&format!("on {optional}")),
                "{optional}: {found}"
            );
        }
    }
}
