//! Services that come and go, and whom a node takes for the leader and for members.

use casty_proto::NodeAddress;
use casty_routing::membership::MembershipInput;

use super::Gossip;
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
            let services = topology.services_of(number);
            topology.order(number, MembershipInput::Services(services));
            topology.all_viewed();
        });
    }

    /// Ends a service of a node, and takes it out of the registry of all. Nodes that gossip keep it there: no
    /// message of theirs takes anything out but the death of its node.
    pub(crate) fn stop_service(&self, number: usize, key: &str) {
        self.change(|topology| {
            let Some(member) = topology.members.get(number) else {
                return;
            };
            let (place, node) = (Some(member.place), member.node.clone());
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
    /// Returns whether a node reaches another, or itself. Whether it reaches one outside shows only when it
    /// sends.
    fn may_reach(&self, from: usize, to: &NodeAddress) -> bool {
        let to = self.mailboxes.number(to);
        to.is_none_or(|to| to == from || self.connected(from, to))
    }
}
