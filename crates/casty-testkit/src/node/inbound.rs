//! What arrives at a node, and whom it is for.

use std::sync::Arc;

use casty_proto::frame::{Frame, FrameKind};
use casty_proto::header::Header;
use casty_proto::message::{
    DownMember, Find, GetShardLocation, GetState, RECEPTIONIST_PATH, RegisterRegion,
    SubscribeTopology, TOPOLOGY_PATH, UnsubscribeTopology, WaitForMembers,
};
use casty_proto::{ActorUri, DecodeError, Limits, Value};
use casty_transport::Session;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Node;
use crate::gossip::World;
use crate::region::Received;

/// What a topology actor understands of clients.
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
}

/// What a coordinator understands.
#[derive(Deserialize)]
enum ToCoordinator {
    #[serde(rename = "casty.cluster.coordinator.GetShardLocation")]
    Query(GetShardLocation),
    #[serde(rename = "casty.cluster.coordinator.RegisterRegion")]
    Register(RegisterRegion),
}

/// The inbound side of one connection.
pub(super) struct Inbound {
    world: Arc<World>,
    node: Arc<Node>,
}

impl Inbound {
    pub(super) fn new(world: Arc<World>, node: Arc<Node>) -> Self {
        Self { world, node }
    }
}

impl Session for Inbound {
    fn frame(&mut self, frame: Frame) {
        if frame.kind != FrameKind::Message {
            return;
        }
        // A header's target need not be a whole URI's worth of sense; its path must be.
        match Header::split(&frame.payload) {
            Ok((header, message)) => match ActorUri::parse(&header.target) {
                Ok(target) => receive(&self.world, &self.node, target.path, message),
                Err(_) => self.node.counters.malformed.increment(),
            },
            Err(_) => self.node.counters.malformed.increment(),
        }
    }

    fn batch_end(&mut self) -> usize {
        self.world.changed();
        0
    }
}

/// How a message was taken.
enum Taken {
    Handled,
    Unrouted,
}

/// Hands a message to whoever listens at `path`.
pub(super) fn receive(world: &World, node: &Node, path: &str, message: &[u8]) {
    if node.is_dead() {
        return;
    }
    match route(world, node, path, message) {
        Ok(Taken::Handled) => {}
        Ok(Taken::Unrouted) => {
            tracing::debug!(node = %node.address, path, "nobody listens there");
            node.counters.unrouted.increment();
        }
        Err(error) => {
            tracing::debug!(node = %node.address, path, %error, "failed to handle a message");
            node.counters.malformed.increment();
        }
    }
}

fn route(world: &World, node: &Node, path: &str, message: &[u8]) -> Result<Taken, DecodeError> {
    if let Some(region) = path.strip_prefix("/_region-") {
        return to_region(node, region, message);
    }
    if let Some(service) = node.services.get(path) {
        service.receive(message, node)?;
        node.counters.messages.increment();
        return Ok(Taken::Handled);
    }
    if let Some(region) = path.strip_prefix("/_coord-") {
        match decode(node, message)? {
            ToCoordinator::Query(query) => {
                node.counters.queries.increment();
                world.query(node.number, region, query);
            }
            ToCoordinator::Register(register) => {
                world.register(node.number, region, register.node);
            }
        }
        return Ok(Taken::Handled);
    }
    match path {
        TOPOLOGY_PATH => match decode(node, message)? {
            ToTopology::Subscribe(message) => world.subscribe(node.number, &message.reply_to),
            ToTopology::Unsubscribe(message) => {
                world.unsubscribe(node.number, &message.subscriber);
            }
            ToTopology::State(message) => world.tell_state(node.number, &message.reply_to),
            ToTopology::Members(message) => world.wait_for_members(node.number, message),
            ToTopology::Down(message) => world.down(node.number, &message.address),
        },
        RECEPTIONIST_PATH => {
            let find: Find<Value> = decode(node, message)?;
            world.find(node.number, find);
        }
        _ => return Ok(Taken::Unrouted),
    }
    Ok(Taken::Handled)
}

fn to_region(node: &Node, path: &str, message: &[u8]) -> Result<Taken, DecodeError> {
    let received = if let Some(region) = node.regions.get(path) {
        region.lock().envelope(message, node)?
    } else if let Some((region, id)) = path.split_once("/entity-")
        && let Some(region) = node.regions.get(region)
    {
        region.lock().bare(id, message, node)?
    } else {
        Received::NoSuchEntity
    };
    Ok(match received {
        Received::Handled => {
            node.counters.messages.increment();
            Taken::Handled
        }
        Received::Full | Received::NoSuchEntity => Taken::Unrouted,
    })
}

fn decode<T: DeserializeOwned>(node: &Node, message: &[u8]) -> Result<T, DecodeError> {
    node.codec().decode(message, &Limits::default())
}
