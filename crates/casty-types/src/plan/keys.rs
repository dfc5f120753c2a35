//! Parts of types that Rust's collections do not take.

use super::contents::Plan;
use super::traits::TraitsOf;
use crate::model::Type;

/// The longest tuple that the traits of Rust know.
const LONGEST_TUPLE: usize = 12;

/// Makes anything of dicts whose keys have neither an order nor a hash, and tuples of any length of those
/// that are too long.
pub(super) fn replace(plan: &mut Plan) {
    let traits = TraitsOf::plan(plan);
    let mut changed = Vec::new();
    for (at, item) in plan.items.iter().enumerate() {
        for part in item.definition.body.types().into_iter().flat_map(Type::all) {
            if let Some(new) = replacement(plan, &traits, part) {
                changed.push((at, part.clone(), new));
            }
        }
    }
    plan.change_types(|at, of| {
        let new = changed
            .iter()
            .find(|(its_at, old, _)| *its_at == at && old == of);
        if let Some((_, _, new)) = new {
            *of = new.clone();
        }
    });
}

fn replacement(plan: &Plan, traits: &TraitsOf, of: &Type) -> Option<Type> {
    match of {
        Type::Tuple { of } if of.is_empty() => Some(Type::VarTuple {
            of: Box::new(Type::Any),
        }),
        Type::Tuple { of } if of.len() > LONGEST_TUPLE => Some(Type::VarTuple {
            of: Box::new(Type::Unknown {
                why: format!(
                    "the tuple has {} parts, too many for Rust's traits",
                    of.len()
                ),
            }),
        }),
        Type::Dict { key, .. } => {
            let its = traits.of(plan, key);
            let has_param = key
                .all()
                .into_iter()
                .any(|part| matches!(part, Type::Param { .. }));
            let fits = its.ord || (its.eq && its.hash);
            (has_param || !fits).then(|| Type::Unknown {
                why: "a dict whose keys have neither an order nor a hash in Rust".to_owned(),
            })
        }
        _ => None,
    }
}
