//! The outcome of an ask in one word, for metrics and spans.

use crate::error::AskError;
use crate::error::kind::ErrorKind;

/// The end of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskOutcome {
    Replied,
    Failed(ErrorKind),
    /// Its future was dropped before.
    Abandoned,
}

impl AskOutcome {
    /// Returns the outcome of an ask that ended with this error, or without one.
    pub(crate) fn of(error: Option<&AskError>) -> Self {
        error.map_or(Self::Replied, |error| Self::Failed(error.kind()))
    }

    /// Returns the word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Replied => "replied",
            Self::Failed(kind) => kind.as_str(),
            Self::Abandoned => "abandoned",
        }
    }
}
