//! The messages about one hold of a lock, or of a permit of a semaphore: under one owner's name.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::structures::lock::{
    DestroyLock, LockAcquire, LockAcquired, LockRelease, LockReleased, LockTryAcquire,
    LockTryResult,
};
use casty_proto::message::structures::semaphore::{
    DestroySemaphore, SemaphoreAcquire, SemaphoreAcquired, SemaphoreRelease, SemaphoreReleased,
    SemaphoreTryAcquire, SemaphoreTryResult,
};
use casty_proto::{ActorRef, Chain};
use serde::{Deserialize, Serialize};

use crate::ask::reply::Reply;
use crate::client::region::EntityRef;
use crate::error::AskError;

/// The kind of a structure that is held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Lock,
    Semaphore,
}

/// A message about a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Acquire,
    TryAcquire,
    Release,
}

/// One hold: the entity, and the name of the owner, which no other hold has.
#[derive(Clone)]
pub(super) struct Hold {
    pub(super) entity: EntityRef,
    pub(super) kind: Kind,
    pub(super) owner: Arc<str>,
    /// The time for each ask, but for one that waits for its turn.
    pub(super) within: Duration,
}

/// Longer than any client lives: who waits for a turn waits as long as it takes.
const ANY_TIME: Duration = Duration::from_hours(50 * 365 * 24);

impl Hold {
    /// Asks, and returns whether the node says yes.
    pub(super) async fn ask(&self, request: Request) -> Result<bool, AskError> {
        let ask = self
            .entity
            .ask(|reply_to| self.message(request, reply_to))
            .within(self.within);
        // On a task of the client, which owns nothing that it could borrow.
        ask.send().await.map(|answer| answer.says_yes())
    }

    /// Asks for a turn, and returns the reply that comes with it. The message waits for a route no longer
    /// than `route`.
    pub(super) fn wait(&self, route: Duration) -> Reply<Answer> {
        let ask = self
            .entity
            .ask(|reply_to| self.message(Request::Acquire, reply_to));
        ask.within(ANY_TIME).send_routed(route)
    }

    /// Releases it although the client accepts no more messages. Nobody waits for the reply.
    pub(super) fn release_last(&self) {
        let core = self.entity.region().core();
        let nobody = ActorRef::from_uri_unchecked(core.identity.uri("/_ask/released"));
        let message = self.message(Request::Release, nobody);
        if let Err(error) = self.entity.tell_last(&message) {
            tracing::warn!(entity = ?self.entity, owner = %self.owner, error = %Chain(&error), "not released");
        }
    }

    fn message(&self, request: Request, reply_to: ActorRef<Answer>) -> Message {
        let owner = self.owner.to_string();
        match (self.kind, request) {
            (Kind::Lock, Request::Acquire) => Message::Lock(LockAcquire {
                owner,
                reply_to: reply_to.cast(),
            }),
            (Kind::Lock, Request::TryAcquire) => Message::TryLock(LockTryAcquire {
                owner,
                reply_to: reply_to.cast(),
            }),
            (Kind::Lock, Request::Release) => Message::Unlock(LockRelease {
                owner,
                reply_to: reply_to.cast(),
            }),
            (Kind::Semaphore, Request::Acquire) => Message::Acquire(SemaphoreAcquire {
                owner,
                reply_to: reply_to.cast(),
            }),
            (Kind::Semaphore, Request::TryAcquire) => Message::TryAcquire(SemaphoreTryAcquire {
                owner,
                reply_to: reply_to.cast(),
            }),
            (Kind::Semaphore, Request::Release) => Message::Release(SemaphoreRelease {
                owner,
                reply_to: reply_to.cast(),
            }),
        }
    }
}

/// Makes the message that destroys a structure.
pub(super) fn destroy(kind: Kind, reply_to: ActorRef<bool>) -> Message {
    match kind {
        Kind::Lock => Message::DestroyLock(DestroyLock { reply_to }),
        Kind::Semaphore => Message::Destroy(DestroySemaphore { reply_to }),
    }
}

/// Any message to a lock or a semaphore.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Message {
    Lock(LockAcquire),
    TryLock(LockTryAcquire),
    Unlock(LockRelease),
    DestroyLock(DestroyLock),
    Acquire(SemaphoreAcquire),
    TryAcquire(SemaphoreTryAcquire),
    Release(SemaphoreRelease),
    Destroy(DestroySemaphore),
}

/// Any reply of a lock or a semaphore, all of which say yes or no.
#[derive(Deserialize)]
pub(super) enum Answer {
    #[serde(rename = "casty.distributed.lock.LockAcquired")]
    Locked(LockAcquired),
    #[serde(rename = "casty.distributed.lock.LockTryResult")]
    Tried(LockTryResult),
    #[serde(rename = "casty.distributed.lock.LockReleased")]
    Unlocked(LockReleased),
    #[serde(rename = "casty.distributed.semaphore.SemaphoreAcquired")]
    Acquired(SemaphoreAcquired),
    #[serde(rename = "casty.distributed.semaphore.SemaphoreTryResult")]
    TriedAcquire(SemaphoreTryResult),
    #[serde(rename = "casty.distributed.semaphore.SemaphoreReleased")]
    Released(SemaphoreReleased),
}

impl Answer {
    pub(super) fn says_yes(&self) -> bool {
        match self {
            Self::Locked(LockAcquired { granted: yes })
            | Self::Acquired(SemaphoreAcquired { granted: yes })
            | Self::Tried(LockTryResult { acquired: yes })
            | Self::TriedAcquire(SemaphoreTryResult { acquired: yes })
            | Self::Unlocked(LockReleased { released: yes })
            | Self::Released(SemaphoreReleased { released: yes }) => *yes,
        }
    }
}
