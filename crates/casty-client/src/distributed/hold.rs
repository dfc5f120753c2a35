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
use casty_proto::{ActorRef, NodeAddress};
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
}

/// A request that was sent, and waits for its answer.
pub(super) struct Waiting {
    entity: EntityRef,
    reply: Reply<Answer>,
}

/// The end of a request.
pub(super) struct Answered {
    /// The answer: true if the node says yes.
    pub(super) outcome: Result<bool, AskError>,
    /// The node that had the request last; `None` if none had, or the connection to it has just ended.
    pub(super) by: Option<NodeAddress>,
}

impl Waiting {
    /// Returns whether a connection has the request, so that its node may.
    pub(super) fn is_carried(&self) -> bool {
        self.reply.carrier().is_some()
    }

    /// Waits for the answer.
    ///
    /// # Cancel safety
    /// Safe: the next call waits for the same answer.
    pub(super) async fn answer(&mut self) -> Answered {
        let (reply, carrier) = self.reply.carried().await;
        let by = match &reply {
            Err(AskError::Lost { node, .. }) => Some(node.clone()),
            _ => carrier.and_then(|carrier| self.entity.region().core().node_of(carrier)),
        };
        let outcome = reply.map(|answer| answer.says_yes());
        Answered { outcome, by }
    }
}

impl Hold {
    /// Asks for what a caller wants, and returns the answer to wait for, `within` in all. The message waits
    /// for a route no longer than `route`.
    pub(super) fn begin(&self, request: Request, within: Duration, route: Duration) -> Waiting {
        let ask = self
            .entity
            .ask(|reply_to| self.message(request, reply_to))
            .within(within);
        Waiting {
            entity: self.entity.clone(),
            reply: ask.send_routed(route),
        }
    }

    /// Asks for the sake of what is left on a node, and returns whether that says yes. Goes out although
    /// the client accepts no more messages, as long as its router does.
    pub(super) async fn ask(&self, request: Request, within: Duration) -> Result<bool, AskError> {
        self.ask_last(request, within).await.outcome
    }

    /// Asks the same, and returns the node that was asked as well.
    pub(super) async fn ask_last(&self, request: Request, within: Duration) -> Answered {
        let ask = self
            .entity
            .ask_last(|reply_to| self.message(request, reply_to))
            .within(within);
        let mut waiting = Waiting {
            entity: self.entity.clone(),
            // On a task of the client, which owns nothing that it could borrow.
            reply: ask.send(),
        };
        waiting.answer().await
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
