//! The tasks of holds: from the acquire to the release, whatever becomes of the caller.
//!
//! A node of casty 0.21 never forgets who waits for a turn, and refuses the release of what is not held yet.
//! So an acquire that nobody waits for any more is carried on, and released as soon as it is granted. Where
//! its reply may be lost, with a connection, releases are sent until one is confirmed, or until the
//! structure is found free: then nobody waits in its queue, the lost acquire neither.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::acquires::{Acquires, Stage, Ticket};
use crate::distributed::error::{AcquireError, HoldLost};
use crate::distributed::guard::{Guard, Released, Task};
use crate::distributed::hold::{Answered, Hold, Request, Waiting};
use crate::distributed::structure::Structure;
use crate::distributed::watch::Watch;
use crate::error::{AskError, Fate};

/// The first pause between two releases, of which each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The time between two looks at whether an acquire that nobody waits for still waits on the node.
const LOOK: Duration = Duration::from_secs(30);
/// The time in which a node that was called gone may come back, with what it granted.
///
/// Beyond it, nothing is released there any more.
const RETURN: Duration = Duration::from_mins(5);
/// The time after which a node has read what a connection that was lost had brought.
const SETTLED: Duration = Duration::from_secs(15);
/// The time within which the router ends a message that found no route, once its time is over: what deadlines are
/// right to.
const UNSENT: Duration = Duration::from_millis(20);
/// Longer than any client lives: who waits for a turn waits as long as it takes.
const ANY_TIME: Duration = Duration::from_hours(50 * 365 * 24);

/// The result of an acquire, for the caller.
pub(super) type Acquired = Result<Guard, AcquireError>;

/// An acquire, or an attempt, that its task sees through.
pub(super) struct Acquiring {
    structure: Structure,
    hold: Hold,
    request: Request,
    /// The time that the caller waits.
    within: Duration,
    /// The part of it that is left once there was a view.
    left: Duration,
    watch: Watch,
    ticket: Ticket,
}

impl Acquiring {
    /// Begins an acquire: it is seen through on the client's runtime. `within` is the time that the caller
    /// waits, and what is left of it.
    pub(super) fn begin(
        structure: &Structure,
        hold: Hold,
        request: Request,
        (within, left): (Duration, Duration),
    ) -> Result<oneshot::Receiver<Acquired>, AcquireError> {
        let (to, acquired) = oneshot::channel();
        let core = Arc::clone(structure.region().core());
        let structure = structure.clone();
        let begun = core.acquires.begin(|ticket| {
            let watch = Watch::over(&hold.entity);
            let acquiring = Self {
                structure,
                hold,
                request,
                within,
                left,
                watch,
                ticket,
            };
            acquiring.run(to)
        });
        begun.map(|()| acquired).map_err(AcquireError::from)
    }

    fn acquires(&self) -> &Acquires {
        &self.structure.region().core().acquires
    }

    async fn run(mut self, to: oneshot::Sender<Acquired>) {
        if self.request == Request::Acquire {
            self.acquire(to).await;
        } else {
            self.attempt(to).await;
        }
    }

    /// Waits for a turn: with the caller, and then alone.
    async fn acquire(&mut self, mut to: oneshot::Sender<Acquired>) {
        let mut reply = self.hold.begin(Request::Acquire, ANY_TIME, self.left);
        let given_up = tokio::select! {
            biased;
            answer = reply.answer() => return self.concluded(answer, to).await,
            () = to.closed() => None,
            () = self.acquires().reached(Stage::Closing) => Some(self.error(AskError::Closed)),
            () = sleep(self.left) => match unsent(&mut reply).await {
                Some(answer) => return self.concluded(answer, to).await,
                None => Some(AcquireError::Timeout { after: self.within }),
            },
        };
        if let Some(error) = given_up {
            to.send(Err(error)).ok();
        }
        self.clear(Some(reply)).await;
    }

    /// Waits for the answer to an attempt, also when the caller does not.
    async fn attempt(&mut self, to: oneshot::Sender<Acquired>) {
        let request = Request::TryAcquire;
        let mut reply = self.hold.begin(request, self.left, self.left);
        tokio::select! {
            biased;
            answer = reply.answer() => self.concluded(answer, to).await,
            () = self.acquires().reached(Stage::Over) => {
                to.send(Err(self.error(AskError::Closed))).ok();
                self.last(Some(reply)).await;
            }
        }
    }

