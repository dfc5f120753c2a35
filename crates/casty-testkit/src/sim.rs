//! Whole worlds in virtual time: a cluster of fake nodes, real clients, and a network that goes
//! wrong, all of it decided by one number.
//!
//! A world runs on one thread, without sockets, and as fast as the machine can: time passes only
//! when nothing is left to do. Everything random comes from the seed, so a seed that fails today
//! fails tomorrow: its log is the same, byte for byte. Clients are those of casty-client as they
//! are; [`World::connect`] has each of them watched while the world lasts, and closed in the end.
//!
//! ```
//! use std::time::Duration;
//!
//! use casty_proto::ActorRef;
//! use casty_testkit::sim::{self, Fault, World};
//! use casty_testkit::{Cluster, Context, stateful};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename = "bank.GetBalance")]
//! struct GetBalance {
//!     reply_to: ActorRef<i64>,
//! }
//!
//! // The service that is tested: any code that uses a client.
//! async fn balance(accounts: &casty_client::RegionRef, owner: &str) -> i64 {
//!     loop {
//!         let account = accounts.entity(owner);
//!         let ask = account.ask(|reply_to| GetBalance { reply_to });
//!         if let Ok(balance) = ask.within(Duration::from_secs(1)).await {
//!             return balance;
//!         }
//!     }
//! }
//!
//! async fn scenario(world: World) {
//!     let account = |balance: &mut i64, message: GetBalance, context: &mut Context<'_>| {
//!         context.reply(&message.reply_to, balance);
//!     };
//!     let bank = Cluster::builder("bank").region("account", 10, stateful(|| 7, account));
//!     world.start(bank).await.unwrap();
//!     let client = world.connect(|builder| builder).await.unwrap();
//!     let accounts = client.entity_ref("account", 10).unwrap();
//!     let faults = world.chaos(&[Fault::Kill, Fault::Reset], Duration::from_secs(5));
//!     let service = async {
//!         for _ in 0..20 {
//!             assert_eq!(balance(&accounts, "alice").await, 7);
//!         }
//!     };
//!     tokio::join!(faults, service);
//! }
//!
//! sim::seeds(0..5, scenario); // panics with the seed that fails
//! ```
//!
//! What a scenario does itself must be decided by the seed, too: no threads, no clocks but tokio's,
//! [`World::random_below`] instead of other dice, and `biased;` in `tokio::select!`, which draws
//! lots otherwise. Several tasks that wait for one `tokio::sync::watch` are woken in any order.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;

use tokio::runtime::Builder as RuntimeBuilder;

mod chaos;
mod checks;
mod connection;
mod direction;
mod fault;
mod log;
mod network;
mod queries;
mod scenario;
mod seeds;
mod tamper;
mod world;

pub use checks::{Check, Violation};
pub use fault::{Fault, UnknownFault};
pub use scenario::{run_scenario, run_scenario_against};
pub use seeds::{REGRESSION_SEEDS, RegressionSeed};
pub use world::World;

use checks::Watch;
use log::Log;

/// How a world ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was not as it should be; the first 32 of it.
    pub violations: Vec<Violation>,
    /// How much virtual time passed.
    pub elapsed: Duration,
    /// Stands for the whole log: worlds with equal logs have equal digests.
    pub digest: u64,
    /// Lines of the log.
    pub lines: u64,
    /// The whole log, if that was wanted, else its last lines.
    pub log: String,
}

impl Report {
    /// Whether all was as it should be.
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// Runs one world after the other.
///
/// # Panics
/// One of them was not as it should be. The message names the seed and tells how it ended. Or it was
/// called inside a runtime: each world has its own.
pub fn seeds<F>(seeds: Range<u64>, scenario: impl Fn(World) -> F)
where
    F: Future<Output = ()> + 'static,
{
    for seed in seeds {
        let report = run(seed, false, &scenario);
        assert!(report.is_fine(), "{report}\n{}", report.log);
    }
}

/// Runs the world of one seed: the scenario, then the end of everything, with all checks. `trace`:
/// the whole log is kept. A panic of the scenario is a violation.
///
/// # Panics
/// Within a tokio runtime.
pub fn run<F>(seed: u64, trace: bool, scenario: impl FnOnce(World) -> F) -> Report
where
    F: Future<Output = ()> + 'static,
{
    let panics = panics_of_this_thread();
    let runtime = RuntimeBuilder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let (world, log) = runtime.block_on(async {
        let log = Arc::new(Log::new(trace));
        (World::new(seed, Arc::clone(&log)), log)
    });
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(live(&world, scenario))
    }));
    runtime.block_on(async {
        let elapsed = ran
            .as_ref()
            .map_or_else(|_| log.elapsed(), |elapsed| *elapsed);
        if let Err(panic) = ran {
            world.violated(Check::Panic, message_of(&*panic));
        } else if panics_of_this_thread() > panics {
            world.violated(Check::Panic, "a task panicked");
        }
        let (digest, lines) = log.digest();
        Report {
            seed,
            violations: world.violations(),
            elapsed,
            digest,
            lines,
            log: log.text(),
        }
    })
}

/// Lets a scenario happen, ends everything, and looks at what is left. Tells how long it lasted.
async fn live<F>(world: &World, scenario: impl FnOnce(World) -> F) -> Duration
where
    F: Future<Output = ()> + 'static,
{
    let watch = tokio::spawn(Watch::new(world).run());
    scenario(world.clone()).await;
    world.end().await;
    let elapsed = world.elapsed();
    watch.abort();
    // What was closed last ends in a few turns.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    if tasks > 0 {
        world.violated(Check::Tasks, format!("{tasks} tasks go on"));
    }
    let (pauses, tries) = (metrics.worker_park_count(0), world.network().tried());
    tokio::time::sleep(Duration::from_hours(1)).await;
    let pauses = metrics.worker_park_count(0) - pauses;
    if pauses > 16 || world.network().tried() > tries {
        let what = format!("{pauses} pauses in an hour in which nothing is left to do");
        world.violated(Check::Timers, what);
    }
    elapsed
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has panicked, from the first call on: tasks keep their panics to
/// themselves.
fn panics_of_this_thread() -> u64 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A thread that ends has no counters any more.
            PANICS.try_with(|panics| panics.set(panics.get() + 1)).ok();
            before(info);
        }));
    });
    PANICS.get()
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the scenario panicked").to_owned()
}

#[cfg(test)]
mod tests;
