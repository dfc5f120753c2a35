//! The words of generated code that stand there without a path: types of its own, or names that none of
//! these may have.

use std::collections::BTreeSet;

use super::golden::{modules, stored_code};
use crate::imports::is_taken;
use crate::names::is_part;

/// The keys of serde's attributes whose texts are code.
const CODE: [&str; 2] = ["default = ", "deserialize_with = "];

#[test]
fn no_type_can_have_a_name_that_the_code_uses_for_something_else() {
    for module in modules() {
        let code = stored_code(module);
        let own = defined(&code);
        let odd: Vec<_> = used(&code)
            .into_iter()
            .filter(|word| word != "Self" && !own.contains(word) && !is_taken(word))
            .collect();
        assert!(
            odd.is_empty(),
            "{module}: {odd:?} are names that types may have"
        );
        assert!(own.iter().all(|name| !is_taken(name)), "{module}: {own:?}");
    }
}

/// Returns the names of types and of their variables.
fn defined(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in code.lines() {
        let kinds = ["pub struct ", "pub enum ", "pub type "];
        let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else {
            continue;
        };
        let name: String = rest.chars().take_while(|letter| is_part(*letter)).collect();
        let behind = &rest[name.len()..];
        let params = behind
            .strip_prefix('<')
            .and_then(|behind| behind.split_once('>'));
        found.extend(
            params
                .into_iter()
                .flat_map(|(params, _)| params.split(", "))
                .map(str::to_owned),
        );
        found.insert(name);
    }
    found
}

/// Returns the capitalised words without a path, but for names of variants where they are defined.
fn used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_enum = false;
    for line in code.lines() {
        is_enum = line.starts_with("pub enum ") || (is_enum && line != "}");
        let line = line.trim();
        if ["//", "use ", "#[derive"]
            .iter()
            .any(|start| line.starts_with(start))
        {
            continue;
        }
        let line = without_texts(line);
        let is_variant = is_enum && line.starts_with(char::is_uppercase);
        found.extend(words(&line).into_iter().skip(usize::from(is_variant)));
    }
    found
}

/// Returns a line without the texts in it, unless they are code.
fn without_texts(line: &str) -> String {
    let mut out = String::new();
    let line = line.replace("\\\"", "");
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 0 || CODE.iter().any(|key| out.ends_with(key)) {
            out.push_str(part);
        }
    }
    out
}

fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut before = String::new();
    while let Some(first) = rest.chars().next() {
        let word: String = rest.chars().take_while(|letter| is_part(*letter)).collect();
        let taken = if word.is_empty() {
            first.len_utf8()
        } else {
            word.len()
        };
        if word.starts_with(char::is_uppercase) && !before.ends_with("::") {
            found.push(word);
        }
        before.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    found
}
