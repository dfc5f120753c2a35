//! The counters of dead letters by reason.

use crate::dead_letters::Loss;
use crate::error::NotSent;
use crate::stats::counter::Counter;

/// The reasons as words, in the order of their counters.
pub(crate) const REASONS: [&str; 10] = [
    "expired",
    "buffer_full",
    "displaced",
    "node_gone",
    "other_shard_count",
    "connection_lost",
    "abandoned",
    "closed",
    "too_long",
    "in_flight",
];

/// The place of those that may have been in flight.
const IN_FLIGHT: usize = 9;

/// The counters of dead letters, each by its reason.
#[derive(Debug, Default)]
pub(crate) struct LossCounters([Counter; REASONS.len()]);

impl LossCounters {
    /// Counts a message that was not sent.
    pub(crate) fn not_sent(&self, reason: &NotSent) {
        self.add(place(reason), 1);
    }

    /// Counts messages that may have been in flight.
    pub(crate) fn in_flight(&self, count: usize) {
        self.add(IN_FLIGHT, count);
    }

    /// Returns the numbers, in the order of [`REASONS`].
    #[cfg(any(feature = "metrics", test))]
    pub(crate) fn get(&self) -> [u64; REASONS.len()] {
        self.0.each_ref().map(Counter::get)
    }

    fn add(&self, place: usize, count: usize) {
        if let Some(counter) = self.0.get(place) {
            counter.add(count);
        }
    }
}

impl Loss {
    /// Returns the reason as one word, for a log or the label of a metric: `expired`, `buffer_full`,
    /// `displaced`, `node_gone`, `other_shard_count`, `connection_lost`, `abandoned`, `closed`, `too_long` or
    /// `in_flight`.
    pub fn as_str(&self) -> &'static str {
        let place = match self {
            Self::NotSent(reason) => place(reason),
            Self::InFlight { .. } => IN_FLIGHT,
        };
        REASONS[place]
    }
}

/// Returns the place of a reason among all.
fn place(reason: &NotSent) -> usize {
    match reason {
        NotSent::Expired(_) => 0,
        NotSent::BufferFull => 1,
        NotSent::Displaced => 2,
        NotSent::NodeGone => 3,
        NotSent::OtherShardCount { .. } => 4,
        NotSent::ConnectionLost => 5,
        NotSent::Abandoned => 6,
        NotSent::Closed => 7,
        NotSent::TooLong => 8,
    }
}

#[cfg(test)]
mod tests {
    use casty_proto::NodeAddress;
    use casty_routing::{MissingRoute, ShardCount, ShardId};

    use super::*;

    #[test]
    fn each_reason_has_a_word_and_a_counter_of_its_own() {
        let reasons = [
            NotSent::Expired(MissingRoute::Leader),
            NotSent::BufferFull,
            NotSent::Displaced,
            NotSent::NodeGone,
            NotSent::OtherShardCount {
                allocated: ShardId::new(1),
                count: ShardCount::new(1).unwrap(),
            },
            NotSent::ConnectionLost,
            NotSent::Abandoned,
            NotSent::Closed,
            NotSent::TooLong,
        ];
        let counters = LossCounters::default();
        for (place, reason) in reasons.iter().enumerate() {
            for _ in 0..=place {
                counters.not_sent(reason);
            }
        }
        counters.in_flight(10);
        assert_eq!(counters.get(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let node = NodeAddress::new("n", 1);
        let words: Vec<_> = reasons
            .into_iter()
            .map(Loss::NotSent)
            .chain([Loss::InFlight { node }])
            .map(|loss| loss.as_str())
            .collect();
        assert_eq!(words, REASONS);
    }
}
