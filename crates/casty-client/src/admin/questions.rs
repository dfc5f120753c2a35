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

use crate::ask::Ask;
use crate::ask::reply::Reply;
use crate::ask::sender::AskSender;
use crate::error::{AskError, Fate, TellError};
use crate::message::Plain;
use crate::node::peer::Peer;
use crate::node::protocol::COORDINATORS_PATH;
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
        push(core, peer, &format!("{COORDINATORS_PATH}{region}"), &query)
    })
}

fn ask<R: DeserializeOwned>(
    core: &Arc<Core>,
    peer: &Peer,
    within: Duration,
    question: impl FnOnce(ActorRef<R>) -> Result<(), AskError>,
) -> Reply<R> {
    let send = |ask: &mut AskSender<'_>, _: ActorRef<R>| {
        core.asks.carried_by(ask.reply_address().id, peer.id);
        question(core.announced_to(peer).ask_ref(ask.reply_address()).cast())
    };
    Ask::new(core, send).within(within).send()
}

/// Puts one of the protocol's own messages into the outbox of a connected node.
fn push<M: Serialize>(core: &Core, peer: &Peer, path: &str, message: &M) -> Result<(), AskError> {
    let mut ended = false;
    core.encoded(&Plain(message), |class, message| {
        let Err(rejected) = peer.push_to_actor(path, class, message, None) else {
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

#[cfg(test)]
mod tests {
    use casty_proto::NodeAddress;
    use casty_transport::{MemoryNetwork, OutboxLimits};

    use super::*;
    use crate::node::peer::NewPeer;
    use crate::pending_asks::id::PeerId;
    use crate::{ClusterClient, TransportConfig};

    #[tokio::test]
    async fn a_question_that_an_outbox_refuses_says_why() {
        let network = MemoryNetwork::new();
        let client = ClusterClient::builder("s")
            .contact_point("n:1")
            .transport(TransportConfig::memory(network));
        let client = client.connect().await.unwrap();
        let core = client.core();
        let peer = |limits| {
            Peer::new(NewPeer {
                id: PeerId(1),
                node: NodeAddress::new("n", 1),
                system: Arc::clone(&core.system),
                sender: core.identity.sender().into(),
                identity: Arc::clone(&core.identity),
                confirmed: true,
                limits,
            })
        };
        let ask = |peer: &Peer| push(core, peer, TOPOLOGY_PATH, &"state?");
        let error = ask(&peer(OutboxLimits::new().max_frame(100))).unwrap_err();
        let AskError::Refused(TellError::TooLong { length, limit }) = error else {
            panic!("{error:?}");
        };
        assert!(length > limit && limit == 100, "{length} {limit}");
        let full = peer(OutboxLimits::new().bytes(1));
        let error = (0..10_000).find_map(|_| ask(&full).err()).unwrap();
        assert!(
            matches!(&error, AskError::Refused(TellError::Busy { node, .. }) if *node == full.node),
            "{error:?}"
        );
        full.outbox.abort();
        let error = ask(&full).unwrap_err();
        assert!(matches!(error, AskError::Lost { .. }), "{error:?}");
        assert_eq!(error.fate(), Fate::Unknown);
    }
}
