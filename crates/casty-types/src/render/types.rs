//! Types as Rust writes them.

use super::writer::Writer;
use crate::model::{Body, Type};
use crate::plan::variables;

impl Writer<'_> {
    /// Returns the name of a type that is imported.
    pub(super) fn imported(&mut self, name: &'static str) -> &'static str {
        self.imports.insert(name);
        name
    }

    /// Returns a type as it stands in the item at that place.
    pub(super) fn type_in(&mut self, of: &Type, item: usize) -> String {
        match of {
            // No union is left when the plan is made.
            Type::Any | Type::Unknown { .. } | Type::Union { .. } => {
                self.imported("Value").to_owned()
            }
            Type::None => "()".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Int => "i64".to_owned(),
            Type::Bigint => self.imported("BigInt").to_owned(),
            Type::Float => "f64".to_owned(),
            Type::Str => "String".to_owned(),
            Type::Bytes => self.imported("Bytes").to_owned(),
            Type::Bytearray => self.imported("ByteArray").to_owned(),
            Type::Complex => self.imported("Complex").to_owned(),
            Type::Datetime => self.imported("DateTime").to_owned(),
            Type::Date => self.imported("Date").to_owned(),
            Type::Time => self.imported("Time").to_owned(),
            Type::Timedelta => self.imported("TimeDelta").to_owned(),
            Type::Uuid => self.imported("Uuid").to_owned(),
            Type::Decimal => self.imported("Decimal").to_owned(),
            Type::List { of } => format!("Vec<{}>", self.contained_in(of, item)),
            Type::VarTuple { of } => self.around("Tuple", of, item),
            Type::Set { of } => self.around("Set", of, item),
            Type::Frozenset { of } => self.around("FrozenSet", of, item),
            Type::Ref { message } => self.around("ActorRef", message, item),
            Type::Optional { of } => format!("Option<{}>", self.type_in(of, item)),
            Type::Literal { of, .. } => self.type_in(of, item),
            Type::Tuple { of } => {
                let parts = self.types_in(of, item);
                match parts.as_slice() {
                    [one] => format!("({one},)"),
                    _ => format!("({})", parts.join(", ")),
                }
            }
            Type::Dict { key, value } => {
                let map = self.map_of(key);
                let (key, value) = (self.contained_in(key, item), self.contained_in(value, item));
                format!("{map}<{key}, {value}>")
            }
            Type::Param { name } => {
                let item = self.plan.items.get(item);
                let names = item.map(|item| variables(&item.definition.params, &item.params));
                let name = names.and_then(|names| names.get(name).cloned());
                name.unwrap_or_else(|| self.imported("Value").to_owned())
            }
            Type::Named { .. } => self.named_in(of, item),
        }
    }

    fn types_in(&mut self, of: &[Type], item: usize) -> Vec<String> {
        of.iter().map(|of| self.type_in(of, item)).collect()
    }

    fn around(&mut self, name: &'static str, of: &Type, item: usize) -> String {
        self.imports.insert(name);
        format!("{name}<{}>", self.contained_in(of, item))
    }

    /// Returns the type of what a container holds.
    fn contained_in(&mut self, of: &Type, item: usize) -> String {
        self.containers += 1;
        let written = self.type_in(of, item);
        self.containers -= 1;
        written
    }

    /// Returns whether a type is written in a box where it stands.
    pub(super) fn is_boxed(&self, of: &Type, item: usize) -> bool {
        self.needs_box(of, item) && matches!(self.resolved(of), Type::Named { .. })
    }

    fn needs_box(&self, of: &Type, item: usize) -> bool {
        self.containers == 0 && self.cycles.needs_box(self.plan, of, item)
    }

    /// Returns the map for keys of a type.
    pub(super) fn map_of(&mut self, key: &Type) -> &'static str {
        if self.traits.of(self.plan, key).ord {
            self.imported("BTreeMap")
        } else {
            self.imported("HashMap")
        }
    }

    fn named_in(&mut self, of: &Type, item: usize) -> String {
        let Some(named) = self.plan.named(of) else {
            return self.imported("Value").to_owned();
        };
        if self.needs_box(of, item) {
            let resolved = self.resolved(of);
            // An alias of something around the class: the box goes inside, so the alias is written out.
            if !matches!(resolved, Type::Named { .. }) {
                return self.type_in(&resolved, item);
            }
        }
        let mut name = named.rust.clone();
        if let Type::Named { args, .. } = of
            && !args.is_empty()
        {
            // A box around the whole parts them, too.
            self.containers += 1;
            name = format!("{name}<{}>", self.types_in(args, item).join(", "));
            self.containers -= 1;
        }
        if self.is_boxed(of, item) {
            format!("Box<{name}>")
        } else {
            name
        }
    }

    /// Returns a type without the aliases and literals around it, with what is given for the variables of
    /// these.
    pub(super) fn resolved(&self, of: &Type) -> Type {
        let mut at = of.clone();
        // Aliases form no circle; the plan has seen to that.
        loop {
            let inner = match &at {
                Type::Literal { of, .. } => Some((**of).clone()),
                Type::Named { args, .. } => self.aliased(&at, args),
                _ => None,
            };
            let Some(inner) = inner else {
                return at;
            };
            at = inner;
        }
    }

    /// Returns what an alias stands for; `None` of any other type.
    fn aliased(&self, named: &Type, args: &[Type]) -> Option<Type> {
        let definition = &self.plan.named(named)?.definition;
        let Body::Alias { of } = &definition.body else {
            return None;
        };
        let params = definition.params.iter().map(String::as_str);
        Some(of.filled(&params.zip(args).collect::<Vec<_>>()))
    }
}
