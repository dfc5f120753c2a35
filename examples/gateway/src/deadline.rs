//! The deadline of a request.

use std::time::Duration;

use tokio::time::Instant;

/// The moment by which a request must have an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline of a request that came just now.
    pub(crate) fn within(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Returns the moment.
    pub(crate) fn at(self) -> Instant {
        self.0
    }

    /// Returns the time that is left.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