    /// Goes on once an answer has come, or none will come any more.
    async fn concluded(&mut self, answer: Answered, to: oneshot::Sender<Acquired>) {
        let Answered { outcome, by } = answer;
        let error = match outcome {
            Ok(true) => match self.watch.granted(by) {
                None => return self.hold(to).await,
                Some(lost) => {
                    to.send(Err(lost.into())).ok();
                    return self.release().await;
                }
            },
            Ok(false) => {
                to.send(Err(AcquireError::Refused)).ok();
                return;
            }
            Err(error) => error,
        };
        let may_hold = error.fate() != Fate::NotSent;
        to.send(Err(self.error(error))).ok();
        if may_hold {
            self.watch.bind(by);
            self.clear(None).await;
        }
    }

    fn error(&self, error: AskError) -> AcquireError {
        self.structure.told(error).into()
    }

    /// Hands the guard over, watches the node while it lives, and releases.
    async fn hold(&mut self, to: oneshot::Sender<Acquired>) {
        let name = self.structure.name().into();
        let (guard, Task { lost, mut end }) = Guard::new(name, Arc::clone(&self.hold.owner));
        // A guard that nobody takes is dropped, and ends at once.
        to.send(Ok(guard)).ok();
        let report = loop {
            let is_lost = lost.borrow().is_some();
            let acquires = &self.structure.region().core().acquires;
            let why = tokio::select! {
                biased;
                report = &mut end => break report.ok(),
                () = acquires.reached(Stage::Closing) => {
                    note_loss(&lost, HoldLost::Closed);
                    // Nothing is reported to a guard any more: it is told at once.
                    drop(end);
                    return self.release().await;
                }
                why = lost_by(&mut self.watch, is_lost) => why,
            };
            tracing::warn!(hold = ?self.hold.entity, %why, "no longer held");
            note_loss(&lost, why);
        };
        let within = self.structure.within();
        let (outcome, is_over) = self.ask_release(within, Instant::now()).await;
        let why = lost.borrow().clone();
        if let Some(report) = report {
            let ended = match (why, outcome) {
                (Some(why), _) => Ok(Released::Lost(why)),
                (None, Ok(true)) => Ok(Released::Freed),
                (None, Ok(false)) => Ok(Released::NotHeld),
                (None, Err(error)) => Err(self.structure.told(error)),
            };
            report.send(ended).ok();
        }
        if !is_over {
            self.release().await;
        }
    }

