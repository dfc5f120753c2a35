//! Locks and semaphores: never more holders than permits, and nobody holds for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use casty_client::{AcquireError, Guard, Lock, Released, Semaphore};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::lives::{Lives, Moment};
use crate::sim::scenario::deadline::{WITHIN, within};
use crate::sim::violation::Check;
use crate::sim::world::World;

/// The time after which nobody may hold what nobody wants any more: a client looks every 30 s whether an
/// acquire that was given up still waits.
const GHOSTS: Duration = Duration::from_secs(40);
/// The time that each acquire which was given up may take besides: they have their turns one after the other,
/// and a client that has lost the reply finds that with pauses of 10 s.
const TURN: Duration = Duration::from_millis(11_500);

/// A lock, or a semaphore, of a world.
pub(super) struct Holds {
    world: World,
    name: &'static str,
    permits: usize,
    pub(super) lives: Arc<Lives>,
    /// Released before the world is told anything.
    claims: Mutex<Claims>,
}

#[derive(Default)]
struct Claims {
    count: u64,
    /// Acquires that may be left behind.
    given_up: u32,
    /// The claims of those who take themselves for holders.
    open: BTreeMap<u64, Claim>,
    /// Clients that are closed, or about to be: whatever they hold is released meanwhile.
    closed: BTreeSet<usize>,
}

struct Claim {
    client: usize,
    /// The lives when it began to acquire.
    since: Moment,
}

/// A lock or a semaphore, as one client has it.
#[derive(Clone)]
pub(super) enum Handle {
    Lock(Lock),
    Semaphore(Semaphore),
}

impl Holds {
    pub(super) fn new(world: &World, name: &'static str, permits: usize) -> Self {
        Self {
            world: world.clone(),
            name,
            permits,
            lives: Arc::default(),
            claims: Mutex::default(),
        }
    }

    /// Acquires in one of the ways there are, holds for a while, and gives it back in one of the ways.
    pub(super) async fn hold(&self, client: usize, handle: &Handle) {
        let since = self.lives.now();
        let Some(guard) = self.acquire(handle).await else {
            return;
        };
        let claim = self.granted(client, since);
        let held = self.world.random_time(1..300);
        tokio::select! {
            biased;
            lost = guard.lost() => self.log(format_args!("lost: {lost}")),
            () = sleep(held) => {}
        }
        self.given_back(claim);
        if self.world.random_below(4) == 0 {
            return drop(guard);
        }
        let release = guard.release();
        let Some(released) = within(&self.world, ("a release", WITHIN), release).await else {
            return;
        };
        self.log(format_args!("released: {released:?}"));
        let lives = self.lives.now();
        if matches!(released, Ok(Released::NotHeld)) && lives.is_life_of(&since) {
            let what = format!("{} was not held any more by its holder", self.name);
            self.world.violated(Check::Exclusion, what);
        }
    }

    /// Acquires, and gives up early now and then.
    async fn acquire(&self, handle: &Handle) -> Option<Guard> {
        let world = &self.world;
        let patience = world.random_time(20..1_500);
        let acquired = match world.random_below(5) {
            0 => {
                let acquire = timeout(patience / 2, handle.acquire(patience));
                match acquire.await {
                    Ok(acquired) => acquired,
                    Err(_) => Err(AcquireError::Timeout { after: patience }),
                }
            }
            1 => {
                let tried = within(world, ("a try", WITHIN), handle.try_acquire()).await?;
                tried.and_then(|guard| guard.ok_or(AcquireError::Refused))
            }
            // The last try may begin when the time is nearly over.
            2 => {
                let limit = ("tries", patience + WITHIN);
                within(world, limit, handle.try_within(patience)).await?
            }
            _ => within(world, ("an acquire", patience), handle.acquire(patience)).await?,
        };
        self.log(format_args!("acquired: {acquired:?}"));
        if acquired.as_ref().is_err_and(AcquireError::may_hold) {
            self.claims.lock().given_up += 1;
        }
        acquired.ok()
    }

    fn log(&self, what: std::fmt::Arguments<'_>) {
        self.world.log(format_args!("{} {what}", self.name));
    }

    /// Notes a holder, and checks that there are no more of them than permits. Returns its number.
    fn granted(&self, client: usize, since: Moment) -> u64 {
        let now = self.lives.now();
        let mut claims = self.claims.lock();
        claims.count += 1;
        let number = claims.count;
        if !claims.closed.contains(&client) {
            claims.open.insert(number, Claim { client, since });
        }
        let holders = claims.open.values();
        let holders = holders.filter(|claim| now.is_life_of(&claim.since)).count();
        drop(claims);
        if holders > self.permits {
            let what = format!("{holders} hold {}, of {} permits", self.name, self.permits);
            self.world.violated(Check::Exclusion, what);
        }
        number
    }

    /// Notes that a holder gives it back.
    fn given_back(&self, claim: u64) {
        self.claims.lock().open.remove(&claim);
    }

    /// Notes that a client is about to be closed.
    pub(super) fn closes(&self, client: usize) {
        let mut claims = self.claims.lock();
        claims.closed.insert(client);
        claims.open.retain(|_, claim| claim.client != client);
    }

    /// Checks that all permits can be had, now that nobody wants any: also those of a node that was called
    /// dead and was not, and owns them again.
    pub(super) async fn are_free(&self, handle: &Handle) {
        let end = Instant::now() + GHOSTS + TURN * self.claims.lock().given_up;
        let (mut guards, mut wanted) = (Vec::new(), self.permits);
        let mut last = None;
        while guards.len() < wanted && Instant::now() < end {
            match handle.try_within(end - Instant::now()).await {
                Ok(guard) => guards.push(guard),
                // A client of two asks has one acquire.
                Err(AcquireError::TooMany { limit }) if guards.len() == limit => wanted = limit,
                Err(error) => {
                    last = Some(error);
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
        let missing = wanted - guards.len();
        if missing > 0 {
            let what = format!("{missing} permits of {} are held: {last:?}", self.name);
            self.world.violated(Check::GhostHolder, what);
        }
        for guard in guards {
            guard.release().await.ok();
        }
    }
}

impl Handle {
    async fn acquire(&self, within: Duration) -> Result<Guard, AcquireError> {
        match self {
            Self::Lock(lock) => lock.acquire_within(within).await,
            Self::Semaphore(semaphore) => semaphore.acquire_within(within).await,
        }
    }

    async fn try_acquire(&self) -> Result<Option<Guard>, AcquireError> {
        match self {
            Self::Lock(lock) => lock.try_acquire().await,
            Self::Semaphore(semaphore) => semaphore.try_acquire().await,
        }
    }

    async fn try_within(&self, within: Duration) -> Result<Guard, AcquireError> {
        match self {
            Self::Lock(lock) => lock.try_within(within).await,
            Self::Semaphore(semaphore) => semaphore.try_within(within).await,
        }
    }
}
