//! One message to many actors, and the reply of each.

use std::collections::VecDeque;
use std::time::Duration;

use casty_client::{AskError, BoundRef, NodeAddress, Value};
use casty_proto::Count;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{CommandError, chain};
use crate::message::Message;
use crate::output::{print_error, print_json};

/// The number of asks that are open at a time.
const AT_ONCE: usize = 64;

/// An actor that is asked, and its node.
pub(crate) struct Asked {
    pub(crate) actor: BoundRef<Value>,
    pub(crate) node: NodeAddress,
}

/// Returns the time by which all must have replied, so that the silent ones can still be named.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout * 4 / 5
}

/// Asks all of them, each until that time at most, and prints each reply with its node as it comes, and
/// each silence as an error.
///
/// # Errors
/// One of them did not reply, or its reply cannot be printed.
pub(crate) async fn ask(
    all: impl IntoIterator<Item = Asked>,
    message: &Message,
    until: Instant,
) -> Result<(), CommandError> {
    let mut left: VecDeque<_> = all.into_iter().collect();
    let (count, mut silent, mut failed) = (left.len(), 0_usize, false);
    let mut open = JoinSet::new();
    loop {
        while open.len() < AT_ONCE
            && let Some(next) = left.pop_front()
        {
            open.spawn(one(next, message.clone(), until));
        }
        let Some(ended) = open.join_next().await else {
            break;
        };
        let (node, reply) = ended.map_err(|error| CommandError::of("an ask failed", error))?;
        match reply {
            Ok(reply) => print_from(&node, &reply)?,
            Err(error) => {
                silent += 1;
                failed |= !matches!(error, AskError::Timeout { .. });
                print_error(format_args!("{node}: {}", chain(&error)));
            }
        }
    }
    if silent > 0 {
        let what = format!("{silent} of {} did not reply", Count(count, "actor"));
        return Err(if failed {
            CommandError::because(what)
        } else {
            CommandError::NotInTime(what.into())
        });
    }
    Ok(())
}

async fn one(
    Asked { actor, node }: Asked,
    message: Message,
    until: Instant,
) -> (NodeAddress, Result<Value, AskError>) {
    let within = until.saturating_duration_since(Instant::now());
    let asked = actor.ask(|reply_to| message.answered_to(&reply_to));
    let reply = asked.within(within).await;
    (node, reply)
}

/// Prints a reply and the node that it is from, as one JSON document.
fn print_from(node: &NodeAddress, reply: &Value) -> Result<(), CommandError> {
    let text = reply.to_notation();
    let reply = text.map_err(|error| {
        CommandError::of(format!("the reply of {node} cannot be printed"), error)
    })?;
    let node = serde_json::Value::from(node.to_raw());
    print_json(format_args!("{{\"node\": {node}, \"reply\": {reply}}}"))
}
