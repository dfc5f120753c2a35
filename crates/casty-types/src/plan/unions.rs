//! Unions that have no name in Python get one: a field of Rust needs a type that has.

use std::collections::{BTreeMap, HashSet};

use super::contents::{Item, Plan};
use crate::model::{Body, Definition, Type};
use crate::names::camel;

/// The most members that a union is named after.
const MOST: usize = 3;

/// Moves each union without a name to an item of its own, one for all that have the same members.
pub(super) fn give_names(plan: &mut Plan) {
    let mut found: BTreeMap<Vec<Type>, Type> = BTreeMap::new();
    let mut added = Vec::new();
    let mut used: HashSet<(String, String)> = plan.places.keys().cloned().collect();
    for item in &mut plan.items {
        let definition = &mut item.definition;
        let module = definition.module.clone();
        let owner = camel(&definition.name);
        let labels: Vec<String> = match &definition.body {
            Body::Dataclass { fields, .. } => {
                fields.iter().map(|field| field.name.clone()).collect()
            }
            _ => Vec::new(),
        };
        for (at, of) in definition.body.types_mut().into_iter().enumerate() {
            let label = labels.get(at).map(|label| camel(label)).unwrap_or_default();
            let mut open = vec![of];
            while let Some(next) = open.pop() {
                if let Type::Union { members } = next {
                    let mut key = members.clone();
                    key.sort();
                    let named = found.entry(key).or_insert_with(|| {
                        let name = free(&name_of(members, &owner, &label), &module, &mut used);
                        let (item, named) = union(&module, name, members.clone());
                        added.push(item);
                        named
                    });
                    *next = named.clone();
                }
                open.extend(next.parts_mut());
            }
        }
    }
    plan.items.extend(added);
    plan.index();
}

/// Returns the item of a union, and the type that names it.
fn union(module: &str, name: String, members: Vec<Type>) -> (Item, Type) {
    let mut params: Vec<String> = Vec::new();
    for part in members.iter().flat_map(Type::all) {
        if let Type::Param { name } = part
            && !params.contains(name)
        {
            params.push(name.clone());
        }
    }
    let named = Type::Named {
        module: module.to_owned(),
        name: name.clone(),
        args: params
            .iter()
            .map(|name| Type::Param { name: name.clone() })
            .collect(),
    };
    let definition = Definition {
        module: module.to_owned(),
        name,
        doc: None,
        params,
        is_made_up: true,
        body: Body::Union { members },
    };
    let item = Item {
        rust: String::new(),
        params: Vec::new(),
        definition,
    };
    (item, named)
}

/// Returns `CircleOrSquare`, or the name of the class and its field where that would be long.
fn name_of(members: &[Type], owner: &str, label: &str) -> String {
    if members.len() > MOST {
        return format!("{owner}{label}");
    }
    // Each is a class.
    let names = members.iter().filter_map(|member| match member {
        Type::Named { name, .. } => Some(camel(name)),
        _ => None,
    });
    names.collect::<Vec<_>>().join("Or")
}

/// Returns a name that the module has not.
fn free(name: &str, module: &str, used: &mut HashSet<(String, String)>) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while !used.insert((module.to_owned(), free.clone())) {
        free = format!("{name}{number}");
        number += 1;
    }
    free
}
