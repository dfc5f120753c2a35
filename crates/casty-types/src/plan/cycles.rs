//! Types that hold themselves, and so need a box.

use super::contents::{Item, Plan};
use crate::error::TypesError;
use crate::model::{Body, Type};

/// The items that each item holds inside itself, at any depth.
#[derive(Debug)]
pub(crate) struct Cycles {
    reached: Vec<Vec<bool>>,
}

impl Cycles {
    /// Finds them.
    pub(crate) fn of(plan: &Plan) -> Self {
        let count = plan.items.len();
        let direct: Vec<Vec<usize>> = plan.items.iter().map(|item| held(plan, item)).collect();
        let reached = (0..count).map(|start| {
            let mut seen = vec![false; count];
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                for &next in direct.get(at).into_iter().flatten() {
                    if let Some(seen) = seen.get_mut(next)
                        && !std::mem::replace(seen, true)
                    {
                        open.push(next);
                    }
                }
            }
            seen
        });
        Self {
            reached: reached.collect(),
        }
    }

    /// Returns whether an item is, or holds, another one.
    pub(crate) fn holds(&self, at: usize, other: usize) -> bool {
        let reached = self.reached.get(at).and_then(|all| all.get(other));
        at == other || reached.copied().unwrap_or(false)
    }

    /// Returns whether a type needs a box as a field of the item: it names one that holds the item, and
    /// no other box parts the two. Unions and aliases have no fields to put one into.
    pub(crate) fn needs_box(&self, plan: &Plan, of: &Type, item: usize) -> bool {
        let is_named = matches!(of, Type::Named { .. });
        let boxes = plan.items.get(item).is_some_and(|item| {
            matches!(
                item.definition.body,
                Body::Dataclass { .. } | Body::Newtype { .. }
            )
        });
        let leads_back = |at: usize| {
            let held = plan.items.get(at).map(|held| &held.definition.body);
            let has_fields = matches!(held, Some(Body::Dataclass { .. } | Body::Newtype { .. }));
            self.holds(at, item) && (at <= item || !has_fields)
        };
        is_named && boxes && inline(plan, of).into_iter().any(leads_back)
    }
}

/// Returns the items that an item holds directly.
fn held(plan: &Plan, item: &Item) -> Vec<usize> {
    let types = item.definition.body.types();
    types.into_iter().flat_map(|of| inline(plan, of)).collect()
}

/// Returns the items of which a value lies inside a value of the type; containers keep theirs elsewhere.
fn inline(plan: &Plan, of: &Type) -> Vec<usize> {
    let parts = match of {
        Type::Optional { .. } | Type::Tuple { .. } | Type::Literal { .. } | Type::Named { .. } => {
            of.parts()
        }
        _ => Vec::new(),
    };
    let mut found: Vec<usize> = plan.place(of).into_iter().collect();
    found.extend(parts.into_iter().flat_map(|part| inline(plan, part)));
    found
}

/// Checks that no generic class holds itself with ever longer arguments, which Rust cannot compile.
pub(super) fn check(plan: &Plan) -> Result<(), TypesError> {
    for (at, item) in plan.items.iter().enumerate() {
        let types = item.definition.body.types();
        let grows = |part: &&Type| {
            let Type::Named { args, .. } = part else {
                return false;
            };
            let is_longer = |arg: &Type| {
                let of_variable = |part: &&Type| matches!(part, Type::Param { .. });
                !matches!(arg, Type::Param { .. }) && arg.all().iter().any(of_variable)
            };
            plan.place(part)
                .is_some_and(|other| mentions(plan, other, at))
                && args.iter().any(is_longer)
        };
        if types
            .into_iter()
            .flat_map(Type::all)
            .any(|part| grows(&part))
        {
            return Err(TypesError::Unrepresentable {
                class: item.python(),
                why: "it holds itself with ever longer type arguments".to_owned(),
                instead: "give the inner one the same arguments, or none",
            });
        }
    }
    Ok(())
}

/// Returns whether an item is, or mentions at any depth, another one.
fn mentions(plan: &Plan, at: usize, other: usize) -> bool {
    let mut seen = vec![at];
    let mut next = 0;
    while let Some(&at) = seen.get(next) {
        if at == other {
            return true;
        }
        next += 1;
        let Some(item) = plan.items.get(at) else {
            continue;
        };
        let parts = item.definition.body.types().into_iter().flat_map(Type::all);
        for place in parts.filter_map(|part| plan.place(part)) {
            if !seen.contains(&place) {
                seen.push(place);
            }
        }
    }
    false
}
