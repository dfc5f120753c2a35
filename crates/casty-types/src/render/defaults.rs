//! Defaults of Python as expressions of Rust.

use super::expression::Expression;
use super::writer::Writer;
use crate::model::{Body, DefaultValue, Field, Type};
use crate::names;

impl Writer<'_> {
    /// Returns the expression of a default as a value of a type in the item at that place; `None` if there
    /// is none.
    pub(super) fn expression(
        &mut self,
        of: &Type,
        default: &DefaultValue,
        item: usize,
    ) -> Option<Expression> {
        let resolved = self.resolved(of);
        let value = match &resolved {
            Type::Optional { .. } if matches!(default, DefaultValue::None) => {
                Expression::code("None")
            }
            Type::Optional { of } => {
                let value = self.expression(of, default, item)?;
                Expression::call("Some", value)
            }
            Type::Any | Type::Unknown { .. } => self.dynamic(default)?,
            Type::Named { .. } => self.of_class(&resolved, default)?,
            Type::Tuple { .. } => self.parts(&resolved, default, item)?,
            _ => scalar(&resolved, default).or_else(|| self.contained(&resolved, default, item))?,
        };
        if self.is_boxed(of, item) {
            return Some(Expression::call("Box::new", value));
        }
        Some(value)
    }

    /// Returns the function that makes a default that is Rust's own for a type; `None` if it is another.
    pub(super) fn own_default(&mut self, of: &Type, default: &DefaultValue) -> Option<String> {
        let function = match (of, default) {
            (Type::Optional { .. }, DefaultValue::None) => "Option::default",
            (Type::None, DefaultValue::None)
            | (Type::Bool, DefaultValue::Bool { value: false }) => "Default::default",
            (Type::Int, DefaultValue::Int { value }) if value == "0" => "Default::default",
            (Type::Float, DefaultValue::Float { value } | DefaultValue::Int { value })
                if value == "0.0" || value == "0" =>
            {
                "Default::default"
            }
            (Type::Str, DefaultValue::Str { value }) if value.is_empty() => "String::new",
            (Type::Bytes, DefaultValue::Bytes { value })
            | (Type::Bytearray, DefaultValue::Bytearray { value })
                if value.is_empty() =>
            {
                "Default::default"
            }
            (Type::List { .. }, DefaultValue::List { items } | DefaultValue::Tuple { items })
                if items.is_empty() =>
            {
                "Vec::new"
            }
            (Type::VarTuple { .. }, DefaultValue::Tuple { items }) if items.is_empty() => {
                "Tuple::default"
            }
            (Type::Set { .. }, DefaultValue::Set { items }) if items.is_empty() => "Set::default",
            (Type::Frozenset { .. }, DefaultValue::Frozenset { items }) if items.is_empty() => {
                "FrozenSet::default"
            }
            (Type::Dict { key, .. }, DefaultValue::Dict { items }) if items.is_empty() => {
                return Some(format!("{}::new", self.map_of(key)));
            }
            _ => return None,
        };
        Some(function.to_owned())
    }

    /// Returns a collection that keeps its parts elsewhere.
    fn contained(&mut self, of: &Type, default: &DefaultValue, item: usize) -> Option<Expression> {
        self.containers += 1;
        let value = self.parts(of, default, item);
        self.containers -= 1;
        value
    }

    /// Returns a collection.
    fn parts(&mut self, of: &Type, default: &DefaultValue, item: usize) -> Option<Expression> {
        let (wrapper, of, items) = match (of, default) {
            (Type::List { of }, DefaultValue::List { items } | DefaultValue::Tuple { items }) => {
                ("", of, items)
            }
            (Type::VarTuple { of }, DefaultValue::Tuple { items }) => ("Tuple", of, items),
            (Type::Set { of }, DefaultValue::Set { items }) => ("Set", of, items),
            (Type::Frozenset { of }, DefaultValue::Frozenset { items }) => ("FrozenSet", of, items),
            (Type::Tuple { of }, DefaultValue::Tuple { items }) if of.len() == items.len() => {
                let parts = of.iter().zip(items);
                let parts: Option<Vec<_>> = parts
                    .map(|(of, default)| self.expression(of, default, item))
                    .collect();
                return Some(tuple(parts?));
            }
            (Type::Dict { key, value }, DefaultValue::Dict { items }) => {
                let mut parts = Vec::new();
                for (one, other) in items {
                    let key = self.expression(key, one, item)?;
                    parts.push(tuple(vec![key, self.expression(value, other, item)?]));
                }
                let map = self.map_of(key);
                return Some(Expression::Call {
                    open: format!("{map}::from(["),
                    parts,
                    close: "])",
                });
            }
            _ => return None,
        };
        let parts: Option<Vec<_>> = items
            .iter()
            .map(|default| self.expression(of, default, item))
            .collect();
        let list = Expression::Call {
            open: "vec![".to_owned(),
            parts: parts?,
            close: "]",
        };
        Some(if wrapper.is_empty() {
            list
        } else {
            Expression::call(wrapper, list)
        })
    }

    /// Returns a member of an enum, an object, or a value of a newtype.
    fn of_class(&mut self, of: &Type, default: &DefaultValue) -> Option<Expression> {
        let at = self.plan.place(of)?;
        let named = self.plan.items.get(at)?;
        let rust = &named.rust;
        match (&named.definition.body, default) {
            (Body::Newtype { of }, _) => {
                let value = self.expression(of, default, at)?;
                Some(Expression::call(rust, value))
            }
            (Body::Enum { members, .. }, DefaultValue::Member { member, .. }) => {
                let names = super::labels::variants(members);
                let index = members.iter().position(|known| known.name == *member)?;
                let is_same = self.plan.find_default(default) == Some(at);
                let name = names.get(index).filter(|_| is_same)?;
                Some(Expression::code(format!("{rust}::{name}")))
            }
            (Body::Union { members }, DefaultValue::Object { .. }) => {
                let found = self.plan.find_default(default)?;
                let member = members
                    .iter()
                    .find(|member| self.plan.place(member) == Some(found))?;
                let name = &self.plan.items.get(found)?.rust;
                let value = self.of_class(member, default)?;
                Some(Expression::call(&format!("{rust}::{name}"), value))
            }
            (Body::Dataclass { fields, .. }, DefaultValue::Object { fields: given, .. }) => {
                let is_same = self.plan.find_default(default) == Some(at);
                let names = super::labels::field_names(fields);
                let mut out = Vec::new();
                for (field, name) in fields.iter().zip(names).filter(|_| is_same) {
                    out.push((names::field(&name), self.given(field, given, at)?));
                }
                is_same.then(|| Expression::Struct {
                    name: rust.clone(),
                    fields: out,
                })
            }
            _ => None,
        }
    }

    /// Returns the value of a field of an object.
    fn given(
        &mut self,
        field: &Field,
        given: &[(String, DefaultValue)],
        at: usize,
    ) -> Option<Expression> {
        if !field.init {
            return Some(Expression::code("None"));
        }
        let (_, value) = given.iter().find(|(name, _)| *name == field.name)?;
        self.expression(&field.of, value, at)
    }

    /// Returns a dynamic value.
    fn dynamic(&mut self, default: &DefaultValue) -> Option<Expression> {
        self.imports.insert("Value");
        let from = |of: Type| Some(Expression::call("Value::from", scalar(&of, default)?));
        match default {
            DefaultValue::None => Some(Expression::code("Value::None")),
            DefaultValue::Bool { .. } => from(Type::Bool),
            DefaultValue::Int { value } => {
                let number = value.parse::<i64>().ok()?;
                Some(Expression::code(format!(
                    "Value::from({}_i64)",
                    grouped(number)
                )))
            }
            DefaultValue::Float { .. } => from(Type::Float),
            DefaultValue::Str { value } => {
                Some(Expression::code(format!("Value::from({value:?})")))
            }
            DefaultValue::List { items } => self.dynamic_parts("list", items),
            DefaultValue::Tuple { items } => self.dynamic_parts("tuple", items),
            DefaultValue::Frozenset { items } => self.dynamic_parts("frozen_set", items),
            DefaultValue::Dict { items } if items.is_empty() => {
                Some(Expression::code("Value::dict([] as [(Value, Value); 0])"))
            }
            _ => None,
        }
    }

    fn dynamic_parts(&mut self, kind: &str, items: &[DefaultValue]) -> Option<Expression> {
        if items.is_empty() {
            return Some(Expression::code(format!("Value::{kind}([] as [Value; 0])")));
        }
        let parts: Option<Vec<_>> = items.iter().map(|one| self.dynamic(one)).collect();
        Some(Expression::Call {
            open: format!("Value::{kind}(["),
            parts: parts?,
            close: "])",
        })
    }
}

