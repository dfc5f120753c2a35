//! Panics of the user's code, caught and put into words.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Calls a function; the words of its panic if it panics.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    // What a panic leaves half done is dropped by the callers: the actor with its state, the future of
    // a call. What that has borrowed is the program's own.
    catch_unwind(AssertUnwindSafe(call)).map_err(words)
}

/// Awaits a future; the words of its panic if it panics.
pub(crate) async fn caught_in<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match caught(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(words) => Poll::Ready(Err(words)),
    })
    .await
}

/// Returns what a panic said.
fn words(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast_ref::<&str>()
            .map_or_else(|| "no text".to_owned(), |text| (*text).to_owned()),
    }
}
