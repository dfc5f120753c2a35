//! Fields of messages, and what may still be spent on an input.

use std::cell::Cell;

use super::tag;
use crate::error::Limit;
use crate::{DecodeError, Limits};

/// The highest number that a field can have.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// What one input may cost, shared by all that read parts of it.
pub(super) struct Budget {
    /// Where the input lies, for offsets in errors.
    start: usize,
    items: Cell<usize>,
    max_items: usize,
    /// How many containers may be entered.
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
        self.afford(1)?;
        self.items.set(self.items.get() - 1);
        Ok(())
    }

    /// Checks that so many more items are within the limit.
    #[inline]
    pub(super) fn afford(&self, items: usize) -> Result<(), DecodeError> {
        if items > self.items.get() {
            return Err(self.too_many());
        }
        Ok(())
    }

    #[cold]
    fn too_many(&self) -> DecodeError {
        DecodeError::Limit {
            limit: Limit::Items,
            max: self.max_items,
        }
    }

    #[cold]
    pub(super) fn too_deep(&self) -> DecodeError {
        DecodeError::Limit {
            limit: Limit::Depth,
            max: self.depth,
        }
    }

    /// The error about `part` of the input.
    #[cold]
    pub(super) fn malformed(&self, what: &'static str, part: &[u8]) -> DecodeError {
        DecodeError::Malformed {
            what,
            at: self.at(part),
        }
    }

    fn at(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().saturating_sub(self.start)
    }

    #[inline]
    pub(super) fn text<'de>(&self, bytes: &'de [u8]) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a string that is no UTF-8", bytes))
    }
}

/// What a field holds, as far as the wire tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'de> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'de [u8]),
    /// Nothing in the schema is one.
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

    /// The next field: its number and what it holds.
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
            // The tenth byte has room for one bit.
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

    /// The content of a field that is a text, bytes or a message.
    #[inline]
    pub(super) fn bytes(&self, content: Content<'de>) -> Result<&'de [u8], DecodeError> {
        match content {
            Content::Bytes(bytes) => Ok(bytes),
            _ => Err(self.other_form()),
        }
    }

    /// The error of a field that was just read.
    #[cold]
    pub(super) fn other_form(&self) -> DecodeError {
        self.budget
            .malformed("a field of another form than the schema has", self.rest)
    }
}

/// Those fields of a message that are parts of it.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a, 'de> {
    fields: Fields<'a, 'de>,
    number: u8,
    /// A field that is there once at most, if any is watched, and whether it was passed.
    once: Option<u8>,
    passed: bool,
}

impl<'a, 'de> Parts<'a, 'de> {
    pub(super) fn new(budget: &'a Budget, message: &'de [u8], number: u8) -> Self {
        Self {
            fields: Fields::new(budget, message),
            number,
            once: None,
            passed: false,
        }
    }

    /// The same, refusing a second one of another field.
    #[inline]
    pub(super) fn beside_one(self, number: u8) -> Self {
        Self {
            once: Some(number),
            ..self
        }
    }

    /// The next part; other fields are passed over.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        while let Some((number, content)) = self.fields.next()? {
            if number == u64::from(self.number) {
                return self.fields.bytes(content).map(Some);
            }
            if self.once.is_some_and(|once| number == u64::from(once)) {
                if self.passed {
                    return Err(self.malformed(TWICE));
                }
                self.passed = true;
            }
        }
        Ok(None)
    }

    /// How many parts are still to come, as far as they are well formed.
    pub(super) fn count(mut self) -> usize {
        let mut count = 0;
        while let Ok(Some(_)) = self.next() {
            count += 1;
        }
        count
    }

    /// The only part: another one is an error.
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

/// What is wrong with a field that no message has two of.
pub(super) const TWICE: &str = "a field that is there twice";
