//! The ends of messages, by kind: each that was due is in exactly one of them.

use std::collections::BTreeMap;

use casty_client::{AskError, Fate, TellError};
use serde::Serialize;

use super::mix::Kind;
use super::schedule::Due;

/// The end of a message that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A tell was accepted, or an ask was replied to.
    Done,
    /// Nothing of it was sent, for a reason of this kind.
    NotSent(&'static str),
    /// It was sent, and no reply came, for a reason of this kind.
    Failed(&'static str),
}

/// The reason of an ask for which there was no place among those in flight.
pub(super) const MAX_IN_FLIGHT: &str = "max_in_flight";
/// The reason of an ask that was still in flight when the run ended.
const UNANSWERED: &str = "unanswered";

impl End {
    /// Returns the end of a tell.
    pub(super) fn of_tell(told: &Result<(), TellError>) -> Self {
        match told {
            Ok(()) => Self::Done,
            Err(error) => Self::NotSent(error.kind().as_str()),
        }
    }

    /// Returns the end of an ask.
    pub(super) fn of_ask<T>(reply: &Result<T, AskError>) -> Self {
        match reply {
            Ok(_) => Self::Done,
            Err(error) if error.fate() == Fate::NotSent => Self::NotSent(error.kind().as_str()),
            Err(error) => Self::Failed(error.kind().as_str()),
        }
    }
}

/// The ends of the messages of one kind. There is an entry for each reason, of which there are a dozen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ends {
    /// Messages that were due.
    pub(super) due: u64,
    /// Tells that were accepted, asks that were replied to.
    pub(super) done: u64,
    /// Messages of which nothing was sent, by reason.
    pub(super) not_sent: BTreeMap<&'static str, u64>,
    /// Asks that were sent and had no reply, by reason.
    pub(super) failed: BTreeMap<&'static str, u64>,
}

impl Ends {
    fn end(&mut self, end: End) {
        match end {
            End::Done => self.done += 1,
            End::NotSent(reason) => *self.not_sent.entry(reason).or_default() += 1,
            End::Failed(reason) => *self.failed.entry(reason).or_default() += 1,
        }
    }

    /// Returns how many messages were due and have no end yet.
    fn open(&self) -> u64 {
        let ended = self.not_sent.values().chain(self.failed.values());
        self.due - (self.done + ended.sum::<u64>()).min(self.due)
    }

    /// Returns how many messages were sent.
    pub(super) fn sent(&self) -> u64 {
        self.due - self.not_sent.values().sum::<u64>().min(self.due)
    }
}

/// The ends of tells and of asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Both {
    pub(super) tells: Ends,
    pub(super) asks: Ends,
}

impl Both {
    /// Notes that a message is due.
    pub(super) fn due(&mut self, due: &Due) {
        self.of(due).due += 1;
    }

    /// Notes its end.
    pub(super) fn end(&mut self, due: &Due, end: End) {
        self.of(due).end(end);
    }

    /// Notes that nobody waits for the replies that have not come.
    pub(super) fn close(&mut self) {
        let open = self.asks.open();
        if open > 0 {
            *self.asks.failed.entry(UNANSWERED).or_default() += open;
        }
    }

    fn of(&mut self, due: &Due) -> &mut Ends {
        match due.kind {
            Kind::Tell => &mut self.tells,
            Kind::Ask => &mut self.asks,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use casty_client::NotSent;

    use super::*;

    #[test]
    fn each_message_that_was_due_has_one_end() {
        let mut ends = Both::default();
        let due = |kind| Due {
            at: Duration::ZERO,
            kind,
            nth: 0,
            is_measured: true,
        };
        let late = Err::<(), _>(AskError::Timeout {
            after: Duration::from_secs(1),
            attempts: 1,
        });
        let unsent = Err::<(), _>(AskError::from(NotSent::BufferFull));
        for end in [
            End::of_ask(&Ok(())),
            End::of_ask(&late),
            End::of_ask(&unsent),
            End::NotSent(MAX_IN_FLIGHT),
        ] {
            ends.due(&due(Kind::Ask));
            ends.end(&due(Kind::Ask), end);
        }
        ends.due(&due(Kind::Ask));
        ends.due(&due(Kind::Tell));
        ends.end(&due(Kind::Tell), End::of_tell(&Err(TellError::BufferFull)));
        ends.close();
        let Both { tells, asks } = ends;
        assert_eq!(
            (asks.due, asks.done, asks.open(), asks.sent()),
            (5, 1, 0, 3)
        );
        assert_eq!(asks.failed, [("timed_out", 1), ("unanswered", 1)].into());
        assert_eq!(asks.not_sent, [("busy", 1), ("max_in_flight", 1)].into());
        assert_eq!((tells.due, tells.open(), tells.sent()), (1, 0, 0));
        assert_eq!(tells.not_sent, [("busy", 1)].into());
    }
}
