//! The traits that types can have: equality that is an equivalence, a hash, an order.

use super::contents::Plan;
use crate::model::{Body, Type};

/// The traits of one type that go beyond those that all have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) eq: bool,
    pub(crate) hash: bool,
    pub(crate) ord: bool,
}

impl Traits {
    const ALL: Self = Self {
        eq: true,
        hash: true,
        ord: true,
    };
    const NO_ORDER: Self = Self {
        ord: false,
        ..Self::ALL
    };
    const NONE: Self = Self {
        eq: false,
        hash: false,
        ord: false,
    };

    fn and(self, other: Self) -> Self {
        Self {
            eq: self.eq && other.eq,
            hash: self.hash && other.hash,
            ord: self.ord && other.ord,
        }
    }
}

/// The traits that each item of a plan can have.
#[derive(Debug)]
pub(crate) struct TraitsOf {
    items: Vec<Traits>,
}

impl TraitsOf {
    /// Finds them: all that nothing speaks against, for types may hold themselves.
    pub(crate) fn plan(plan: &Plan) -> Self {
        let mut found = Self {
            items: vec![Traits::ALL; plan.items.len()],
        };
        loop {
            let next: Vec<_> = plan
                .items
                .iter()
                .map(|item| {
                    let types = item.definition.body.types();
                    let each = types.into_iter().map(|of| found.of(plan, of));
                    each.fold(Traits::ALL, Traits::and)
                })
                .collect();
            if next == found.items {
                return found;
            }
            found.items = next;
        }
    }

    /// Returns the traits of an item.
    pub(crate) fn item(&self, at: usize) -> Traits {
        self.items.get(at).copied().unwrap_or(Traits::NONE)
    }

    /// Returns the traits of a type.
    pub(crate) fn of(&self, plan: &Plan, of: &Type) -> Traits {
        let parts = || {
            let parts = of.parts().into_iter();
            parts
                .map(|part| self.of(plan, part))
                .fold(Traits::ALL, Traits::and)
        };
        match of {
            Type::Any | Type::Float | Type::Complex | Type::Unknown { .. } => Traits::NONE,
            Type::Bytearray | Type::Datetime | Type::Time | Type::Decimal | Type::Ref { .. } => {
                Traits::NO_ORDER
            }
            Type::VarTuple { .. } | Type::Set { .. } | Type::Frozenset { .. } => {
                Traits::NO_ORDER.and(parts())
            }
            Type::Dict { key, .. } if self.of(plan, key).ord => parts(),
            // A `HashMap` has neither.
            Type::Dict { .. } => Traits {
                hash: false,
                ord: false,
                ..parts()
            },
            Type::Named { .. } => {
                let own = plan.place(of).map_or(Traits::NONE, |at| self.item(at));
                own.and(parts())
            }
            _ => parts(),
        }
    }

    /// Returns which items are keys of maps, or parts of such: these need an order.
    pub(crate) fn ordered(&self, plan: &Plan) -> Vec<bool> {
        let mut ordered = vec![false; plan.items.len()];
        let types = plan
            .items
            .iter()
            .flat_map(|item| item.definition.body.types());
        let keys = types.flat_map(Type::all).filter_map(|of| match of {
            Type::Dict { key, .. } => Some(&**key),
            _ => None,
        });
        let mut open: Vec<&Type> = keys.filter(|key| self.of(plan, key).ord).collect();
        while let Some(next) = open.pop() {
            for part in next.all() {
                if let Some(at) = plan.place(part)
                    && let Some(is_ordered) = ordered.get_mut(at)
                    && !std::mem::replace(is_ordered, true)
                {
                    open.extend(
                        plan.items
                            .get(at)
                            .into_iter()
                            .flat_map(|item| item.definition.body.types()),
                    );
                }
            }
        }
        ordered
    }
}

/// Returns how much memory a value takes, roughly, for unions whose members differ by much.
pub(crate) fn size(plan: &Plan, of: &Type, depth: usize) -> usize {
    const WORD: usize = 8;
    if depth == 0 {
        return WORD;
    }
    let sum = |types: Vec<&Type>| -> usize {
        types
            .into_iter()
            .map(|part| size(plan, part, depth - 1))
            .sum()
    };
    match of {
        Type::None => 0,
        Type::Bool => 1,
        Type::Date => 4,
        Type::Timedelta => 12,
        Type::Int | Type::Float => WORD,
        Type::Complex | Type::Uuid | Type::Decimal | Type::Ref { .. } => 2 * WORD,
        Type::Datetime | Type::Time => 6 * WORD,
        Type::Optional { .. } => sum(of.parts()) + WORD,
        Type::Tuple { .. } | Type::Literal { .. } => sum(of.parts()),
        Type::Dict { .. } => 4 * WORD,
        Type::Named { .. } => {
            let Some(item) = plan.named(of) else {
                return WORD;
            };
            let types = item.definition.body.types();
            match item.definition.body {
                Body::Enum { .. } => 1,
                Body::Union { .. } => {
                    let each = types.into_iter();
                    let sizes = each.map(|part| size(plan, part, depth - 1));
                    sizes.max().unwrap_or(0) + WORD
                }
                _ => sum(types),
            }
        }
        _ => 3 * WORD,
    }
}
