//! A naive model of the world around a router. It stands beside the tests so that the fuzzer plays
//! the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::message::{
    Member, MemberStatus, ShardAllocation, ShardLocation, TopologySnapshot,
};
use casty_proto::{FrozenSet, NodeAddress, Tuple};
use casty_routing::{
    Buffered, Overflow, PendingMessage, RegionId, RouteTable, Router, RouterConfig, RouterInput,
    RouterOutput, ShardCount, ShardId, Target, UndeliverableReason, View,
};

pub(crate) const NODES: u16 = 4;
pub(crate) const REGIONS: u32 = 2;
pub(crate) const SHARDS: u32 = 4;
const LIMIT: Buffered = Buffered {
    messages: 12,
    bytes: 100,
};

/// A connection: the node and which of its connections it is.
type Handle = (u16, u32);

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send { to: To, bytes: usize, ttl: u64 },
    View { epoch: i8, picture: Picture },
    Answer { which: usize, owner: u16 },
    Unasked { region: u32, shard: u32, owner: u16 },
    Up(u16),
    Down { node: u16, unsent: usize },
    Fill(u16),
    Empty(u16),
    ConnectFailed(u16),
    Pass(u64),
    Cancel(To),
}

#[derive(Debug, Clone)]
pub(crate) enum To {
    Shard(u32, u32),
    Node(u16),
    Leader,
}

/// The content of a view, apart from its epoch.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) leader: Option<u16>,
    pub(crate) unreachable: Vec<u16>,
    pub(crate) down: Vec<u16>,
    pub(crate) owners: Vec<(u32, u32, u16)>,
}

/// The place of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Buffered,
    At(Handle),
    Undeliverable,
    Cancelled,
}

struct Message {
    target: Target,
    bytes: usize,
    deadline: Instant,
    place: Place,
    /// The nodes that handed it back.
    returned: BTreeSet<u16>,
}

struct World {
    router: Router<Handle, usize>,
    overflow: Overflow,
    /// `true` if there is capacity for the message that is being sent, while that is known.
    accepts: Option<bool>,
    now: Instant,
    start: Instant,
    regions: Vec<RegionId>,
    table: Arc<RouteTable<Handle>>,
    messages: Vec<Message>,
    /// The messages that each connection was given, in order, and did not hand back.
    given: BTreeMap<Handle, Vec<usize>>,
    connected: BTreeMap<u16, u32>,
    full: BTreeSet<u16>,
    connections: u32,
    view: Option<Arc<View>>,
    epoch: u64,
    /// The queries made and not answered.
    queries: Vec<(u32, u32)>,
    /// The time at which each shard was last asked for, and the connection of the leader.
    asked: BTreeMap<(u32, u32), (Instant, Handle)>,
    log: String,
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", number)
}

fn config(overflow: Overflow) -> RouterConfig {
    let mut config = RouterConfig::default();
    config.buffer_messages = LIMIT.messages;
    config.buffer_bytes = LIMIT.bytes;
    config.overflow = overflow;
    config
}

fn paint(picture: &Picture, epoch: u64) -> Arc<View> {
    let mut snapshot = TopologySnapshot {
        members: (0..NODES)
            .map(|number| Member {
                address: node(number),
                status: if picture.down.contains(&number) {
                    MemberStatus::Down
                } else {
                    MemberStatus::Up
                },
                roles: FrozenSet::default(),
                id: "n".into(),
            })
            .collect(),
        leader: picture.leader.map(node),
        allocation_epoch: epoch,
        unreachable: picture.unreachable.iter().copied().map(node).collect(),
        ..TopologySnapshot::default()
    };
    for (region, shard, owner) in &picture.owners {
        let region = snapshot.shard_allocations.entry(name(*region).into());
        let allocation = ShardAllocation {
            primary: node(*owner),
            replicas: Tuple::default(),
        };
        region.or_default().insert(*shard, allocation);
    }
    Arc::new(View::from_snapshot(snapshot))
}

