//! Services that come and go, and whom a node takes for the leader and for members.

use casty_proto::NodeAddress;
use casty_routing::membership::MembershipInput;

use super::Gossip;
use super::engine::EngineInput;
use super::topology::Topology;
use crate::actor::ActorPlan;

impl Gossip {
    /// Starts a service on a node that runs, in the place of one of the same key there.
    pub(crate) fn start_service(&self, number: usize, mut service: ActorPlan) {
        self.change(|topology| {
            let Some(member) = topology.members.get(number) else {
                return;
            };
            let Some(node) = member.node.clone() else {
                return;
            };
            service.node = Some(member.place);
            let is_same =
                |other: &ActorPlan| other.key == service.key && other.node == service.node;
            topology.services.retain(|other| !is_same(other));
            node.start_actor(service.clone());
            topology.services.push(service);
            topology.register(number);
            topology.all_viewed();
        });
    }

    /// Ends a service of a node, and takes it out of the registry of all nodes of this process.
    pub(crate) fn stop_service(&self, number: usize, key: &str) {
        self.change(|topology| {
            let Some(member) = topology.members.get(number) else {
                return;
            };
            let (place, node) = (Some(member.place), member.node.clone());
            topology.withdraw(number, key);
            topology.services.retain(|service| {
                let stops = service.key.as_deref() == Some(key) && service.node == place;
                if stops && let Some(node) = &node {
                    node.stop_actor(&service.path);
                }
                !stops
            });
            topology.all_viewed();
        });
    }

    /// Returns the address of the node that a node takes for the leader, if it can reach that; its own, if it
    /// leads.
    pub(crate) fn leader_of(&self, number: usize) -> Option<NodeAddress> {
        let topology = self.topology.lock();
        let leader = topology.roll(number).leader().cloned()?;
        topology.may_reach(number, &leader).then_some(leader)
    }

    /// Returns the members that are up to a node, and that it can reach.
    pub(crate) fn up_to(&self, number: usize) -> Vec<NodeAddress> {
        let topology = self.topology.lock();
        let roll = topology.roll(number);
        let reachable = roll
            .up()
            .into_iter()
            .filter(|node| topology.may_reach(number, node));
        reachable.cloned().collect()
    }
}

impl Topology {
    /// Has the engines list the services of a node: its own all of them, and others those that were withdrawn.
    fn register(&mut self, number: usize) {
        let services = self.services_of(number);
        let mut again = services.clone();
        again.retain(|entry| self.withdrawn.contains(entry));
        self.withdrawn.retain(|entry| !again.contains(entry));
        self.order(number, MembershipInput::Services(services));
        if !again.is_empty() {
            self.order_all(&MembershipInput::Services(again));
        }
    }

    /// Has the engines of all nodes list a service of a node no more.
    fn withdraw(&mut self, number: usize, key: &str) {
        let mut ended = self.services_of(number);
        ended.retain(|entry| &*entry.key == key);
        if self.gossips() && !ended.is_empty() {
            let known = self.withdrawn.iter().chain(&ended).cloned();
            self.withdrawn = known.collect();
            self.order_all(&MembershipInput::Withdraw(ended));
        }
    }

    fn order_all(&mut self, input: &EngineInput) {
        for number in 0..self.members.len() {
            self.order(number, input.clone());
        }
    }

    /// Returns whether a node reaches another, or itself. Whether it reaches one outside shows only when it
    /// sends.
    fn may_reach(&self, from: usize, to: &NodeAddress) -> bool {
        let to = self.mailboxes.number(to);
        to.is_none_or(|to| to == from || self.connected(from, to))
    }
}
