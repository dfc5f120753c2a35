//! The places where the code has a `Value` for want of a type, in words.

use crate::model::{Body, Type};
use crate::plan::Plan;

/// Returns them, a line each: the class and its field, or another type, and the reason. What Python itself
/// calls `Any` is none of them.
pub(crate) fn of(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |place: &str, of: &Type| {
        for part in of.all() {
            if let Type::Unknown { why } = part {
                let line = format!("{place}: a `Value`: {why}");
                if !found.contains(&line) {
                    found.push(line);
                }
            }
        }
    };
    for item in &plan.items {
        let python = item.python();
        match &item.definition.body {
            Body::Dataclass { fields, .. } => {
                for field in fields {
                    note(&format!("{python}.{}", field.name), &field.of);
                }
            }
            body => {
                for of in body.types() {
                    note(&python, of);
                }
            }
        }
    }
    found
}
