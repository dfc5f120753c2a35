//! The targets that values are written to, shape by shape.

use super::sink::Scalars;
use crate::{EncodeError, Value};

/// The most values that one dynamic value is written out to. Values that share parts could ask for more than
/// any memory holds.
///
/// Beyond it, the message is not written (`EncodeError::Unsupported`).
pub(crate) const MAX_VALUES: usize = 1 << 22;

/// The kind of value that has more parts than [`MAX_VALUES`].
pub(crate) const TOO_MANY_VALUES: &str = "a value of more than 4,194,304 parts";

/// The containers that have parts and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    Tuple,
    Set,
    FrozenSet,
    /// A container whose parts are entries.
    Dict,
}

/// A target of values. The caller keeps the order: `element` before each part of a list, tuple or
/// set, `entry` and `entry_value` before the key and the value of a dict's entry, `field` before
/// the value of an object's field.
pub(crate) trait Target: Scalars {
    /// A class that the program's own code names, as far as the target knows it beforehand.
    type Class: Copy;

    /// A container that is being written, for the target that opened it.
    type Open: Copy;

    /// A dict's entry that is being written, for the target that opened it.
    type Entry: Copy;

    /// Begins a container of `len` parts, if that is known; a dict's always is.
    fn open(&mut self, shape: Shape, len: Option<usize>) -> Result<Self::Open, EncodeError>;
    fn element(&mut self, first: bool);
    fn entry(&mut self, first: bool) -> Result<Self::Entry, EncodeError>;
    fn entry_value(&mut self);
    fn close_entry(&mut self, entry: Self::Entry) -> Result<(), EncodeError>;
    /// Ends a container of `count` parts.
    fn close(&mut self, shape: Shape, open: Self::Open, count: usize) -> Result<(), EncodeError>;

    /// Returns the class of that serde name; `None` if it is that of none.
    fn class(name: &'static str) -> Option<Self::Class>;
    /// Begins an object of exactly `len` fields, of the class that has this serde name.
    fn open_object(
        &mut self,
        class: Self::Class,
        name: &'static str,
        len: usize,
    ) -> Result<Self::Open, EncodeError>;
    /// Begins the `at`-th field of an object.
    fn field(
        &mut self,
        class: Self::Class,
        at: usize,
        name: &'static str,
    ) -> Result<(), EncodeError>;
    /// Ends an object of `count` fields.
    fn close_object(&mut self, class: Self::Class, object: Self::Open, count: usize);

    /// Writes an enum's member by its name.
    fn member(&mut self, class: &str, name: &str) -> Result<(), EncodeError>;
    /// Begins a reference, whose URI is the next text.
    fn open_ref(&mut self);
    fn close_ref(&mut self);
    /// Announces that the next bytes are an encoded `google.protobuf.Any`.
    #[cfg(feature = "protobuf")]
    fn any(&mut self) -> Result<(), EncodeError>;

    /// Writes a whole value, which stands `depth` levels deep, without recursion.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError>;

    /// Ends the message.
    fn finish(&mut self);
}
