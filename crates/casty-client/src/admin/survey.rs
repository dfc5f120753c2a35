//! The survey of all nodes' states.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::{ClusterState, DownMember, GetState, TOPOLOGY_PATH};
use casty_proto::{ActorRef, NodeAddress};
use casty_routing::ShardCount;
use casty_routing::diagnosis::{Observed, Survey};
use casty_transport::RejectReason;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::ask::{Ask, AskSender, Reply};
use crate::error::{AskError, Chain, Fate, ReadyError, TellError};
use crate::node::peer::Peer;
use crate::send::Core;
use crate::topology;

/// The time between two checks of the connection to a node that is being dialled.
const DIAL_CHECK: Duration = Duration::from_millis(10);

/// Asks all nodes for their states, each within `timeout`.
pub(super) async fn survey(core: &Arc<Core>, timeout: Duration) -> Result<Survey, ReadyError> {
    let mut survey = Survey::default();
    let view = match topology::ready(core, timeout).await {
        Ok(view) => Some(view),
        Err(ReadyError::Timeout { failures, .. }) => {
            for (node, error) in failures {
                survey.add(node, Observed::Unreached(Chain(&error).to_string().into()));
            }
            None
        }
        Err(error) => return Err(error),
    };
    let live = view.iter().flat_map(|view| view.live_members());
    let mut nodes: BTreeSet<_> = live.map(|member| member.address.clone()).collect();
    nodes.extend(core.connected_nodes());
    let mut asked = JoinSet::new();
    let alone = Arc::new(Semaphore::new(1));
    for node in nodes {
        let (core, alone) = (Arc::clone(core), Arc::clone(&alone));
        asked.spawn(async move {
            let mut observed = observe(&core, &node, timeout).await;
            if let Observation::NoRoom(_) = observed {
                // The states of all came at once. This one has the room to itself in its turn.
                let _turn = alone.acquire().await;
                observed = observe(&core, &node, timeout).await;
            }
            let observed = match observed {
                Observation::Made(observed) => observed,
                Observation::NoRoom(reason) => Observed::Unread(reason),
            };
            (node, observed)
        });
    }
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((node, observed)) => survey.add(node, observed),
            Err(error) => tracing::error!(%error, "bug: asking a node panicked"),
        }
    }
    if core.is_closed() {
        return Err(ReadyError::Closed);
    }
    note_shard_counts(core, &mut survey);
    Ok(survey)
}

/// Notes the shard counts of the regions that are configured or in use.
fn note_shard_counts(core: &Core, survey: &mut Survey) {
    for (region, shards) in &core.regions {
        if let Some(count) = ShardCount::new(*shards) {
            survey.set_shard_count(&**region, count);
        }
    }
    let routing = core.routing.lock();
    for (id, region) in routing.router.regions() {
        if let Some(count) = routing.router.shard_count(id) {
            survey.set_shard_count(Arc::clone(region), count);
        }
    }
}

/// The outcome of asking a node.
enum Observation {
    Made(Observed),
    /// It answered when there was no room for its state.
    NoRoom(Arc<str>),
}

impl From<Observed> for Observation {
    fn from(observed: Observed) -> Self {
        Self::Made(observed)
    }
}

/// Waits until a node is connected and answers, or cannot be connected, within `timeout`.
async fn observe(core: &Arc<Core>, node: &NodeAddress, timeout: Duration) -> Observation {
    let begun = Instant::now();
    loop {
        let left = timeout.saturating_sub(begun.elapsed());
        let peer = core.connected.read().get(node).cloned();
        if let Some(peer) = peer {
            match ask_state(core, &peer, None, left).await {
                Ok(state) => return Observed::Answered(Arc::new(state)).into(),
                // It may be connected again within its time.
                Err(AskError::Lost { .. }) => {}
                Err(error @ AskError::ReplyDropped { .. }) => {
                    return Observation::NoRoom(Chain(&error).to_string().into());
                }
                Err(error @ AskError::Decode(_)) => {
                    return Observed::Unread(Chain(&error).to_string().into()).into();
                }
                Err(error) => {
                    tracing::debug!(%node, error = %Chain(&error), "no state");
                    return Observed::Silent.into();
                }
            }
        } else if let Some(error) = core.dial_failures.lock().get(node) {
            return Observed::Unreached(Chain(error).to_string().into()).into();
        } else if left.is_zero() {
            let reason = format!("no connection within {timeout:?}");
            return Observed::Unreached(reason.into()).into();
        }
        sleep(DIAL_CHECK).await;
    }
}

/// Asks a connected node for its state, right after `first`, so that its answer shows that it has
/// handled that. Both messages leave at once, on this connection or not at all.
pub(super) fn ask_state(
    core: &Arc<Core>,
    peer: &Arc<Peer>,
    first: Option<&DownMember>,
    within: Duration,
) -> Reply<ClusterState> {
    let send = |ask: &mut AskSender<'_>, _: ActorRef<ClusterState>| {
        core.asks.carried_by(ask.id(), peer.id);
        if let Some(down) = first {
            push(core, peer, down)?;
        }
        let reply_to = core.announced_to(peer).ask_ref(ask.id());
        push(core, peer, &GetState { reply_to })
    };
    Ask::new(core, send).within(within).into_future()
}

/// Puts one of the protocol's own messages into the outbox of a connected node.
fn push<M: Serialize>(core: &Core, peer: &Peer, message: &M) -> Result<(), AskError> {
    let mut ended = false;
    core.encoded(message, |class, bytes| {
        let Err(rejected) = peer.push_to_actor(TOPOLOGY_PATH, class, bytes, None) else {
            return Ok(());
        };
        match rejected.reason {
            RejectReason::Full { length, limit } => Err(TellError::Busy {
                node: peer.node.clone(),
                length,
                limit,
            }),
            RejectReason::TooLong { length, limit } => Err(TellError::TooLong { length, limit }),
            // The connection has ended.
            _ => {
                ended = true;
                Ok(())
            }
        }
    })?;
    if ended {
        return Err(AskError::Lost {
            node: peer.node.clone(),
            fate: Fate::Unknown,
            attempts: 1,
        });
    }
    Ok(())
}