fn name(region: u32) -> String {
    format!("region-{region}")
}

impl World {
    fn new(start: Instant, seed: u64, overflow: Overflow) -> Self {
        let mut router = Router::new(config(overflow), seed);
        let count = ShardCount::new(SHARDS).unwrap();
        let regions =
            (0..REGIONS).map(|region| router.register_region(&name(region), count).unwrap());
        let regions = regions.collect();
        Self {
            router,
            overflow,
            accepts: None,
            now: start,
            start,
            regions,
            table: Arc::default(),
            messages: Vec::new(),
            given: BTreeMap::new(),
            connected: BTreeMap::new(),
            full: BTreeSet::new(),
            connections: 0,
            view: None,
            epoch: 5,
            queries: Vec::new(),
            asked: BTreeMap::new(),
            log: String::new(),
        }
    }

    fn target(&self, to: &To) -> Target {
        match to {
            To::Shard(region, shard) => Target::Shard {
                region: self.regions[*region as usize],
                shard: ShardId::new(*shard),
            },
            To::Node(number) => Target::Node(node(*number)),
            To::Leader => Target::Leader,
        }
    }

    fn buffered(&self) -> Buffered {
        self.sum(|_| true)
    }

    fn share(&self, target: &Target) -> Buffered {
        self.sum(|message| message.target == *target)
    }

    fn sum(&self, wanted: impl Fn(&Message) -> bool) -> Buffered {
        let buffered = self.messages.iter().filter(|m| m.place == Place::Buffered);
        buffered
            .filter(|message| wanted(message))
            .fold(Buffered::default(), |sum, message| Buffered {
                messages: sum.messages + 1,
                bytes: sum.bytes + message.bytes,
            })
    }

