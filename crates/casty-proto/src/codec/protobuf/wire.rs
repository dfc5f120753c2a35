//! Fields of messages, and the budget of an input.

use std::cell::Cell;

use super::tag;
use crate::{DecodeError, Limit, Limits};

/// The highest number of a field.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// The budget of one input, shared by all readers of its parts.
pub(super) struct Budget {
    /// The address of the input, for offsets in errors.
    start: usize,
    items: Cell<usize>,
    max_items: usize,
    /// The most containers around one another.
    pub(super) depth: usize,
}

impl Budget {
    pub(super) fn new(input: &[u8], limits: &Limits) -> Self {
        Self {
            start: input.as_ptr().addr(),
            items: Cell::new(limits.items),
            max_items: limits.items,
            depth: limits.depth.min(Limits::MAX_DEPTH),
        }
    }

    /// Counts a value, key or name.
    #[inline]
    pub(super) fn item(&self) -> Result<(), DecodeError> {
        self.check_items(1)?;
        self.items.set(self.items.get() - 1);
        Ok(())
    }

    /// Checks that so many more items are within the limit.
    #[inline]
    pub(super) fn check_items(&self, items: usize) -> Result<(), DecodeError> {
        if items > self.items.get() {
            return Err(self.too_many());
        }
        Ok(())
    }

    #[cold]
    fn too_many(&self) -> DecodeError {
        DecodeError::limit(Limit::Items, self.max_items)
    }

    #[cold]
    pub(super) fn too_deep(&self) -> DecodeError {
        DecodeError::limit(Limit::Depth, self.depth)
    }

    /// Returns the error about `part` of the input.
    #[cold]
    pub(super) fn malformed(&self, what: &'static str, part: &[u8]) -> DecodeError {
        DecodeError::malformed(what, self.at(part))
    }

    /// Returns the offset of a part of the input.
    fn at(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().saturating_sub(self.start)
    }

    /// Checks that a part of the input is text.
    #[inline]
    pub(super) fn text<'de>(&self, bytes: &'de [u8]) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a string that is no UTF-8", bytes))
    }
}

/// The content of a field, as far as its wire type tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'de> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'de [u8]),
    /// Four bytes, which no field of the schema has.
    Fixed32,
}

/// The fields of a message that are still to come.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a, 'de> {
    pub(super) budget: &'a Budget,
    rest: &'de [u8],
}

impl<'a, 'de> Fields<'a, 'de> {
    pub(super) fn new(budget: &'a Budget, message: &'de [u8]) -> Self {
        Self {
            budget,
            rest: message,
        }
    }

    /// Reads the next field: its number and its content.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Content<'de>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let begun = self.rest;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > MAX_NUMBER {
            return Err(self.budget.malformed("a field that no message has", begun));
        }
        let content = match (tag & 7) as u8 {
            tag::VARINT => Content::Varint(self.varint()?),
            tag::FIXED64 => Content::Fixed64(self.fixed()?),
            tag::LEN => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Content::Bytes(self.take(len)?)
            }
            tag::FIXED32 => {
                self.fixed::<4>()?;
                Content::Fixed32
            }
            _ => return Err(self.budget.malformed("a field of no known form", begun)),
        };
        Ok(Some((number, content)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte < 0x80
        {
            self.rest = rest;
            return Ok(byte.into());
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let begun = self.rest;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(self.truncated());
            };
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte, only one bit is within 64.
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.budget.malformed("a number beyond 64 bits", begun))
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(*chunk)
            }
            None => Err(self.truncated()),
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.truncated()),
        }
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        DecodeError::Truncated {
            at: self.budget.at(self.rest) + self.rest.len(),
        }
    }

    /// Returns the content of a field that is a text, bytes or a message.
    #[inline]
    pub(super) fn bytes(&self, content: Content<'de>) -> Result<&'de [u8], DecodeError> {
        match content {
            Content::Bytes(bytes) => Ok(bytes),
            _ => Err(self.other_wire_type()),
        }
    }

    /// Returns the error of the field that was just read: its wire type is not the schema's.
    #[cold]
    pub(super) fn other_wire_type(&self) -> DecodeError {
        self.budget
            .malformed("a field of another form than the schema has", self.rest)
    }
}

/// The occurrences of one repeated field of a message.
#[derive(Clone, Copy)]
pub(super) struct Repeated<'a, 'de> {
    fields: Fields<'a, 'de>,
    number: u8,
    /// Another field that may occur once at most, and whether it has.
    once: Option<u8>,
    seen: bool,
}

impl<'a, 'de> Repeated<'a, 'de> {
    pub(super) fn new(budget: &'a Budget, message: &'de [u8], number: u8) -> Self {
        Self {
            fields: Fields::new(budget, message),
            number,
            once: None,
            seen: false,
        }
    }

    /// Returns the same, which refuses a second occurrence of another field.
    #[inline]
    pub(super) fn beside_one(self, number: u8) -> Self {
        Self {
            once: Some(number),
            ..self
        }
    }

    /// Reads the next occurrence; other fields are skipped.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        while let Some((number, content)) = self.fields.next()? {
            if number == u64::from(self.number) {
                return self.fields.bytes(content).map(Some);
            }
            if self.once.is_some_and(|once| number == u64::from(once)) {
                if self.seen {
                    return Err(self.malformed(TWICE));
                }
                self.seen = true;
            }
        }
        Ok(None)
    }

    /// Returns the number of occurrences still to come, as far as they are well formed.
    pub(super) fn count(mut self) -> usize {
        let mut count = 0;
        while let Ok(Some(_)) = self.next() {
            count += 1;
        }
        count
    }

    /// Reads the only occurrence: another one is an error.
    pub(super) fn only(mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        let only = self.next()?;
        match self.next()? {
            None => Ok(only),
            Some(_) => Err(self.fields.budget.malformed(TWICE, self.fields.rest)),
        }
    }

    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        self.fields.budget.malformed(what, self.fields.rest)
    }
}

/// The fault of a field that occurs twice, and may only once.
pub(super) const TWICE: &str = "a field that is there twice";
