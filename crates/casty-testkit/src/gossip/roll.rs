//! The members of the cluster as one of them sees them.

use std::sync::Arc;

use casty_proto::message::{
    Allocations, ClusterState, Member as ViewedMember, MemberStatus, ServiceEntry, TopologySnapshot,
};
use casty_proto::{FrozenSet, NodeAddress};

use super::member::{Member, Sight};
use crate::actor::ActorPlan;

/// The members of the cluster as one of them sees them.
pub(super) enum Roll<'a> {
    /// Its sight of the nodes of this process.
    Table {
        members: &'a [Member],
        viewer: Option<&'a Member>,
        addresses: Arc<[NodeAddress]>,
    },
    /// The state that it gossips.
    State(&'a ClusterState),
}

impl<'a> Roll<'a> {
    pub(super) fn new(members: &'a [Member], viewer: usize, addresses: Arc<[NodeAddress]>) -> Self {
        let viewer = members.get(viewer);
        match viewer.and_then(|viewer| viewer.engine.as_deref()) {
            Some(engine) => Self::State(&engine.shown),
            None => Self::Table {
                members,
                viewer,
                addresses,
            },
        }
    }

    /// Returns the addresses that are up.
    pub(super) fn up(&self) -> Vec<&NodeAddress> {
        match self {
            Self::Table {
                viewer, addresses, ..
            } => {
                let seen = seen(*viewer, addresses);
                let up = seen.filter(|(_, _, sight)| *sight == Sight::Up);
                up.map(|(_, address, _)| address).collect()
            }
            Self::State(state) => {
                let members = state.members.iter();
                let up = members.filter(|member| member.status == MemberStatus::Up);
                up.map(|member| &member.address).collect()
            }
        }
    }

    /// Returns the lowest address that is up.
    pub(super) fn leader(&self) -> Option<&NodeAddress> {
        self.up().into_iter().min()
    }

    /// Returns the viewer's whole view, with these services on the nodes that it takes for alive, unless it
    /// gossips what services there are.
    pub(super) fn snapshot(&self, services: &[ActorPlan]) -> TopologySnapshot {
        match self {
            Self::Table {
                members,
                viewer,
                addresses,
            } => table_snapshot(members, *viewer, addresses, services),
            Self::State(state) => TopologySnapshot::from(*state),
        }
    }
}

fn seen<'a>(
    viewer: Option<&'a Member>,
    addresses: &'a [NodeAddress],
) -> impl Iterator<Item = (usize, &'a NodeAddress, Sight)> {
    let sight = viewer.map_or(&[][..], |viewer| &viewer.sight);
    let seen = addresses.iter().zip(sight).enumerate();
    seen.map(|(number, (address, sight))| (number, address, *sight))
}

fn table_snapshot(
    members: &[Member],
    viewer: Option<&Member>,
    addresses: &[NodeAddress],
    services: &[ActorPlan],
) -> TopologySnapshot {
    let all = || seen(viewer, addresses);
    let known = || all().filter(|(_, _, sight)| *sight != Sight::Unknown);
    let listed = known().map(|(number, address, sight)| ViewedMember {
        address: address.clone(),
        status: match sight {
            Sight::Up => MemberStatus::Up,
            _ => MemberStatus::Down,
        },
        roles: FrozenSet::default(),
        id: format!("node-{number}").into(),
    });
    let unreachable = known().filter(|(_, _, sight)| *sight == Sight::Down);
    let keys = services.iter().filter_map(|it| Some((it, it.key.clone()?)));
    let services = keys.flat_map(|(plan, key)| {
        let hosts = all().filter(|(number, _, sight)| {
            let place = members.get(*number).map(|member| member.place);
            *sight == Sight::Up && place.is_some_and(|place| plan.runs_on(place))
        });
        hosts.map(move |(_, node, _)| ServiceEntry {
            key: Arc::clone(&key),
            node: node.clone(),
            path: Arc::clone(&plan.path),
        })
    });
    let up = all().filter(|(_, _, sight)| *sight == Sight::Up);
    TopologySnapshot {
        members: listed.collect(),
        leader: up.map(|(_, address, _)| address).min().cloned(),
        shard_allocations: viewer.map_or_else(Allocations::new, |it| it.allocations.clone()),
        allocation_epoch: viewer.map_or(0, |viewer| viewer.epoch),
        unreachable: unreachable.map(|(_, address, _)| address.clone()).collect(),
        registry: services.collect(),
    }
}
