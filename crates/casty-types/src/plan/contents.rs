//! The types of a plan, and how they are found.

use std::collections::HashMap;

use crate::error::TypesError;
use crate::model::{Body, DefaultValue, Definition, Description, Type};

/// The types in the order in which they are written.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    pub(super) places: HashMap<(String, String), usize>,
}

/// A type that is written.
#[derive(Debug)]
pub(crate) struct Item {
    /// The name in Rust.
    pub(crate) rust: String,
    /// The type variables' names in Rust, in the order of `definition.params`.
    pub(crate) params: Vec<String>,
    pub(crate) definition: Definition,
}

impl Plan {
    /// Lists the types of a description, not yet named.
    pub(super) fn list(description: &Description) -> Self {
        let items = description.types.iter().map(|definition| Item {
            rust: String::new(),
            params: Vec::new(),
            definition: definition.clone(),
        });
        let mut plan = Self {
            items: items.collect(),
            places: HashMap::new(),
        };
        plan.index();
        plan
    }

    pub(super) fn index(&mut self) {
        let places = self.items.iter().enumerate().map(|(at, item)| {
            let Definition { module, name, .. } = &item.definition;
            ((module.clone(), name.clone()), at)
        });
        self.places = places.collect();
    }

    /// Checks that whatever is named is there, and that unions are of classes, none of them twice.
    pub(super) fn check_names(&self) -> Result<(), TypesError> {
        let senseless = |why| Err(TypesError::Description { why });
        for body in self.items.iter().map(|item| &item.definition.body) {
            if let Body::Union { members } = body {
                self.check_members(members)?;
            }
            for part in body.types().into_iter().flat_map(Type::all) {
                match part {
                    Type::Named { .. } if self.place(part).is_none() => {
                        return senseless(format!("nothing describes {part:?}"));
                    }
                    Type::Union { members } => self.check_members(members)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Checks that a union's members are told apart by their classes, as variants are.
    fn check_members(&self, members: &[Type]) -> Result<(), TypesError> {
        let mut seen = Vec::new();
        for member in members {
            let class = self.named(member).map(|item| &item.definition.body);
            let is_class = matches!(class, Some(Body::Dataclass { .. }));
            if !is_class || seen.contains(&self.place(member)) {
                return Err(TypesError::Description {
                    why: format!("a union has the member {member:?}"),
                });
            }
            seen.push(self.place(member));
        }
        Ok(())
    }

    /// Returns the place of the item that a type names.
    pub(crate) fn place(&self, named: &Type) -> Option<usize> {
        let Type::Named { module, name, .. } = named else {
            return None;
        };
        self.find(module, name)
    }

    /// Returns the place of the item of that name.
    pub(crate) fn find(&self, module: &str, name: &str) -> Option<usize> {
        let key = (module.to_owned(), name.to_owned());
        self.places.get(&key).copied()
    }

    /// Returns the place of the class of a default.
    pub(crate) fn find_default(&self, default: &DefaultValue) -> Option<usize> {
        match default {
            DefaultValue::Member { module, name, .. }
            | DefaultValue::Object { module, name, .. } => self.find(module, name),
            _ => None,
        }
    }

    /// Returns the item that a type names.
    pub(crate) fn named(&self, named: &Type) -> Option<&Item> {
        self.items.get(self.place(named)?)
    }

    /// Changes every type of a definition, outer ones first.
    pub(super) fn change_types(&mut self, mut change: impl FnMut(usize, &mut Type)) {
        for (at, item) in self.items.iter_mut().enumerate() {
            let mut open = item.definition.body.types_mut();
            while let Some(next) = open.pop() {
                change(at, next);
                open.extend(next.parts_mut());
            }
        }
    }
}

impl Item {
    /// Returns the name that Python knows it by.
    pub(crate) fn python(&self) -> String {
        format!("{}.{}", self.definition.module, self.definition.name)
    }
}
