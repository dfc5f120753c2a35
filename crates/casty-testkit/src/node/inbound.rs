//! The inbound side of a node: messages, and the actors that they are for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use casty_proto::frame::{Frame, FrameKind};
use casty_proto::header::{self, Header};
use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
};
use casty_proto::message::{
    DownMember, Find, GetShardLocation, GetState, RECEPTIONIST_PATH, RegisterRegion,
    SubscribeTopology, TOPOLOGY_PATH, UnsubscribeTopology, UpdateRegistry, WaitForMembers,
};
use casty_proto::{ActorRef, ActorUri, DecodeError, Limits, NodeAddress, Value};
use casty_routing::membership::MembershipInput;
use casty_transport::Session;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Node;
use super::admission::Refusal;
use super::handling::Handling;
use super::mailboxes::Encoded;
use crate::gossip::{Asker, EngineInput, Gossip};
use crate::region::Received;

/// The messages of clients that a topology actor understands.
#[derive(Deserialize)]
enum ToTopology {
    #[serde(rename = "casty.cluster.topology.SubscribeTopology")]
    Subscribe(SubscribeTopology),
    #[serde(rename = "casty.cluster.topology.UnsubscribeTopology")]
    Unsubscribe(UnsubscribeTopology),
    #[serde(rename = "casty.cluster.topology_actor.GetState")]
    State(GetState),
    #[serde(rename = "casty.cluster.topology_actor.WaitForMembers")]
    Members(WaitForMembers),
    #[serde(rename = "casty.cluster.topology_actor.DownMember")]
    Down(DownMember),
    #[serde(rename = "casty.cluster.topology_actor.UpdateRegistry")]
    Registry(UpdateRegistry),
    #[serde(rename = "casty.cluster.topology_actor.GossipMessage")]
    Gossip(GossipMessage),
    #[serde(rename = "casty.cluster.topology_actor.JoinRequest")]
    Join(JoinRequest),
    #[serde(rename = "casty.cluster.topology_actor.JoinAccepted")]
    Accepted(JoinAccepted),
    #[serde(rename = "casty.cluster.topology_actor.HeartbeatRequest")]
    Heartbeat(HeartbeatRequest),
    #[serde(rename = "casty.cluster.topology_actor.HeartbeatResponse")]
    Alive(HeartbeatResponse),
    #[serde(rename = "casty.cluster.topology_actor.PromoteMember")]
    Promote(PromoteMember),
}

/// The messages that a coordinator understands.
#[derive(Deserialize)]
enum ToCoordinator {
    #[serde(rename = "casty.cluster.coordinator.GetShardLocation")]
    Query(GetShardLocation),
    #[serde(rename = "casty.cluster.coordinator.RegisterRegion")]
    Register(RegisterRegion),
}

/// The inbound side of one connection.
pub(super) struct Inbound {
    gossip: Arc<Gossip>,
    node: Arc<Node>,
    peer: Peer,
}

/// The other end of a connection.
pub(super) struct Peer {
    /// The address that it has announced.
    pub(super) address: NodeAddress,
    /// False if its certificate shows that it is not the node of that address.
    pub(super) may_be_member: bool,
}

impl Inbound {
    pub(super) fn new(gossip: Arc<Gossip>, node: Arc<Node>, peer: Peer) -> Self {
        Self { gossip, node, peer }
    }
}

impl Session for Inbound {
    fn frame(&mut self, frame: Frame) {
        if frame.kind != FrameKind::Message {
            return;
        }
        // A header's target need not be a whole URI's worth of sense; its path must be.
        let split = header::split_payload(&frame.payload);
        let read = split.and_then(|(head, message)| Ok((Header::read(head)?, head, message)));
        match read {
            Ok((header, head, message)) => match ActorUri::parse(&header.target) {
                Ok(target) => {
                    let from = Origin::Peer(&self.peer);
                    let message = Encoded {
                        class: &header.type_hint,
                        bytes: message,
                        header: head,
                    };
                    receive(&self.gossip, &self.node, from, (target.path, message));
                }
                Err(_) => self.node.outbound.counters().malformed.increment(),
            },
            Err(_) => self.node.outbound.counters().malformed.increment(),
        }
    }

