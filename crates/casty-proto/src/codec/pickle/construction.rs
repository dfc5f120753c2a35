//! The ways to construct objects.

/// The way in which the objects of a user's classes are constructed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) enum Construction {
    /// By calling the class with keywords.
    Keyword,
    /// By calling the class with the fields in their order.
    Positional,
}
