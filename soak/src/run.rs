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

use crate::Failure;
use crate::load::{self, Load, Road};
use crate::sample::{self, Sample};
use crate::tally::Tally;
use crate::verdict::{self, Record};

/// What is loaded and disturbed.
pub(crate) trait Target {
    /// How clients reach it.
    fn roads(&self) -> Vec<Road>;

    /// How many kinds of faults there are.
    const FAULTS: usize;

    /// Does one kind of fault and heals it, and tells what it was.
    ///
    /// # Errors
    /// It cannot be healed: the run is over.
    async fn fault(&mut self, kind: usize, round: usize) -> Result<&'static str, Failure>;

    /// Ends it; tells what there is to tell.
    ///
    /// # Errors
    /// It did not end by itself.
    async fn stop(self) -> Result<Vec<String>, Failure>;
}

/// Between two faults.
const BETWEEN: Duration = Duration::from_millis(500);

/// How long an entity may take to answer once all faults are healed.
const RECOVERY: Duration = Duration::from_secs(30);

/// How long what is under way may take to come to its end, once nothing is added.
const SETTLING: Duration = Duration::from_secs(30);

/// What ends by itself, as clients that were dropped do, has ended after that time.
const ENDING: Duration = Duration::from_secs(2);

/// A round of faults takes less; of one that does not, the threads are busy with nothing.
const ROUND: Duration = Duration::from_mins(3);

/// Samples are taken so often, or 24 times in a run that is shorter than that needs.
const SAMPLING: Duration = Duration::from_secs(10);

/// Runs for at least that long, to the end of a round of faults; prints the tables. Returns what
/// was not as it must be. With `leak`, there is something to be found.
///
/// # Errors
/// The run could not begin, or not go on.
pub(crate) async fn run<T: Target>(
    mut target: T,
    length: Duration,
    leak: bool,
) -> Result<Vec<String>, Failure> {
    let tally = Arc::new(Tally::default());
    let load = Load::begin(&target.roads(), &tally, leak).await?;
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
    let books: Vec<_> = load.lasting().iter().map(ClusterClient::stats).collect();
    load.end(&tally).await;
    let told = target.stop().await.unwrap_or_else(|reason| {
        tally.problem(reason.to_string());
        Vec::new()
    });
    let mut problems = verdict::judge(&record.lock(), length);
    problems.splice(0..0, tally.problems());
    println!("{tally}");
    println!("\nlasting clients together: {}", totals(&books));
    for line in told {
        println!("{line}");
    }
    for problem in &problems {
        println!("PROBLEM: {problem}");
    }
    println!("\n{} s, {round} rounds of faults", took.as_secs());
    Ok(problems)
}

/// Ends the process if it is not told of life often enough, until what is returned is dropped: a
/// task that never ends its turn stops timeouts as well.
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

/// Stops the load, sees that every entity answers and that the books balance, and samples.
async fn rest(load: &Load, tally: &Tally) -> Result<Sample, Failure> {
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
        companions,
        ..,
    ] = sample;
    format!(
        "{:6.0} s  at rest: {memory} KiB resident, {heap} KiB heap, {descriptors} descriptors, {tasks} tasks, {threads} threads, {connections} connections, {companions} companions",
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
