//! The memory of a client that does nothing, and of one that waits for very many replies.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use casty_bench_harness::machine::resident;
use casty_client::{AskError, ClusterClient, Codec, Reply, TellError};
use casty_proto::NodeAddress;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::Failure;
use crate::frames::{GetCount, REGION, SHARDS, SYSTEM, entity};

/// The time for which a client that is connected does nothing.
const IDLE: Duration = Duration::from_millis(500);
/// The time in which none of the asks ends.
const DEADLINE: Duration = Duration::from_mins(10);

/// The memory of the client's process, in bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Memory {
    /// Of one that is connected, has a view, and was never asked for anything.
    pub idle_bytes: u64,
    /// Of the same with so many asks pending ...
    pub pending_bytes: u64,
    /// ... in all.
    pub asks: u32,
    /// The size of the future that a program holds for each, which is a part of the above.
    pub future_bytes: usize,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Memory {
    /// Returns the bytes that each pending ask takes in all.
    pub fn each(&self) -> f64 {
        let more = self.pending_bytes.saturating_sub(self.idle_bytes);
        more as f64 / f64::from(self.asks)
    }
}

/// Connects to a node that answers no ask, measures, asks so often, and measures again. The futures
/// of the replies are kept in one vector, each polled once.
///
/// # Errors
/// An ask ended.
pub async fn measure(node: &NodeAddress, codec: Codec, asks: u32) -> Result<Memory, Failure> {
    let client = ClusterClient::builder(SYSTEM)
        .contact_point(node.to_string())
        .codec(codec)
        .pending_asks(usize::try_from(asks)?)
        .ask_timeout(DEADLINE)
        .connect()
        .await?;
    client.ready(Duration::from_secs(5)).await?;
    let region = client.region(REGION, SHARDS)?;
    sleep(IDLE).await;
    let idle_bytes = resident();
    let entities: Vec<_> = (0..100)
        .map(|number| region.entity(entity(number)))
        .collect();
    let mut replies: Vec<Reply<i64>> = Vec::with_capacity(usize::try_from(asks)?);
    let mut turn = entities.iter().cycle();
    while replies.len() < replies.capacity() {
        let Some(entity) = turn.next() else { break };
        let ask = entity.ask(|reply_to| GetCount { reply_to });
        let mut reply = ask.send();
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut reply).poll(&mut context) {
            Poll::Pending => replies.push(reply),
            Poll::Ready(Err(AskError::Refused(TellError::Busy { .. }))) => {
                sleep(Duration::from_millis(1)).await;
            }
            Poll::Ready(ended) => return Err(format!("an ask ended: {ended:?}").into()),
        }
    }
    sleep(IDLE).await;
    let memory = Memory {
        idle_bytes,
        pending_bytes: resident(),
        asks,
        future_bytes: size_of::<Reply<i64>>(),
    };
    let pending = client.stats().pending_asks;
    if pending == u64::from(asks) {
        Ok(memory)
    } else {
        Err(format!("{pending} of {asks} asks are pending").into())
    }
}
