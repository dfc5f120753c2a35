//! A member of a cluster, told anything in any order and at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use casty_proto::message::{ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation};
use casty_proto::{FrozenSet, NodeAddress, Tuple};
use casty_routing::membership::{
    Healing, Membership, MembershipConfig, MembershipInput, MembershipOutput,
};

use crate::memory::peak;

/// The most inputs of a run.
const STEPS: usize = 400;
/// The most members that the engine allows, fewer than there are names.
const MEMBERS: usize = 6;
/// The most that it may want done for one input, beside what it wants of each member: it answers, shows its state,
/// and says what happened to itself.
const FEW: usize = 8;
/// The most that it may want of each member: a heartbeat, gossip, a request to join, word that it leaves, and what
/// it says of it.
const OF_EACH: usize = 8;
/// The most bytes of a run whose states are bounded by what the bytes stand for and by the engine's limits.
const BYTES: u64 = 4 * 1024 * 1024;

/// The first moment of all runs; any will do.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

type Input = MembershipInput<u8>;
type Output = MembershipOutput<u8>;

/// Plays what the bytes stand for; panics if the engine leaves its limits or does not come to rest.
pub(crate) fn membership(data: &[u8]) {
    let ((), taken) = peak(|| play(data));
    assert!(taken <= BYTES, "membership took {taken} bytes of {BYTES}");
}

fn play(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let mut run = Run::begin(&mut data);
    for _ in 0..STEPS {
        if data.is_empty() {
            break;
        }
        // Where the bytes end, zeros follow.
        if let Ok(input) = run.input(&mut data) {
            run.tell(input);
        }
    }
    run.rest();
}

/// The hosts and ports of all nodes, the engine's own first, and of some that are none.
const NAMES: [(&str, u16); 12] = [
    ("c", 1),
    ("a", 1),
    ("b", 1),
    ("d", 1),
    ("e", 1),
    ("f", 1),
    ("g", 1),
    ("c", 2),
    ("h", 0),
    ("239.1.2.3", 1),
    ("no host: at/all\n", 1),
    ("", 65_535),
];

fn address(place: usize) -> NodeAddress {
    let (host, port) = NAMES[place % NAMES.len()];
    NodeAddress::new(host, port)
}

struct Run {
    engine: Membership<u8>,
    now: Instant,
    wait: Option<Instant>,
    heals: bool,
    /// `true` once it was told to leave, or that it is dead.
    leaves: bool,
    epoch: u64,
}

impl Run {
    fn begin(data: &mut Unstructured<'_>) -> Self {
        let mut config = MembershipConfig::new(address(0), "me");
        config.max_members = MEMBERS;
        let way = data.int_in_range(0..=2).unwrap_or(0);
        config.healing = match way {
            0 => Healing::Silence,
            1 => Healing::SilenceAndStillness(Duration::from_secs(2)),
            _ => Healing::Off,
        };
        let seeds: u8 = data.int_in_range(0..=2).unwrap_or(0);
        config.seeds = (0..usize::from(seeds)).map(address).collect();
        let seed = data.arbitrary().unwrap_or_default();
        let mut run = Self {
            heals: config.healing != Healing::Off,
            engine: Membership::new(*START, config, seed),
            now: *START,
            wait: None,
            leaves: false,
            epoch: 0,
        };
        run.tell(MembershipInput::Tick);
        run
    }

