//! Enums: members of a Python enum, and unions of dataclasses.

use serde::de::value::BytesDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};

use super::super::arena::Node;
use super::super::class;
use super::super::python_text::python_text;
use super::cursor::De;
use crate::DecodeError;
use crate::forward::forward_variant_access;

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
            de.arena
                .needs_python(de.id)
                .unwrap_or_else(|| de.other_class(name))
        } else {
            de.unexpected(&visitor)
        });
    };
    if let Node::Member { name: member, .. } = de.arena.node(de.id) {
        de.check_class(name)?;
        return choose(de, de.arena.str_bytes(member), None, visitor);
    }
    if de.arena.is_class(class, name)
        && let Node::Constructed { args, .. } = de.arena.node(de.id)
        && let [value] = *de.arena.items(args)
        && let Some(text) = python_text(de.arena, value)
    {
        return choose(de, text.as_bytes(), Some(name), visitor);
    }
    let variant = variants
        .iter()
        .find(|variant| de.arena.is_class(class, variant));
    match variant {
        Some(variant) => choose(de, variant.as_bytes(), None, visitor),
        None if class::is_dotted(name) => Err(de.other_class(name)),
        None => choose(de, de.arena.class_name(class).as_bytes(), None, visitor),
    }
}

fn choose<'de, V: Visitor<'de>>(
    de: De<'_, 'de>,
    variant: &[u8],
    by_value: Option<&'static str>,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    visitor.visit_enum(Chosen {
        de,
        variant,
        by_value,
    })
}

/// An enum whose variant is known by its name.
struct Chosen<'a, 'de, 'v> {
    de: De<'a, 'de>,
    variant: &'v [u8],
    /// The class of an enum whose member is known by its value only.
    by_value: Option<&'static str>,
}

impl<'a, 'de> EnumAccess<'de> for Chosen<'a, 'de, '_> {
    type Error = DecodeError;
    type Variant = Content<'a, 'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Content<'a, 'de>), DecodeError> {
        let variant = BytesDeserializer::new(self.variant);
        let chosen = seed.deserialize(variant);
        let chosen = chosen.map_err(|error: DecodeError| match self.by_value {
            Some(class) => error.by_value(class),
            None => error,
        })?;
        Ok((chosen, Content(self.de)))
    }
}

/// The object that a variant stands for.
struct Content<'a, 'de>(De<'a, 'de>);

impl<'a, 'de> Content<'a, 'de> {
    fn content(self) -> Result<De<'a, 'de>, DecodeError> {
        self.0.again()
    }

    fn tuple<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.arguments(visitor)
    }

    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.fields(visitor)
    }
}

impl<'de> VariantAccess<'de> for Content<'_, 'de> {
    forward_variant_access!();
}
