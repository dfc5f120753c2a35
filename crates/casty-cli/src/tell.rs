//! `casty tell`: one message to an entity or an actor, or a stream of messages to many entities.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, Instant};

use casty_client::{RegionRef, ShardEnvelope, TellError, Value};
use casty_proto::Count;
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncBufRead, BufReader, stdin};

use crate::args::Tell;
use crate::error::{CommandError, chain};
use crate::input::{self, BadLine, Lines};
use crate::message::{Message, MessageError};
use crate::output::{is_json, note, print_json};
use crate::progress::Progress;
use crate::session::{Ended, Session, Tally};

/// The time for which a message of a file may wait for a route, and the last ones to be written: longer than a
/// failover takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes read of a file at once.
const READ: usize = 64 * 1024;

/// Sends the message, or the lines of a file, and reports the ends of all messages.
pub(crate) async fn run(args: &Tell) -> Result<(), CommandError> {
    let single = match (&args.entity_id, &args.message) {
        (Some(id), Some(message)) => Some((&**id, Message::tell(message)?)),
        _ => None,
    };
    let session = Session::new(&args.cluster, "not everything was written")?;
    if let Some(target) = args.actor.target() {
        // To an actor the only word is the message.
        let message = Message::tell(&args.region.name)?;
        let ended = session.run(async |client| {
            let told = target.tell(client, message).await;
            told.map(|()| Sent::default())
        });
        return judge(ended.await?, None);
    }
    let mut session = session.using(&args.region)?;
    if args.file.is_some() {
        session = session
            .within(args.cluster.given_timeout())
            .draining(PATIENCE);
    }
    let mut began = None;
    let ended = session.run(async |client| {
        let region = session.region(client).await?;
        began = args.file.as_ref().map(|_| Instant::now());
        match (single, &args.file) {
            (Some((id, message)), _) => send(&region, id, message).await.map(|()| Sent::default()),
            (None, Some(path)) if path == Path::new("-") => {
                let input = BufReader::with_capacity(READ, stdin());
                stream(&region, input, args.strict, Progress::new(None)).await
            }
            (None, Some(path)) => {
                let opened = File::open(path).await;
                let file = opened.map_err(|error| {
                    CommandError::of(format!("cannot open {}", path.display()), error)
                })?;
                let length = file.metadata().await.ok().filter(Metadata::is_file);
                let progress = Progress::new(length.map(|it| it.len()));
                let input = BufReader::with_capacity(READ, file);
                stream(&region, input, args.strict, progress).await
            }
            (None, None) => Ok(Sent::default()),
        }
    });
    let ended = ended.await?;
    judge(ended, began.map(|began| began.elapsed()))
}

/// The end of the input.
#[derive(Debug, Default)]
struct Sent {
    /// Messages that were accepted.
    accepted: u64,
    /// Lines that could not be sent.
    left_out: u64,
    /// The error that kept the rest from being read.
    stopped: Option<CommandError>,
}

/// Turns the end of the session into that of the command. `took` is the time that a file took.
fn judge(ended: Ended<Sent>, took: Option<Duration>) -> Result<(), CommandError> {
    let Ended {
        outcome,
        tally,
        loss,
    } = ended;
    tell_counts(tally, took)?;
    let Sent {
        left_out, stopped, ..
    } = outcome?;
    let lost = tally.not_sent + tally.unknown;
    match (loss, stopped) {
        (_, Some(failure)) => Err(failure),
        (Some(reason), None) => Err(CommandError::of(
            format!("not written: {}", Count(lost, "message")),
            reason,
        )),
        (None, None) if lost > 0 => Err(CommandError::because(format!(
            "cut by the loss of their connection: {}",
            Count(lost, "message")
        ))
        .helped_by("they may have arrived: send them again only if twice does no harm")),
        (None, None) if left_out > 0 => {
            Err(CommandError::because(format!("lines left out: {left_out}"))
                .helped_by("mend the lines that are named above, and send those alone"))
        }
        (None, None) => Ok(()),
    }
}

