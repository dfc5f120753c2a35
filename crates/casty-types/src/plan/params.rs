//! Type variables that no field mentions, which Rust refuses to have.

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
    plan.items.iter().find_map(|item| {
        let definition = &item.definition;
        let types = definition.body.types();
        let is_used = |param: &String| {
            let mut all = types.iter().flat_map(|of| of.all());
            all.any(|part| matches!(part, Type::Param { name } if name == param))
        };
        let index = definition.params.iter().position(|param| !is_used(param))?;
        Some((definition.module.clone(), definition.name.clone(), index))
    })
}
