//! Locks and semaphores: a lock is a semaphore of one permit, with messages of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use casty_proto::ActorRef;
use casty_proto::message::structures::lock::{
    DestroyLock, LockAcquire, LockAcquired, LockRelease, LockReleased, LockTryAcquire,
    LockTryResult,
};
use casty_proto::message::structures::semaphore::{
    DestroySemaphore, SemaphoreAcquire, SemaphoreAcquired, SemaphoreRelease, SemaphoreReleased,
    SemaphoreTryAcquire, SemaphoreTryResult,
};
use casty_routing::ShardCount;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::entity::stateful;
use crate::region::RegionPlan;

/// The permits that are left, who has the others, and who waits for one, in order.
struct Permits<A> {
    available: usize,
    holders: Vec<String>,
    waiters: VecDeque<(String, ActorRef<A>)>,
}

impl<A: Serialize> Permits<A> {
    fn new(available: usize) -> Self {
        Self {
            available,
            holders: Vec::new(),
            waiters: VecDeque::new(),
        }
    }

    fn acquire(
        &mut self,
        owner: String,
        reply_to: ActorRef<A>,
        (granted, context): (&A, &mut Context<'_>),
    ) {
        if self.try_acquire(owner.clone()) {
            context.reply(&reply_to, granted);
        } else {
            self.waiters.push_back((owner, reply_to));
        }
    }

    fn try_acquire(&mut self, owner: String) -> bool {
        let is_free = self.available > 0;
        if is_free {
            self.available -= 1;
            self.holders.push(owner);
        }
        is_free
    }

    /// Returns whether the owner held a permit, and who gets it now.
    fn release(&mut self, owner: &str) -> (bool, Option<ActorRef<A>>) {
        let Some(place) = self.holders.iter().position(|holder| holder == owner) else {
            return (false, None);
        };
        self.holders.remove(place);
        let next = self.waiters.pop_front().map(|(owner, reply_to)| {
            self.holders.push(owner);
            reply_to
        });
        if next.is_none() {
            self.available += 1;
        }
        (true, next)
    }
}

#[derive(Deserialize)]
enum ToLock {
    #[serde(rename = "casty.distributed.lock.LockAcquire")]
    Acquire(LockAcquire),
    #[serde(rename = "casty.distributed.lock.LockTryAcquire")]
    Try(LockTryAcquire),
    #[serde(rename = "casty.distributed.lock.LockRelease")]
    Release(LockRelease),
    #[serde(rename = "casty.distributed.lock.DestroyLock")]
    Destroy(DestroyLock),
}

/// Makes locks.
pub(super) fn locks(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    const GRANTED: LockAcquired = LockAcquired { granted: true };
    let make = stateful(
        || Permits::new(1),
        |lock: &mut Permits<LockAcquired>, message, context: &mut Context<'_>| match message {
            ToLock::Acquire(LockAcquire { owner, reply_to }) => {
                lock.acquire(owner, reply_to, (&GRANTED, context));
            }
            ToLock::Try(LockTryAcquire { owner, reply_to }) => {
                let acquired = lock.try_acquire(owner);
                context.reply(&reply_to, &LockTryResult { acquired });
            }
            ToLock::Release(LockRelease { owner, reply_to }) => {
                let (released, next) = lock.release(&owner);
                context.reply(&reply_to, &LockReleased { released });
                if let Some(next) = next {
                    context.reply(&next, &GRANTED);
                }
            }
            ToLock::Destroy(DestroyLock { reply_to }) => {
                context.reply(&reply_to, &true);
                context.stop();
            }
        },
    );
    RegionPlan::new(region, shards, make)
}

#[derive(Deserialize)]
enum ToSemaphore {
    #[serde(rename = "casty.distributed.semaphore.SemaphoreAcquire")]
    Acquire(SemaphoreAcquire),
    #[serde(rename = "casty.distributed.semaphore.SemaphoreTryAcquire")]
    Try(SemaphoreTryAcquire),
    #[serde(rename = "casty.distributed.semaphore.SemaphoreRelease")]
    Release(SemaphoreRelease),
    #[serde(rename = "casty.distributed.semaphore.DestroySemaphore")]
    Destroy(DestroySemaphore),
}

/// Makes semaphores of so many permits.
pub(super) fn semaphores(region: Arc<str>, shards: ShardCount, permits: usize) -> RegionPlan {
    const GRANTED: SemaphoreAcquired = SemaphoreAcquired { granted: true };
    let make = stateful(
        move || Permits::new(permits),
        |it: &mut Permits<SemaphoreAcquired>, message, context: &mut Context<'_>| match message {
            ToSemaphore::Acquire(SemaphoreAcquire { owner, reply_to }) => {
                it.acquire(owner, reply_to, (&GRANTED, context));
            }
            ToSemaphore::Try(SemaphoreTryAcquire { owner, reply_to }) => {
                let acquired = it.try_acquire(owner);
                context.reply(&reply_to, &SemaphoreTryResult { acquired });
            }
            ToSemaphore::Release(SemaphoreRelease { owner, reply_to }) => {
                let (released, next) = it.release(&owner);
                context.reply(&reply_to, &SemaphoreReleased { released });
                if let Some(next) = next {
                    context.reply(&next, &GRANTED);
                }
            }
            ToSemaphore::Destroy(DestroySemaphore { reply_to }) => {
                context.reply(&reply_to, &true);
                context.stop();
            }
        },
    );
    RegionPlan::new(region, shards, make)
}
