//! The names of files.

/// Names that say nothing about what is inside.
const EMPTY: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers",
];

pub(super) fn findings(path: &str) -> Vec<String> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, "rs" | "py")) = file.rsplit_once('.') else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if file == "mod.rs" {
        findings.push(format!(
            "{path}: a module stands beside its folder, not in a mod.rs"
        ));
    }
    if EMPTY.contains(&stem) {
        findings.push(format!("{path}: the name does not tell what is inside"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found() {
        for (path, fine) in [
            ("crates/casty-proto/src/frame.rs", true),
            ("crates/casty-proto/src/utils.rs", false),
            ("interop/python/helpers.py", false),
            ("crates/casty-proto/src/codec/mod.rs", false),
            ("docs/common.md", true),
        ] {
            assert_eq!(findings(path).is_empty(), fine, "{path}");
        }
    }
}
