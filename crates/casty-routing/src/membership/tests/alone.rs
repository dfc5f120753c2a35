//! One engine without a world around it, and the messages that it is sent.

use std::time::Instant;

use casty_proto::FrozenSet;
use casty_proto::message::{ClusterState, Member, MemberStatus};

use super::world::node;
use crate::membership::{Membership, MembershipConfig, MembershipInput, MembershipOutput};

pub(super) fn member(name: &str) -> Member {
    Member {
        address: node(name),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: name.into(),
    }
}

pub(super) fn state(names: &[&str]) -> ClusterState {
    ClusterState {
        members: names.iter().map(|name| member(name)).collect(),
        ..ClusterState::default()
    }
}

/// A member that allows ten.
pub(super) fn engine() -> (Instant, Membership<&'static str>) {
    let now = Instant::now();
    let mut config = MembershipConfig::new(node("me"), "me");
    config.max_members = 10;
    let mut engine = Membership::new(now, config, 1);
    drain(&mut engine);
    (now, engine)
}

pub(super) fn drain(engine: &mut Membership<&'static str>) -> Vec<MembershipOutput<&'static str>> {
    let mut outputs = Vec::new();
    loop {
        match engine.poll() {
            MembershipOutput::Wait(_) => return outputs,
            output => outputs.push(output),
        }
    }
}

/// Gossip of a node that wants no answer.
pub(super) fn gossip(from: &str, state: ClusterState) -> MembershipInput<&'static str> {
    MembershipInput::Gossip {
        from: node(from),
        state: state.into(),
        is_reply: true,
    }
}
