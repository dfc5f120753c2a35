//! Type variables that no field holds a value of, which Rust refuses to have.

use super::contents::Plan;
use crate::model::Type;

/// Drops them, and what is given for them wherever the type is named.
pub(super) fn drop_unused(plan: &mut Plan) {
    // A variable may be unused only because another one is dropped.
    while let Some((module, name, index)) = unused(plan) {
        plan.change_types(|_, of| {
            if let Type::Named {
                module: its_module,
                name: its_name,
                args,
            } = of
                && *its_module == module
                && *its_name == name
                && index < args.len()
            {
                args.remove(index);
            }
        });
        if let Some(at) = plan.find(&module, &name)
            && let Some(item) = plan.items.get_mut(at)
        {
            item.definition.params.remove(index);
        }
    }
}

/// Returns the type and the index of a variable that is not used.
fn unused(plan: &Plan) -> Option<(String, String, usize)> {
    let used = used(plan);
    plan.items.iter().zip(&used).find_map(|(item, used)| {
        let definition = &item.definition;
        let index = used.iter().position(|is_used| !is_used)?;
        Some((definition.module.clone(), definition.name.clone(), index))
    })
}

/// Returns which variables of each item are used. One that is only given for others is used if one of these
/// is; so one that a class only hands on to itself is not, as Rust has it.
fn used(plan: &Plan) -> Vec<Vec<bool>> {
    let counts = plan.items.iter().map(|item| item.definition.params.len());
    let mut used: Vec<Vec<bool>> = counts.map(|count| vec![false; count]).collect();
    loop {
        let next = plan.items.iter().map(|item| {
            let types = item.definition.body.types().into_iter();
            let found: Vec<&str> = types.flat_map(|of| mentioned(plan, &used, of)).collect();
            let params = item.definition.params.iter();
            params
                .map(|param| found.contains(&param.as_str()))
                .collect()
        });
        let next: Vec<Vec<bool>> = next.collect();
        if next == used {
            return used;
        }
        used = next;
    }
}

/// Returns the variables in a type, but those that are given for ones that are not used.
fn mentioned<'t>(plan: &Plan, used: &[Vec<bool>], of: &'t Type) -> Vec<&'t str> {
    let parts: Vec<&'t Type> = match of {
        Type::Param { name } => return vec![name.as_str()],
        Type::Named { args, .. } => {
            let counts = plan.place(of).and_then(|at| used.get(at));
            let counts = counts.map(Vec::as_slice).unwrap_or_default();
            let given = args.iter().zip(counts);
            given
                .filter_map(|(arg, counts)| counts.then_some(arg))
                .collect()
        }
        _ => of.parts(),
    };
    let found = parts.into_iter();
    found.flat_map(|part| mentioned(plan, used, part)).collect()
}
