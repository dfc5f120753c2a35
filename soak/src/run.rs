//! A run: faults in turn under load, moments of rest between, samples of both.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use casty_client::{ClusterClient, Stats};
use parking_lot::Mutex;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::error::Error;
use crate::load::{self, Load, Route};
use crate::sample::{self, Sample};
use crate::tally::Tally;
use crate::verdict::{self, Record};

/// The clusters that are loaded and disturbed.
pub(crate) trait Target {
    /// Returns the routes by which clients reach it.
    fn routes(&self) -> Vec<Route>;

    /// The number of kinds of faults.
    const FAULTS: usize;

    /// Does one kind of fault and heals it. Returns the words for it.
    ///
    /// # Errors
    /// It cannot be healed: the run is over.
    async fn fault(&mut self, kind: usize, round: usize) -> Result<&'static str, Error>;

    /// Ends it. Returns lines for the report.
    ///
    /// # Errors
    /// It did not end by itself.
    async fn stop(self) -> Result<Vec<String>, Error>;
}

/// The pause between two faults.
const BETWEEN: Duration = Duration::from_millis(500);

/// The time that an entity may take to answer once all faults are healed.
const RECOVERY: Duration = Duration::from_secs(30);

/// The time that messages under way may take to come to their end, once none are added.
const SETTLING: Duration = Duration::from_secs(30);

/// The time after which everything has ended that ends by itself, as clients that were dropped do.
const ENDING: Duration = Duration::from_secs(2);

/// The time that no round of faults takes, unless the threads are stuck.
const ROUND: Duration = Duration::from_mins(3);

/// The time between two samples; less in a short run, so that there are 24 of them.
const SAMPLING: Duration = Duration::from_secs(10);

/// Runs for at least that long, to the end of a round of faults; prints the tables. Returns the
/// problems that were found; with `leak` there must be some.
///
/// # Errors
/// The run could not begin, or not go on.
pub(crate) async fn run<T: Target>(
    mut target: T,
    length: Duration,
    leak: bool,
) -> Result<Vec<String>, Error> {
    let tally = Arc::new(Tally::default());
    let load = Load::begin(&target.routes(), &tally, leak).await?;
    let begun = Instant::now();
    let record = Arc::new(Mutex::new(Record::default()));
    let sampling = sample_under_load(&load, length, &record);
    let sampling = tokio::spawn(sampling);
    let alive = watch_over();
    let mut round = 0;
    while begun.elapsed() < length {
        for kind in 0..T::FAULTS {
            let what = target.fault(kind, round).await?;
            tally.count("nodes", what);
            sleep(BETWEEN).await;
        }
        let at_rest = rest(&load, &tally).await?;
        let at = begun.elapsed();
        record.lock().at_rest.push((at, at_rest));
        println!("{}", progress(at, &at_rest));
        alive.send(())?;
        round += 1;
    }
    sampling.abort();
    let took = begun.elapsed();
    let stats: Vec<_> = load.lasting().iter().map(ClusterClient::stats).collect();
    load.end(&tally).await;
    let told = target.stop().await.unwrap_or_else(|reason| {
        tally.problem(reason.to_string());
        Vec::new()
    });
    let mut problems = verdict::judge(&record.lock(), length);
    problems.splice(0..0, tally.problems());
    println!("{tally}");
    println!("\nlasting clients together: {}", totals(&stats));
    for line in told {
        println!("{line}");
    }
    for problem in &problems {
        println!("PROBLEM: {problem}");
    }
    println!("\n{} s, {round} rounds of faults", took.as_secs());
    Ok(problems)
}

/// Ends the process if the sender that is returned is not used often enough before it is dropped.
///
/// A thread of its own watches: a task that never ends its turn stops timeouts as well.
fn watch_over() -> mpsc::Sender<()> {
    let (alive, lives) = mpsc::channel();
    thread::spawn(move || {
        loop {
            match lives.recv_timeout(ROUND) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("soak: FAILED, no round of faults came to its end in {ROUND:?}");
                    process::exit(1);
                }
            }
        }
    });
    alive
}

/// Samples again and again, while the load is under way.
fn sample_under_load(
    load: &Load,
    length: Duration,
    record: &Arc<Mutex<Record>>,
) -> impl Future<Output = io::Result<()>> + use<> {
    let (clients, gate) = (load.lasting().to_vec(), Arc::clone(load.gate()));
    let record = Arc::clone(record);
    let mut ticks = interval((length / 24).clamp(Duration::from_secs(1), SAMPLING));
    async move {
        let begun = Instant::now();
        loop {
            ticks.tick().await;
            let _open = gate.read().await;
            let sample = sample::take(&clients)?;
            let mut record = record.lock();
            record.under_load.push((begun.elapsed(), sample));
        }
    }
}

/// Stops the load, checks that every entity answers and that counters add up, and samples.
async fn rest(load: &Load, tally: &Tally) -> Result<Sample, Error> {
    // Granted when every job that is under way has ended; no other begins meanwhile.
    let _alone = load.gate().write().await;
    let clients = load.lasting();
    if let Err(silent) = load::ask_all(clients, RECOVERY).await {
        tally.problem(format!("after the faults were healed: {silent}"));
    }
    let settled = async {
        while verdict::pending(&sample::take(clients)?).is_some() {
            sleep(BETWEEN / 10).await;
        }
        Ok::<_, io::Error>(())
    };
    if timeout(SETTLING, settled).await.is_err() {
        tally.problem(format!("not at rest after {SETTLING:?}"));
    }
    sleep(ENDING).await;
    for client in clients {
        let stats = client.stats();
        if !stats.is_conserved() {
            tally.problem(format!("{client:?}: not conserved at rest: {stats:?}"));
        }
        if stats.inbound_malformed > 0 {
            tally.problem(format!("{client:?}: unreadable messages: {stats:?}"));
        }
    }
    Ok(sample::take(clients)?)
}

fn progress(elapsed: Duration, sample: &Sample) -> String {
    let [
        memory,
        heap,
        descriptors,
        tasks,
        threads,
        connections,
        secondaries,
        ..,
    ] = sample;
    format!(
        "{:6.0} s  at rest: {memory} KiB resident, {heap} KiB heap, {descriptors} descriptors, {tasks} tasks, {threads} threads, {connections} connections, {secondaries} secondary connections",
        elapsed.as_secs_f64()
    )
}

fn totals(all: &[Stats]) -> String {
    let sum = |figure: fn(&Stats) -> u64| all.iter().map(figure).sum::<u64>();
    format!(
        "{} accepted, {} written, {} not sent, {} unknown; {} retries, {} hedges, {} refused by the retry budget; {} late replies, {} inbound dropped, {} views",
        sum(|stats| stats.accepted),
        sum(|stats| stats.written),
        sum(|stats| stats.not_sent),
        sum(|stats| stats.unknown),
        sum(|stats| stats.retries),
        sum(|stats| stats.hedges),
        sum(|stats| stats.retries_refused),
        sum(|stats| stats.late_replies),
        sum(|stats| stats.inbound_dropped),
        sum(|stats| stats.views),
    )
}
