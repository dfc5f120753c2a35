//! The token sources that trees are read from.

use num_bigint::BigInt;

use crate::DecodeError;

/// The kind of the next value, known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    Str,
    Bytes,
    Array,
    Map,
}

impl Kind {
    /// Returns the Python class of such a value.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Null => "builtins.NoneType",
            Self::Bool => "builtins.bool",
            Self::Number => "builtins.int",
            Self::Str => "builtins.str",
            Self::Bytes => "builtins.bytes",
            Self::Array => "builtins.list",
            Self::Map => "builtins.dict",
        }
    }
}

/// A number in the narrowest of these forms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    /// An int beyond `i64`.
    UInt(u64),
    /// An int beyond `u64` or below `i64`.
    Big(BigInt),
    Float(f64),
}

/// The progress in an array or map; its number means something to the source only that opened it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(pub(super) usize);

/// A position of a source; it means something to that source only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(super) at: usize,
    pub(super) outstanding: usize,
}

/// A source of tokens. Each reading method expects that [`Source::peek`] has returned its kind.
pub(crate) trait Source {
    /// Returns the kind of the next value, which is not consumed.
    fn peek(&mut self) -> Result<Kind, DecodeError>;

    fn null(&mut self) -> Result<(), DecodeError>;
    fn bool(&mut self) -> Result<bool, DecodeError>;
    fn number(&mut self) -> Result<Number, DecodeError>;
    fn str(&mut self) -> Result<&str, DecodeError>;
    fn bytes(&mut self) -> Result<&[u8], DecodeError>;

    /// Skips a value of a kind that holds no others.
    fn skip_leaf(&mut self, kind: Kind) -> Result<(), DecodeError>;

    fn open_array(&mut self) -> Result<Open, DecodeError>;
    fn open_map(&mut self) -> Result<Open, DecodeError>;

    /// Returns whether another element follows in the array; past the last one, the array is closed.
    fn next(&mut self, open: &mut Open) -> Result<bool, DecodeError>;

    /// Returns the next key of the map; past the last one, the map is closed.
    fn next_key(&mut self, open: &mut Open) -> Result<Option<&str>, DecodeError>;

    /// Returns the number of elements that are announced: never more than the input could still hold
    /// beside those that the containers around it wait for.
    fn hint(&self, open: Open) -> Option<usize>;

    /// Returns the offset of the next byte.
    fn at(&self) -> usize;

    /// Returns the position of the source.
    fn mark(&self) -> Mark;

    /// Returns to an earlier position.
    fn rewind(&mut self, mark: Mark);

    /// Checks that the input ends here.
    fn end(&mut self) -> Result<(), DecodeError>;
}
