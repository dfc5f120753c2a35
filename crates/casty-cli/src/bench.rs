//! `casty bench`: an open load on the entities of a region, and what became of each message.
//!
//! Open means that messages are due by the clock, whatever became of those before. A `schedule` tells when,
//! a `load` sends them and awaits replies, a `record` measures within bounded memory, and a `report` is made
//! of that, and a `plot` of the report.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{EntityRef, RegionRef, Value};
use clap::Args;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep};

use crate::args::cluster::{Cluster, Region};
use crate::args::time::{SHORTEST, within};
use crate::error::CommandError;
use crate::message::{Either, Message};
use crate::output::{is_json, print, print_json};
use crate::progress::Progress;
use crate::session::Session;
use crate::signals::interrupt;

mod ends;
mod load;
mod mix;
mod plot;
mod record;
mod report;
mod schedule;
mod target;
#[cfg(test)]
mod tests;

use load::{Load, Run};
use mix::Mix;
use record::Record;
use report::{Report, Settings};
use schedule::{Pacer, Schedule};
use target::Target;

/// The longest load.
const LONGEST: Duration = Duration::from_hours(24);
/// The most entities: their names take some 10 MiB.
const MOST_ENTITIES: i64 = 100_000;
/// The time between two looks at the progress.
const TICK: Duration = Duration::from_millis(100);
/// The time for which replies are awaited after an interrupt.
const DRAIN: Duration = Duration::from_secs(1);
/// The time beyond its patience by which an ask has ended.
const GRACE: Duration = Duration::from_secs(1);

/// The help of `--timeout`, which bounds no load.
const TIMEOUT: &str = "The time for the first view of the cluster to come, and for each reply \
    [default: 5s]";

const EXAMPLES: &str = "\
Sends messages to the entities of a region at a fixed rate, and tells what became of them and how long
replies took. The load is open: each message is due at a time that the rate alone sets, and is sent then,
whether those before it have been answered or not. The latency of an ask is counted from when it was due,
not from when it was sent. So a cluster that stalls for a second shows in the latencies of all that was
due in that second. A load that waits for each reply before it sends the next would not have sent them, and
would report one slow ask: that is called coordinated omission.

A message that holds {\"__ref__\": \"$reply\"} is an ask, and any other a tell; several of a kind take turns.
With both kinds, --mix tells their shares [default: as many of each as messages are given].

Nothing waits. What could not be sent is counted by its reason: busy (an outbox or a buffer is full),
max_in_flight (as many asks as that wait for replies), unavailable (no owner was found in time). So are
asks without a reply: timed_out, lost, unanswered (when the command ended). For each kind, what was due is
the sum of all these and of what was accepted or replied to.

Entities are named bench-0, bench-1 and so on. Do this to a cluster whose state you can lose.

With --output json, prints one document. With --plot, draws the percentiles, the latency and the throughput
over time. An interrupt ends the load early, with the results so far, and exits with 130. Exits with 1 if
nothing succeeded.

Examples:
  casty bench --contact 127.0.0.1:25520 --system my-cluster --shards 100 \\
      counter --rate 5000 --duration 30s --mix tell=90,ask=10 \\
      --message '{\"_type\": \"counter_app.Increment\", \"amount\": 1}' \\
      --message '{\"_type\": \"counter_app.GetCount\",
                  \"reply_to\": {\"__ref__\": \"$reply\"}}'

  export CASTY_CONTACT_POINTS=10.0.1.10:25520 CASTY_SYSTEM=my-cluster
  export CASTY_REGIONS=counter=100
  casty bench counter --rate 1000 --plot bench.svg --json --message \\
      '{\"_type\": \"counter_app.GetCount\", \"reply_to\": {\"__ref__\": \"$reply\"}}' \\
      | jq .latency_us.p99";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("timeout", |arg| arg.help(TIMEOUT)))]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    region: Region,
    /// A message, with {"__ref__": "$reply"} where the reply of an ask goes to (may be repeated).
    #[arg(
        long = "message",
        value_name = "JSON",
        required = true,
        allow_hyphen_values = true
    )]
    messages: Vec<String>,
    /// Messages a second, of both kinds together.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// The time for which the load is measured, up to a day.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    duration: Duration,
    /// The time for which it goes on before anything is measured.
    #[arg(long, value_name = "TIME", value_parser = warm_up, default_value = "2s")]
    warm_up: Duration,
    /// The shares of tells and asks, such as tell=90,ask=10.
    #[arg(long, value_name = "SHARES")]
    mix: Option<Mix>,
    /// The number of entities that are sent to.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=MOST_ENTITIES),
        default_value = "100"
    )]
    entities: u32,
    /// The beginning of the names of entities, before their numbers.
    #[arg(long, value_name = "TEXT", default_value = "bench-")]
    prefix: String,
    /// The most asks that wait for their replies at a time.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=65_536),
        default_value = "1000"
    )]
    max_in_flight: u32,
    /// Draw the results into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

fn duration(text: &str) -> Result<Duration, String> {
    within(text, SHORTEST..=LONGEST)
}

fn warm_up(text: &str) -> Result<Duration, String> {
    within(text, Duration::ZERO..=LONGEST)
}

