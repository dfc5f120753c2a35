//! Questions to connected nodes, which leave at once, on a live connection or not at all.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::ActorRef;
use casty_proto::message::{
    ClusterState, GetShardLocation, GetState, ShardLocation, TOPOLOGY_PATH,
};
use casty_routing::ShardId;
use casty_transport::RejectReason;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::{Ask, AskSender, Reply};
use crate::error::{AskError, Fate, TellError};
use crate::node::peer::Peer;
use crate::send::Core;

/// Asks a node for its state.
pub(super) fn ask_state(
    core: &Arc<Core>,
    peer: &Arc<Peer>,
    within: Duration,
) -> Reply<ClusterState> {
    ask(core, peer, within, |reply_to| {
        push(core, peer, TOPOLOGY_PATH, &GetState { reply_to })
    })
}

/// Tells a node's topology actor `message`, and asks for the node's state right after it: the answer
/// shows that the message was handled.
pub(super) fn tell_topology<M: Serialize>(
    core: &Arc<Core>,
    peer: &Arc<Peer>,
    message: &M,
    within: Duration,
) -> Reply<ClusterState> {
    ask(core, peer, within, |reply_to| {
        push(core, peer, TOPOLOGY_PATH, message)?;
        push(core, peer, TOPOLOGY_PATH, &GetState { reply_to })
    })
}

/// Asks a region's coordinator on a node which node owns a shard. A leader gives it an owner if it
/// has none.
pub(super) fn ask_owner(
    core: &Arc<Core>,
    peer: &Arc<Peer>,
    (region, shard): (&str, ShardId),
    within: Duration,
) -> Reply<ShardLocation> {
    ask(core, peer, within, |reply_to| {
        let query = GetShardLocation {
            shard_id: shard.get(),
            reply_to,
        };
        push(core, peer, &format!("/_coord-{region}"), &query)
    })
}

fn ask<R: DeserializeOwned>(
    core: &Arc<Core>,
    peer: &Peer,
    within: Duration,
    question: impl FnOnce(ActorRef<R>) -> Result<(), AskError>,
) -> Reply<R> {
    let send = |ask: &mut AskSender<'_>, _: ActorRef<R>| {
        core.asks.carried_by(ask.id(), peer.id);
        question(core.announced_to(peer).ask_ref(ask.id()))
    };
    Ask::new(core, send).within(within).into_future()
}

/// Puts one of the protocol's own messages into the outbox of a connected node.
fn push<M: Serialize>(core: &Core, peer: &Peer, path: &str, message: &M) -> Result<(), AskError> {
    let mut ended = false;
    core.encoded(message, |class, bytes| {
        let Err(rejected) = peer.push_to_actor(path, class, bytes, None) else {
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
