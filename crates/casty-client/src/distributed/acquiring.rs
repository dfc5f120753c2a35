//! The tasks of holds: from the acquire to the release, whatever becomes of the caller.
//!
//! A node of casty 0.21 never forgets who waits for a turn, and refuses the release of what is not held yet.
//! So an acquire that nobody waits for any more is carried on, and released as soon as it is granted. Where
//! its reply may be lost, with a connection, releases are sent until one is confirmed, or until the
//! structure is found free: then nobody waits in its queue, the lost acquire neither.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::acquires::{Acquires, Stage, Ticket};
use crate::ask::open::CLOCK_FIRST;
use crate::ask::reply::Reply;
use crate::client::region::EntityRef;
use crate::distributed::error::{AcquireError, HoldLost, StructureError};
use crate::distributed::guard::{Guard, Released, Task};
use crate::distributed::hold::{Answer, Hold, Kind, Request, destroy};
use crate::distributed::structure::Structure;
use crate::distributed::watch::Watch;
use crate::error::{AskError, Fate};

/// The first pause between two releases, of which each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The time between two looks at whether an acquire that nobody waits for still waits on the node.
const LOOK: Duration = Duration::from_secs(30);
/// The time after which a node has read what a connection that was lost had brought.
const SETTLED: Duration = Duration::from_secs(15);

/// The pause after the first attempt, of which each next one is twice as long.
const TRY_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two attempts.
const LONGEST_TRY_PAUSE: Duration = Duration::from_millis(500);

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
    _ticket: Ticket,
}

