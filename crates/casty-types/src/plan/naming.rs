//! The Rust names of types, and of their type variables.

use std::collections::{HashMap, HashSet};

use super::contents::Plan;
use crate::imports::{is_taken, taken};
use crate::names::{camel, unique};

/// Names every item: as in Python, with as much of the module before it as tells it from others.
pub(super) fn name(plan: &mut Plan) {
    let mut names: Vec<String> = Vec::new();
    // All of one name are told apart alike, so that none depends on which comes first.
    for depth in 0..=deepest(plan) {
        let before = names.clone();
        names = plan
            .items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let definition = &item.definition;
                let kept = before.get(at).filter(|name| is_fine(name, &before));
                kept.cloned()
                    .unwrap_or_else(|| with_module(&definition.module, &definition.name, depth))
            })
            .collect();
    }
    let mut used: HashSet<String> = taken().map(str::to_owned).collect();
    for (item, name) in plan.items.iter_mut().zip(names) {
        item.rust = unique(&name, &mut used);
    }
    for item in &mut plan.items {
        let mut own = used.clone();
        let params = item.definition.params.iter();
        item.params = params
            .map(|param| unique(&camel(param), &mut own))
            .collect();
    }
}

fn is_fine(name: &str, all: &[String]) -> bool {
    let count = all.iter().filter(|other| *other == name).count();
    count == 1 && !is_taken(name)
}

/// Returns the number of segments of the longest module name.
fn deepest(plan: &Plan) -> usize {
    let depths = plan.items.iter();
    let depths = depths.map(|item| item.definition.module.split('.').count());
    depths.max().unwrap_or(0)
}

/// Returns a type's name behind so many of the last segments of its module.
fn with_module(module: &str, name: &str, depth: usize) -> String {
    let segments: Vec<&str> = module.split('.').collect();
    let from = segments.len().saturating_sub(depth);
    let mut out: String = segments
        .get(from..)
        .unwrap_or_default()
        .iter()
        .map(|segment| camel(segment))
        .collect();
    out.push_str(&camel(name));
    out
}

/// Returns the Rust names of an item's type variables by those in Python.
pub(crate) fn variables(params: &[String], rust: &[String]) -> HashMap<String, String> {
    params.iter().cloned().zip(rust.iter().cloned()).collect()
}
