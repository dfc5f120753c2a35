//! The settings of streams.

use std::time::Duration;

/// The time for which both ends wait for one another, as Python's consumers do.
const PATIENCE: Duration = Duration::from_secs(30);
/// The length in bytes that elements are taken to have before any has come.
const FIRST_LENGTH: usize = 64 * 1024;

/// The settings of a [`StreamSource`](crate::StreamSource).
///
/// ```
/// use std::time::Duration;
///
/// use casty_client::SourceOptions;
///
/// let options = SourceOptions::default()
///     .demand(256)
///     .silence(Some(Duration::from_secs(10)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct SourceOptions {
    /// The most elements of a stream that its producer may be ahead of its reader.
    ///
    /// Beyond it, the producer waits; `SourceOptions::demand` sets it.
    demand: usize,
    /// The most bytes of the elements that a reader has not taken yet.
    ///
    /// Beyond it, a stream whose elements have grown suddenly ends (`StreamError::Overflow`);
    /// `SourceOptions::buffer_bytes` sets it.
    buffer_bytes: usize,
    /// The time in which a stream's producer has to be connected, and again in which something has to come.
    ///
    /// Beyond it, the stream ends (`StreamError::NotConnected`, `StreamError::NoAnswer`);
    /// `SourceOptions::answer_within` sets it.
    answer_within: Duration,
    /// The time for which nothing may come to a reader who waits.
    ///
    /// Beyond it, the stream ends (`StreamError::Silent`); `SourceOptions::silence` sets it, or that there is
    /// none.
    silence: Option<Duration>,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            demand: 64,
            buffer_bytes: 8 * 1024 * 1024,
            answer_within: PATIENCE,
            silence: Some(PATIENCE),
        }
    }
}

impl SourceOptions {
    /// Sets the number of elements that the producer may be ahead of those taken. Default: 64; from 1
    /// to 65,536, and what is beyond counts as the nearer end.
    pub fn demand(mut self, elements: usize) -> Self {
        self.demand = elements.clamp(1, 65_536);
        self
    }

    /// Sets the sum of the bytes of elements that have come and are not taken. Default: 8 MiB; from 4 KiB
    /// to 1 GiB, and what is beyond counts as the nearer end.
    ///
    /// Demand is given for as many elements as fit if each is as long as the longest so far; before
    /// the first, as 64 KiB. A producer whose elements grow suddenly can pass the limit with what it
    /// was asked for, and the stream ends with [`StreamError::Overflow`](crate::StreamError::Overflow):
    /// with `demand` times the longest element that cannot be. A single longer one is taken.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.clamp(4096, 1 << 30);
        self
    }

    /// Sets the time in which the producer's node must be connected, and again that in which
    /// something must come once the subscription is sent. Default: 30 s.
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Sets the time after which a stream that is waited for ends if nothing comes. Default: 30 s, as
    /// that of Python's consumers; `None` is for ever, or until the connection is lost.
    pub fn silence(mut self, time: Option<Duration>) -> Self {
        self.silence = time;
        self
    }

    /// Returns the number of elements for which a mailbox has to have room, with the end.
    pub(super) fn mailbox(&self) -> usize {
        self.demand + 1
    }

    pub(super) fn bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Returns the number of elements that may be promised if the longest had this length; `None`
    /// before the first.
    pub(super) fn window(&self, longest: Option<usize>) -> usize {
        let length = longest.unwrap_or(FIRST_LENGTH).max(1);
        (self.buffer_bytes / length).clamp(1, self.demand)
    }

    pub(super) fn first_within(&self) -> Duration {
        self.answer_within
    }

    pub(super) fn silent_for(&self) -> Option<Duration> {
        self.silence
    }
}

/// The settings of a [`StreamProducer`](crate::StreamProducer).
///
/// ```
/// use casty_client::ProducerOptions;
///
/// let options = ProducerOptions::default().buffer(1_000).buffer_bytes(64 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ProducerOptions {
    /// The most elements of a producer that wait for demand.
    ///
    /// Beyond it, `send` waits; `ProducerOptions::buffer` sets it.
    pub(super) buffer: usize,
    /// The most bytes of these elements.
    ///
    /// Beyond it, `send` waits; `ProducerOptions::buffer_bytes` sets it.
    pub(super) buffer_bytes: usize,
    /// The time for which a producer waits for demand.
    ///
    /// Beyond it, `send` fails (`ProducerError::NoDemand`), and so does the end
    /// (`ProducerError::NotCompleted`); `ProducerOptions::demand_within` sets it.
    pub(super) demand_within: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            buffer: 64,
            buffer_bytes: 8 * 1024 * 1024,
            demand_within: PATIENCE,
        }
    }
}

impl ProducerOptions {
    /// Sets the number of elements that may wait for demand. Default: 64; from 1 to 65,536, and what
    /// is beyond counts as the nearer end.
    pub fn buffer(mut self, elements: usize) -> Self {
        self.buffer = elements.clamp(1, 65_536);
        self
    }

    /// Sets the sum of their bytes. Default: 8 MiB; from 4 KiB to 1 GiB, and what is beyond counts as the
    /// nearer end. A single longer element is taken while no other waits.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.clamp(4096, 1 << 30);
        self
    }

    /// Sets how long is waited for demand while the buffer is full, and between two elements while
    /// the end is waited for. Default: 30 s.
    pub fn demand_within(mut self, time: Duration) -> Self {
        self.demand_within = time;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_as_long_as_elements_fit_and_never_empty() {
        let options = SourceOptions::default().demand(100).buffer_bytes(1 << 20);
        for (longest, window) in [
            (None, 16),
            (Some(0), 100),
            (Some(10), 100),
            (Some(20_000), 52),
            (Some(1 << 20), 1),
            (Some(usize::MAX), 1),
        ] {
            assert_eq!(options.window(longest), window, "{longest:?}");
        }
        for (asked, given) in [(0, 1), (usize::MAX, 65_536)] {
            assert_eq!(SourceOptions::default().demand(asked).demand, given);
            assert_eq!(ProducerOptions::default().buffer(asked).buffer, given);
        }
        for (asked, given) in [(0, 4096), (usize::MAX, 1 << 30)] {
            let (source, producer) = (SourceOptions::default(), ProducerOptions::default());
            assert_eq!(source.buffer_bytes(asked).buffer_bytes, given);
            assert_eq!(producer.buffer_bytes(asked).buffer_bytes, given);
        }
    }
}
