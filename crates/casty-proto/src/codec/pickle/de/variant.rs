//! Enums: members of a Python enum, and unions of dataclasses.

use std::fmt::Write as _;

use serde::de::value::BytesDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};

use super::{De, stdlib};
use crate::DecodeError;
use crate::codec::pickle::arena::{Arena, Id, Node};
use crate::codec::pickle::class;

/// How deep the tuples of an enum's value may nest.
const MAX_VALUE_DEPTH: usize = 4;

/// Reads an enum: a container named as a Python enum whose variants are its members (by name, or
/// by the `str()` of their values), or one whose variants are named as dataclasses.
pub(super) fn deserialize<'de, V: Visitor<'de>>(
    de: De<'_, 'de>,
    name: &'static str,
    variants: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let Some(class) = de.class() else {
        return Err(if class::is_dotted(name) {
            super::needs_python(de.arena, de.id).unwrap_or_else(|| de.other_class(name))
        } else {
            de.unexpected(&visitor)
        });
    };
    if let Node::Member { name: member, .. } = de.arena.node(de.id) {
        de.check_class(name)?;
        return choose(de, de.arena.raw(member), visitor);
    }
    if de.arena.is_class(class, name)
        && let Node::Constructed { args, .. } = de.arena.node(de.id)
        && let [value] = *de.arena.items(args)
        && let Some(text) = python_text(de.arena, value)
    {
        return choose(de, text.as_bytes(), visitor);
    }
    let variant = variants
        .iter()
        .find(|variant| de.arena.is_class(class, variant));
    match variant {
        Some(variant) => choose(de, variant.as_bytes(), visitor),
        None if class::is_dotted(name) => Err(de.other_class(name)),
        None => choose(de, de.arena.class_name(class).as_bytes(), visitor),
    }
}

fn choose<'de, V: Visitor<'de>>(
    de: De<'_, 'de>,
    variant: &[u8],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    visitor.visit_enum(Chosen { de, variant })
}

struct Chosen<'a, 'de, 'v> {
    de: De<'a, 'de>,
    variant: &'v [u8],
}

impl<'a, 'de> EnumAccess<'de> for Chosen<'a, 'de, '_> {
    type Error = DecodeError;
    type Variant = Content<'a, 'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Content<'a, 'de>), DecodeError> {
        let variant = BytesDeserializer::new(self.variant);
        Ok((seed.deserialize(variant)?, Content(self.de)))
    }
}

/// The object that a variant is made of.
struct Content<'a, 'de>(De<'a, 'de>);

impl<'de> VariantAccess<'de> for Content<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.0.again()?)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0.arguments(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0.fields(visitor)
    }
}

/// What Python's `str()` makes of the value of an enum's member: `2`, `green`, `(0, 0, 255)`.
/// None of values that are no scalars or tuples of them.
pub(in crate::codec::pickle) fn python_text(arena: &Arena<'_>, id: Id) -> Option<String> {
    if let Node::Str(span) = arena.node(id) {
        return arena.text(span).ok().map(str::to_owned);
    }
    let mut out = String::new();
    write_repr(arena, id, MAX_VALUE_DEPTH, &mut out)?;
    Some(out)
}

fn write_repr(arena: &Arena<'_>, id: Id, depth: usize, out: &mut String) -> Option<()> {
    match arena.node(id) {
        Node::None => out.push_str("None"),
        Node::Bool(true) => out.push_str("True"),
        Node::Bool(false) => out.push_str("False"),
        Node::Int(int) => write!(out, "{int}").ok()?,
        Node::Long(span) => {
            let bytes = arena.bytes(span);
            match (stdlib::unsigned(bytes), stdlib::signed(bytes)) {
                (Some(int), _) => write!(out, "{int}").ok()?,
                (None, Some(int)) => write!(out, "{int}").ok()?,
                (None, None) => return None,
            }
        }
        Node::Float(float) => write_float(float, out)?,
        Node::Str(span) => write_quoted(arena.text(span).ok()?, out),
        Node::Tuple(kids) => {
            let depth = depth.checked_sub(1)?;
            let kids = arena.kids(kids);
            out.push('(');
            for (at, &kid) in kids.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_repr(arena, kid, depth, out)?;
            }
            out.push_str(if kids.len() == 1 { ",)" } else { ")" });
        }
        _ => return None,
    }
    Some(())
}

fn write_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// The shortest digits that give the float back, in Python's form.
fn write_float(float: f64, out: &mut String) -> Option<()> {
    if float.is_nan() {
        out.push_str("nan");
        return Some(());
    }
    let magnitude = float.abs();
    if float.is_infinite() || magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return write!(out, "{float:?}").ok();
    }
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs()).ok()
}

#[cfg(test)]
mod tests {
    use super::write_float;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (float, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-5, "1e-05"),
            (123_456_789.0, "123456789.0"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (0.0001, "0.0001"),
            (9_007_199_254_740_992.0, "9007199254740992.0"),
        ] {
            let mut out = String::new();
            write_float(float, &mut out).unwrap();
            assert_eq!(out, text);
        }
    }
}
