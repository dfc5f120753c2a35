//! The pauses of a task that sends much, in which what it has sent is written.

use std::cell::Cell;

thread_local! {
    /// Set once this thread has filled a batch of an outbox.
    static FILLED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that this thread has put messages into an outbox, and whether that was the time to write
/// what waits there.
#[inline]
pub(crate) fn note(fills_batch: bool) {
    if fills_batch {
        FILLED.set(true);
    }
}

/// Lets other tasks run once, if this thread has filled a batch of an outbox since it last did: the
/// driver writes it while it is in the cache of the processor, and its node works meanwhile. To be
/// called before a message is encoded: whoever gives up here has sent nothing.
pub(crate) async fn give_way() {
    if is_due() {
        tokio::task::yield_now().await;
    }
}

/// Returns whether it is time to give way, once each time.
#[inline]
pub(crate) fn is_due() -> bool {
    FILLED.take()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use casty_transport::{Outbox, OutboxLimits};

    use super::*;

    #[test]
    fn a_task_gives_way_once_for_each_batch_that_its_thread_has_filled() {
        let outbox = Outbox::<()>::new(OutboxLimits::new());
        let polls = || {
            let mut way = pin!(give_way());
            let mut cx = Context::from_waker(Waker::noop());
            (1..10).find(|_| way.as_mut().poll(&mut cx).is_ready())
        };
        for (length, expected) in [(10, 1), (64 * 1024, 2), (10, 1), (64 * 1024, 2)] {
            let pushed = outbox.push(&[&vec![0; length]], Some(())).unwrap();
            note(pushed.fills_batch);
            assert_eq!(polls(), Some(expected), "{length}");
            assert_eq!(polls(), Some(1), "{length}");
        }
    }
}
