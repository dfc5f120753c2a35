//! Services that come and go, and whom a node takes for the leader and for members.

use casty_proto::NodeAddress;
use casty_routing::membership::MembershipInput;

use super::Gossip;
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

    /// Returns the node that a node takes for the leader, if it can reach that; itself, if it leads.
    pub(crate) fn leader_of(&self, number: usize) -> Option<usize> {
        let topology = self.topology.lock();
        let leader = topology.roll(number).leader().cloned()?;
        let leader = self.mailboxes.number(&leader)?;
        (leader == number || topology.connected(number, leader)).then_some(leader)
    }

    /// Hands a message to the actors at `path` of all members that a node takes for alive.
    pub(crate) fn fan_out(&self, from: usize, path: &str, message: &[u8]) {
        let up: Vec<NodeAddress> = {
            let topology = self.topology.lock();
            let reachable = |node: &&NodeAddress| {
                let number = self.mailboxes.number(node);
                number.is_some_and(|to| to == from || topology.connected(from, to))
            };
            topology
                .roll(from)
                .up()
                .into_iter()
                .filter(reachable)
                .cloned()
                .collect()
        };
        for number in up.iter().filter_map(|node| self.mailboxes.number(node)) {
            self.mailboxes.deliver(number, path, message);
        }
    }
}
