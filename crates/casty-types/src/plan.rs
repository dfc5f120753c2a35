//! The plan of the generated file: every type with its Rust name, and nothing that Rust has no word for.

use crate::error::TypesError;
use crate::model::Description;

mod aliases;
mod big;
mod contents;
mod cycles;
mod enums;
mod keys;
mod naming;
mod params;
mod traits;
mod unions;

pub(crate) use contents::{Item, Plan};
pub(crate) use cycles::Cycles;
pub(crate) use naming::variables;
pub(crate) use traits::{TraitsOf, size};

/// Makes the plan of a description; the `int`s of the fields `big` may have more than 64 bits.
///
/// # Errors
/// A type cannot be represented, or names one that is not described; or `big` names no field.
pub(crate) fn make(description: &Description, big: &[String]) -> Result<Plan, TypesError> {
    let mut plan = Plan::list(description);
    plan.check_names()?;
    big::enlarge(&mut plan, big)?;
    unions::give_names(&mut plan);
    aliases::end_circles(&mut plan);
    keys::replace(&mut plan);
    params::drop_unused(&mut plan);
    naming::name(&mut plan);
    enums::check(&plan)?;
    cycles::check(&plan)?;
    Ok(plan)
}