    /// Releases what was granted, until a node has answered, or the one that granted it is gone, or the
    /// client ends.
    async fn release(&mut self) {
        let within = self.structure.within();
        let (since, mut pause) = (Instant::now(), PAUSE);
        loop {
            let stage = self.acquires().stage();
            if let (_, true) = self.ask_release(within, since).await {
                return;
            }
            if stage == Stage::Over {
                return self.acquires().leave();
            }
            let acquires = &self.structure.region().core().acquires;
            tokio::select! {
                biased;
                why = self.watch.lost() => if !self.is_back(&why).await {
                    return;
                },
                () = acquires.passed(stage) => {}
                () = sleep(pause) => {}
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Releases once. Returns the answer, and whether nothing is left: what another node says than the one that
    /// granted it tells nothing. It does, once views have had the time to agree since releases began: a node
    /// that does not have the shard hands messages for it on, so an acquire may have been granted behind it.
    async fn ask_release(
        &mut self,
        within: Duration,
        since: Instant,
    ) -> (Result<bool, AskError>, bool) {
        let was_there = self.watch.look().is_none();
        let Answered { outcome, by } = self.hold.ask_last(Request::Release, within).await;
        let is_over = match outcome {
            Ok(true) => true,
            Ok(false) => {
                let is_its = self.watch.may_be(by.as_ref()) || since.elapsed() >= SETTLED;
                is_its && was_there && self.watch.look().is_none()
            }
            Err(_) => false,
        };
        (outcome, is_over)
    }

    /// Waits until views take back what they say against the node that granted it, or may have. It may have
    /// been called gone while it lived, or a view be of a time before it was started again, and then it has what
    /// it granted, for good. Returns whether they do, within [`RETURN`] and before the client closes.
    ///
    /// It is over for whoever acquired, so this takes no place among the acquires that may be open.
    async fn is_back(&mut self, why: &HoldLost) -> bool {
        if !matches!(why, HoldLost::NodeGone { .. } | HoldLost::Moved { .. }) {
            return false;
        }
        let Some(outlived) = self.acquires().outlive() else {
            return false;
        };
        drop(std::mem::replace(&mut self.ticket, outlived));
        let acquires = &self.structure.region().core().acquires;
        tokio::select! {
            biased;
            () = acquires.reached(Stage::Closing) => false,
            () = self.watch.returned() => true,
            () = sleep(RETURN) => false,
        }
    }

    /// Releases for the last time, as the client ends. What no node confirms may be left behind.
    async fn last(&mut self, mut reply: Option<Waiting>) {
        let within = self.structure.within();
        let released = tokio::select! {
            biased;
            // It was refused, so nothing is held. If it was granted, the release comes behind it.
            Answered { outcome: Ok(false), .. } = next(&mut reply) => true,
            released = self.hold.ask(Request::Release, within) => released.unwrap_or(false),
        };
        if !released {
            self.acquires().leave();
        }
    }

    /// Sees to it that an acquire which nobody waits for any more leaves nothing behind.
    async fn clear(&mut self, mut reply: Option<Waiting>) {
        let (mut since, mut pause) = (Instant::now(), PAUSE);
        loop {
            let stage = self.acquires().stage();
            if stage == Stage::Over {
                return self.last(reply).await;
            }
            let acquires = &self.structure.region().core().acquires;
            // An acquire that still waits is told by its own end that its node is gone: another node may
            // have it by now than the one that was to. And it may get its turn while the client closes.
            let is_lost = reply.is_none();
            tokio::select! {
                biased;
                Answered { outcome, by } = next(&mut reply) => match outcome {
                    Ok(true) => {
                        self.watch.granted(by);
                        return self.release().await;
                    }
                    Ok(false) => return,
                    Err(error) if error.fate() == Fate::NotSent => return,
                    Err(_) => {
                        self.watch.bind(by);
                        (reply, since, pause) = (None, Instant::now(), PAUSE);
                        continue;
                    }
                },
                why = self.watch.lost(), if is_lost => if self.is_back(&why).await {
                    continue;
                } else {
                    return;
                },
                () = acquires.passed(stage) => if !is_lost {
                    continue;
                },
                () = sleep(if is_lost { pause } else { LOOK }) => {}
            }
            let is_cleared = tokio::select! {
                biased;
                is_cleared = self.is_cleared(since) => is_cleared,
                () = self.acquires().reached(Stage::Over) => false,
            };
            if is_cleared {
                return;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Releases what was granted meanwhile. Returns whether nothing of the acquire is left on the node.
    async fn is_cleared(&self, since: Instant) -> bool {
        let within = self.structure.within();
        match self.hold.ask(Request::Release, within).await {
            Ok(true) => return true,
            // The acquire itself may still be under way on the connection that was lost.
            Ok(false) if since.elapsed() >= SETTLED => {}
            Ok(false) | Err(_) => return false,
        }
        if self.request == Request::TryAcquire {
            return true;
        }
        // Only where nobody waits is it free.
        if !matches!(self.hold.ask(Request::TryAcquire, within).await, Ok(true)) {
            return false;
        }
        loop {
            match self.hold.ask(Request::Release, within).await {
                // More than once, if the acquire was granted at the same time.
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }
}

/// Waits for the answer to an acquire; for ever if none is awaited any more.
async fn next(reply: &mut Option<Waiting>) -> Answered {
    match reply {
        Some(reply) => reply.answer().await,
        None => pending().await,
    }
}

/// Waits a moment for the end of a request that no connection has, and whose time for a route is over. Who
/// asked is told then that it was not sent, and not that others hold it.
async fn unsent(request: &mut Waiting) -> Option<Answered> {
    if request.is_carried() {
        return None;
    }
    timeout(UNSENT, request.answer()).await.ok()
}

/// Tells a guard that it is lost, unless it knows of an earlier loss.
fn note_loss(lost: &watch::Sender<Option<HoldLost>>, why: HoldLost) {
    lost.send_if_modified(|noted| {
        let is_first = noted.is_none();
        noted.get_or_insert(why);
        is_first
    });
}

/// Waits until what is held is lost; for ever if that is known.
async fn lost_by(watch: &mut Watch, is_lost: bool) -> HoldLost {
    if is_lost {
        pending().await
    } else {
        watch.lost().await
    }
}
