//! The merging of gossip: random histories of a cluster, each step of which Python repeats.

use std::sync::Arc;

use casty_client::NodeAddress;
use casty_client::casty_routing::membership::merge_gossip;
use casty_proto::FrozenSet;
use casty_proto::message::membership::GossipMessage;
use casty_proto::message::{ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation};

use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::verify::{Case, Expected, differences};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] =
    &[
        Scenario::new("states_are_merged_as_python_merges_them", 120, |context| {
            Box::pin(compare(context))
        })
        .needs(&[Feature::Serializers]),
    ];

const NODES: usize = 4;
const HISTORIES: u64 = 12;
const STEPS: usize = 40;

const STATUSES: [MemberStatus; 5] = [
    MemberStatus::Joining,
    MemberStatus::Up,
    MemberStatus::Leaving,
    MemberStatus::Down,
    MemberStatus::Removed,
];

async fn compare(context: Context) -> Result<Figures, Failure> {
    let mut cases = Vec::new();
    for seed in 0..HISTORIES {
        let mut history = History::new(seed, context.serializer());
        for _ in 0..STEPS {
            history.step(&mut cases)?;
        }
    }
    let found = differences(context.python(), &cases).await?;
    if !found.is_empty() {
        return Err(found.join("; ").into());
    }
    Ok(format!("{0} of {0} merges", cases.len()))
}

/// The states of all nodes, which change by themselves and by gossip.
struct History {
    seed: u64,
    drawn: u64,
    serializer: Serializer,
    states: Vec<ClusterState>,
}

impl History {
    fn new(seed: u64, serializer: Serializer) -> Self {
        Self {
            seed,
            drawn: 0,
            serializer,
            states: vec![ClusterState::default(); NODES],
        }
    }

    /// Draws a number below `limit`, by the rule of SplitMix64.
    fn below(&mut self, limit: usize) -> usize {
        self.drawn += 1;
        let mut z = (self.seed << 32).wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap_or(0)
    }

    fn step(&mut self, cases: &mut Vec<Case>) -> Result<(), Failure> {
        let (at, other) = (self.below(NODES), self.below(NODES));
        match self.below(8) {
            0 | 1 => self.list(at, other),
            2 => self.allocate(at, other),
            3 => self.register(at, other),
            _ if at == other => {}
            _ => cases.push(self.gossip(at, other)?),
        }
        Ok(())
    }

    /// Has a node list another one, or itself, with some status.
    fn list(&mut self, at: usize, other: usize) {
        let member = Member {
            address: node(other),
            status: STATUSES[self.below(STATUSES.len())],
            roles: self.roles(),
            id: format!("n{other}").into(),
        };
        let state = &mut self.states[at];
        state
            .members
            .retain(|listed| listed.address != member.address);
        state
            .unreachable
            .retain(|unreachable| *unreachable != member.address);
        if member.status == MemberStatus::Down {
            state.unreachable.push(member.address.clone());
        }
        state.members.push(member);
        self.changed(at);
    }

    /// Draws up to two roles, in any order: they are a set.
    fn roles(&mut self) -> FrozenSet<Arc<str>> {
        let drawn: &[&str] = match self.below(4) {
            0 => &[],
            1 => &["worker"],
            2 => &["worker", "edge"],
            _ => &["edge", "worker"],
        };
        drawn.iter().map(|role| (*role).into()).collect()
    }

    fn allocate(&mut self, at: usize, other: usize) {
        let shard = u32::try_from(self.below(4)).unwrap_or(0);
        let region = ["account", "cart"][self.below(2)];
        let allocation = ShardAllocation {
            primary: node(other),
            replicas: [node(at)].into_iter().collect(),
        };
        let state = &mut self.states[at];
        let shards = state.shard_allocations.entry(region.into()).or_default();
        shards.insert(shard, allocation);
        state.allocation_epoch += 1;
    }

    fn register(&mut self, at: usize, other: usize) {
        let entry = ServiceEntry {
            key: format!("service-{}", self.below(2)).into(),
            node: node(other),
            path: "/service".into(),
        };
        let state = &mut self.states[at];
        if !state.registry.contains(&entry) {
            state.registry.push(entry);
        }
        self.changed(at);
    }

    fn changed(&mut self, at: usize) {
        let state = &mut self.states[at];
        state.version.increment(&node(at));
        state.seen = [node(at)].into_iter().collect();
    }

    /// Has a node take in the state of another one.
    fn gossip(&mut self, at: usize, other: usize) -> Result<Case, Failure> {
        let (own, theirs) = (&self.states[at], &self.states[other]);
        let merged = merge_gossip(own, theirs, &node(at), &node(other));
        let encoded = |state: &ClusterState, from: usize| {
            let gossip = GossipMessage {
                state: state.clone(),
                from_node: node(from),
                is_reply: false,
            };
            let mut bytes = Vec::new();
            self.serializer.codec().encode(&gossip, &mut bytes)?;
            Ok::<_, Failure>(bytes)
        };
        let case = Case {
            name: format!("seed {}, number {}", self.seed, self.drawn),
            serializer: self.serializer,
            bytes: encoded(&merged, at)?,
            expected: Expected::Merged {
                own: encoded(own, at)?,
                theirs: encoded(theirs, other)?,
            },
        };
        self.states[at] = merged;
        Ok(case)
    }
}

fn node(number: usize) -> NodeAddress {
    NodeAddress::new("10.0.0.1", u16::try_from(number + 1).unwrap_or(0))
}
