//! The survey of all nodes' states.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::ClusterState;
use casty_proto::{Chain, NodeAddress};
use casty_routing::diagnosis::{Observed, Survey};
use casty_routing::{ShardCount, ShardId};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::questions::ask_state;
use crate::error::{AskError, ReadyError};
use crate::send::Core;
use crate::topology;

/// A shard of a region.
type Shard = (Arc<str>, ShardId);

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
            Err(error) => tracing::error!(error = %Chain(&error), "bug: asking a node panicked"),
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
            match ask_state(core, &peer, left).await {
                Ok(state) => return Observed::Answered(Arc::new(state)).into(),
                // It may be connected again within its time.
                Err(AskError::Lost { .. }) => {}
                Err(error @ AskError::ReplyDropped { .. }) => {
                    return Observation::NoRoom(Chain(&error).to_string().into());
                }
                Err(error @ (AskError::Decode(_) | AskError::ReplyOverLimit(_))) => {
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

/// Returns the shards for which a node is listed as owner or replica in any state but its own.
pub(super) fn shards_of(survey: &Survey, node: &NodeAddress) -> BTreeSet<Shard> {
    let states = survey.states().filter(|(viewer, _)| *viewer != node);
    states.flat_map(|(_, state)| listed(state, node)).collect()
}

/// Returns the shards for which a node is listed in a state.
pub(super) fn listed<'a>(
    state: &'a ClusterState,
    node: &'a NodeAddress,
) -> impl Iterator<Item = Shard> + use<'a> {
    let regions = state.shard_allocations.iter();
    regions.flat_map(move |(region, shards)| {
        let listed = shards
            .iter()
            .filter(|(_, it)| it.primary == *node || it.replicas.contains(node));
        listed.map(|(shard, _)| (Arc::clone(region), ShardId::new(*shard)))
    })
}
