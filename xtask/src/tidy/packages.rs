//! The packages: which may use which, and what each must say about itself.

use crate::metadata::Package;

/// Each crate and those of the workspace that it may use. Arrows point down only.
const ARROWS: [(&str, &[&str]); 7] = [
    ("casty-proto", &[]),
    ("casty-routing", &["casty-proto"]),
    ("casty-transport", &["casty-proto"]),
    (
        "casty-client",
        &["casty-transport", "casty-routing", "casty-proto"],
    ),
    (
        "casty-testkit",
        &[
            "casty-client",
            "casty-transport",
            "casty-routing",
            "casty-proto",
        ],
    ),
    ("casty-types", &["casty-proto"]),
    (
        "casty-cli",
        &[
            "casty-client",
            "casty-testkit",
            "casty-types",
            "casty-transport",
            "casty-routing",
            "casty-proto",
        ],
    ),
];

/// Packages that nothing is built on; they may use anything.
const FREE: [&str; 11] = [
    "casty-bench-harness",
    "casty-benches",
    "casty-docs",
    "casty-fuzz",
    "casty-gateway",
    "casty-gates",
    "casty-interop",
    "casty-networks",
    "casty-rust-node",
    "casty-soak",
    "xtask",
];

/// Crates without I/O; not even their tests use a runtime.
const PURE: [&str; 2] = ["casty-proto", "casty-routing"];

pub(super) fn findings(packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(arrows(package));
        findings.extend(about(package));
    }
    findings
}

/// Returns the name of the package that a file belongs to; empty for the workspace itself.
pub(super) fn owner<'a>(packages: &'a [Package], path: &str) -> &'a str {
    let is_within = |package: &&Package| {
        let behind = path.strip_prefix(&package.folder);
        behind.is_some_and(|behind| behind.starts_with('/'))
    };
    let owner = packages.iter().find(is_within);
    owner.map_or("", |package| &package.name)
}

/// Tests may use what stands above: a client is tested against the testkit.
fn arrows(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let mut findings = Vec::new();
    if PURE.contains(&name) && package.dependencies.iter().any(|line| line.name == "tokio") {
        findings.push(format!(
            "{name}: depends on tokio, and must not know a runtime"
        ));
    }
    if FREE.contains(&name) {
        return findings;
    }
    let Some((_, below)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        findings.push(format!(
            "{name}: no place among the crates, see ARROWS in {}",
            file!()
        ));
        return findings;
    };
    for line in package.dependencies.iter().filter(|line| !line.dev) {
        let ours = FREE.contains(&line.name.as_str())
            || ARROWS.iter().any(|(known, _)| *known == line.name);
        if ours && !below.contains(&line.name.as_str()) {
            findings.push(format!(
                "{name}: depends on {}, which is not below it",
                line.name
            ));
        }
    }
    findings
}

fn about(package: &Package) -> Vec<String> {
    [
        ("description", &package.description),
        ("license", &package.license),
    ]
    .into_iter()
    .filter(|(_, value)| value.as_deref().unwrap_or_default().is_empty())
    .map(|(key, _)| format!("{}: has no {key}", package.name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let line = |(name, dev): &(&str, bool)| Dependency {
            name: (*name).to_owned(),
            dev: *dev,
        };
        Package {
            name: name.to_owned(),
            description: Some("does things".to_owned()),
            license: Some("MIT".to_owned()),
            dependencies: dependencies.iter().map(line).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn arrows_point_down_only() {
        for (name, dependency, fine) in [
            ("casty-client", "casty-routing", true),
            ("casty-cli", "casty-testkit", true),
            ("casty-interop", "casty-cli", true),
            ("casty-proto", "serde", true),
            ("casty-proto", "casty-routing", false),
            ("casty-transport", "casty-routing", false),
            ("casty-client", "casty-testkit", false),
            ("casty-client", "casty-interop", false),
            ("casty-proto", "tokio", false),
            ("casty-newcomer", "serde", false),
        ] {
            let found = findings(&[package(name, &[(dependency, false)])]);
            assert_eq!(found.is_empty(), fine, "{name} -> {dependency}: {found:?}");
        }
    }

    #[test]
    fn tests_may_use_what_stands_above_but_pure_crates_know_no_runtime() {
        assert!(findings(&[package("casty-client", &[("casty-testkit", true)])]).is_empty());
        assert_eq!(
            findings(&[package("casty-routing", &[("tokio", true)])]).len(),
            1
        );
    }

    #[test]
    fn a_package_says_what_it_does_and_under_which_license() {
        let mute = Package {
            description: None,
            license: Some(String::new()),
            ..package("xtask", &[])
        };
        assert_eq!(
            findings(&[mute]),
            ["xtask: has no description", "xtask: has no license"]
        );
    }
}
