//! Reads a tree as any serde value, streaming.

use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::marker::{self, Marker};
use super::read_value::{self, Dialect};
use super::reader::Reader;
use super::source::{Kind, Mark, Number, Open, Source};
use crate::value::{VALUE, give, take};
use crate::{DecodeError, Limits, reference};

mod access;
mod variant;

use access::{Fields, Pairs, Seq};
use variant::{Instance, MemberName};

/// Reads the value that makes up the whole source.
pub(super) fn decode<T: DeserializeOwned, S: Source>(
    source: S,
    size: usize,
    limits: &Limits,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(source, size, limits);
    let value = T::deserialize(&mut reader)?;
    reader.source.end()?;
    Ok(value)
}

/// An object that was opened as far as its marker.
struct Head {
    /// The marker, if there is any; the source stands before its value, or else before the
    /// first key.
    marker: Option<Marker>,
    open: Open,
    /// Where the first key is, when other keys came before the marker.
    late: Option<(Mark, Open)>,
}

impl Head {
    /// Goes back to keys that came before the marker, if any did.
    fn fields<S: Source>(self, reader: &mut Reader<S>) -> Open {
        match self.late {
            Some((mark, open)) => {
                reader.source.rewind(mark);
                open
            }
            None => self.open,
        }
    }
}

impl<S: Source> Reader<S> {
    /// Opens an object and finds its marker. Nodes write it first; one that comes later is found
    /// by passing over what precedes it, which is then read again.
    #[inline]
    fn head(&mut self) -> Result<Head, DecodeError> {
        let start = self.source.open_map()?;
        let keys = self.source.mark();
        let mut open = start;
        self.item()?;
        let Some(key) = self.source.next_key(&mut open)? else {
            // Closed; asked again, it is still closed.
            return Ok(Head {
                marker: None,
                open,
                late: None,
            });
        };
        if let Some(marker) = Marker::of(key)
            && marker.fits(self.source.peek()?)
        {
            return Ok(Head {
                marker: Some(marker),
                open,
                late: None,
            });
        }
        self.late_head(keys, start, open)
    }

    #[cold]
    fn late_head(&mut self, keys: Mark, start: Open, mut open: Open) -> Result<Head, DecodeError> {
        let marker = loop {
            self.skip()?;
            self.item()?;
            let Some(key) = self.source.next_key(&mut open)? else {
                break None;
            };
            if let Some(marker) = Marker::of(key)
                && marker.fits(self.source.peek()?)
            {
                break Some(marker);
            }
        };
        self.visit(self.source.at() - keys.at)?;
        if marker.is_none() {
            self.source.rewind(keys);
            open = start;
        }
        Ok(Head {
            marker,
            open,
            late: marker.map(|_| (keys, start)),
        })
    }

    /// Passes over the keys that are left of an object.
    #[inline]
    fn close(&mut self, open: &mut Open) -> Result<(), DecodeError> {
        while self.source.next_key(open)?.is_some() {
            self.item()?;
            self.skip()?;
        }
        Ok(())
    }

    /// Reads an array that is a value of its own.
    fn list<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let value = self.seq(visitor)?;
        self.leave();
        Ok(value)
    }

    /// Reads an object for a visitor that knows no classes.
    fn map<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let head = self.head()?;
        let value = self.object(head, visitor)?;
        self.leave();
        Ok(value)
    }

    /// Reads an array for a visitor, which must take all of it.
    fn seq<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut open = self.source.open_array()?;
        let value = visitor.visit_seq(Seq {
            reader: self,
            open: &mut open,
        })?;
        if self.source.next(&mut open)? {
            return Err(self.malformed("more elements than the type has"));
        }
        Ok(value)
    }

    /// Reads the array behind `__dict__` as a map.
    fn pairs<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut open = self.source.open_array()?;
        let value = visitor.visit_map(Pairs::new(self, &mut open))?;
        if self.source.next(&mut open)? {
            return Err(self.malformed("more entries than the type has"));
        }
        Ok(value)
    }

    /// Reads the keys of an object, but for its class, as a map.
    #[inline]
    fn fields<'de, V: Visitor<'de>>(
        &mut self,
        open: &mut Open,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let value = visitor.visit_map(Fields { reader: self, open })?;
        self.close(open)?;
        Ok(value)
    }

    /// Goes to the name of an enum's member; the class was read.
    fn member(&mut self, head: Head) -> Result<Open, DecodeError> {
        let mut open = head.fields(self);
        loop {
            self.item()?;
            let Some(key) = self.source.next_key(&mut open)? else {
                return Err(self.malformed("an enum without its member"));
            };
            if key == marker::MEMBER && self.source.peek()? == Kind::Str {
                return Ok(open);
            }
            self.skip()?;
        }
    }

    /// Reads what is left of an object for a visitor that knows no classes.
    fn object<'de, V: Visitor<'de>>(
        &mut self,
        head: Head,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut open = head.open;
        let value = match head.marker {
            None => return self.fields(&mut open, visitor),
            Some(Marker::Type) => {
                self.source.str()?;
                open = head.fields(self);
                return self.fields(&mut open, visitor);
            }
            Some(Marker::Enum) => {
                self.source.str()?;
                open = self.member(head)?;
                visitor.visit_str(self.source.str()?)?
            }
            Some(Marker::Ref) => visitor.visit_str(self.source.str()?)?,
            Some(Marker::Tuple | Marker::FrozenSet) => self.seq(visitor)?,
            Some(Marker::Dict) => self.pairs(visitor)?,
        };
        self.close(&mut open)?;
        Ok(value)
    }

    /// Reads the class of an object and holds it against a type's; an undotted name takes any.
    #[inline]
    fn check_class(&mut self, expected: &'static str) -> Result<(), DecodeError> {
        let found = self.source.str()?;
        if marker::same_class(expected, found) || !marker::is_class(expected) {
            return Ok(());
        }
        Err(DecodeError::Class {
            expected,
            found: found.into(),
        })
    }

    /// Opens an object of the class that `name` names; none if `name` names no class and
    /// something else is there, nothing of which was then consumed.
    #[inline]
    fn instance(&mut self, name: &'static str) -> Result<Option<Open>, DecodeError> {
        let kind = self.source.peek()?;
        let start = self.source.mark();
        let found = if kind == Kind::Map {
            let head = self.head()?;
            match head.marker {
                Some(Marker::Type) => {
                    self.check_class(name)?;
                    return Ok(Some(head.fields(self)));
                }
                Some(other) => other.class(),
                None => kind.class(),
            }
        } else {
            kind.class()
        };
        if marker::is_class(name) {
            return Err(DecodeError::Class {
                expected: name,
                found: found.into(),
            });
        }
        self.source.rewind(start);
        Ok(None)
    }
}

