//! The deserializer's place in a message: one value.

use serde::de::{Error as _, Unexpected, Visitor};

use super::super::kind::Kind;
use super::super::wire::Budget;
use crate::class_name::{is_class, same_class};
use crate::{DecodeError, Limit};

/// The most times that a type may read one and the same value again (`Option`, newtypes). A type
/// that wraps nothing but itself would never end.
const MAX_REREADS: u8 = 32;

/// The deserializer of one value.
#[derive(Clone, Copy)]
pub(in crate::codec::protobuf) struct De<'a, 'de> {
    pub(super) budget: &'a Budget,
    pub(super) kind: Kind<'de>,
    /// The containers that may still be entered.
    pub(super) depth: usize,
    rereads: u8,
}

impl<'a, 'de> De<'a, 'de> {
    /// Returns the deserializer of the outermost value.
    pub(in crate::codec::protobuf) fn new(
        budget: &'a Budget,
        message: &'de [u8],
    ) -> Result<Self, DecodeError> {
        budget.item()?;
        Ok(Self {
            budget,
            kind: Kind::read(budget, message)?,
            depth: budget.depth,
            rereads: 0,
        })
    }

    /// Returns the deserializer of another value at the same depth.
    #[inline]
    pub(super) fn sibling(self, message: &'de [u8]) -> Result<Self, DecodeError> {
        self.budget.item()?;
        Ok(Self {
            kind: Kind::read(self.budget, message)?,
            rereads: 0,
            ..self
        })
    }

    /// Returns the same one level deeper, for the parts of a container.
    #[inline]
    pub(super) fn nested(self) -> Result<Self, DecodeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.budget.too_deep()),
        }
    }

    /// Returns the same for the type inside a type, which reads the value again.
    pub(super) fn again(self) -> Result<Self, DecodeError> {
        if self.rereads == MAX_REREADS {
            return Err(DecodeError::limit(Limit::Depth, MAX_REREADS.into()));
        }
        Ok(Self {
            rereads: self.rereads + 1,
            ..self
        })
    }

    /// Returns the error of a value that the visitor does not expect.
    #[cold]
    pub(super) fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        match self.kind.class(self.budget) {
            Ok(class) => DecodeError::invalid_type(Unexpected::Other(class), visitor),
            Err(malformed) => malformed,
        }
    }

    /// Checks that the value is of the class `expected`, if that names one.
    #[inline]
    pub(super) fn check_class(self, expected: &'static str) -> Result<(), DecodeError> {
        if !is_class(expected) {
            return Ok(());
        }
        let found = self.kind.class(self.budget)?;
        if same_class(expected, found) {
            return Ok(());
        }
        Err(DecodeError::Class {
            expected,
            found: found.into(),
        })
    }
}
