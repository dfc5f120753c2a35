//! The examples of each package, which its README must list, with the features that each needs.

use std::fs;

use crate::metadata::{Example, Package};
use crate::steps::root;

/// Returns the examples that the README of their package does not list rightly, a line each.
pub(super) fn findings(packages: &[Package]) -> Vec<String> {
    let with_examples = packages.iter().filter(|it| !it.examples.is_empty());
    let findings = with_examples.flat_map(|package| {
        let path = format!("{}/README.md", package.folder);
        let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
        unlisted(package, &text)
            .into_iter()
            .map(move |finding| format!("{path}: {finding}"))
    });
    findings.collect()
}

/// Returns what a README lacks, or has wrong, of the examples of its package.
fn unlisted(package: &Package, readme: &str) -> Vec<String> {
    let finding = |example: &Example| {
        let name = &example.name;
        let mut needed: Vec<&str> = example
            .features
            .iter()
            .filter(|feature| !package.defaults.contains(feature))
            .map(String::as_str)
            .collect();
        needed.sort_unstable();
        let mut lines = readme.lines().filter(|line| is_about(line, name));
        let Some(line) = lines.next() else {
            return Some(format!("lists no example `{name}`"));
        };
        let said = features(line);
        (said != needed).then(|| {
            let needed = needed.join(",");
            format!(
                "example `{name}` needs --features `{needed}`, not `{}`",
                said.join(",")
            )
        })
    };
    package.examples.iter().filter_map(finding).collect()
}

/// Returns whether a line is the row of a table for an example, or the command that runs it.
fn is_about(line: &str, name: &str) -> bool {
    let named = |behind: &str| {
        let behind = behind.strip_prefix(name);
        behind.is_some_and(|rest| {
            !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    };
    let row = line.strip_prefix("| `");
    let command = line.split_once("--example ").map(|(_, behind)| behind);
    row.into_iter().chain(command).any(named)
}

/// Returns the features that a line tells to turn on, in order.
fn features(line: &str) -> Vec<&str> {
    let behind = line
        .split_once("--features ")
        .map_or("", |(_, behind)| behind);
    let list = behind.split([' ', '`']).next().unwrap_or_default();
    let mut features: Vec<_> = list.split(',').filter(|name| !name.is_empty()).collect();
    features.sort_unstable();
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(examples: &[(&str, &[&str])]) -> Package {
        let example = |(name, features): &(&str, &[&str])| Example {
            name: (*name).to_owned(),
            features: features.iter().map(|it| (*it).to_owned()).collect(),
        };
        Package {
            defaults: vec!["tcp".to_owned()],
            examples: examples.iter().map(example).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn an_example_is_a_row_or_a_command_with_the_features_that_are_off_by_default() {
        let package = package(&[("tls", &["tls", "tcp", "quic"])]);
        for (readme, fine) in [
            ("| `tls --features tls,quic` | certificates |", true),
            ("| `tls --features quic,tls` |", true),
            (
                "cargo run -p c --features tls,quic --example tls  # it",
                true,
            ),
            ("| `tls --features tls` |", false),
            ("| `tls` |", false),
            ("| `tls --features tls,quic,tcp` |", false),
            ("| `tls_2 --features tls,quic` |", false),
            ("tls --features tls,quic", false),
            ("", false),
        ] {
            assert_eq!(unlisted(&package, readme).is_empty(), fine, "{readme}");
        }
    }

    #[test]
    fn each_that_is_not_listed_is_named() {
        let package = package(&[("one", &[]), ("two", &["tcp"]), ("three", &[])]);
        let found = unlisted(&package, "| `two` | it |\n");
        assert_eq!(
            found,
            ["lists no example `one`", "lists no example `three`"]
        );
    }
}