impl<'de, S: Source> Deserializer<'de> for &mut Reader<S> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.item()?;
        match self.source.peek()? {
            Kind::Null => {
                self.source.null()?;
                visitor.visit_unit()
            }
            Kind::Bool => visitor.visit_bool(self.source.bool()?),
            Kind::Number => visit_number(self.source.number()?, visitor),
            Kind::Str => visitor.visit_str(self.source.str()?),
            Kind::Bytes => visitor.visit_bytes(self.source.bytes()?),
            Kind::Array => self.list(visitor),
            Kind::Map => self.map(visitor),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.source.peek()? == Kind::Array {
            self.item()?;
            return self.list(visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.source.peek()? == Kind::Null {
            self.item()?;
            self.source.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            VALUE => {
                give(read_value::read(self, Dialect::Wire)?);
                let value = visitor.visit_newtype_struct(UnitDeserializer::new());
                drop(take());
                value
            }
            reference::REF => {
                self.item()?;
                if self.source.peek()? == Kind::Map {
                    let mut head = self.head()?;
                    if head.marker == Some(Marker::Ref) {
                        let value = visitor.visit_str(self.source.str()?)?;
                        self.close(&mut head.open)?;
                        return Ok(value);
                    }
                }
                Err(DecodeError::invalid_type(
                    Unexpected::Other("another value"),
                    &"an actor reference",
                ))
            }
            _ if marker::is_class(name) => Err(DecodeError::custom(
                "a tuple struct as a dataclass: its fields have no names",
            )),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        self.enter()?;
        let Some(mut open) = self.instance(name)? else {
            self.leave();
            return self.deserialize_any(visitor);
        };
        let value = self.fields(&mut open, visitor)?;
        self.leave();
        Ok(value)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        let Some(mut open) = self.instance(name)? else {
            return self.deserialize_any(visitor);
        };
        self.close(&mut open)?;
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        let kind = self.source.peek()?;
        if kind != Kind::Map {
            return Err(no_member(name, kind.class()));
        }
        self.enter()?;
        let start = self.source.mark();
        let head = self.head()?;
        let value = match head.marker {
            Some(Marker::Enum) => {
                self.check_class(name)?;
                let mut open = self.member(head)?;
                let value = visitor.visit_enum(MemberName(self))?;
                self.close(&mut open)?;
                value
            }
            Some(Marker::Type) => visitor.visit_enum(Instance {
                reader: self,
                head,
                start,
                variants,
            })?,
            Some(other) => return Err(no_member(name, other.class())),
            None => return Err(no_member(name, kind.class())),
        };
        self.leave();
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit tuple tuple_struct map identifier
    }
}

/// What is there is neither an enum's member nor an instance of a class.
#[cold]
fn no_member(expected: &'static str, found: &'static str) -> DecodeError {
    DecodeError::Class {
        expected,
        found: found.into(),
    }
}

#[inline]
fn visit_number<'de, V: Visitor<'de>>(number: Number, visitor: V) -> Result<V::Value, DecodeError> {
    match number {
        Number::Int(value) => visitor.visit_i64(value),
        Number::UInt(value) => visitor.visit_u64(value),
        Number::Float(value) => visitor.visit_f64(value),
        Number::Big(value) => {
            if let Ok(value) = i128::try_from(&value) {
                visitor.visit_i128(value)
            } else if let Ok(value) = u128::try_from(value) {
                visitor.visit_u128(value)
            } else {
                Err(DecodeError::custom("an int of more than 128 bits"))
            }
        }
    }
}
