//! Aliases that hold themselves, which Rust has no word for.

use super::contents::Plan;
use crate::model::{Body, Type};

/// Makes anything of the alias of `type Tree = list[Tree]`.
pub(super) fn end_circles(plan: &mut Plan) {
    for at in 0..plan.items.len() {
        if leads_back(plan, at)
            && let Some(item) = plan.items.get_mut(at)
            && let Body::Alias { of } = &mut item.definition.body
        {
            *of = Type::Unknown {
                why: "it holds itself, as no alias of Rust does".to_owned(),
            };
        }
    }
}

/// Returns whether an alias is made of itself by way of nothing but aliases.
fn leads_back(plan: &Plan, start: usize) -> bool {
    let mut open = vec![start];
    let mut seen = Vec::new();
    while let Some(at) = open.pop() {
        let Some(Body::Alias { of }) = plan.items.get(at).map(|item| &item.definition.body) else {
            continue;
        };
        for next in of.all().into_iter().filter_map(|part| plan.place(part)) {
            if next == start {
                return true;
            }
            if !seen.contains(&next) {
                seen.push(next);
                open.push(next);
            }
        }
    }
    false
}
