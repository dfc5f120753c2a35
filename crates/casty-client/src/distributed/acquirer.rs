//! Locks and semaphores as their callers use them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ask::open::CLOCK_FIRST;
use crate::client::region::EntityRef;
use crate::distributed::acquiring::{Acquired, Acquiring};
use crate::distributed::error::{AcquireError, StructureError};
use crate::distributed::guard::Guard;
use crate::distributed::hold::{Hold, Kind, Request, destroy};
use crate::distributed::structure::Structure;
use crate::error::AskError;

/// The pause after the first attempt, of which each next one is twice as long.
const TRY_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two attempts.
const LONGEST_TRY_PAUSE: Duration = Duration::from_millis(500);

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
        let within = within.unwrap_or(self.structure.within());
        self.begin(Request::Acquire, within).await
    }

    /// Acquires it if it is free.
    pub(super) async fn try_acquire(&self) -> Result<Option<Guard>, AcquireError> {
        self.attempt(self.structure.within()).await
    }

    /// Acquires it if it is free, and waits for the answer at most for `within`.
    async fn attempt(&self, within: Duration) -> Result<Option<Guard>, AcquireError> {
        match self.begin(Request::TryAcquire, within).await {
            Ok(guard) => Ok(Some(guard)),
            Err(AcquireError::Refused) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tries again and again, for at most `within` in all.
    pub(super) async fn try_within(&self, within: Duration) -> Acquired {
        // The time is what is left of it: an instant so far ahead need not exist.
        let begun = Instant::now();
        let left = || within.saturating_sub(begun.elapsed());
        let (mut pause, mut was_refused) = (TRY_PAUSE, false);
        loop {
            match self.attempt(self.structure.within().min(left())).await {
                Ok(Some(guard)) => return Ok(guard),
                Ok(None) => was_refused = true,
                // The last attempt had less time than an answer takes. Those before were answered.
                Err(error) if was_refused && left().is_zero() && is_late(&error) => {}
                Err(error) => return Err(error),
            }
            self.structure.pause(pause.min(left())).await;
            if left().is_zero() {
                return Err(AcquireError::Timeout { after: within });
            }
            pause = LONGEST_TRY_PAUSE.min(pause * 2);
        }
    }

    async fn begin(&self, request: Request, within: Duration) -> Acquired {
        let left = self.structure.ready(within).await?;
        let core = self.structure.region().core();
        let hold = self.hold(core.acquires.owner());
        let acquired = Acquiring::begin(&self.structure, hold, request, (within, left))?;
        // The task keeps the time, if the client's runtime is driven.
        let limit = left.saturating_add(CLOCK_FIRST);
        let error = match core.home.bounded(limit, acquired).await {
            Some(Ok(acquired)) => return acquired,
            Some(Err(_)) => AskError::Closed,
            // Nobody knows whether others hold it.
            None => AskError::Timeout {
                after: within,
                attempts: 1,
            },
        };
        Err(self.structure.told(error).into())
    }

    fn hold(&self, owner: Arc<str>) -> Hold {
        Hold {
            entity: self.entity.clone(),
            kind: self.kind,
            owner,
        }
    }

    /// Releases what an owner holds. Returns whether it held anything.
    pub(super) async fn release_owner(&self, owner: &str) -> Result<bool, StructureError> {
        let left = self.structure.ready(self.structure.within()).await?;
        let hold = self.hold(owner.into());
        let mut released = hold.begin(Request::Release, left, left);
        let released = released.answer().await.outcome;
        released.map_err(|error| self.structure.told(error))
    }

    /// Destroys the structure.
    pub(super) async fn destroy(&self) -> Result<bool, StructureError> {
        let ask = |reply_to| destroy(self.kind, reply_to);
        self.structure.ask(&self.entity, ask).await
    }
}

/// Returns whether an attempt ended because its time was over.
fn is_late(error: &AcquireError) -> bool {
    matches!(
        error,
        AcquireError::Structure(StructureError::Ask(AskError::Timeout { .. }))
    )
}
