//! The differences between two generated texts, in words.

use std::fmt;

use casty_proto::Escaped;

use crate::outline::{Item, Outline, Part};

/// A difference between what was generated and what would be generated now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The class, by its name in Python, or another type by its name in Rust; empty if it is of the whole
    /// file.
    pub class: String,
    /// The difference, in words.
    pub change: String,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.class.is_empty() {
            write!(f, "{}: ", Escaped::new(&self.class))?;
        }
        write!(f, "{}", Escaped::new(&self.change))
    }
}

/// Returns what differs between a text that was generated before and one of today; nothing if they are
/// equal, however their lines end.
pub(crate) fn between(old: &str, new: &str) -> Vec<Drift> {
    if old.lines().eq(new.lines()) {
        return Vec::new();
    }
    let (before, after) = (Outline::of(old), Outline::of(new));
    let mut found = Vec::new();
    let mut note = |class: &str, change: String| {
        found.push(Drift {
            class: class.to_owned(),
            change,
        });
    };
    for item in &before.items {
        if after.item(&item.name).is_none() {
            note(&item.name, format!("the {} is gone", item.kind));
        }
    }
    for item in &after.items {
        match before.item(&item.name) {
            None => note(&item.name, format!("the {} is new", item.kind)),
            Some(former) => {
                for change in changes(former, item) {
                    note(&item.name, change);
                }
            }
        }
    }
    if found.is_empty() {
        found.push(elsewhere(old, new));
    }
    found
}

/// Returns the first line that differs.
fn elsewhere(old: &str, new: &str) -> Drift {
    let mut lines = old.lines().zip(new.lines());
    let at = lines.position(|(old, new)| old != new);
    let at = at.unwrap_or_else(|| old.lines().count().min(new.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("the end").trim().to_owned();
    Drift {
        class: String::new(),
        change: format!("line {}: `{}` is now `{}`", at + 1, line(old), line(new)),
    }
}

/// Returns the changes of an item.
fn changes(before: &Item, after: &Item) -> Vec<String> {
    let mut changes = Vec::new();
    if before.kind != after.kind {
        return vec![format!("the {} is now a {}", before.kind, after.kind)];
    }
    let part = after.part_name();
    for former in &before.parts {
        if after.part(&former.name).is_none() {
            changes.push(format!("{part} `{}` is gone", former.name));
        }
    }
    for now in &after.parts {
        match before.part(&now.name) {
            None => changes.push(format!("{part} `{}` is new: `{}`", now.name, now.shape)),
            Some(former) => changes.extend(part_changes(part, former, now)),
        }
    }
    let order = |item: &Item, other: &Item| -> Vec<String> {
        let common = item
            .parts
            .iter()
            .filter(|one| other.part(&one.name).is_some());
        common.map(|one| one.name.clone()).collect()
    };
    if order(before, after) != order(after, before) {
        changes.push(format!("its {part}s are in another order"));
    }
    if before.doc != after.doc {
        changes.push("its documentation has changed".to_owned());
    }
    if changes.is_empty() && before.head != after.head {
        changes.push(format!("`{}` is now `{}`", before.head, after.head));
    }
    changes
}

fn part_changes(part: &str, before: &Part, after: &Part) -> Vec<String> {
    let mut changes = Vec::new();
    let name = &after.name;
    if before.shape != after.shape {
        changes.push(format!(
            "{part} `{name}`: `{}` is now `{}`",
            before.shape, after.shape
        ));
    }
    if before.default != after.default {
        let told = |default: &Option<String>| {
            let some = default.as_ref().map(|default| format!("`{default}`"));
            some.unwrap_or_else(|| "none".to_owned())
        };
        let (before, after) = (told(&before.default), told(&after.default));
        changes.push(format!(
            "{part} `{name}`: its default, {before}, is now {after}"
        ));
    }
    if before.attributes != after.attributes && changes.is_empty() {
        let (before, after) = (&before.attributes, &after.attributes);
        changes.push(format!("{part} `{name}`: `{before}` is now `{after}`"));
    }
    if before.doc != after.doc {
        changes.push(format!("{part} `{name}`: its documentation has changed"));
    }
    changes
}