/// Tells what became of the messages: beside the result, of which there is none, or as the document.
///
/// Of a file also the time, with the messages that were written in a second.
fn tell_counts(tally: Tally, took: Option<Duration>) -> Result<(), CommandError> {
    if !is_json() {
        match took {
            Some(took) => {
                let rate = u128::from(tally.written) * 1000 / took.as_millis().max(1);
                let seconds = took.as_secs_f64();
                note(format_args!("{tally} in {seconds:.1} s, {rate}/s"));
            }
            None => note(tally),
        }
        return Ok(());
    }
    let Tally {
        written,
        not_sent,
        unknown,
    } = tally;
    let mut document = json!({ "written": written, "not_sent": not_sent, "unknown": unknown });
    if let Some(took) = took {
        document["seconds"] = json!((took.as_secs_f64() * 1000.0).round() / 1000.0);
    }
    print_json(document)
}

/// The reason why a line was not sent.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Text(#[from] BadLine),
    #[error("no tab between an entity's id and its message")]
    NoTab,
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Tell(#[from] TellError),
}

/// Sends each line.
async fn stream(
    region: &RegionRef,
    input: impl AsyncBufRead + Unpin,
    strict: bool,
    progress: Progress,
) -> Result<Sent, CommandError> {
    let mut read = 0_u64;
    let mut lines = Lines::new(input, input::LONGEST);
    let mut batch = Batch::default();
    let mut sent = Sent::default();
    loop {
        let next = lines.next().await;
        let ended = !matches!(next, Ok(Some(_)));
        let line = match next {
            Ok(Some(Ok("")) | None) => None,
            Ok(Some(line)) => Some(line.map_err(LineError::from).and_then(parse)),
            Err(error) => {
                batch.send(region, strict, (&mut sent, &progress)).await;
                return Err(CommandError::of("cannot read the messages", error));
            }
        };
        read += lines.length() as u64 + u64::from(!ended);
        let wrong = match line {
            None => None,
            Some(Ok((id, message))) => {
                batch.add(lines.number(), id, message, lines.length());
                None
            }
            Some(Err(error)) => Some(error),
        };
        // What is at hand is sent together, and nothing waits for lines that are still to come.
        if ended || wrong.is_some() || batch.is_full() || !lines.is_at_hand().await {
            batch.send(region, strict, (&mut sent, &progress)).await;
            progress.at(read, sent.accepted);
        }
        if let Some(error) = wrong.filter(|_| sent.stopped.is_none()) {
            sent.leave_out(lines.number(), error, strict, &progress);
        }
        if ended || sent.stopped.is_some() {
            return Ok(sent);
        }
    }
}

impl Sent {
    /// Notes a line that could not be sent, and tells it unless it is the end of the command.
    fn leave_out(&mut self, line: u64, error: LineError, strict: bool, progress: &Progress) {
        if strict {
            self.stopped = Some(CommandError::of(format!("line {line}"), error));
        } else {
            self.left_out += 1;
            progress.print_error(format_args!("line {line}: {}", chain(&error)));
        }
    }
}

/// Lines on their way, with their numbers.
#[derive(Debug, Default)]
struct Batch {
    numbers: Vec<u64>,
    messages: Vec<(String, Value)>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, number: u64, id: String, message: Value, length: usize) {
        self.numbers.push(number);
        self.messages.push((id, message));
        self.bytes += length;
    }

    fn is_full(&self) -> bool {
        self.numbers.len() >= 256 || self.bytes >= READ
    }

    /// Sends all of it, but for what is left out.
    async fn send(
        &mut self,
        region: &RegionRef,
        strict: bool,
        (sent, progress): (&mut Sent, &Progress),
    ) {
        let mut from = 0;
        while from < self.messages.len() && sent.stopped.is_none() {
            let rest = self.messages[from..].iter();
            let told = region.tell_all_wait(rest.map(|(id, message)| (id, message)));
            let told = told.await;
            from += told.accepted;
            sent.accepted += told.accepted as u64;
            if let Some(error) = told.stopped {
                sent.leave_out(self.numbers[from], error.into(), strict, progress);
                from += 1;
            }
        }
        *self = Self::default();
    }
}

/// Reads an entity's id and its message off a line.
fn parse(line: &str) -> Result<(String, Value), LineError> {
    let (id, message) = line.split_once('\t').ok_or(LineError::NoTab)?;
    Ok((id.to_owned(), Message::tell(message)?))
}

async fn send(region: &RegionRef, id: &str, message: Value) -> Result<(), CommandError> {
    let sent = region.tell_wait(ShardEnvelope::new(id, message)).await;
    sent.map_err(|error| CommandError::Failed(error.into()))
}