    fn batch_end(&mut self) -> usize {
        // Once for all that was read at once: those who wait look at the status then.
        self.gossip.changed();
        0
    }
}

/// The way in which a message was taken.
enum Taken {
    Handled,
    Unrouted,
}

/// The way by which a message has come.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A connection.
    Peer(&'a Peer),
    /// A node of this process, by its number.
    Node(usize),
}

impl Origin<'_> {
    /// Returns whether it is the node of that address.
    fn is(self, node: &NodeAddress, gossip: &Gossip) -> bool {
        match self {
            Self::Peer(from) => from.address == *node,
            Self::Node(from) => gossip.mailboxes().number(node) == Some(from),
        }
    }
}

/// Hands a message to the actor that listens at its path.
pub(super) fn receive(
    gossip: &Gossip,
    node: &Node,
    from: Origin<'_>,
    (path, message): (&str, Encoded<'_>),
) {
    if node.outbound.is_dead() {
        return;
    }
    match route(gossip, node, from, (path, message)) {
        Ok(Taken::Handled) => {}
        Ok(Taken::Unrouted) => {
            tracing::debug!(node = %node.outbound.address(), path, "no actor listens there");
            node.outbound.counters().unrouted.increment();
        }
        Err(error) => {
            tracing::debug!(node = %node.outbound.address(), path, %error, "failed to handle a message");
            node.outbound.counters().malformed.increment();
        }
    }
}

fn route(
    gossip: &Gossip,
    node: &Node,
    from: Origin<'_>,
    (path, message): (&str, Encoded<'_>),
) -> Result<Taken, DecodeError> {
    let bytes = message.bytes;
    let handling = Handling::new(&node.outbound, message.header);
    if let Some(region) = path.strip_prefix("/_region-") {
        return to_region(node, handling, (region, bytes));
    }
    if let Some(actor) = node.actor(path) {
        actor.receive(bytes, handling)?;
        node.outbound.counters().messages.increment();
        return Ok(Taken::Handled);
    }
    if let Some(name) = path.strip_prefix("/_singleton-") {
        return to_singleton(gossip, node, from, (name, message));
    }
    if let Some(name) = path.strip_prefix('/')
        && node.broadcasts.iter().any(|it| **it == *name)
    {
        let path = format!("/_bcast-{name}");
        for member in gossip.up_to(node.outbound.number()) {
            node.outbound.pass_on(&member, &path, message);
        }
        return Ok(Taken::Handled);
    }
    if let Some(region) = path.strip_prefix("/_coord-") {
        match decode(node, bytes)? {
            ToCoordinator::Query(query) => {
                node.outbound.counters().queries.increment();
                gossip.query(node.outbound.number(), region, query);
            }
            ToCoordinator::Register(register) => {
                gossip.register(node.outbound.number(), region, register.node);
            }
        }
        return Ok(Taken::Handled);
    }
    match path {
        TOPOLOGY_PATH => return Ok(to_topology(gossip, node, from, decode(node, bytes)?)),
        RECEPTIONIST_PATH => {
            let find: Find<Value> = decode(node, bytes)?;
            gossip.find(node.outbound.number(), find);
        }
        _ => return Ok(Taken::Unrouted),
    }
    Ok(Taken::Handled)
}

fn to_region(
    node: &Node,
    handling: Handling<'_>,
    (path, message): (&str, &[u8]),
) -> Result<Taken, DecodeError> {
    let received = if let Some(region) = node.regions.get(path) {
        // Held while the entity handles the message: one after the other, as on a real node.
        region.lock().envelope(message, handling)?
    } else if let Some((region, id)) = path.split_once("/entity-")
        && let Some(region) = node.regions.get(region)
    {
        region.lock().bare(id, message, handling)?
    } else {
        Received::NoSuchEntity
    };
    Ok(match received {
        Received::Handled => {
            node.outbound.counters().messages.increment();
            Taken::Handled
        }
        Received::Full | Received::NoSuchEntity => Taken::Unrouted,
    })
}

/// Hands a message to the topology actor. What only members say is taken of the member alone that says it.
fn to_topology(gossip: &Gossip, node: &Node, from: Origin<'_>, message: ToTopology) -> Taken {
    let own = node.outbound.number();
    match message {
        ToTopology::Subscribe(message) => gossip.subscribe(own, &message.reply_to),
        ToTopology::Unsubscribe(message) => gossip.unsubscribe(own, &message.subscriber),
        ToTopology::State(message) => gossip.tell_state(own, &message.reply_to),
        ToTopology::Members(message) => gossip.wait_for_members(own, message),
        ToTopology::Down(message) => gossip.down(own, &message.address),
        ToTopology::Registry(update) => gossip.update_registry(own, update),
        of_members => {
            let Origin::Peer(from) = from else {
                return Taken::Unrouted;
            };
            if !from.may_be_member {
                let announced = from.address.clone();
                let refusal = Refusal::Uncovered { announced };
                node.refuse(&from.address.to_string(), &refusal);
                return Taken::Handled;
            }
            let Some(input) = of_member(of_members, &from.address) else {
                return Taken::Unrouted;
            };
            gossip.order(own, input);
        }
    }
    Taken::Handled
}

/// Returns what a message of a member tells the engine; `None` if it is another member's.
fn of_member(message: ToTopology, from: &NodeAddress) -> Option<EngineInput> {
    Some(match message {
        ToTopology::Gossip(gossip) if gossip.from_node == *from => MembershipInput::Gossip {
            from: gossip.from_node,
            state: Arc::new(gossip.state),
            is_reply: gossip.is_reply,
        },
        ToTopology::Join(join)
            if join.node == *from && join.reply_to.as_ref().is_none_or(|to| is_at(to, from)) =>
        {
            MembershipInput::Join {
                node: join.node,
                id: join.node_id,
                roles: join.roles,
                asker: join.reply_to.map(Asker::Joiner),
            }
        }
        ToTopology::Accepted(accepted) => MembershipInput::Accepted(Arc::new(accepted.state)),
        ToTopology::Heartbeat(heartbeat) if is_at(&heartbeat.reply_to, from) => {
            MembershipInput::Heartbeat {
                asker: Asker::Prober(heartbeat.reply_to),
            }
        }
        ToTopology::Alive(alive) if alive.from_node == *from => MembershipInput::Answered {
            node: alive.from_node,
        },
        ToTopology::Promote(promote) => MembershipInput::Promote(promote.address),
        _ => return None,
    })
}

/// Returns whether an actor is on a node: an answer to another one would have that dialled by whoever asks.
fn is_at<M>(actor: &ActorRef<M>, node: &NodeAddress) -> bool {
    let parts = actor.parts().ok();
    parts.and_then(|parts| parts.node_address()).as_ref() == Some(node)
}

/// Hands a message to the singleton if this node leads, else to the node that it takes for the leader, unless
/// that is who passed it on: two that take each other for the leader would send it to and fro until one of them
/// knows better, as real nodes do.
fn to_singleton(
    gossip: &Gossip,
    node: &Node,
    from: Origin<'_>,
    (name, message): (&str, Encoded<'_>),
) -> Result<Taken, DecodeError> {
    let (Some(singleton), Some(demoted)) = (node.singletons.get(name), node.demoted.get(name))
    else {
        return Ok(Taken::Unrouted);
    };
    let own = node.outbound.number();
    match gossip.leader_of(own) {
        Some(leader) if leader == *node.outbound.address() => {
            // Held while it handles the message: one after the other, as on a real node.
            let mut singleton = singleton.lock();
            if demoted.swap(false, Ordering::Relaxed) {
                singleton.vacate();
            }
            let handling = Handling::new(&node.outbound, message.header);
            singleton.receive(message.bytes, handling)?;
            node.outbound.counters().messages.increment();
        }
        Some(leader) if !from.is(&leader, gossip) => {
            let path = format!("/_singleton-{name}");
            node.outbound.pass_on(&leader, &path, message);
        }
        _ => return Ok(Taken::Unrouted),
    }
    Ok(Taken::Handled)
}

fn decode<T: DeserializeOwned>(node: &Node, message: &[u8]) -> Result<T, DecodeError> {
    node.outbound.codec().decode(message, &Limits::default())
}