    /// Lets time pass, mostly as much as the engine waits for, and makes an input.
    fn input(&mut self, data: &mut Unstructured<'_>) -> Result<Input> {
        self.now = self.time(data)?;
        Ok(match data.int_in_range(0..=15)? {
            0..=4 => MembershipInput::Gossip {
                from: node(data)?,
                state: Arc::new(self.state(data)?),
                is_reply: data.arbitrary()?,
            },
            5 => MembershipInput::Join {
                node: node(data)?,
                id: id(data)?,
                roles: FrozenSet::default(),
                asker: data.arbitrary()?,
            },
            6 => MembershipInput::Accepted(Arc::new(self.state(data)?)),
            7 => MembershipInput::Heartbeat {
                asker: data.arbitrary()?,
            },
            8 | 9 => MembershipInput::Answered { node: node(data)? },
            10 => MembershipInput::Promote(node(data)?),
            11 => MembershipInput::Down(node(data)?),
            12 => MembershipInput::Allocations {
                region: id(data)?,
                allocations: allocations(data)?,
                epoch: count(data, self.engine.state().allocation_epoch)?,
            },
            13 => {
                let entries = services(data)?;
                if data.arbitrary()? {
                    MembershipInput::Services(entries)
                } else {
                    MembershipInput::Withdraw(entries)
                }
            }
            14 if data.ratio(1, 16)? => MembershipInput::Leave,
            _ => MembershipInput::Tick,
        })
    }

    /// Returns when the next input comes: as time passes, when something is due, long after, or before the last.
    fn time(&self, data: &mut Unstructured<'_>) -> Result<Instant> {
        let millis =
            |most| -> Result<_> { Ok(Duration::from_millis(data.int_in_range(0..=most)?)) };
        let mut millis = millis;
        let at = match millis(7)?.as_millis() {
            0 => self.now.checked_sub(millis(10_000)?),
            1 => self.now.checked_add(millis(u64::MAX >> 16)?),
            2..=4 => self.wait,
            _ => self.now.checked_add(millis(300)?),
        };
        Ok(at.unwrap_or(self.now))
    }

    /// Makes a state that may be any node's: the engine's own, changed, or one of another cluster.
    fn state(&self, data: &mut Unstructured<'_>) -> Result<ClusterState> {
        let mut state = if data.ratio(3, 4)? {
            ClusterState::clone(self.engine.state())
        } else {
            ClusterState::default()
        };
        for _ in 0..data.int_in_range(0..=5)? {
            self.change(&mut state, data)?;
        }
        Ok(state)
    }

    fn change(&self, state: &mut ClusterState, data: &mut Unstructured<'_>) -> Result<()> {
        let known = self.engine.state();
        match data.int_in_range(0..=8)? {
            0..=2 => {
                let member = member(data)?;
                if data.ratio(15, 16)? {
                    state.members.retain(|it| it.address != member.address);
                }
                state.members.push(member);
            }
            3 | 4 => {
                let node = node(data)?;
                let count = count(data, known.version.version_of(&node))?;
                state.version.versions.insert(node, count);
            }
            5 => state.seen.push(node(data)?),
            6 => state.unreachable.push(node(data)?),
            7 => {
                state
                    .shard_allocations
                    .insert(id(data)?, allocations(data)?);
                state.allocation_epoch = count(data, known.allocation_epoch)?;
            }
            _ => state.registry = services(data)?,
        }
        Ok(())
    }

    /// Tells the engine something, and checks what it wants done.
    fn tell(&mut self, input: Input) {
        let me = address(0);
        self.leaves |= match &input {
            MembershipInput::Leave => true,
            MembershipInput::Down(node) => *node == me,
            _ => false,
        };
        let listed = self.engine.state().members.len();
        let allowed = FEW + OF_EACH * (listed.max(MEMBERS) + 1);
        self.engine.handle(self.now, input);
        let mut outputs = 0;
        loop {
            match self.engine.poll() {
                Output::Wait(wait) => {
                    self.wait = wait;
                    break;
                }
                output => check(&output, &me),
            }
            outputs += 1;
            assert!(
                outputs <= allowed,
                "more than {allowed} outputs of one input"
            );
        }
        assert_eq!(self.wait.is_none(), self.engine.has_left());
        self.check_state();
    }

    fn check_state(&mut self) {
        let (state, me) = (self.engine.state(), address(0));
        check_sizes(state);
        let addresses = state.members.iter().map(|member| &member.address);
        assert!(addresses.is_sorted_by(|one, next| one < next), "{state:?}");
        let own = state.members.iter().find(|member| member.address == me);
        let own = own.expect("it lists itself");
        if self.heals && !self.leaves {
            assert!(own.status.is_alive(), "it calls itself dead");
            assert_eq!(&*own.id, "me");
        }
        assert!(state.allocation_epoch >= self.epoch, "an epoch goes back");
        self.epoch = state.allocation_epoch;
    }

