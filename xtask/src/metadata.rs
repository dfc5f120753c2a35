//! The workspace's packages, as `cargo metadata` tells them.

use std::path::Path;

use serde_json::Value;

use crate::steps::{Failure, cargo, root};

/// A package of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `false` if its manifest says `publish = false`.
    pub(crate) published: bool,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) rust_version: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// `true` if it tells docs.rs how it is documented.
    pub(crate) on_docs_rs: bool,
    /// Its folder, from the workspace's.
    pub(crate) folder: String,
    /// The root files of its library and of its programs, from the workspace's folder.
    pub(crate) sources: Vec<String>,
    /// The names of its programs.
    pub(crate) programs: Vec<String>,
    /// Names of its features, `default` among them if it is declared.
    pub(crate) features: Vec<String>,
    /// The features that are on by default.
    pub(crate) defaults: Vec<String>,
    pub(crate) examples: Vec<Example>,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Package {
    pub(crate) fn is_library(&self) -> bool {
        self.sources.iter().any(|path| path.ends_with("/lib.rs"))
    }
}

/// A program that shows how a package is used.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) name: String,
    /// The features without which it is not built.
    pub(crate) features: Vec<String>,
}

/// One line of a package's dependencies.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only its tests, benches and examples need it.
    pub(crate) dev: bool,
}

/// Returns all packages of the workspace.
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

/// Returns the packages that are published.
pub(crate) fn published() -> Result<Vec<Package>, Failure> {
    let mut packages = packages()?;
    packages.retain(|package| package.published);
    Ok(packages)
}

fn package(tree: &Value) -> Package {
    let features = tree.get("features").and_then(Value::as_object);
    Package {
        name: text(tree, "name").unwrap_or_default(),
        version: text(tree, "version").unwrap_or_default(),
        // The registries to which it may go; null for any.
        published: tree.get("publish").is_none_or(Value::is_null),
        description: text(tree, "description"),
        license: text(tree, "license"),
        repository: text(tree, "repository"),
        rust_version: text(tree, "rust_version"),
        readme: text(tree, "readme"),
        keywords: texts(tree.get("keywords")),
        categories: texts(tree.get("categories")),
        on_docs_rs: tree.pointer("/metadata/docs/rs").is_some(),
        folder: folder(tree),
        sources: list(tree, "targets").filter_map(source).collect(),
        programs: list(tree, "targets").filter_map(program).collect(),
        features: features
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect(),
        defaults: features
            .map(|features| texts(features.get("default")))
            .unwrap_or_default(),
        examples: list(tree, "targets").filter_map(example).collect(),
        dependencies: list(tree, "dependencies").map(dependency).collect(),
    }
}

fn folder(tree: &Value) -> String {
    let manifest = text(tree, "manifest_path").map(|path| within(&path));
    let folder =
        manifest.and_then(|path| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
    folder.unwrap_or_default()
}

/// Returns the root file of a target, if it is a library or a program.
fn source(target: &Value) -> Option<String> {
    let mut kinds = list(target, "kind").filter_map(Value::as_str);
    let path = text(target, "src_path")?;
    kinds
        .any(|kind| kind == "lib" || kind == "bin")
        .then(|| within(&path))
}

/// Returns the name of a target, if it is a program.
fn program(target: &Value) -> Option<String> {
    let mut kinds = list(target, "kind").filter_map(Value::as_str);
    kinds
        .any(|kind| kind == "bin")
        .then(|| text(target, "name"))?
}

/// Returns a target as an example, if it is one.
fn example(target: &Value) -> Option<Example> {
    let mut kinds = list(target, "kind").filter_map(Value::as_str);
    kinds.any(|kind| kind == "example").then(|| Example {
        name: text(target, "name").unwrap_or_default(),
        features: texts(target.get("required-features")),
    })
}

/// Returns a path from the workspace's folder, with `/` between its parts.
fn within(path: &str) -> String {
    let path = Path::new(path);
    let path = path.strip_prefix(root()).unwrap_or(path);
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
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

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let texts = list.filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
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
        assert!(!own.published);
        assert_eq!(own.sources, ["xtask/src/main.rs"]);
        assert_eq!(own.programs, ["xtask"]);
        assert!(
            own.dependencies
                .iter()
                .any(|line| line.name == "serde_json" && !line.dev)
        );
        let proto = packages
            .iter()
            .find(|package| package.name == "casty-proto")
            .unwrap();
        assert_eq!(proto.folder, "crates/casty-proto");
        assert!(proto.on_docs_rs && proto.readme.is_some());
        assert!(proto.keywords.contains(&"casty".to_owned()) && !proto.categories.is_empty());
        assert!(proto.published && proto.version.starts_with("0."));
        assert!(proto.features.contains(&"json".to_owned()));
        let message = proto
            .examples
            .iter()
            .find(|it| it.name == "protobuf_message");
        assert_eq!(message.unwrap().features, ["protobuf"]);
        let client = packages.iter().find(|it| it.name == "casty-client");
        assert!(client.unwrap().defaults.contains(&"tcp".to_owned()));
        assert!(
            proto
                .dependencies
                .iter()
                .any(|line| line.name == "proptest" && line.dev)
        );
    }
}
