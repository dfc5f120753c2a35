//! Messages that a member in Rust passes on to the nodes that they are for.

use std::collections::BTreeSet;
use std::time::Duration;

use casty_client::{ClusterClient, NodeAddress};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{GetNode, Next};
use crate::scenario::Failure;

/// The longest time that the nodes may take to answer a broadcast.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the singleton and the broadcast be reached by way of a node, whichever leads.
pub(super) async fn pass_on(
    client: &ClusterClient,
    by: &NodeAddress,
    nodes: usize,
) -> Result<(), Failure> {
    let numbers = client.singleton::<Next>("numbers")?;
    let first: String = numbers.ask(|reply_to| Next { reply_to }).await?;
    let numbers = client.actor_on::<Next>(by, "/_singleton-numbers")?;
    let second: String = numbers.ask(|reply_to| Next { reply_to }).await?;
    let counted = |answer: &str| answer.rsplit_once(' ').map(|(node, _)| node.to_owned());
    if counted(&first) != counted(&second) || !second.ends_with(" 2") {
        return Err(format!("the singleton answers {first:?}, and by {by} {second:?}").into());
    }
    let (told, mut answers) = mpsc::unbounded_channel();
    let listener = client.spawn(
        move |node: String, _| {
            told.send(node).ok();
            async {}
        },
        "witnesses",
    )?;
    let reply_to = listener.actor_ref();
    let all = client.actor_on::<GetNode>(by, "witness")?;
    all.tell(GetNode { reply_to })?;
    let mut answered = BTreeSet::new();
    let gathering = async {
        while answered.len() < nodes {
            answered.extend(answers.recv().await);
        }
    };
    if timeout(PATIENCE, gathering).await.is_err() {
        return Err(format!("by {by} the broadcast reaches only {answered:?}").into());
    }
    Ok(())
}
