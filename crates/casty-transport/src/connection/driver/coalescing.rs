//! The decision when to write: at once, or after tasks that were just woken have run.

use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::outbox::{Outbox, OutboxTag, WORTH_WRITING};

/// The number of times that the driver lets woken tasks run before it writes.
const MAX_YIELDS: u32 = 4;
/// A yield that took longer than this finds the machine busy with others, ...
const LONG_YIELD: Duration = Duration::from_micros(150);
/// ... and yielding is left for as many writes.
const WRITES_WITHOUT_YIELD: u32 = 64;

/// Write coalescing: decides when to let tasks run that were just woken by replies, so that the
/// messages they send next go out in one write instead of many.
pub(super) struct WriteCoalescing {
    /// Yields since the last write.
    yields: u32,
    /// Writes that go without a yield, because the last one took long.
    without_yield: u32,
    /// The time of the last yield.
    since: Option<Instant>,
}

impl WriteCoalescing {
    pub(super) fn new() -> Self {
        Self {
            yields: 0,
            without_yield: 0,
            since: None,
        }
    }

    /// Returns whether to write only after others have run; the task is then already due again.
    pub(super) fn defers<T: OutboxTag>(&mut self, outbox: &Outbox<T>, cx: &Context<'_>) -> bool {
        if let Some(since) = self.since.take()
            && since.elapsed() > LONG_YIELD
        {
            self.without_yield = WRITES_WITHOUT_YIELD;
        }
        let defer =
            self.without_yield == 0 && self.yields < MAX_YIELDS && outbox.may_grow(WORTH_WRITING);
        if defer {
            self.yields += 1;
            self.since = Some(Instant::now());
            // To the end of the runtime's queue, behind the tasks that were woken before.
            cx.waker().wake_by_ref();
        } else {
            if self.yields > 0 {
                // Tasks that have not pushed by now do not keep later writes waiting.
                outbox.expect_no_pushes();
            }
            self.yields = 0;
            self.without_yield = self.without_yield.saturating_sub(1);
        }
        defer
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::connection::outbox::OutboxLimits;

    /// Returns whether a write of so many waiting bytes is deferred, with tasks woken or not.
    fn defers(coalescing: &mut WriteCoalescing, waiting: usize, woken: usize) -> bool {
        let outbox = Outbox::new(OutboxLimits::new());
        if waiting > 0 {
            let payload = vec![0; waiting - 5];
            outbox.push(&[&payload], Some(0_u32)).unwrap();
        }
        outbox.expect_pushes(woken);
        let yielded = coalescing.yields > 0;
        let defers = coalescing.defers(&outbox, &Context::from_waker(Waker::noop()));
        let expected = waiting > 0 && woken > 0 && (defers || !yielded);
        assert_eq!(
            outbox.may_grow(usize::MAX),
            expected,
            "who had time to push"
        );
        defers
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_write_waits_for_woken_tasks_four_times_and_then_goes() {
        let mut coalescing = WriteCoalescing::new();
        for (waiting, woken, deferred) in [
            (0, 1, false),
            (100, 0, false),
            (WORTH_WRITING, 1, false),
            (WORTH_WRITING - 1, 1, true),
            (100, 1, true),
            (100, 1, true),
            (100, 1, true),
            (100, 1, false),
            (100, 1, true),
        ] {
            let outcome = defers(&mut coalescing, waiting, woken);
            assert_eq!(outcome, deferred, "{waiting} {woken}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_long_yield_the_next_writes_go_at_once() {
        let mut coalescing = WriteCoalescing::new();
        assert!(defers(&mut coalescing, 100, 1));
        tokio::time::advance(LONG_YIELD).await;
        assert!(defers(&mut coalescing, 100, 1), "not long");
        tokio::time::advance(LONG_YIELD + Duration::from_micros(1)).await;
        for write in 0..WRITES_WITHOUT_YIELD {
            assert!(!defers(&mut coalescing, 100, 1), "{write}");
        }
        assert!(defers(&mut coalescing, 100, 1));
    }
}