fn tuple(parts: Vec<Expression>) -> Expression {
    let close = if parts.len() == 1 { ",)" } else { ")" };
    Expression::Call {
        open: "(".to_owned(),
        parts,
        close,
    }
}

/// Returns a scalar of a type.
fn scalar(of: &Type, default: &DefaultValue) -> Option<Expression> {
    let code = match (of, default) {
        (Type::None, DefaultValue::None) => "()".to_owned(),
        (Type::Bool, DefaultValue::Bool { value }) => value.to_string(),
        (Type::Int, DefaultValue::Int { value }) => grouped(value.parse().ok()?),
        (Type::Bigint, DefaultValue::Int { value }) => {
            let number: i64 = value.parse().ok()?;
            let digits = format!("{}_i64", grouped(number));
            // A minus binds less tightly than the call behind it.
            let number = if number < 0 {
                format!("({digits})")
            } else {
                digits
            };
            format!("BigInt({number}.into())")
        }
        (Type::Float, DefaultValue::Float { value } | DefaultValue::Int { value }) => float(value)?,
        (Type::Str, DefaultValue::Str { value }) if value.is_empty() => "String::new()".to_owned(),
        (Type::Str, DefaultValue::Str { value }) => {
            let text = Expression::code(format!("{value:?}"));
            return Some(Expression::call("String::from", text));
        }
        (Type::Bytes, DefaultValue::Bytes { value }) => format!("Bytes(vec!{value:?})"),
        (Type::Bytearray, DefaultValue::Bytearray { value }) => format!("ByteArray(vec!{value:?})"),
        (Type::Decimal, DefaultValue::Decimal { value }) => format!("Decimal({value:?}.into())"),
        (Type::Uuid, DefaultValue::Uuid { value }) => {
            let digits: Vec<char> = value.chars().filter(|c| *c != '-').collect();
            let groups = digits.chunks(4).map(String::from_iter).collect::<Vec<_>>();
            format!("Uuid(0x{}_u128.to_be_bytes())", groups.join("_"))
        }
        (
            Type::Timedelta,
            DefaultValue::Timedelta {
                value: (days, seconds, microseconds),
            },
        ) => {
            let field =
                |name: &str, value: i64| (name.to_owned(), Expression::code(grouped(value)));
            return Some(Expression::Struct {
                name: "TimeDelta".to_owned(),
                fields: vec![
                    field("days", (*days).into()),
                    field("seconds", (*seconds).into()),
                    field("microseconds", (*microseconds).into()),
                ],
            });
        }
        _ => return None,
    };
    Some(Expression::code(code))
}

/// Returns a number with its digits in groups of three, if it is long.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    if digits.len() < 5 {
        return format!("{sign}{digits}");
    }
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

fn float(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    Some(if number.is_nan() {
        "f64::NAN".to_owned()
    } else if number.is_infinite() {
        let sign = if number < 0.0 { "NEG_" } else { "" };
        format!("f64::{sign}INFINITY")
    } else {
        format!("{number:?}")
    })
}
