//! The deserializer's place in an arena: one node.

use serde::de::{Error as _, Unexpected, Visitor};

use super::super::arena::{Arena, Id, Node};
use super::super::class;
use crate::{DecodeError, Limit};

/// The most times that a type may read one and the same node again (`Option`, newtypes). A type that
/// wraps nothing but itself would never end.
const MAX_REREADS: u8 = 32;

/// The deserializer of the value at one node.
#[derive(Clone, Copy)]
pub(in crate::codec::pickle) struct De<'a, 'de> {
    pub(super) arena: &'a Arena<'de>,
    pub(super) id: Id,
    /// The containers that may still be entered.
    depth: usize,
    rereads: u8,
}

impl<'a, 'de> De<'a, 'de> {
    pub(in crate::codec::pickle) fn new(arena: &'a Arena<'de>, id: Id) -> Self {
        Self {
            arena,
            id,
            depth: arena.depth,
            rereads: 0,
        }
    }

    /// Returns the deserializer of a value inside this one.
    pub(super) fn child(self, id: Id) -> Self {
        Self {
            id,
            rereads: 0,
            ..self
        }
    }

    /// Returns the same one level deeper, for the children of a container.
    pub(super) fn nested(self) -> Result<Self, DecodeError> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(DecodeError::limit(Limit::Depth, self.arena.depth));
        };
        Ok(Self { depth, ..self })
    }

    /// Returns the same for the type inside a type, which reads the node again.
    pub(super) fn again(self) -> Result<Self, DecodeError> {
        if self.rereads == MAX_REREADS {
            return Err(DecodeError::limit(Limit::Depth, MAX_REREADS.into()));
        }
        Ok(Self {
            rereads: self.rereads + 1,
            ..self
        })
    }

    /// Returns the class of an object; `None` if the value is something else.
    pub(super) fn class(self) -> Option<Id> {
        match self.arena.node(self.id) {
            Node::New { class, .. }
            | Node::Named { class, .. }
            | Node::Positional { class, .. }
            | Node::Constructed { class, .. }
            | Node::Member { class, .. } => Some(class),
            _ => None,
        }
    }

    /// Checks that the value is an object of the class `expected`; an undotted name takes any.
    pub(super) fn check_class(self, expected: &'static str) -> Result<(), DecodeError> {
        match self.class() {
            Some(class) if self.arena.is_class(class, expected) => Ok(()),
            Some(_) if !class::is_dotted(expected) => Ok(()),
            _ => Err(self.other_class(expected)),
        }
    }

    /// Returns the error of a value that is not of the class `expected`.
    pub(super) fn other_class(self, expected: &'static str) -> DecodeError {
        DecodeError::Class {
            expected,
            found: self.arena.type_name(self.id).into(),
        }
    }

    /// Returns the error of a value that the visitor does not expect.
    pub(super) fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        if let Some(error) = self.arena.needs_python(self.id) {
            return error;
        }
        let found = self.arena.type_name(self.id);
        DecodeError::invalid_type(Unexpected::Other(&found), visitor)
    }
}
