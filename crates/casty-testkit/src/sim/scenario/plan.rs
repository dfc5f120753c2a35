//! The plan that a seed makes of the scenario.

use std::sync::Arc;
use std::time::Duration;

use casty_client::Overflow;
use casty_proto::{Codec, NodeAddress};
use casty_routing::membership::{Healing, MembershipEvent};

use super::messages::{Message, REGION, SERVICE};
use super::oracle::Oracle;
use crate::builder::ClusterBuilder;
use crate::cluster::Cluster;
use crate::context::Context;
use crate::membership::MembershipOptions;
use crate::sim::fault::Fault;
use crate::sim::world::World;

/// Everything that is drawn before the world begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    addresses: Vec<NodeAddress>,
    codec: Codec,
    detection: Duration,
    pub(super) shards: u32,
    pub(super) entities: usize,
    pub(super) clients: usize,
    pub(super) workers: usize,
    pub(super) faults: Vec<Fault>,
    pub(super) chaos: Duration,
    pub(super) closes_early: bool,
    pub(super) limits: Limits,
    /// True if clients announce addresses of their own, which are never renewed.
    fixed: bool,
    /// True if clients know the name of all nodes, and no address.
    pub(super) by_name: bool,
    /// The way in which nodes gossip; `None` if they share a table.
    pub(super) membership: Option<MembershipOptions>,
}

/// The limits of all clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) outbox: usize,
    pub(super) buffer_messages: usize,
    pub(super) buffer_bytes: usize,
    /// The overflow of the pending buffer. If the oldest message gives way, dead letter hooks send.
    pub(super) overflow: Overflow,
    pub(super) asks: usize,
    buffer_timeout: Duration,
}

impl Plan {
    /// Draws a plan; also the faults, unless they are given.
    pub(super) fn draw(world: &World, faults: Option<Vec<Fault>>) -> Self {
        let below = |count| world.random_below(count);
        let nodes = [1, 2, 3, 3, 3, 4][below(6)];
        // Nodes and clients compare addresses: both orders.
        let host = ["10.0.0.", "node-"][below(2)];
        let address = |node| NodeAddress::new(format!("{host}{node}"), 25_520);
        let codec = [Codec::pickle(), Codec::msgpack(), Codec::json()][below(3)];
        let clients = 1 + below(3);
        let wanted = faults.clone();
        let faults = faults.unwrap_or_else(|| draw_faults(world));
        // Where nothing goes wrong, nothing may be lost.
        let drops = !faults.is_empty() && below(4) == 0;
        let mut plan = Self {
            nodes,
            addresses: (0..nodes).map(address).collect(),
            codec,
            detection: world.random_time(0..3) * 1_000,
            shards: [1, 3, 8][below(3)],
            entities: 1 + below(6),
            clients,
            workers: 1 + below(2),
            faults,
            chaos: world.random_time(3_000..9_000),
            closes_early: clients > 1 && below(4) == 0,
            limits: Limits {
                outbox: [4_096, 1 << 20][below(2)],
                buffer_messages: [8, 65_536][below(2)],
                buffer_bytes: [4_096, 1 << 26][below(2)],
                overflow: if drops {
                    Overflow::DropOldest
                } else {
                    Overflow::Refuse
                },
                asks: [2, 65_536][below(2)],
                buffer_timeout: world.random_time(200..6_000),
            },
            fixed: below(5) == 0,
            by_name: below(3) == 0,
            membership: None,
        };
        // Behind all else, so that worlds whose nodes share a table draw what they always drew.
        if gossips(world, wanted.as_deref()) {
            plan.gossip(world, wanted.is_none());
        }
        plan
    }

    /// Has nodes gossip, and strikes them with what only such nodes know, unless all is calm or faults were
    /// wanted.
    fn gossip(&mut self, world: &World, draws: bool) {
        let healing = [
            Healing::Silence,
            Healing::SilenceAndStillness(Duration::from_secs(3)),
        ];
        let options = MembershipOptions::new()
            .healing(healing[world.random_below(2)])
            .latency(world.random_time(0..50))
            .random_seed(world.random_below(1 << 32) as u64);
        let log = world.clone();
        let told = move |node: usize, event: &MembershipEvent| {
            log.log(format_args!("member {node}: {event}"));
        };
        self.membership = Some(options.on_event(told));
        if draws && !self.faults.is_empty() {
            let kinds = Fault::OF_MEMBERS;
            let first = world.random_below(kinds.len());
            let second = world.random_below(kinds.len());
            self.faults.extend([kinds[first], kinds[second]]);
        }
    }

    /// Configures the cluster, with entities and services that report to the oracle.
    pub(super) fn cluster(&self, oracle: &Arc<Oracle>) -> ClusterBuilder {
        let serving = Arc::clone(oracle);
        let mut builder = Cluster::builder("proof")
            .addresses(self.addresses.iter().cloned())
            .codec(self.codec)
            .detection(self.detection)
            .region(REGION, self.shards, oracle.entities());
        if let Some(options) = &self.membership {
            builder = builder.membership(options.clone());
        }
        for node in 0..self.nodes {
            let serving = Arc::clone(&serving);
            let handle =
                move |message: Message, context: &mut Context<'_>| serving.serve(message, context);
            builder = builder.service_on(node, SERVICE, handle);
        }
        builder
    }

    /// Configures a client with the plan's limits.
    pub(super) fn client(
        &self,
        number: usize,
        builder: casty_client::ClientBuilder,
    ) -> casty_client::ClientBuilder {
        let Limits {
            outbox,
            buffer_messages,
            buffer_bytes,
            overflow,
            asks,
            buffer_timeout,
        } = self.limits;
        let builder = builder
            .outbox_bytes(outbox)
            .buffer(
                casty_client::BufferLimits::default()
                    .messages(buffer_messages)
                    .bytes(buffer_bytes),
            )
            .buffer_overflow(overflow)
            .pending_asks(asks)
            .buffer_timeout(buffer_timeout)
            .max_frame(64 * 1024);
        if self.fixed {
            builder.client_host(format!("client-{number}"))
        } else {
            builder
        }
    }
}

/// Returns whether the nodes of a world gossip: in a fifth of all worlds, none of which once showed a defect
/// of another kind, and wherever a fault is wanted that only such nodes know.
fn gossips(world: &World, wanted: Option<&[Fault]>) -> bool {
    let of_members = |fault: &Fault| Fault::OF_MEMBERS.contains(fault);
    matches!(world.seed() % 10, 5 | 8) || wanted.is_some_and(|it| it.iter().any(of_members))
}

/// Draws a few kinds, or none in one world of ten.
fn draw_faults(world: &World) -> Vec<Fault> {
    if world.random_below(10) == 0 {
        return Vec::new();
    }
    let mut left = Fault::ALL.to_vec();
    let count = 1 + world.random_below(6);
    let mut draw = |_| left.swap_remove(world.random_below(left.len()));
    (0..count).map(&mut draw).collect()
}
