//! The runtime that a client runs on, and what is awaited elsewhere.
//!
//! The client's own tasks keep the time for what its callers wait for. A caller on another runtime,
//! or on none, cannot rely on them: the client's runtime may not be driven meanwhile. It gets a
//! timer that needs no runtime.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_timer::Delay;
use tokio::runtime::{self, Handle};
use tokio::task;
use tokio::time::timeout_at;

use crate::runtime::clock::{CENTURY, from_now, precise_now};

/// The number of tasks that a thread remembers.
const REMEMBERED: usize = 256;

thread_local! {
    /// Tasks that were found to run at home on this thread, and that home, each at the place of its
    /// number. A task never changes its runtime.
    static AT_HOME: [Cell<Option<(task::Id, runtime::Id)>>; REMEMBERED] =
        const { [const { Cell::new(None) }; REMEMBERED] };
}

/// Returns the place at which a task is remembered.
#[inline]
fn place_of(task: task::Id) -> usize {
    /// The number that it is given to hash.
    struct Number(u64);
    impl Hasher for Number {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
            }
        }
        #[inline]
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut number = Number(0);
    task.hash(&mut number);
    usize::try_from(number.finish()).unwrap_or_default() % REMEMBERED
}

/// The runtime on which a client was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home(runtime::Id);

impl Home {
    /// Returns the current runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn current() -> Self {
        Self(Handle::current().id())
    }

    /// Returns whether the caller runs on this runtime. Cheap for a task that calls again; else as
    /// dear as a clone of the runtime's handle.
    #[inline]
    fn is_here(self) -> bool {
        let Some(task) = task::try_id() else {
            return self.is_current();
        };
        let known = Some((task, self.0));
        // None is known to a thread that is about to end.
        AT_HOME
            .try_with(|tasks| {
                let place = &tasks[place_of(task)];
                if place.get() == known {
                    return true;
                }
                let is_here = self.is_current();
                if is_here {
                    place.set(known);
                }
                is_here
            })
            .unwrap_or_else(|_| self.is_current())
    }

    #[cold]
    fn is_current(self) -> bool {
        Handle::try_current().is_ok_and(|handle| handle.id() == self.0)
    }

    /// Awaits `future`, at home without a limit, elsewhere for at most `limit`; `None` if that is
    /// over first.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub(crate) async fn bounded<T>(
        self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let mut timer = CallerTimer::default();
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if timer.is_over(self, || limit, cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Awaits `future` until `deadline`, wherever the caller runs; `None` if that passes first.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub(crate) async fn by<T>(
        self,
        deadline: Instant,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        if self.is_here() {
            return timeout_at(deadline.into(), future).await.ok();
        }
        let left = deadline.saturating_duration_since(precise_now());
        self.bounded(left, future).await
    }

    /// Waits for some time, wherever the caller runs.
    pub(crate) async fn pause(self, time: Duration) {
        self.by(from_now(time), std::future::pending::<()>()).await;
    }
}

/// The timer of a caller that may not be at home.
#[derive(Debug, Default)]
pub(crate) enum CallerTimer {
    /// It was not looked yet where the caller is.
    #[default]
    Unknown,
    /// The client's clock keeps the time.
    Home,
    Elsewhere(Box<Delay>),
}

impl CallerTimer {
    /// Returns whether the caller is not at home and `limit` is over, counted from the first call;
    /// has its task woken then.
    #[inline]
    pub(crate) fn is_over(
        &mut self,
        home: Home,
        limit: impl FnOnce() -> Duration,
        cx: &mut Context<'_>,
    ) -> bool {
        match self {
            Self::Home => false,
            Self::Unknown if home.is_here() => {
                // There is nothing to drop in it, and no code that looks is run.
                std::mem::forget(std::mem::replace(self, Self::Home));
                false
            }
            Self::Unknown | Self::Elsewhere(_) => self.is_over_elsewhere(limit(), cx),
        }
    }

    #[cold]
    fn is_over_elsewhere(&mut self, limit: Duration, cx: &mut Context<'_>) -> bool {
        if let Self::Unknown = self {
            *self = Self::Elsewhere(Box::new(Delay::new(limit.min(CENTURY))));
        }
        match self {
            Self::Elsewhere(delay) => Pin::new(&mut **delay).poll(cx).is_ready(),
            Self::Unknown | Self::Home => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> runtime::Runtime {
        let mut runtime = runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    }

    #[test]
    fn a_caller_is_at_home_on_the_runtime_of_the_client_alone() {
        let [own, other] = [runtime(), runtime()];
        let home = own.block_on(async { Home::current() });
        // The same thread each time, and tasks beside what blocks it.
        for _ in 0..2 {
            assert!(own.block_on(async { home.is_here() }));
            assert!(
                own.block_on(async { tokio::spawn(async move { home.is_here() }).await.unwrap() })
            );
            assert!(!other.block_on(async { home.is_here() }));
            assert!(
                !other
                    .block_on(async { tokio::spawn(async move { home.is_here() }).await.unwrap() })
            );
            assert!(!home.is_here());
        }
    }

    #[test]
    fn what_is_awaited_elsewhere_ends_in_time() {
        let (done, ended) = std::sync::mpsc::channel();
        // On a thread of its own, so that the test ends whatever it finds.
        std::thread::spawn(move || {
            let home = runtime().block_on(async { Home::current() });
            let never = home.bounded(Duration::from_millis(20), std::future::pending::<()>());
            let never = runtime().block_on(never);
            let ready = home.bounded(Duration::ZERO, std::future::ready(7));
            done.send((never, runtime().block_on(ready))).ok();
        });
        let ended = ended.recv_timeout(Duration::from_secs(20));
        assert_eq!(ended, Ok((None, Some(7))));
    }

    #[test]
    fn a_caller_on_no_runtime_waits_as_others_do_however_long_that_is() {
        let home = runtime().block_on(async { Home::current() });
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for limit in [Duration::from_mins(1), Duration::MAX] {
            let by = home.by(from_now(limit), std::future::pending::<()>());
            assert!(pin!(by).poll(&mut cx).is_pending());
            assert!(pin!(home.pause(limit)).poll(&mut cx).is_pending());
            let bounded = home.bounded(limit, std::future::pending::<()>());
            assert!(pin!(bounded).poll(&mut cx).is_pending());
        }
        let ready = home.by(precise_now(), std::future::ready(7));
        assert_eq!(pin!(ready).poll(&mut cx), Poll::Ready(Some(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_at_home_has_the_time_of_that() {
        let home = Home::current();
        let begun = tokio::time::Instant::now();
        home.pause(Duration::from_mins(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_mins(1));
        let never = home.by(
            from_now(Duration::from_mins(1)),
            std::future::pending::<()>(),
        );
        assert_eq!(never.await, None);
        assert_eq!(begun.elapsed(), Duration::from_mins(2));
    }
}