/// The reply to an acquire that is still awaited.
type Waiting = Pin<Box<Reply<Answer>>>;

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
                _ticket: ticket,
            };
            acquiring.run(to)
        });
        begun.map(|()| acquired).map_err(AcquireError::from)
    }

    fn acquires(&self) -> &Acquires {
        &self.structure.region().core().acquires
    }

    async fn run(mut self, to: oneshot::Sender<Acquired>) {
        let (core, hold) = (
            Arc::clone(self.structure.region().core()),
            self.hold.clone(),
        );
        tokio::select! {
            biased;
            () = self.see_through(to) => {}
            // It waits for a reply for which there is no time any more.
            () = core.acquires.reached(Stage::Over) => hold.release_last(),
        }
    }

    async fn see_through(&mut self, to: oneshot::Sender<Acquired>) {
        if self.request == Request::Acquire {
            self.acquire(to).await;
        } else {
            let outcome = self.hold.ask(self.request).await;
            self.concluded(outcome, to).await;
        }
    }

    /// Waits for a turn: with the caller, and then alone.
    async fn acquire(&mut self, mut to: oneshot::Sender<Acquired>) {
        let mut reply: Waiting = Box::pin(self.hold.wait(self.left));
        let given_up = tokio::select! {
            biased;
            outcome = &mut reply => {
                let outcome = outcome.map(|answer| answer.says_yes());
                return self.concluded(outcome, to).await;
            }
            () = to.closed() => None,
            () = self.acquires().reached(Stage::Closing) => Some(self.error(AskError::Closed)),
            () = sleep(self.left) => Some(self.out_of_time()),
        };
        if let Some(error) = given_up {
            to.send(Err(error)).ok();
        }
        self.clear(Some(reply)).await;
    }

    /// Goes on once a reply has come, or none will come any more.
    async fn concluded(&mut self, outcome: Result<bool, AskError>, to: oneshot::Sender<Acquired>) {
        let error = match outcome {
            Ok(true) => match self.watch.granted() {
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
            self.clear(None).await;
        }
    }

    fn error(&self, error: AskError) -> AcquireError {
        self.structure.told(error).into()
    }

    /// Returns the error of an acquire that was not granted in time.
    fn out_of_time(&self) -> AcquireError {
        let after = self.within;
        match self
            .structure
            .told(AskError::Timeout { after, attempts: 1 })
        {
            StructureError::Ask(_) => AcquireError::Timeout { after },
            told => told.into(),
        }
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
                    lost.send_replace(Some(HoldLost::Closed));
                    return self.hold.release_last();
                }
                why = lost_by(&mut self.watch, is_lost) => why,
            };
            tracing::warn!(hold = ?self.hold.entity, %why, "no longer held");
            lost.send_replace(Some(why));
        };
        let outcome = self.hold.ask(Request::Release).await;
        let why = lost.borrow().clone();
        let is_over = outcome.is_ok() || why.is_some();
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

    /// Releases what was granted, until a node has answered or the one that granted it is gone.
    async fn release(&mut self) {
        let mut pause = PAUSE;
        loop {
            if self.acquires().stage() != Stage::Open {
                return self.hold.release_last();
            }
            if self.hold.ask(Request::Release).await.is_ok() {
                return;
            }
            let acquires = &self.structure.region().core().acquires;
            tokio::select! {
                biased;
                _ = self.watch.lost() => return,
                () = acquires.reached(Stage::Closing) => {}
                () = sleep(pause) => {}
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Sees to it that an acquire which nobody waits for any more leaves nothing behind.
    async fn clear(&mut self, mut reply: Option<Waiting>) {
        let (mut since, mut pause) = (Instant::now(), PAUSE);
        loop {
            // Who waits for a turn may get it while the client closes.
            let (wait, end) = match &reply {
                Some(_) => (LOOK, Stage::Over),
                None => (pause, Stage::Closing),
            };
            let acquires = &self.structure.region().core().acquires;
            tokio::select! {
                biased;
                answer = next(&mut reply) => match answer {
                    Ok(true) => return self.release().await,
                    Ok(false) => return,
                    Err(error) if error.fate() == Fate::NotSent => return,
                    Err(_) => (reply, since, pause) = (None, Instant::now(), PAUSE),
                },
                _ = self.watch.lost() => return,
                () = acquires.reached(end) => return self.hold.release_last(),
                () = sleep(wait) => {
                    if self.is_cleared(since).await {
                        return;
                    }
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Releases what was granted meanwhile. Returns whether nothing of the acquire is left on the node.
    async fn is_cleared(&self, since: Instant) -> bool {
        match self.hold.ask(Request::Release).await {
            Ok(true) => return true,
            // The acquire itself may still be under way on the connection that was lost.
            Ok(false) if since.elapsed() >= SETTLED => {}
            Ok(false) | Err(_) => return false,
        }
        if self.request == Request::TryAcquire {
            return true;
        }
        // Only where nobody waits is it free.
        if !matches!(self.hold.ask(Request::TryAcquire).await, Ok(true)) {
            return false;
        }
        loop {
            match self.hold.ask(Request::Release).await {
                // More than once, if the acquire was granted at the same time.
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }
}

/// Waits for the reply to an acquire; for ever if none is awaited any more.
async fn next(reply: &mut Option<Waiting>) -> Result<bool, AskError> {
    match reply {
        Some(reply) => reply.await.map(|answer| answer.says_yes()),
        None => pending().await,
    }
}

/// Waits until what is held is lost; for ever if that is known.
async fn lost_by(watch: &mut Watch, is_lost: bool) -> HoldLost {
    if is_lost {
        pending().await
    } else {
        watch.lost().await
    }
}

/// The way in which locks and semaphores are acquired.
#[derive(Clone)]
pub(super) struct Acquirer {
    pub(super) structure: Structure,
    pub(super) entity: EntityRef,
    kind: Kind,
}

impl Acquirer {
    pub(super) fn new(structure: Structure, kind: Kind) -> Self {
        Self {
            entity: structure.entity(),
            structure,
            kind,
        }
    }

    /// Waits for a turn, for at most `within`, or for the time of the handle.
    pub(super) async fn acquire(&self, within: Option<Duration>) -> Acquired {
        self.begin(Request::Acquire, within).await
    }

    /// Acquires it if it is free.
    pub(super) async fn try_acquire(&self) -> Result<Option<Guard>, AcquireError> {
        match self.begin(Request::TryAcquire, None).await {
            Ok(guard) => Ok(Some(guard)),
            Err(AcquireError::Refused) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tries again and again, for at most `within`.
    pub(super) async fn try_within(&self, within: Duration) -> Acquired {
        let (end, mut pause) = (Instant::now() + within, TRY_PAUSE);
        loop {
            if let Some(guard) = self.try_acquire().await? {
                return Ok(guard);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(AcquireError::Timeout { after: within });
            }
            sleep(pause.min(left)).await;
            pause = LONGEST_TRY_PAUSE.min(pause * 2);
        }
    }

    async fn begin(&self, request: Request, within: Option<Duration>) -> Acquired {
        let within = within.unwrap_or(self.structure.within());
        let left = self.structure.ready(within).await?;
        let core = self.structure.region().core();
        let hold = self.hold(core.acquires.owner());
        let acquired = Acquiring::begin(&self.structure, hold, request, (within, left))?;
        // The task keeps the time, if the client's runtime is driven.
        let limit = left.saturating_add(CLOCK_FIRST);
        match core.home.bounded(limit, acquired).await {
            Some(Ok(acquired)) => acquired,
            Some(Err(_)) => Err(self.structure.told(AskError::Closed).into()),
            None => Err(AcquireError::Timeout { after: within }),
        }
    }

    fn hold(&self, owner: Arc<str>) -> Hold {
        Hold {
            entity: self.entity.clone(),
            kind: self.kind,
            owner,
            within: self.structure.within(),
        }
    }

    /// Releases what an owner holds. Returns whether it held anything.
    pub(super) async fn release_owner(&self, owner: &str) -> Result<bool, StructureError> {
        self.structure.ready(self.structure.within()).await?;
        let released = self.hold(owner.into()).ask(Request::Release).await;
        released.map_err(|error| self.structure.told(error))
    }

    /// Destroys the structure.
    pub(super) async fn destroy(&self) -> Result<bool, StructureError> {
        let ask = |reply_to| destroy(self.kind, reply_to);
        self.structure.ask(&self.entity, ask).await
    }
}
