//! The state of the serializer of trees and protobuf.

use super::super::sink::unsupported;
use super::super::target::{Shape, Target};
use crate::class_name::{OTHER_VARIANT, same_class, with_dots};
use crate::{EncodeError, Limits, TypeHint};

/// The state of a serializer.
pub(crate) struct Writer<S> {
    pub(super) sink: S,
    pub(super) depth: usize,
    pub(super) opening: Opening,
    pub(super) hint: TypeHint,
}

/// The place in which the next value begins.
#[derive(Clone, Copy)]
pub(super) enum Opening {
    /// Anywhere inside another value.
    Inside,
    /// The outermost place: the value's class is the type hint.
    Root,
    /// The content of a newtype variant, which must be of this class.
    Variant(&'static str),
    /// The sequence in a collection of this shape.
    Shaped(Shape),
}

impl<S: Target> Writer<S> {
    /// Begins a value of a builtin class.
    #[inline]
    pub(super) fn builtin(&mut self, class: &'static str) -> Result<(), EncodeError> {
        if matches!(self.opening, Opening::Inside) {
            return Ok(());
        }
        self.open(TypeHint::Borrowed(class))
    }

    #[cold]
    pub(super) fn open(&mut self, class: TypeHint) -> Result<(), EncodeError> {
        match std::mem::replace(&mut self.opening, Opening::Inside) {
            Opening::Root => self.hint = class,
            Opening::Variant(variant) if same_class(variant, &class) => {}
            Opening::Variant(_) => {
                return Err(unsupported::<S>(OTHER_VARIANT));
            }
            Opening::Inside | Opening::Shaped(_) => {}
        }
        Ok(())
    }

    /// Begins a value of the class with this serde name.
    #[inline]
    pub(super) fn class(&mut self, name: &'static str) -> Result<S::Class, EncodeError> {
        let Some(class) = S::class(name) else {
            return Err(no_class(name));
        };
        if !matches!(self.opening, Opening::Inside) {
            self.open_class(name)?;
        }
        Ok(class)
    }

    #[cold]
    fn open_class(&mut self, name: &'static str) -> Result<(), EncodeError> {
        self.open(with_dots(name))
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), EncodeError> {
        self.depth += 1;
        if self.depth > Limits::MAX_DEPTH {
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        Ok(())
    }
}

#[cold]
fn no_class(name: &str) -> EncodeError {
    EncodeError::NoClass { name: name.into() }
}
