//! Running worlds: one seed after the other, each to its end, with all checks.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;

use tokio::runtime::Builder as RuntimeBuilder;

use super::checks::Checker;
use super::inflicted::{Inflicted, KEPT};
use super::log::{Log, Trace};
use super::violation::{Check, Violation};
use super::world::World;

/// The end of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The checks that failed; the first 32 of them.
    pub violations: Vec<Violation>,
    /// The faults that happened before the first check failed, in order; the last 64 of them.
    pub faults: Vec<Inflicted>,
    /// The number of all faults, those after the failure included.
    pub fault_count: u64,
    /// The virtual time that passed.
    pub elapsed: Duration,
    /// A number that stands for the whole log: worlds with equal logs have equal digests.
    pub digest: u64,
    /// The number of lines of the log.
    pub lines: u64,
    /// The whole log, if that was wanted, else its last lines; see [`Trace`].
    pub log: String,
}

impl Report {
    /// Returns whether all was as it should be.
    #[must_use]
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
        if self.is_fine() {
            return Ok(());
        }
        let (named, count) = (self.faults.len(), self.fault_count);
        let last = if named < KEPT { "" } else { "the last " };
        let colon = if named > 0 { ":" } else { "" };
        write!(
            f,
            "\n  {last}{named} faults before that, of {count} in all{colon}"
        )?;
        for fault in &self.faults {
            write!(f, "\n    {fault}")?;
        }
        Ok(())
    }
}

/// The environment variable that has [`seeds`] run one seed alone, whatever its range, and show the whole log.
pub const ONLY_SEED: &str = "CASTY_SIM_SEED";

/// Runs one world after the other.
///
/// With [`CASTY_SIM_SEED`](ONLY_SEED) in the environment it runs the world of that seed alone, and prints its
/// whole log, whether it fails or not: of a test that passes, `cargo test` shows it behind `-- --nocapture`.
///
/// # Panics
/// A check failed in one of them: the message names the seed, the checks, and the faults that happened before,
/// shows the end of the log, and says how to see all of it. Or it was called inside a tokio runtime: each world
/// has its own. Or `CASTY_SIM_SEED` is no number.
pub fn seeds<F>(seeds: Range<u64>, scenario: impl Fn(World) -> F)
where
    F: Future<Output = ()> + 'static,
{
    if let Some(seed) = only_seed() {
        let report = run(seed, Trace::Whole, &scenario);
        println!("{}", report.log);
        assert!(report.is_fine(), "{report}");
        return;
    }
    for seed in seeds {
        let report = run(seed, Trace::Last, &scenario);
        assert!(
            report.is_fine(),
            "{report}\n  the end of its log, of {} lines; {ONLY_SEED}={seed} and the same command show all:\n{}",
            report.lines,
            report.log
        );
    }
}

/// Returns the seed that the environment names, if it does.
fn only_seed() -> Option<u64> {
    let seed = std::env::var_os(ONLY_SEED)?;
    let number = seed.to_str().and_then(|seed| seed.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{ONLY_SEED}={} is no number", seed.display())))
}

/// Runs the world of one seed: the scenario, then the end of everything, with all checks.
///
/// A panic of the scenario is a violation.
///
/// # Panics
/// It was called inside a tokio runtime: each world has its own.
#[must_use = "a check that failed is only in the report"]
pub fn run<F>(seed: u64, trace: Trace, scenario: impl FnOnce(World) -> F) -> Report
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
        let faults = world.faults();
        Report {
            seed,
            violations: world.violations(),
            faults: faults.kept(),
            fault_count: faults.count(),
            elapsed,
            digest,
            lines,
            log: log.text(),
        }
    })
}

/// Lets a scenario happen, ends everything, and checks what is left. Returns how long it lasted.
async fn live<F>(world: &World, scenario: impl FnOnce(World) -> F) -> Duration
where
    F: Future<Output = ()> + 'static,
{
    let checker = tokio::spawn(Checker::new(world).run());
    scenario(world.clone()).await;
    world.end().await;
    let elapsed = world.elapsed();
    checker.abort();
    // The tasks of what was closed last end in a few turns.
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

/// Returns how often this thread has panicked since the first call: tasks keep their panics to
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

/// Returns the message of a panic.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the scenario panicked").to_owned()
}