    fn has_buffered(&self, target: &Target) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|m| m.place == Place::Buffered && m.target == *target)
    }

    fn pending(&self, id: usize) -> PendingMessage<usize> {
        let message = &self.messages[id];
        PendingMessage {
            target: message.target.clone(),
            item: id,
            bytes: message.bytes,
            deadline: message.deadline,
        }
    }

    fn run(&mut self, step: &Step) {
        writeln!(self.log, "{step:?}").unwrap();
        match step {
            Step::Send { to, bytes, ttl } => self.send(to, *bytes, *ttl),
            Step::View { epoch, picture } => {
                let epoch = self.epoch.saturating_add_signed((*epoch).into());
                let view = paint(picture, epoch);
                if epoch >= self.epoch || self.view.is_none() {
                    self.epoch = epoch;
                    self.view = Some(Arc::clone(&view));
                }
                self.handle(RouterInput::View(view));
            }
            Step::Answer { which, owner } if !self.queries.is_empty() => {
                let (region, shard) = self.queries.remove(which % self.queries.len());
                self.location(region, shard, *owner);
            }
            Step::Unasked {
                region,
                shard,
                owner,
            } => self.location(*region, *shard, *owner),
            Step::Up(number) if !self.connected.contains_key(number) => self.up(*number),
            Step::Down { node, unsent } if self.connected.contains_key(node) => {
                self.down(*node, *unsent);
            }
            Step::Fill(number) if self.connected.contains_key(number) => {
                self.full.insert(*number);
            }
            Step::Empty(number) if self.full.remove(number) => {
                self.handle(RouterInput::PeerReady(node(*number)));
            }
            Step::ConnectFailed(number) if !self.connected.contains_key(number) => {
                self.handle(RouterInput::ConnectFailed(node(*number)));
            }
            Step::Pass(millis) => {
                self.now += Duration::from_millis(*millis);
                self.handle(RouterInput::Tick);
            }
            Step::Cancel(to) => {
                let target = self.target(to);
                if let Some(pending) = self.router.cancel(&target, |_| true) {
                    assert_eq!(self.messages[pending.item].place, Place::Buffered);
                    self.messages[pending.item].place = Place::Cancelled;
                }
                self.drain();
            }
            _ => {}
        }
        self.check();
    }

    /// Sends as a client does: by the table where it lists an owner, else through the router.
    fn send(&mut self, to: &To, bytes: usize, ttl: u64) {
        let id = self.messages.len();
        let target = self.target(to);
        self.messages.push(Message {
            target: target.clone(),
            bytes,
            deadline: self.now + Duration::from_millis(ttl),
            place: Place::Buffered,
            returned: BTreeSet::new(),
        });
        let listed = match target {
            Target::Shard { region, shard } => self.table.owner(region, shard).copied(),
            Target::Node(_) | Target::Leader => None,
        };
        match listed {
            Some(handle) if !self.full.contains(&handle.0) => self.give(handle, id),
            _ => {
                let late = |m: &Message| m.place == Place::Buffered && m.deadline <= self.now;
                let known = !self.messages[..id].iter().any(late);
                self.accepts = known.then(|| self.router.accepts(&target, bytes));
                self.handle(RouterInput::Send(self.pending(id)));
                self.accepts = None;
                self.check_share(id);
            }
        }
    }

    /// Checks that what is buffered for the target of a message that was just taken in leaves as
    /// much free.
    fn check_share(&self, id: usize) {
        let message = &self.messages[id];
        if message.place != Place::Buffered || !message.returned.is_empty() {
            return;
        }
        let (share, all) = (self.share(&message.target), self.buffered());
        let messages = share.messages + all.messages <= LIMIT.messages;
        let bytes = share.bytes + all.bytes <= LIMIT.bytes;
        assert!(
            share.messages == 1 || (messages && bytes),
            "{share:?} of {all:?}"
        );
    }

    fn location(&mut self, region: u32, shard: u32, owner: u16) {
        self.asked.remove(&(region, shard));
        self.handle(RouterInput::Location {
            region: self.regions[region as usize],
            location: ShardLocation {
                shard_id: shard,
                node: node(owner),
                replicas: Tuple::default(),
            },
        });
    }

    fn up(&mut self, number: u16) {
        self.connections += 1;
        self.connected.insert(number, self.connections);
        self.handle(RouterInput::PeerUp {
            node: node(number),
            handle: (number, self.connections),
        });
    }

    fn down(&mut self, number: u16, unsent: usize) {
        self.full.remove(&number);
        let connection = self.connected.remove(&number).unwrap();
        let given = self.given.entry((number, connection)).or_default();
        let unsent = given.split_off(given.len().saturating_sub(unsent));
        let unsent = self.returned(number, unsent);
        self.handle(RouterInput::PeerDown {
            node: node(number),
            unsent,
        });
    }

    fn returned(&mut self, number: u16, unsent: Vec<usize>) -> Vec<PendingMessage<usize>> {
        for id in &unsent {
            self.messages[*id].place = Place::Buffered;
            self.messages[*id].returned.insert(number);
        }
        unsent.into_iter().map(|id| self.pending(id)).collect()
    }

    fn give(&mut self, handle: Handle, id: usize) {
        let message = &mut self.messages[id];
        assert_eq!(message.place, Place::Buffered, "message {id} ended twice");
        message.place = Place::At(handle);
        let given = self.given.entry(handle).or_default();
        given.push(id);
        let others = |m: &Message| m.returned.iter().any(|by| *by != handle.0);
        for earlier in &self.given[&handle] {
            let (message, earlier_one) = (&self.messages[id], &self.messages[*earlier]);
            let ordered = *earlier <= id || others(message) || others(earlier_one);
            let same = message.target == earlier_one.target;
            assert!(ordered || !same, "{id} came to {handle:?} after {earlier}");
        }
    }

    fn handle(&mut self, input: RouterInput<Handle, usize>) {
        self.router.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let output = self.router.poll();
            let since = self.now - self.start;
            match output {
                RouterOutput::Deliver {
                    to,
                    node: at,
                    message,
                } => {
                    writeln!(self.log, "{since:?} {} to {to:?}", message.item).unwrap();
                    assert_eq!(node(to.0), at);
                    assert!(!self.view.as_ref().is_some_and(|view| view.is_gone(&at)));
                    self.deliver(to, &message);
                }
                RouterOutput::Query {
                    leader,
                    region,
                    shard,
                    ..
                } => {
                    writeln!(self.log, "{since:?} {region:?} {shard} of {leader:?}").unwrap();
                    self.query(leader, region, shard);
                }
                RouterOutput::Connect { node: wanted } => {
                    writeln!(self.log, "{since:?} connect {wanted}").unwrap();
                    assert!(!self.connected.contains_key(&wanted.port()));
                    assert!(self.router.wants_connection(&wanted));
                }
                RouterOutput::Undeliverable { message, reason } => {
                    writeln!(self.log, "{since:?} {}: {reason}", message.item).unwrap();
                    self.undeliverable(&message, &reason);
                }
                RouterOutput::Contradiction { contradiction, .. } => {
                    writeln!(self.log, "{since:?} {contradiction:?}").unwrap();
                }
                RouterOutput::Publish(table) => {
                    writeln!(self.log, "{since:?} publish {table:?}").unwrap();
                    self.table = table;
                }
                RouterOutput::Wait(until) => {
                    writeln!(
                        self.log,
                        "{since:?} wait {:?}",
                        until.map(|t| t - self.start)
                    )
                    .unwrap();
                    assert!(until.is_none_or(|until| until > self.now));
                    return;
                }
            }
        }
    }

    fn deliver(&mut self, to: Handle, pending: &PendingMessage<usize>) {
        assert_eq!(self.connected.get(&to.0), Some(&to.1), "a dead connection");
        let view = self.view.as_ref();
        match pending.target {
            Target::Shard { .. } => {
                let avoided = view.is_some_and(|view| view.avoids(&node(to.0)));
                assert!(!avoided, "a node that the view avoids");
            }
            Target::Leader => {
                let leader = view.and_then(|view| view.live_leader());
                assert_eq!(leader, Some(&node(to.0)), "another node than the leader");
            }
            Target::Node(_) => {}
        }
        if self.full.contains(&to.0) {
            // The rest of this round must not reach the peer either: that would reorder.
            self.messages[pending.item].returned.insert(to.0);
            let unsent = vec![self.pending(pending.item)];
            let node = node(to.0);
            self.router
                .handle(self.now, RouterInput::PeerBusy { node, unsent });
        } else {
            self.give(to, pending.item);
        }
    }

    fn query(&mut self, leader: Handle, region: RegionId, shard: ShardId) {
        let view = self.view.as_ref().unwrap();
        assert_eq!(view.leader(), Some(&node(leader.0)));
        assert_eq!(self.connected.get(&leader.0), Some(&leader.1));
        assert!(
            self.has_buffered(&Target::Shard { region, shard }),
            "for nothing"
        );
        let place = (region.get(), shard.get());
        if let Some((before, of)) = self.asked.insert(place, (self.now, leader)) {
            let apart = self.now - before;
            let base = RouterConfig::default().query_base;
            assert!(
                of != leader || apart >= base / 2,
                "asked twice in {apart:?}"
            );
        }
        self.queries.push(place);
    }

    fn undeliverable(&mut self, pending: &PendingMessage<usize>, reason: &UndeliverableReason) {
        let buffered = self.buffered();
        // What is buffered for one node alone is limited to half.
        let scarce = 2 * buffered.messages > LIMIT.messages || 2 * buffered.bytes > LIMIT.bytes;
        let message = &mut self.messages[pending.item];
        assert_eq!(
            message.place,
            Place::Buffered,
            "{} ended twice",
            pending.item
        );
        message.place = Place::Undeliverable;
        match reason {
            UndeliverableReason::Deadline { .. } => assert!(pending.deadline <= self.now),
            UndeliverableReason::BufferFull { .. } => {
                assert_eq!(self.overflow, Overflow::Refuse);
                let over = buffered.messages > LIMIT.messages || buffered.bytes > LIMIT.bytes;
                assert!(over || (message.returned.is_empty() && scarce));
                assert!(!message.returned.is_empty() || self.accepts != Some(true));
            }
            UndeliverableReason::Displaced => {
                assert_eq!(self.overflow, Overflow::DropOldest);
                assert!(scarce, "{buffered:?}");
                let message = &self.messages[pending.item];
                let older = |older: &Message| {
                    let comparable = older.returned.is_empty() && message.returned.is_empty();
                    comparable && older.place == Place::Buffered && older.target == message.target
                };
                let older = self.messages[..pending.item].iter().find(|m| older(m));
                assert!(older.is_none(), "{} before an older one", pending.item);
            }
            UndeliverableReason::NodeGone { node } => {
                assert!(self.view.as_ref().unwrap().is_gone(node));
            }
            other => panic!("{other}"),
        }
    }

    /// Checks what must be true whenever the router waits.
    fn check(&self) {
        let buffered = self.buffered();
        assert_eq!(self.router.buffered(), buffered);
        assert!(buffered.messages <= LIMIT.messages && buffered.bytes <= LIMIT.bytes);
        for (region, shard) in self.shards() {
            let Some((number, connection)) = self.table.owner(region, shard) else {
                continue;
            };
            assert_eq!(
                self.connected.get(number),
                Some(connection),
                "a dead connection"
            );
            let view = self.view.as_ref();
            assert!(
                !view.is_some_and(|view| view.avoids(&node(*number))),
                "an avoided node"
            );
            assert!(
                !self.has_buffered(&Target::Shard { region, shard }),
                "listed while something is buffered"
            );
        }
    }

    fn shards(&self) -> impl Iterator<Item = (RegionId, ShardId)> {
        let regions = self.regions.iter().copied();
        regions.flat_map(|region| (0..SHARDS).map(move |shard| (region, ShardId::new(shard))))
    }

    /// Makes all well again: whatever is buffered goes out, and everything is listed.
    fn recover(&mut self) {
        let owners = (0..REGIONS).flat_map(|region| (0..SHARDS).map(move |s| (region, s)));
        let picture = Picture {
            leader: Some(0),
            unreachable: Vec::new(),
            down: Vec::new(),
            owners: owners.map(|(region, shard)| (region, shard, 1)).collect(),
        };
        let up: Vec<u16> = (0..NODES)
            .filter(|n| !self.connected.contains_key(n))
            .collect();
        let steps = up
            .into_iter()
            .map(Step::Up)
            .chain((0..NODES).map(Step::Empty));
        for step in steps.chain([Step::View { epoch: 1, picture }]) {
            self.run(&step);
        }
        assert_eq!(self.router.buffered(), Buffered::default());
        for (region, shard) in self.shards() {
            assert_eq!(
                self.table.owner(region, shard).map(|owner| owner.0),
                Some(1)
            );
        }
        self.now += Duration::from_mins(1);
        self.handle(RouterInput::Tick);
        self.handle(RouterInput::Tick);
        assert!(
            matches!(self.router.poll(), RouterOutput::Wait(None)),
            "something is left over"
        );
    }
}

/// Plays these steps, and one after which all is well again, to a router and its world. Returns the
/// log; panics where a message ends twice, out of order, or where it may not go.
pub(crate) fn play(steps: &[Step], start: Instant, seed: u64, overflow: Overflow) -> String {
    let mut world = World::new(start, seed, overflow);
    world.drain();
    for step in steps {
        world.run(step);
    }
    world.recover();
    world.log
}
