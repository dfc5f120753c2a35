//! Where the tree is read from, token by token.

use num_bigint::BigInt;

use crate::DecodeError;

/// What the next value is, before it is read.
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
    /// The Python class of such a value.
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

/// A number, in the narrowest of these forms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    /// Beyond `i64`.
    UInt(u64),
    /// Beyond `u64` or below `i64`.
    Big(BigInt),
    Float(f64),
}

/// How far an array or map has been read; only the source that opened it reads the number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(pub(super) usize);

/// Where a source stood; only the source that told it reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(super) at: usize,
    pub(super) owed: usize,
}

/// Reads tokens. Each reading method expects that [`Source::peek`] answered its kind.
pub(crate) trait Source {
    /// The kind of the next value.
    fn peek(&mut self) -> Result<Kind, DecodeError>;

    fn null(&mut self) -> Result<(), DecodeError>;
    fn bool(&mut self) -> Result<bool, DecodeError>;
    fn number(&mut self) -> Result<Number, DecodeError>;
    fn str(&mut self) -> Result<&str, DecodeError>;
    fn bytes(&mut self) -> Result<&[u8], DecodeError>;

    /// Passes over a value of a kind that holds no others.
    fn skip_leaf(&mut self, kind: Kind) -> Result<(), DecodeError>;

    fn open_array(&mut self) -> Result<Open, DecodeError>;
    fn open_map(&mut self) -> Result<Open, DecodeError>;

    /// Whether another element follows in the array; past the last one, the array is closed.
    fn next(&mut self, open: &mut Open) -> Result<bool, DecodeError>;

    /// The next key of the map; past the last one, the map is closed.
    fn next_key(&mut self, open: &mut Open) -> Result<Option<&str>, DecodeError>;

    /// How many elements are announced: never more than the input could still hold beside what
    /// the containers around it wait for.
    fn hint(&self, open: Open) -> Option<usize>;

    /// At which byte the source stands.
    fn at(&self) -> usize;

    /// Where the source stands.
    fn mark(&self) -> Mark;

    /// Goes back to where it stood.
    fn rewind(&mut self, mark: Mark);

    /// Checks that nothing follows.
    fn end(&mut self) -> Result<(), DecodeError>;
}
