//! `casty tell`: one message to an entity, or a stream of messages to many.

use std::io;
use std::path::Path;
use std::time::Duration;

use casty_client::{RegionRef, ShardEnvelope, TellError, Value};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, BufReader, stdin};

use crate::args::Tell;
use crate::cluster::{Ended, Errand};
use crate::failure::{Failure, chain};
use crate::lines::{self, BadLine, Lines};
use crate::message::{Message, MessageError};
use crate::output::{complain, note};

/// How long to wait before trying again while as many messages wait for a route as may.
const HOLD_PAUSE: Duration = Duration::from_millis(10);
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
        within: Some(args.cluster.timeout()),
        missing: "not everything was written".to_owned(),
        region: Some(&args.region.name),
    };
    let ended = errand.run(async |client| {
        let region = client.entity_ref(&args.region.name, args.region.shards)?;
        match (single, &args.file) {
            (Some((id, message)), _) => send(&region, id, message).await.map(|()| 0),
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
            (None, None) => Ok(0),
        }
    });
    judge(ended.await?)
}

/// What the end of the errand means for the user.
fn judge(ended: Ended<u64>) -> Result<(), Failure> {
    let Ended {
        outcome,
        tally,
        loss,
    } = ended;
    note(tally);
    let bad_lines = outcome?;
    let lost = tally.not_sent + tally.unknown;
    match loss {
        Some(reason) => Err(Failure::of(
            format!("{lost} messages were not written"),
            reason,
        )),
        None if lost > 0 => {
            let text = format!("{lost} messages were cut by the loss of their connection");
            Err(Failure::Failed(io::Error::other(text).into()))
        }
        None if bad_lines > 0 => {
            let text = format!("{bad_lines} lines were left out");
            Err(Failure::Failed(io::Error::other(text).into()))
        }
        None => Ok(()),
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

/// Sends each line, and tells how many could not be.
async fn stream(
    region: &RegionRef,
    input: impl AsyncBufRead + Unpin,
    strict: bool,
) -> Result<u64, Failure> {
    let mut lines = Lines::new(input, lines::LONGEST);
    let mut bad = 0;
    loop {
        let next = lines.next().await;
        let Some(line) = next.map_err(|error| Failure::of("cannot read the messages", error))?
        else {
            return Ok(bad);
        };
        let sent = match line {
            Ok("") => continue,
            Ok(line) => send_line(region, line).await,
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(()) => {}
            Err(LineError::Tell(TellError::Closed)) => return Ok(bad),
            Err(error) if strict => {
                return Err(Failure::of(format!("line {}", lines.number()), error));
            }
            Err(error) => {
                bad += 1;
                complain(format_args!("line {}: {}", lines.number(), chain(&error)));
            }
        }
    }
}

async fn send_line(region: &RegionRef, line: &str) -> Result<(), LineError> {
    let (id, message) = line.split_once('\t').ok_or(LineError::NoTab)?;
    Ok(accepted(region, id, Message::tell(message)?).await?)
}

async fn send(region: &RegionRef, id: &str, message: Value) -> Result<(), Failure> {
    let sent = accepted(region, id, message).await;
    sent.map_err(|error| Failure::Failed(error.into()))
}

/// Gives a message to the client, waiting while it cannot take more.
async fn accepted(region: &RegionRef, id: &str, message: Value) -> Result<(), TellError> {
    loop {
        let envelope = ShardEnvelope::new(id, message.clone());
        match region.tell_wait(envelope).await {
            Err(TellError::HoldFull) => tokio::time::sleep(HOLD_PAUSE).await,
            other => return other,
        }
    }
}
