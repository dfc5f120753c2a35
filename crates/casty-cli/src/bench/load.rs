//! The load itself: one thread that sends what is due, and a task for each reply that is awaited.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use casty_client::{EntityRef, Value};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::ends::{End, MAX_IN_FLIGHT};
use super::mix::Kind;
use super::record::Record;
use super::schedule::{Due, Pacer, Step};
use crate::message::Message;

/// The longest time after which a sender that waits notices that it is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// The messages that are sent in turn, and where to.
pub(super) struct Load {
    pub(super) entities: Vec<EntityRef>,
    pub(super) tells: Vec<Value>,
    pub(super) asks: Vec<Message>,
    /// The time in which a reply has to come.
    pub(super) patience: Duration,
    /// The most asks that wait for their replies at a time.
    pub(super) max_in_flight: usize,
}

/// The state of a run that is under way.
pub(super) struct Run {
    start: Instant,
    /// The measurements; `None` once they are taken, so that what ends later changes nothing.
    record: Mutex<Option<Record>>,
    in_flight: AtomicUsize,
    idle: Notify,
    stopped: AtomicBool,
}

impl Run {
    /// Begins a run now.
    pub(super) fn new(record: Record) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            record: Mutex::new(Some(record)),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            stopped: AtomicBool::new(false),
        })
    }

    /// Has nothing more sent.
    pub(super) fn stop(&self) {
        // Nothing else is read because of it.
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Returns the time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits until no reply is awaited any more.
    pub(super) async fn idle(&self) {
        while self.in_flight.load(Ordering::Acquire) > 0 {
            // A permit is left by the last reply, also if that comes between the look and this.
            self.idle.notified().await;
        }
    }

    /// Returns how many messages were due so far, and how many of them were sent.
    pub(super) fn progress(&self) -> (u64, u64) {
        let count = |record: &mut Record| {
            let all = [&record.warm_up, &record.measured];
            let each = all.into_iter().flat_map(|it| [&it.tells, &it.asks]);
            each.fold((0, 0), |(due, sent), it| (due + it.due, sent + it.sent()))
        };
        self.with(count).unwrap_or_default()
    }

    /// Takes the measurements. Asks without a reply are counted as such; `None` if they were taken before.
    pub(super) fn take(&self) -> Option<Record> {
        let mut record = self.lock().take()?;
        record.close();
        Some(record)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Option<T> {
        self.lock().as_mut().map(change)
    }

    /// Locks the measurements, for some counts at a time: the sender and all replies share them. A thread that
    /// panicked has left counts that are still counts.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Record>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, due: &Due, end: End) {
        let now = self.elapsed();
        self.with(|record| record.end(due, end, now));
    }

    /// Notes the end of an ask that was given to the client at `sent`.
    fn answered(&self, due: &Due, sent: Duration, end: End) {
        let now = self.elapsed();
        self.with(|record| {
            if matches!(end, End::NotSent(_)) {
                record.unsent(due, sent);
            }
            record.end(due, end, now);
        });
        // Whoever waits for the last one reads the counts behind this.
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_one();
        }
    }
}

impl Load {
    /// Sends each message when it is due, until all were sent or the run is stopped. Takes a thread for
    /// itself: a timer of the runtime is a millisecond late, which would be measured as the cluster's.
    pub(super) fn send(&self, run: &Arc<Run>, mut pacer: Pacer, runtime: &Handle) {
        // The same entities in the same order in each run.
        let mut rng = fastrand::Rng::with_seed(0);
        while !run.stopped.load(Ordering::Relaxed) {
            match pacer.step(run.elapsed()) {
                Step::Send(due) => {
                    let entity = self.entities.get(rng.usize(..self.entities.len().max(1)));
                    if let Some(entity) = entity {
                        self.one(run, due, entity, runtime);
                    }
                }
                Step::Wait(until) => {
                    thread::sleep(until.saturating_sub(run.elapsed()).min(LOOK));
                }
                Step::Done => return,
            }
        }
    }

    /// Sends a message without waiting for anything.
    fn one(&self, run: &Arc<Run>, due: Due, entity: &EntityRef, runtime: &Handle) {
        let now = run.elapsed();
        run.with(|record| record.due(&due, now));
        match due.kind {
            Kind::Tell => {
                let Some(message) = in_turn(&self.tells, due.nth) else {
                    return;
                };
                let end = End::of_tell(&entity.tell(message));
                let now = run.elapsed();
                run.with(|record| {
                    if end == End::Done {
                        record.sent(&due, now);
                    }
                    record.end(&due, end, now);
                });
            }
            Kind::Ask => {
                let Some(message) = in_turn(&self.asks, due.nth) else {
                    return;
                };
                // This thread alone adds to them, so there are no more than that afterwards.
                if run.in_flight.load(Ordering::Relaxed) >= self.max_in_flight {
                    return run.end(&due, End::NotSent(MAX_IN_FLIGHT));
                }
                run.in_flight.fetch_add(1, Ordering::Relaxed);
                let asked = entity.ask(|reply_to| message.answered_to(&reply_to));
                let reply = asked.within(self.patience).send();
                let now = run.elapsed();
                run.with(|record| record.sent(&due, now));
                let run = Arc::clone(run);
                runtime.spawn(async move {
                    let reply: Result<Value, _> = reply.await;
                    run.answered(&due, now, End::of_ask(&reply));
                });
            }
        }
    }
}

/// Returns the message of a number, one after the other.
fn in_turn<T>(messages: &[T], nth: u64) -> Option<&T> {
    let count = u64::try_from(messages.len()).ok().filter(|it| *it > 0)?;
    messages.get(usize::try_from(nth % count).ok()?)
}
