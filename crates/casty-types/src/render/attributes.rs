//! Attributes, broken into lines as rustfmt breaks them.

use super::writer::WIDTH;

/// The longest list of arguments that rustfmt leaves on one line.
const LONGEST: usize = 70;

/// Returns `#[serde(..)]` with these arguments, or nothing if there are none.
pub(super) fn serde(arguments: &[String], indent: &str) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let joined = arguments.join(", ");
    let line = format!("{indent}#[serde({joined})]\n");
    if joined.len() <= LONGEST && line.len() <= WIDTH + 1 {
        return line;
    }
    let inner = format!(",\n{indent}    ");
    let joined = arguments.join(&inner);
    format!("{indent}#[serde(\n{indent}    {joined}\n{indent})]\n")
}

/// Returns an argument with a text, escaped as Rust's texts are.
pub(super) fn text(name: &str, text: &str) -> String {
    format!("{name} = {text:?}")
}

/// Returns `#[derive(..)]`.
pub(super) fn derive(traits: &[&str]) -> String {
    format!("#[derive({})]\n", traits.join(", "))
}

/// Returns `#[allow(..)]`, or nothing if there is nothing to allow.
pub(super) fn allow(lints: &[&str], indent: &str) -> String {
    if lints.is_empty() {
        return String::new();
    }
    format!("{indent}#[allow({})]\n", lints.join(", "))
}
