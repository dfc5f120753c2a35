//! Enums whose members the wire does not tell apart.

use std::collections::HashMap;

use super::contents::Plan;
use crate::error::TypesError;
use crate::model::{Body, Member};

/// Checks that every text by which a serializer knows a member stands for that member alone.
pub(super) fn check(plan: &Plan) -> Result<(), TypesError> {
    for item in &plan.items {
        let Body::Enum { members, .. } = &item.definition.body else {
            continue;
        };
        if let Some(why) = members
            .is_empty()
            .then(no_members)
            .or_else(|| fault(members))
        {
            return Err(TypesError::Unrepresentable {
                class: item.python(),
                why,
                instead: "have it left out (--opaque, Types::opaque): fields of that type, and \
                          unions with it, are then of the type Value",
            });
        }
    }
    Ok(())
}

fn no_members() -> String {
    "it is an enum without members".to_owned()
}

fn fault(members: &[Member]) -> Option<String> {
    let mut texts: HashMap<&str, &str> = HashMap::new();
    for member in members {
        if let Some(why) = &member.why {
            return Some(format!(
                "pickle knows its member {} by a value, and {why}",
                member.name
            ));
        }
        let own = [Some(&member.name), member.value.as_ref()];
        for text in own.into_iter().flatten().chain(&member.aliases) {
            let other = texts.insert(text, &member.name);
            if let Some(other) = other.filter(|other| *other != member.name) {
                return Some(format!(
                    "serializers know both its members {other} and {} by {text:?}",
                    member.name
                ));
            }
        }
    }
    None
}
