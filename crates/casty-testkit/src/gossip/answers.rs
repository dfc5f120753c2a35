//! Messages of clients to the actors of the cluster, and their answers.

use casty_proto::message::{
    ClusterState, Find, GetShardLocation, Listing, ServiceInstance, TopologySnapshot,
    UpdateRegistry, WaitForMembers,
};
use casty_proto::{ActorRef, NodeAddress, Value};
use casty_routing::CoordinatorInput;
use casty_routing::membership::MembershipInput;

use super::Gossip;

/// References subscribed to one node, and references that wait for members there.
const WAITING: usize = 10_000;

impl Gossip {
    /// Subscribes a reference to the views of a node, and sends it the present one.
    pub(crate) fn subscribe(&self, node: usize, subscriber: &ActorRef<TopologySnapshot>) {
        self.change(|topology| {
            let snapshot = topology.snapshot(node);
            let Some(member) = topology.members.get_mut(node) else {
                return;
            };
            if !member.subscribers.contains(subscriber) && member.subscribers.len() < WAITING {
                member.subscribers.push(subscriber.clone());
            }
            if let Some(node) = &member.node {
                node.outbound().tell(subscriber, &snapshot);
                node.outbound().counters().snapshots.increment();
            }
        });
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, node: usize, subscriber: &ActorRef<TopologySnapshot>) {
        self.change(|topology| {
            if let Some(member) = topology.members.get_mut(node) {
                member.subscribers.retain(|other| other != subscriber);
            }
        });
    }

    /// Answers with the state of the cluster as a node sees it.
    pub(crate) fn tell_state(&self, node: usize, to: &ActorRef<ClusterState>) {
        let topology = self.topology.lock();
        let state = topology.state(node);
        if let Some(node) = topology.node(node) {
            node.outbound().tell(to, &state);
        }
    }

    /// Answers when as many members are up as the message names, as a node sees them.
    pub(crate) fn wait_for_members(&self, node: usize, message: WaitForMembers) {
        self.change(|topology| {
            if let Some(member) = topology.members.get_mut(node)
                && member.waiting.len() < WAITING
            {
                member.waiting.push(message);
            }
            topology.answer_waiting(node);
        });
    }

    /// Has a node believe that a member is dead.
    pub(crate) fn down(&self, node: usize, dead: &NodeAddress) {
        self.change(|topology| {
            if topology.gossips() {
                return topology.order(node, MembershipInput::Down(dead.clone()));
            }
            let Some(other) = self.mailboxes.number(dead) else {
                return;
            };
            let member = topology.members.get_mut(node);
            if member.is_some_and(|member| member.declare_dead(other)) {
                topology.lost_sight(node, dead);
                topology.viewed(node);
            }
        });
    }

    /// Adds instances of services to those that a node gossips. Where nodes share a table they run the
    /// services that the test gave them: what is added is dropped, and the view told once more.
    pub(crate) fn update_registry(&self, node: usize, update: UpdateRegistry) {
        self.change(|topology| {
            topology.order(node, MembershipInput::Services(update.entries));
            topology.viewed(node);
        });
    }

    /// Answers with the instances of a service on nodes that are up.
    pub(crate) fn find(&self, node: usize, find: Find<Value>) {
        let topology = self.topology.lock();
        let snapshot = topology.snapshot(node);
        let entries = snapshot.registry.into_iter();
        let entries = entries.filter(|entry| *entry.key == *find.key.name());
        let instances = entries.map(|entry| ServiceInstance {
            actor: ActorRef::from_uri_unchecked(format!(
                "casty://{}@{}{}",
                self.settings.system,
                entry.node.to_raw(),
                entry.path
            )),
            node: entry.node,
        });
        let instances = instances.collect();
        let listing = Listing {
            key: find.key,
            instances,
        };
        if let Some(node) = topology.node(node) {
            node.outbound().tell(&find.reply_to, &listing);
        }
    }

    /// Hands a query for the owner of a shard to the coordinator of a node.
    pub(crate) fn query(&self, node: usize, region: &str, query: GetShardLocation) {
        let input = CoordinatorInput::Query {
            shard: query.shard_id,
            asker: query.reply_to,
            from: None,
        };
        self.change(|topology| topology.step(node, region, input));
    }

    /// Hands the registration of a host to the coordinator of a node.
    pub(crate) fn register(&self, node: usize, region: &str, host: NodeAddress) {
        let input = CoordinatorInput::Register { node: host };
        self.change(|topology| topology.step(node, region, input));
    }

    /// Pushes a node's view although nothing has changed, as gossip makes real nodes do.
    pub(crate) fn tick(&self, node: usize) {
        self.change(|topology| {
            topology.revive(node);
            if topology.roll(node).up().len() > 1 {
                topology.changed.insert(node);
            }
            let coordinators = topology.members.get(node);
            let regions: Vec<_> = coordinators
                .into_iter()
                .flat_map(|member| member.coordinators.keys().cloned())
                .collect();
            for region in regions {
                topology.step(node, &region, CoordinatorInput::Tick);
            }
        });
    }
}