/// Runs the load, and prints and draws its results.
pub(crate) async fn run(args: &BenchArgs) -> Result<(), CommandError> {
    let (tells, asks) = args.messages()?;
    let mix = args.mix(&tells, &asks)?;
    let session = Session::new(&args.cluster, "not everything was written")?.using(&args.region)?;
    let plot = args.plot.as_deref().map(Target::new).transpose()?;
    let patience = args.cluster.timeout();
    let session = session.within(None).draining(patience).uninterrupted();
    let mut measured = None;
    let ended = session.run(async |client| {
        let mut interrupted = pin!(interrupt());
        let region = tokio::select! {
            region = session.region(client) => region?,
            () = &mut interrupted => return Err(CommandError::Interrupted),
        };
        let load = Load {
            entities: args.entities(&region),
            tells,
            asks,
            patience,
            max_in_flight: usize::try_from(args.max_in_flight).unwrap_or(usize::MAX),
        };
        let driven = drive(load, Pacer::new(args.schedule(), mix), interrupted).await?;
        let is_cut = driven.was_interrupted;
        measured = Some(driven);
        if is_cut {
            // The client is then closed at once.
            return Err(CommandError::Interrupted);
        }
        Ok(())
    });
    let ended = ended.await?;
    let Some(Driven {
        record,
        was_interrupted,
    }) = measured
    else {
        return ended.outcome;
    };
    let settings = args.settings(mix, was_interrupted);
    let report = Report::of(settings, record, ended.tally);
    show(&report, plot)?;
    if was_interrupted {
        return Err(CommandError::Interrupted);
    }
    if report.has_success() {
        return Ok(());
    }
    let what = "nothing succeeded: no tell was written, and no ask replied to";
    Err(CommandError::because(what))
}

/// The end of a load.
struct Driven {
    record: Record,
    was_interrupted: bool,
}

/// Ends a load whose results nobody takes any more.
struct Stop(Arc<Run>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs a load to its end or to an interrupt, then awaits the replies in flight: as long as each has, or until
/// a further interrupt.
async fn drive(
    load: Load,
    pacer: Pacer,
    mut interrupted: impl Future<Output = ()> + Unpin,
) -> Result<Driven, CommandError> {
    let failed = |error| CommandError::of("cannot measure", error);
    let schedule = pacer.schedule();
    let progress = Progress::new(Some(schedule.total()));
    let patience = load.patience;
    let run = Run::new(Record::new(schedule).map_err(failed)?);
    let _stop = Stop(Arc::clone(&run));
    let (shared, runtime) = (Arc::clone(&run), Handle::current());
    let mut sender = spawn_blocking(move || load.send(&shared, pacer, &runtime));
    let mut ticks = interval(TICK);
    let mut was_interrupted = false;
    loop {
        tokio::select! {
            sent = &mut sender => {
                sent.map_err(|error| CommandError::of("the load cannot be sent", error))?;
                break;
            }
            _ = ticks.tick() => {
                let (due, sent) = run.progress();
                progress.at(due, sent);
            }
            () = &mut interrupted, if !was_interrupted => {
                was_interrupted = true;
                run.stop();
            }
        }
    }
    drop(progress);
    let left = if was_interrupted {
        DRAIN
    } else {
        patience + GRACE
    };
    tokio::select! {
        () = run.idle() => {}
        () = sleep(left) => {}
        () = interrupt() => was_interrupted = true,
    }
    let closed = || CommandError::because("the results were taken twice");
    let record = run.take().ok_or_else(closed)?;
    Ok(Driven {
        record,
        was_interrupted,
    })
}

/// Prints the results, and draws them.
fn show(report: &Report, plot: Option<Target<'_>>) -> Result<(), CommandError> {
    if is_json() {
        let text = serde_json::to_string(report);
        print_json(
            text.map_err(|error| CommandError::of("the results cannot be printed", error))?,
        )?;
    } else {
        report.lines().into_iter().try_for_each(print)?;
    }
    plot.map_or(Ok(()), |target| draw(report, target))
}

fn draw(report: &Report, target: Target<'_>) -> Result<(), CommandError> {
    let drawn = plot::draw(report);
    let drawn = drawn
        .map_err(|error| CommandError::because(format!("the results cannot be drawn: {error}")))?;
    target.write(&drawn)
}

impl BenchArgs {
    /// Reads the messages, tells and asks apart.
    fn messages(&self) -> Result<(Vec<Value>, Vec<Message>), CommandError> {
        let (mut tells, mut asks) = (Vec::new(), Vec::new());
        for text in &self.messages {
            match Message::either(text)? {
                Either::Ask(message) => asks.push(message),
                Either::Tell(message) => tells.push(message),
            }
        }
        Ok((tells, asks))
    }

    /// Returns the shares of tells and asks.
    fn mix(&self, tells: &[Value], asks: &[Message]) -> Result<Mix, CommandError> {
        let count = |length| u64::try_from(length).unwrap_or(u64::MAX);
        let (told, asked) = (count(tells.len()), count(asks.len()));
        let mix = self.mix.unwrap_or(Mix {
            tell: told,
            ask: asked,
        });
        let missing = match (mix.tell > 0 && told == 0, mix.ask > 0 && asked == 0) {
            (true, _) => "tells, and no --message is one: one without {\"__ref__\": \"$reply\"}",
            (_, true) => "asks, and no --message is one: one with {\"__ref__\": \"$reply\"}",
            _ => return Ok(mix),
        };
        Err(CommandError::Usage(format!("--mix names {missing}").into()))
    }

    fn entities(&self, region: &RegionRef) -> Vec<EntityRef> {
        let name = |number| format!("{}{number}", self.prefix);
        (0..self.entities)
            .map(|it| region.entity(name(it)))
            .collect()
    }

    fn schedule(&self) -> Schedule {
        Schedule {
            rate: self.rate,
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }

    fn settings(&self, mix: Mix, was_interrupted: bool) -> Settings {
        Settings {
            region: self.region.name.clone(),
            entities: usize::try_from(self.entities).unwrap_or(usize::MAX),
            schedule: self.schedule(),
            mix,
            max_in_flight: usize::try_from(self.max_in_flight).unwrap_or(usize::MAX),
            was_interrupted,
        }
    }
}
