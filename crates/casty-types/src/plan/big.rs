//! Fields whose `int`s may have more than 64 bits.

use super::contents::Plan;
use crate::error::TypesError;
use crate::model::{Body, Type};

/// Makes every `int` in these fields one of any size. A field is named as `module.Class.field`.
pub(super) fn enlarge(plan: &mut Plan, fields: &[String]) -> Result<(), TypesError> {
    for wanted in fields {
        let (class, name) = wanted.rsplit_once('.').unwrap_or_default();
        let item = plan.items.iter_mut().find(|item| item.python() == class);
        let body = item.map(|item| &mut item.definition.body);
        let field = match body {
            Some(Body::Dataclass { fields, .. }) => {
                fields.iter_mut().find(|field| field.name == name)
            }
            _ => None,
        };
        let Some(field) = field else {
            return Err(TypesError::NoField {
                field: wanted.clone(),
            });
        };
        let mut open = vec![&mut field.of];
        while let Some(next) = open.pop() {
            if *next == Type::Int {
                *next = Type::Bigint;
            }
            open.extend(next.parts_mut());
        }
    }
    Ok(())
}
