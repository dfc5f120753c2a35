//! Runs worlds of the project's own scenario, one for each seed; `cargo xtask sim` builds and
//! starts it.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use casty_testkit::sim::{self, Fault, REGRESSION_SEEDS, Report, Trace};

mod options;

use options::{HELP, Options};

/// The time that no world takes, unless it never comes to rest.
const STUCK: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let seeds = if let Some(seed) = options.seed {
        vec![seed]
    } else {
        let named = REGRESSION_SEEDS.iter().map(|named| named.seed);
        let until = options.from.saturating_add(options.seeds);
        named.chain(options.from..until).collect()
    };
    let begun = Instant::now();
    let runs = run_all(&seeds, &options);
    report(&runs, begun.elapsed(), &options)
}

/// One world that was run.
struct Run {
    report: Report,
    took: Duration,
}

/// The progress of a thread, which another one watches.
struct Progress {
    /// The world that it runs.
    seed: AtomicU64,
    /// Worlds that it began.
    count: AtomicU64,
}

/// Runs all worlds on as many threads as wanted, and returns them in the order of the seeds.
///
/// Worlds after the first failure may be missing if only that is wanted.
fn run_all(seeds: &[u64], options: &Options) -> Vec<Run> {
    let threads = options.threads;
    let threads = threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let threads = threads.clamp(1, seeds.len().max(1));
    let at = |_| Progress {
        seed: AtomicU64::new(0),
        count: AtomicU64::new(0),
    };
    let progress: Vec<Progress> = (0..threads).map(at).collect();
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let runs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let working = progress.iter().map(|at| {
            scope.spawn(|| {
                // Relaxed: the numbers stand for themselves, and the runs go through a lock.
                while !stop.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = seeds.get(place) else {
                        break;
                    };
                    at.seed.store(*seed, Ordering::Relaxed);
                    at.count.fetch_add(1, Ordering::Relaxed);
                    let run = run_one(*seed, options);
                    if options.until_failure && !run.report.is_fine() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    runs.lock().push((place, run));
                }
            })
        });
        let working: Vec<_> = working.collect();
        let progress = &progress;
        let (done, ended) = mpsc::channel::<()>();
        scope.spawn(move || watch_progress(progress, &ended));
        for thread in working {
            thread.join().ok();
        }
        drop(done);
    });
    let mut runs = runs.into_inner();
    runs.sort_by_key(|(place, _)| *place);
    runs.into_iter().map(|(_, run)| run).collect()
}

/// Runs one world.
fn run_one(seed: u64, options: &Options) -> Run {
    let begun = thread_time();
    let report = match &options.faults {
        None => sim::run_scenario(seed, options.trace),
        Some(faults) => sim::run_scenario_against(seed, options.trace, faults.clone()),
    };
    let took = thread_time().saturating_sub(begun);
    Run { report, took }
}

/// Returns the processor time of this thread, where the system tells it; else the time of day.
fn thread_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = told.ok().and_then(|it| it.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(
        || SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
        Duration::from_nanos,
    )
}

/// Ends the program when a world does not come to rest: one that is busy for ever without virtual
/// time passing.
fn watch_progress(progress: &[Progress], ended: &mpsc::Receiver<()>) {
    let mut seen: Vec<_> = progress.iter().map(|_| (0, Instant::now())).collect();
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_secs(1)) {
        for (at, (count, since)) in progress.iter().zip(&mut seen) {
            let now = at.count.load(Ordering::Relaxed);
            if now != *count {
                (*count, *since) = (now, Instant::now());
            } else if now > 0 && since.elapsed() > STUCK {
                let seed = at.seed.load(Ordering::Relaxed);
                println!("seed {seed}\n  BusyLoop: it never comes to rest");
                println!("FAILED: 1 world; to see it: cargo xtask sim --seed {seed} --trace");
                std::process::exit(1);
            }
        }
    }
}

/// Prints failures and totals.
fn report(runs: &[Run], took: Duration, options: &Options) -> ExitCode {
    if options.trace == Trace::Whole {
        for run in runs {
            print!("{}", run.report.log);
        }
    }
    let failed: Vec<_> = runs.iter().filter(|run| !run.report.is_fine()).collect();
    for run in &failed {
        let (report, seed) = (&run.report, run.report.seed);
        println!("{report}\n  to see it: cargo xtask sim --seed {seed} --trace");
    }
    let virtually: Duration = runs.iter().map(|run| run.report.elapsed).sum();
    let busy: Duration = runs.iter().map(|run| run.took).sum();
    let lines: u64 = runs.iter().map(|run| run.report.lines).sum();
    let digest = runs.iter().fold(0_u64, |digest, run| {
        digest.rotate_left(5).wrapping_mul(0x0100_0000_01b3) ^ run.report.digest
    });
    let count = runs.len();
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{count} worlds in {:.1} s, {rate:.1} a second; {:.0} s of virtual time, {:.0} in a second of \
         processor time; {lines} lines, digest {digest:016x}",
        took.as_secs_f64(),
        virtually.as_secs_f64(),
        virtually.as_secs_f64() / busy.as_secs_f64().max(1e-9),
    );
    if failed.is_empty() {
        println!("all fine, against {} kinds of faults", Fault::ALL.len());
        return ExitCode::SUCCESS;
    }
    println!("FAILED: {} of {count} worlds", failed.len());
    ExitCode::FAILURE
}
