//! `casty tell`: one message to an entity, or a stream of messages to many.

use std::path::Path;

use casty_client::{RegionRef, ShardEnvelope, TellError, Value};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, BufReader, stdin};

use crate::args::Tell;
use crate::error::{Failure, chain};
use crate::input::{self, BadLine, Lines};
use crate::message::{Message, MessageError};
use crate::output::{complain, note};
use crate::session::{Ended, Errand};

/// What is read of a file at once, in bytes.
const READ: usize = 64 * 1024;

/// Sends what is to be sent, and reports what became of it.
pub(crate) async fn run(args: &Tell) -> Result<(), Failure> {
    let single = match (&args.entity_id, &args.message) {
        (Some(id), Some(message)) => Some((&**id, Message::tell(message)?)),
        _ => None,
    };
    let errand = Errand {
        cluster: &args.cluster,
        config: args.cluster.config()?,
        within: Some(args.cluster.timeout()),
        missing: "not everything was written".to_owned(),
        region: Some(&args.region.name),
    };
    let ended = errand.run(async |client| {
        let region = client.entity_ref(&args.region.name, args.region.shards)?;
        match (single, &args.file) {
            (Some((id, message)), _) => send(&region, id, message).await.map(|()| Sent::default()),
            (None, Some(path)) if path == Path::new("-") => {
                let input = BufReader::with_capacity(READ, stdin());
                stream(&region, input, args.strict).await
            }
            (None, Some(path)) => {
                let opened = File::open(path).await;
                let file = opened.map_err(|error| {
                    Failure::of(format!("cannot open {}", path.display()), error)
                })?;
                stream(&region, BufReader::with_capacity(READ, file), args.strict).await
            }
            (None, None) => Ok(Sent::default()),
        }
    });
    judge(ended.await?)
}

/// How much of the input was sent.
#[derive(Debug, Default)]
struct Sent {
    /// Lines that could not be.
    left_out: u64,
    /// Why the rest was not read.
    stopped: Option<Failure>,
}

/// What the end of the errand means for the user.
fn judge(ended: Ended<Sent>) -> Result<(), Failure> {
    let Ended {
        outcome,
        tally,
        loss,
    } = ended;
    note(tally);
    let Sent { left_out, stopped } = outcome?;
    let lost = tally.not_sent + tally.unknown;
    match (loss, stopped) {
        (_, Some(failure)) => Err(failure),
        (Some(reason), None) => Err(Failure::of(
            format!("{lost} messages were not written"),
            reason,
        )),
        (None, None) if lost > 0 => Err(Failure::because(format!(
            "{lost} messages were cut by the loss of their connection"
        ))),
        (None, None) if left_out > 0 => {
            Err(Failure::because(format!("lines left out: {left_out}")))
        }
        (None, None) => Ok(()),
    }
}

/// Why a line was not sent.
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
) -> Result<Sent, Failure> {
    let mut lines = Lines::new(input, input::LONGEST);
    let mut sent = Sent::default();
    loop {
        let next = lines.next().await;
        let next = next.map_err(|error| Failure::of("cannot read the messages", error))?;
        let outcome = match next {
            None => return Ok(sent),
            Some(Ok("")) => continue,
            Some(Ok(line)) => send_line(region, line).await,
            Some(Err(error)) => Err(error.into()),
        };
        if let Err(error) = outcome {
            if strict {
                sent.stopped = Some(Failure::of(format!("line {}", lines.number()), error));
                return Ok(sent);
            }
            sent.left_out += 1;
            complain(format_args!("line {}: {}", lines.number(), chain(&error)));
        }
    }
}

async fn send_line(region: &RegionRef, line: &str) -> Result<(), LineError> {
    let (id, message) = line.split_once('\t').ok_or(LineError::NoTab)?;
    let envelope = ShardEnvelope::new(id, Message::tell(message)?);
    Ok(region.tell_wait(envelope).await?)
}

async fn send(region: &RegionRef, id: &str, message: Value) -> Result<(), Failure> {
    let sent = region.tell_wait(ShardEnvelope::new(id, message)).await;
    sent.map_err(|error| Failure::Failed(error.into()))
}
