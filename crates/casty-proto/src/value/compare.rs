//! Equality of values, without recursion, however deep they nest or share.

use std::collections::HashSet;
use std::sync::Arc;

use super::{EnumMember, Items, Member, Object, Pairs, State, Value};

/// The pairs of values that are still to be compared.
#[derive(Default)]
struct Pending<'a> {
    values: Vec<(&'a Value, &'a Value)>,
    // Values that share parts may be exponentially larger than the memory they take, so each pair
    // of shared parts is compared once only: where it differs, the whole comparison ends.
    seen: HashSet<(usize, usize)>,
}

impl<'a> Pending<'a> {
    fn all_equal(mut self) -> bool {
        while let Some((left, right)) = self.values.pop() {
            if !self.value(left, right) {
                return false;
            }
        }
        true
    }

    /// Returns whether two parts of equal kind are one and the same, or were met before.
    fn is_known<T>(&mut self, left: &Arc<T>, right: &Arc<T>) -> bool {
        if Arc::ptr_eq(left, right) {
            return true;
        }
        let shared = Arc::strong_count(left) > 1 && Arc::strong_count(right) > 1;
        let pair = (Arc::as_ptr(left).addr(), Arc::as_ptr(right).addr());
        shared && !self.seen.insert(pair)
    }

    /// Compares two values except for their parts, which become pending.
    #[expect(clippy::float_cmp, reason = "equal means equal, as in Python")]
    fn value(&mut self, left: &'a Value, right: &'a Value) -> bool {
        match (left, right) {
            (Value::None, Value::None) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Int(left), Value::Int(right)) => left == right,
            (Value::BigInt(left), Value::BigInt(right)) => left == right,
            (Value::Float(left), Value::Float(right)) => left == right,
            (Value::Str(left), Value::Str(right))
            | (Value::Decimal(left), Value::Decimal(right)) => left == right,
            (Value::Bytes(left), Value::Bytes(right))
            | (Value::ByteArray(left), Value::ByteArray(right)) => left == right,
            (Value::List(left), Value::List(right))
            | (Value::Tuple(left), Value::Tuple(right))
            | (Value::Set(left), Value::Set(right))
            | (Value::FrozenSet(left), Value::FrozenSet(right)) => self.items(left, right),
            (Value::Dict(left), Value::Dict(right)) => self.pairs(left, right),
            (Value::Ref(left), Value::Ref(right)) => left == right,
            (Value::Enum(left), Value::Enum(right)) => {
                self.is_known(left, right) || self.member(left, right)
            }
            (Value::Object(left), Value::Object(right)) => {
                self.is_known(left, right) || self.object(left, right)
            }
            (Value::DateTime(left), Value::DateTime(right)) => left == right,
            (Value::Date(left), Value::Date(right)) => left == right,
            (Value::Time(left), Value::Time(right)) => left == right,
            (Value::TimeDelta(left), Value::TimeDelta(right)) => left == right,
            (Value::Uuid(left), Value::Uuid(right)) => left == right,
            (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
            _ => false,
        }
    }

    fn items(&mut self, left: &'a Items, right: &'a Items) -> bool {
        match (&left.0, &right.0) {
            (Some(left), Some(right)) => {
                self.is_known(left, right) || self.slices(left.as_slice(), right.as_slice())
            }
            _ => left.is_empty() && right.is_empty(),
        }
    }

    fn slices(&mut self, left: &'a [Value], right: &'a [Value]) -> bool {
        self.values.extend(left.iter().zip(right).rev());
        left.len() == right.len()
    }

    fn pairs(&mut self, left: &'a Pairs, right: &'a Pairs) -> bool {
        let (Some(left), Some(right)) = (&left.0, &right.0) else {
            return left.is_empty() && right.is_empty();
        };
        if !self.is_known(left, right) {
            for (left, right) in left.iter().zip(right.iter()).rev() {
                self.values.push((&left.1, &right.1));
                self.values.push((&left.0, &right.0));
            }
        }
        left.len() == right.len()
    }

    fn object(&mut self, left: &'a Object, right: &'a Object) -> bool {
        left.class == right.class && self.state(&left.state, &right.state)
    }

    fn state(&mut self, left: &'a State, right: &'a State) -> bool {
        match (left, right) {
            (State::Named(left), State::Named(right)) => {
                for (left, right) in left.iter().zip(right).rev() {
                    if left.0 != right.0 {
                        return false;
                    }
                    self.values.push((&left.1, &right.1));
                }
                left.len() == right.len()
            }
            (State::Positional(left), State::Positional(right))
            | (State::Constructed(left), State::Constructed(right)) => self.slices(left, right),
            _ => false,
        }
    }

    fn member(&mut self, left: &'a EnumMember, right: &'a EnumMember) -> bool {
        left.class == right.class && self.which(&left.member, &right.member)
    }

    fn which(&mut self, left: &'a Member, right: &'a Member) -> bool {
        match (left, right) {
            (Member::Name(left), Member::Name(right)) => left == right,
            (Member::Value(left), Member::Value(right)) => {
                self.values.push((left, right));
                true
            }
            _ => false,
        }
    }
}

macro_rules! equality {
    ($($type:ty, $compare:ident;)*) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                let mut pending = Pending::default();
                pending.$compare(self, other) && pending.all_equal()
            }
        }
    )*};
}

equality! {
    Value, value;
    Items, items;
    Pairs, pairs;
    Object, object;
    State, state;
    EnumMember, member;
    Member, which;
}
