//! The names of fields and variants, of which no two are alike.

use std::collections::HashSet;

use crate::model::{Field, Member};
use crate::names::{camel, snake, unique};

/// Returns the names of fields, without what Rust needs before keywords.
pub(super) fn field_names(fields: &[Field]) -> Vec<String> {
    let mut used = HashSet::new();
    let names = fields.iter();
    names
        .map(|field| unique(&snake(&field.name), &mut used))
        .collect()
}

/// Returns the names of an enum's variants.
pub(super) fn variants(members: &[Member]) -> Vec<String> {
    let mut used = HashSet::new();
    let names = members.iter();
    names
        .map(|member| unique(&camel(&member.name), &mut used))
        .collect()
}
