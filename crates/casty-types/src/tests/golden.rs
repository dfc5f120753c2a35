//! The stored description and code of each module, and both as they come out today.
//!
//! With `CASTY_TYPES_WRITE` set, both are written anew instead.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::python::{TYPED, raw_description};
use crate::model::Description;
use crate::types::{Generated, Types};

/// The variable that has all of it written anew.
const WRITE: &str = "CASTY_TYPES_WRITE";

/// The module that no node knows.
const CORNERS: &str = "corners";

/// Returns the modules whose code is stored.
pub(super) fn modules() -> impl Iterator<Item = &'static str> {
    TYPED.into_iter().chain([CORNERS])
}

/// Returns the fields of a module that have large numbers.
fn big(module: &str) -> Vec<String> {
    let fields = [format!("{CORNERS}.Sum.count")];
    let fields = fields.into_iter().filter(|_| module == CORNERS);
    fields.collect()
}

/// Returns the stored code of a module.
pub(super) fn stored_code(module: &str) -> String {
    fs::read_to_string(stored(&format!("{}.rs", short(module)))).unwrap()
}

fn stored(name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.join("tests/golden").join(name)
}

/// Compares a text with the stored one, or stores it.
fn compare(name: &str, text: &str) {
    let file = stored(name);
    if env::var_os(WRITE).is_some() {
        fs::write(&file, text).unwrap();
        return;
    }
    let there = fs::read_to_string(&file).unwrap();
    assert!(
        there == text,
        "{name} is stored as\n{there}\nand is now\n{text}"
    );
}

#[test]
fn python_describes_the_modules_as_they_are_stored() {
    descriptions();
}

fn descriptions() {
    for module in modules() {
        let Some(mut document) = raw_description(&[module]) else {
            return;
        };
        // They are this machine's.
        document["files"] = serde_json::json!([]);
        let text = serde_json::to_string_pretty(&document).unwrap();
        compare(&format!("{}.json", short(module)), &format!("{text}\n"));
    }
}

#[test]
fn stored_descriptions_become_the_stored_code() {
    if env::var_os(WRITE).is_some() {
        // These come first.
        descriptions();
    }
    for module in modules() {
        let text = fs::read_to_string(stored(&format!("{}.json", short(module)))).unwrap();
        let description: Description = serde_json::from_str(&text).unwrap();
        let generated = Generated::of(description, Types::PROTO, &big(module)).unwrap();
        compare(&format!("{}.rs", short(module)), generated.text());
        assert_eq!(generated.drift_from(generated.text()), []);
    }
}

fn short(module: &str) -> &str {
    module.rsplit('.').next().unwrap_or(module)
}