    /// Has only time pass: the engine is to come to rest at each of the times for which it waits.
    fn rest(&mut self) {
        for _ in 0..50 {
            let Some(wait) = self.wait else {
                return;
            };
            self.now = self.now.max(wait);
            self.tell(MembershipInput::Tick);
            let next = self.wait;
            assert!(next.is_none_or(|next| next > self.now), "it never rests");
        }
    }
}

/// Checks an order of the engine.
fn check(output: &Output, me: &NodeAddress) {
    let is_dialable = |node: &NodeAddress| node != me && node.port() != 0;
    match output {
        Output::Gossip { to, state, .. } => {
            assert!(to != me);
            check_sizes(state);
        }
        Output::Heartbeat { to } => assert!(is_dialable(to), "{to} is asked whether it lives"),
        Output::Join { to, .. } | Output::Leaving { to } => assert!(to != me),
        Output::Accept { state, .. } | Output::View(state) => check_sizes(state),
        _ => {}
    }
}

fn check_sizes(state: &ClusterState) {
    assert!(state.members.len() <= MEMBERS, "{state:?}");
    let listed: BTreeSet<_> = state.members.iter().map(|it| &it.address).collect();
    let all_listed = |nodes: &FrozenSet<NodeAddress>| nodes.iter().all(|it| listed.contains(it));
    assert!(
        all_listed(&state.seen) && all_listed(&state.unreachable),
        "{state:?}"
    );
    let counted = state.version.versions.keys();
    assert!(
        counted.into_iter().all(|node| listed.contains(node)),
        "{state:?}"
    );
}

fn node(data: &mut Unstructured<'_>) -> Result<NodeAddress> {
    Ok(address(data.int_in_range(0..=NAMES.len() - 1)?))
}

fn id(data: &mut Unstructured<'_>) -> Result<Arc<str>> {
    Ok(match data.int_in_range(0..=3)? {
        0 => "me".into(),
        1 => "one".into(),
        2 => "two".into(),
        _ => "x".repeat(data.int_in_range(1_023..=1_025)?).into(),
    })
}

fn member(data: &mut Unstructured<'_>) -> Result<Member> {
    Ok(Member {
        address: node(data)?,
        status: match data.int_in_range(0..=4)? {
            0 => MemberStatus::Joining,
            1 => MemberStatus::Leaving,
            2 => MemberStatus::Down,
            3 => MemberStatus::Removed,
            _ => MemberStatus::Up,
        },
        roles: FrozenSet::default(),
        id: id(data)?,
    })
}

/// Returns a count near the one that is known, or any.
fn count(data: &mut Unstructured<'_>, known: u64) -> Result<u64> {
    Ok(match data.int_in_range(0..=7)? {
        0 => data.arbitrary()?,
        1 => known.saturating_sub(1),
        2 => known,
        _ => known.saturating_add(data.int_in_range(1..=3)?),
    })
}

fn allocations(data: &mut Unstructured<'_>) -> Result<BTreeMap<u32, ShardAllocation>> {
    let shards = (0..data.int_in_range(0..=3)?).map(|_| {
        let (primary, replicas) = (node(data)?, Tuple::default());
        Ok((data.arbitrary()?, ShardAllocation { primary, replicas }))
    });
    shards.collect()
}

fn services(data: &mut Unstructured<'_>) -> Result<FrozenSet<ServiceEntry>> {
    let entries = (0..data.int_in_range(0..=3)?).map(|_| {
        Ok(ServiceEntry {
            key: id(data)?,
            node: node(data)?,
            path: id(data)?,
        })
    });
    let entries: Result<Vec<_>> = entries.collect();
    Ok(entries?.into_iter().collect())
}
