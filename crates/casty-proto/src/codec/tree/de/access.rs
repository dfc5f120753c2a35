//! Access to the parts of containers.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::marker::{self, Marker};
use super::super::read_value::NO_PAIR;
use super::super::reader::Reader;
use super::super::source::{Kind, Open, Source};
use super::head::Head;
use crate::forward::forward_deserializer;
use crate::value::{VALUE, hand_over};
use crate::{DecodeError, Value};

/// The elements of an array.
pub(super) struct Seq<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    pub(super) open: &'a mut Open,
}

impl<'de, S: Source> SeqAccess<'de> for Seq<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if !self.reader.source.next(self.open)? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.reader.source.hint(*self.open)
    }
}

/// The entries of the array behind `__dict__`.
pub(super) struct Pairs<'a, S> {
    reader: &'a mut Reader<S>,
    open: &'a mut Open,
    /// The entry whose key was read, until its value is.
    pair: Option<Open>,
}

impl<'a, S: Source> Pairs<'a, S> {
    pub(super) fn new(reader: &'a mut Reader<S>, open: &'a mut Open) -> Self {
        Self {
            reader,
            open,
            pair: None,
        }
    }
}

impl<'de, S: Source> MapAccess<'de> for Pairs<'_, S> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let reader = &mut *self.reader;
        if !reader.source.next(self.open)? {
            return Ok(None);
        }
        reader.item()?;
        if reader.source.peek()? != Kind::Array {
            return Err(reader.malformed(NO_PAIR));
        }
        let mut pair = reader.source.open_array()?;
        if !reader.source.next(&mut pair)? {
            return Err(reader.malformed(NO_PAIR));
        }
        let key = seed.deserialize(&mut *reader)?;
        self.pair = Some(pair);
        Ok(Some(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let reader = &mut *self.reader;
        let Some(mut pair) = self.pair.take() else {
            return Err(reader.malformed(NO_PAIR));
        };
        if !reader.source.next(&mut pair)? {
            return Err(reader.malformed(NO_PAIR));
        }
        let value = seed.deserialize(&mut *reader)?;
        if reader.source.next(&mut pair)? {
            return Err(reader.malformed(NO_PAIR));
        }
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.reader.source.hint(*self.open)
    }
}

/// The fields of an object, except its class.
pub(super) struct Fields<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    pub(super) open: &'a mut Open,
}

impl<'de, S: Source> MapAccess<'de> for Fields<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        loop {
            self.reader.item()?;
            match self.reader.source.next_key(self.open)? {
                None => return Ok(None),
                Some(marker::TYPE) => {}
                Some(key) => return seed.deserialize(Name(key)).map(Some),
            }
            self.reader.skip()?;
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<S: Source> Reader<S> {
    /// Reads an array that is a value of its own.
    pub(super) fn list<'de, V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let value = self.seq(visitor)?;
        self.leave();
        Ok(value)
    }

    /// Reads an object for a visitor that knows no classes.
    pub(super) fn map<'de, V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let head = self.head()?;
        let value = self.untyped_object(head, visitor)?;
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

    /// Reads the keys of an object, except its class, as a map.
    #[inline]
    pub(super) fn fields<'de, V: Visitor<'de>>(
        &mut self,
        open: &mut Open,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let value = visitor.visit_map(Fields { reader: self, open })?;
        self.close(open)?;
        Ok(value)
    }

    /// Reads what is left of an object for a visitor that knows no classes.
    fn untyped_object<'de, V: Visitor<'de>>(
        &mut self,
        head: Head,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut open = head.open;
        let value = match head.marker {
            None => return self.fields(&mut open, visitor),
            Some(Marker::Type) => {
                self.source.str()?;
                open = head.into_keys(self);
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
}

/// The name of a field, variant or member, or a key of a plain object.
pub(super) struct Name<'a>(pub(super) &'a str);

impl Name<'_> {
    fn newtype_struct<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            VALUE => hand_over(Value::from(self.0), visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }
}

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    forward_deserializer! { newtype_struct }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
