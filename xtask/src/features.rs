//! Every crate with each pair of its features, each feature alone, none, and the default ones.

use std::process::Command;

use crate::steps::{Failure, Steps};
use crate::tools::Tool;

const HACK: Tool = Tool {
    name: "hack",
    release: "0.6.46",
};

/// The crates that others build on, each in whatever selection of features they like, with the
/// groups of features that are taken as one. The gates build on the benchmarks, without what runs those.
///
/// casty-client hands its compressions and the types of times on to casty-proto and does nothing else with
/// them. There every pair of compressions is checked; here all of them together, with every other feature. The
/// types of times turn one more of their own each into those of the protocol. The client's facades and its
/// metrics stand beside each other, above all the rest.
const CRATES: [(&str, &[&str]); 8] = [
    ("casty-proto", &["chrono,jiff"]),
    ("casty-routing", &[]),
    ("casty-transport", &[]),
    (
        "casty-client",
        &[
            "zlib,gzip,bz2,lzma,lz4,chrono,jiff",
            "blocking,metrics,tower",
        ],
    ),
    ("casty-testkit", &[]),
    ("casty-types", &[]),
    (COMMAND, &[]),
    ("casty-benches", &[]),
];

/// The one of them that is a program and no library.
const COMMAND: &str = "casty-cli";

/// Has the compiler check them all. With `full`, no features are taken as one.
pub(crate) fn run(steps: &mut Steps, full: bool) -> Result<(), Failure> {
    HACK.install(steps)?;
    for (name, groups) in CRATES {
        steps.run("features", &mut powerset(name, groups, full))?;
    }
    Ok(())
}

/// Returns a check that takes no warnings of this crate, and leaves what it depends on as other
/// builds have it: `RUSTFLAGS` would have everything checked once more.
///
/// Tests' dependencies need not be taken out of the manifest meanwhile (`--no-dev-deps`): since
/// version 2 of the resolver, they turn on no features for a check of the crate itself.
fn powerset(name: &str, groups: &[&str], full: bool) -> Command {
    let mut command = HACK.command();
    command.args(["rustc", "--profile", "check", "--package", name]);
    // What is denied can be told to one target only.
    let target = if name == COMMAND { "--bins" } else { "--lib" };
    command.args([target, "--quiet"]);
    command.args(["--feature-powerset", "--depth", "2"]);
    for group in groups.iter().filter(|_| !full) {
        command.args(["--group-features", group]);
    }
    command.args(["--", "-D", "warnings"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata;

    fn line(command: &Command) -> String {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    #[test]
    fn only_a_full_run_takes_every_feature_by_itself() {
        let some = line(&powerset("casty-client", &["zlib,lz4", "tcp,tls"], false));
        assert_eq!(
            some,
            "hack rustc --profile check --package casty-client --lib --quiet --feature-powerset --depth 2 \
             --group-features zlib,lz4 --group-features tcp,tls -- -D warnings"
        );
        assert!(!line(&powerset("casty-client", &["zlib,lz4"], true)).contains("group"));
        assert!(!line(&powerset("casty-proto", &[], false)).contains("group"));
    }

    #[test]
    fn every_crate_is_checked_and_has_the_features_that_are_taken_as_one() {
        let packages = metadata::packages().unwrap();
        for package in packages
            .iter()
            .filter(|package| !package.features.is_empty())
        {
            let (_, groups) = CRATES
                .iter()
                .find(|(name, _)| *name == package.name)
                .unwrap_or_else(|| panic!("{} has features", package.name));
            for feature in groups.iter().flat_map(|group| group.split(',')) {
                assert!(
                    package.features.iter().any(|known| known == feature),
                    "{feature}"
                );
            }
        }
    }
}
