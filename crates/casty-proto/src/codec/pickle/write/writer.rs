//! The state of the serializer, and objects without fields.

use super::super::class;
use super::super::construction::Construction;
use super::super::opcode as op;
use super::spelling::{CLASSES, Class, is_casty_module};
use crate::class_name::with_dots;
use crate::codec::allowed::Allowed;
use crate::{EncodeError, Limits, TypeHint};

/// The meaning of the next text or sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    Ref,
    FrozenSet,
    Set,
    Tuple,
}

/// The state of the serializer.
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) construction: Construction,
    /// The classes that dynamic values may name.
    pub(super) allowed: Allowed,
    /// The class of the outermost value, once that has begun.
    pub(super) hint: Option<TypeHint>,
    pub(super) shape: Shape,
    depth: usize,
    pub(super) expected: Option<ExpectedClass>,
}

/// The class that a newtype variant's object must have, at the offset at which it must begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpectedClass {
    pub(super) at: usize,
    pub(super) name: &'static str,
}

impl<'o> Writer<'o> {
    #[inline]
    pub(super) fn new(out: &'o mut Vec<u8>, construction: Construction, allowed: Allowed) -> Self {
        Self {
            out,
            construction,
            allowed,
            hint: None,
            shape: Shape::Plain,
            depth: 0,
            expected: None,
        }
    }

    /// Returns the state inside the outermost value, whose class is not asked for.
    #[inline]
    pub(super) fn inside(
        out: &'o mut Vec<u8>,
        construction: Construction,
        allowed: Allowed,
    ) -> Self {
        Self {
            hint: Some(TypeHint::Borrowed("")),
            depth: 1,
            ..Self::new(out, construction, allowed)
        }
    }

    /// Notes a class as that of the outermost value, unless that has begun.
    #[inline]
    pub(super) fn hint(&mut self, class: &'static str) {
        if self.hint.is_none() {
            self.hint = Some(TypeHint::Borrowed(class));
        }
    }

    /// Enters a container; [`Writer::leave`] ends it.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), EncodeError> {
        if self.depth == Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Begins an object of the class `name`, which is returned.
    pub(super) fn begin(&mut self, name: &'static str) -> Result<Class, EncodeError> {
        let class = self.class(name)?;
        let at = self.out.len();
        if self.expected == Some(ExpectedClass { at, name }) {
            self.expected = None;
        }
        Ok(class)
    }

    /// Returns whether nothing depends on the class of an object that begins here.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.hint.is_some() && self.expected.is_none()
    }

    /// Returns the class `name`, which is that of the outermost value unless that has begun.
    fn class(&mut self, name: &'static str) -> Result<Class, EncodeError> {
        let known = CLASSES.get(name).map(|prepared| prepared.facts);
        let class = known.or_else(|| Class::new(name));
        let class = class.ok_or_else(|| no_class(name))?;
        if self.hint.is_none() {
            self.hint = Some(with_dots(name));
        }
        Ok(class)
    }

    /// Writes an instance of a class without fields.
    pub(super) fn empty_object(&mut self, name: &'static str) -> Result<(), EncodeError> {
        let class = self.begin(name)?;
        self.call_without_arguments(class.module, class.name);
        Ok(())
    }

    /// Writes a call of a class without arguments.
    ///
    /// A class whose name looks like a function's becomes a constructor with no keywords, which no
    /// reader takes for a call of a function.
    pub(super) fn call_without_arguments(&mut self, module: &str, class: &str) {
        let called = class::is_class_path(class.as_bytes());
        if !is_casty_module(module) && !called {
            self.partial();
        }
        self.global(module, class);
        let closing: &[u8] = match (is_casty_module(module), called) {
            (true, _) => &[op::EMPTY_TUPLE, op::NEWOBJ],
            (false, true) => &[op::EMPTY_TUPLE, op::REDUCE],
            (false, false) => &[
                op::TUPLE1,
                op::EMPTY_DICT,
                op::NEWOBJ_EX,
                op::EMPTY_TUPLE,
                op::REDUCE,
            ],
        };
        self.out.extend_from_slice(closing);
    }

    /// Writes a member of an enum.
    pub(super) fn member(&mut self, name: &'static str, member: &str) -> Result<(), EncodeError> {
        let class = self.class(name)?;
        self.getattr(class.module, class.name, member);
        Ok(())
    }

    #[inline]
    pub(super) fn take_shape(&mut self) -> Shape {
        std::mem::replace(&mut self.shape, Shape::Plain)
    }
}

#[cold]
pub(super) fn no_class(name: &str) -> EncodeError {
    EncodeError::NoClass { name: name.into() }
}
