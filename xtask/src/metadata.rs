//! The workspace's packages, as `cargo metadata` tells them.

use serde_json::Value;

use crate::steps::{Failure, cargo};

/// A package of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// Names of its features, `default` among them if it is declared.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependencies.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only its tests, benches and examples need it.
    pub(crate) dev: bool,
}

/// All packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>, Failure> {
    let output = cargo(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("cargo metadata: {errors}")));
    }
    let tree: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    Ok(list(&tree, "packages").map(package).collect())
}

fn package(tree: &Value) -> Package {
    let features = tree.get("features").and_then(Value::as_object);
    Package {
        name: text(tree, "name").unwrap_or_default(),
        description: text(tree, "description"),
        license: text(tree, "license"),
        rust_version: text(tree, "rust_version"),
        features: features
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect(),
        dependencies: list(tree, "dependencies").map(dependency).collect(),
    }
}

fn dependency(tree: &Value) -> Dependency {
    Dependency {
        name: text(tree, "name").unwrap_or_default(),
        dev: tree.get("kind").is_some_and(|kind| kind == "dev"),
    }
}

fn list<'a>(tree: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    tree.get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(tree: &Value, key: &str) -> Option<String> {
    tree.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_package_is_described_as_its_manifest_says() {
        let packages = packages().unwrap();
        let own = packages
            .iter()
            .find(|package| package.name == "xtask")
            .unwrap();
        assert_eq!(own.license.as_deref(), Some("MIT"));
        assert!(
            own.dependencies
                .iter()
                .any(|line| line.name == "serde_json" && !line.dev)
        );
        let proto = packages
            .iter()
            .find(|package| package.name == "casty-proto")
            .unwrap();
        assert!(proto.features.contains(&"json".to_owned()));
        assert!(
            proto
                .dependencies
                .iter()
                .any(|line| line.name == "proptest" && line.dev)
        );
    }
}
