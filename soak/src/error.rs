//! The error of a run that could not begin, or not go on.

/// The error of a run that could not begin, or not go on.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
