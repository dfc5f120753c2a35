//! The one thing that a sink is doing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

/// A future that is kept until it is done, which is what a sink has between two polls.
///
/// The lock is never taken: it makes sinks fit to be shared, and whoever polls one has it alone.
pub(super) struct Step<E>(Mutex<Option<Running<E>>>);

type Running<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

impl<E> Step<E> {
    /// Returns one that is done.
    pub(super) fn done() -> Self {
        Self(Mutex::new(None))
    }

    /// Begins something, when what was begun before is done.
    pub(super) fn begin(&mut self, future: impl Future<Output = Result<(), E>> + Send + 'static) {
        *self.0.get_mut() = Some(Box::pin(future));
    }

    /// Polls until it is done, and returns the error once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let running = self.0.get_mut();
        if let Some(future) = running {
            let outcome = ready!(future.as_mut().poll(cx));
            *running = None;
            return Poll::Ready(outcome);
        }
        Poll::Ready(Ok(()))
    }
}
