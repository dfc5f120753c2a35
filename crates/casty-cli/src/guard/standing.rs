//! The part of a cluster that matters to a guard: who is there, who leads, and whether it may stay.

use std::collections::BTreeMap;

use casty_client::NodeAddress;
use casty_proto::message::{ClusterState, Member, MemberStatus};

/// The role of guards, by which they know each other: they host nothing, so one may lead another.
pub(super) const ROLE: &str = "casty-guard";

/// The part of a state that a guard acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The others.
    pub(super) members: BTreeMap<NodeAddress, MemberStatus>,
    /// The member that leads, unless that is a guard.
    pub(super) leader: Option<NodeAddress>,
    /// A node that is up and that this guard would lead if those before it died.
    pub(super) behind: Option<NodeAddress>,
    /// `true` if there were others, and no node of them lives.
    pub(super) is_deserted: bool,
    /// `true` if this guard is dead by order.
    pub(super) is_dismissed: bool,
}

impl Standing {
    pub(super) fn of(me: &NodeAddress, state: &ClusterState) -> Self {
        let others = || state.members.iter().filter(|member| member.address != *me);
        let nodes = || others().filter(|member| !is_guard(member));
        let up = || nodes().filter(|member| member.status == MemberStatus::Up);
        let own = state.members.iter().find(|member| member.address == *me);
        Self {
            leader: up().map(|member| &member.address).min().cloned(),
            behind: up()
                .map(|member| &member.address)
                .find(|node| *node > me)
                .cloned(),
            is_deserted: others().next().is_some() && !nodes().any(|node| node.status.is_alive()),
            is_dismissed: own.is_some_and(|own| !own.status.is_alive()),
            members: others()
                .map(|member| (member.address.clone(), member.status))
                .collect(),
        }
    }

    /// Returns the members whose status is another one than before.
    pub(super) fn changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a NodeAddress, MemberStatus)> {
        let members = self.members.iter();
        let changed = members.filter(|(node, status)| before.members.get(node) != Some(status));
        changed.map(|(node, status)| (node, *status))
    }
}

fn is_guard(member: &Member) -> bool {
    member.roles.iter().any(|role| **role == *ROLE)
}

#[cfg(test)]
mod tests {
    use casty_proto::FrozenSet;

    use super::*;

    const GUARD: bool = true;
    const NODE: bool = false;

    fn standing(members: &[(&str, MemberStatus, bool)]) -> Standing {
        let members = members.iter().map(|(host, status, is_guard)| Member {
            address: NodeAddress::new(*host, 1),
            status: *status,
            roles: is_guard.then(|| ROLE.into()).into_iter().collect(),
            id: (*host).into(),
        });
        let state = ClusterState {
            members: members.collect::<FrozenSet<_>>(),
            ..ClusterState::default()
        };
        Standing::of(&NodeAddress::new("guard", 1), &state)
    }

    #[test]
    fn a_node_that_is_up_behind_the_guard_is_one_that_it_could_lead() {
        use MemberStatus::{Down, Joining, Up};
        let me = ("guard", Up, GUARD);
        let found = standing(&[me, ("10.0.0.1", Up, NODE), ("zoo", Up, NODE)]);
        assert_eq!(found.behind, Some(NodeAddress::new("zoo", 1)));
        assert_eq!(found.leader, Some(NodeAddress::new("10.0.0.1", 1)));
        for harmless in [
            ("zoo", Down, NODE),
            ("zoo", Joining, NODE),
            ("zoo", Up, GUARD),
        ] {
            let found = standing(&[me, ("10.0.0.1", Up, NODE), harmless]);
            assert_eq!(found.behind, None, "{harmless:?}");
        }
    }

    #[test]
    fn a_cluster_is_deserted_when_all_its_nodes_are_dead() {
        use MemberStatus::{Down, Joining, Up};
        let me = ("guard", Up, GUARD);
        assert!(!standing(&[me]).is_deserted, "it has not joined yet");
        assert!(standing(&[me, ("a", Down, NODE)]).is_deserted);
        assert!(standing(&[me, ("a", Down, NODE), ("b", Up, GUARD)]).is_deserted);
        assert!(!standing(&[me, ("a", Down, NODE), ("b", Joining, NODE)]).is_deserted);
        assert!(standing(&[("guard", Down, GUARD), ("a", Up, NODE)]).is_dismissed);
    }

    #[test]
    fn what_has_changed_is_told_of_others_alone() {
        use MemberStatus::{Down, Up};
        let before = standing(&[("guard", Up, GUARD), ("a", Up, NODE), ("b", Up, NODE)]);
        let now = standing(&[("guard", Up, GUARD), ("a", Down, NODE), ("b", Up, NODE)]);
        let a = NodeAddress::new("a", 1);
        assert_eq!(now.changes(&before).collect::<Vec<_>>(), [(&a, Down)]);
        assert_eq!(before.changes(&Standing::default()).count(), 2);
    }
}
