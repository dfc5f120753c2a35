//! A cluster of engines: messages take some milliseconds, in an order that a seed decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use casty_proto::message::MemberStatus;
use casty_proto::{FrozenSet, NodeAddress};

use crate::membership::{
    Healing, Membership, MembershipConfig, MembershipEvent, MembershipInput, MembershipOutput,
};
use crate::rng::Rng;

/// An event that travels; the asker of a request is its sender.
type Input = MembershipInput<NodeAddress>;

pub(super) struct World {
    now: Instant,
    rng: Rng,
    nodes: BTreeMap<NodeAddress, Member>,
    /// On the way: when it arrives, a number that makes it unique, from whom, to whom.
    travelling: BTreeMap<(Instant, u64), (NodeAddress, NodeAddress, Input)>,
    sent: u64,
    /// The time when the last message arrives that one node has sent to another: none overtakes it.
    last: BTreeMap<(NodeAddress, NodeAddress), Instant>,
    /// Links that carry nothing, from one node to another.
    cut: BTreeSet<(NodeAddress, NodeAddress)>,
}

struct Member {
    engine: Membership<NodeAddress>,
    wait: Option<Instant>,
    is_alive: bool,
    is_paused: bool,
    events: Vec<MembershipEvent>,
    /// The nodes that it was told to connect at once.
    quarantine_ended: BTreeSet<NodeAddress>,
    /// The events that arrived while it was paused.
    waiting: Vec<Input>,
}

pub(super) fn node(name: &str) -> NodeAddress {
    NodeAddress::new(name, 25520)
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::now(),
            rng: Rng::new(seed),
            nodes: BTreeMap::new(),
            travelling: BTreeMap::new(),
            sent: 0,
            last: BTreeMap::new(),
            cut: BTreeSet::new(),
        }
    }

    /// Starts a node, anew if there was one of that name.
    pub(super) fn start(&mut self, name: &str, seeds: &[&str], healing: Healing) {
        let mut config = MembershipConfig::new(node(name), name);
        config.seeds = seeds.iter().map(|seed| node(seed)).collect();
        config.healing = healing;
        if healing == Healing::Off {
            // As Casty's nodes.
            config.check_interval = Duration::from_secs(2);
        }
        // Nodes do not start in step.
        let offset = self.rng.up_to(Duration::from_secs(2));
        self.run(offset);
        self.start_with(config);
    }

    /// Starts a node with settings of its own.
    pub(super) fn start_with(&mut self, config: MembershipConfig) {
        let address = config.address.clone();
        let engine = Membership::new(self.now, config, self.rng.next());
        let member = Member {
            engine,
            wait: Some(self.now),
            is_alive: true,
            is_paused: false,
            events: Vec::new(),
            quarantine_ended: BTreeSet::new(),
            waiting: Vec::new(),
        };
        self.nodes.insert(address, member);
    }

    pub(super) fn kill(&mut self, name: &str) {
        self.member(name).is_alive = false;
    }

    pub(super) fn pause(&mut self, name: &str) {
        self.member(name).is_paused = true;
    }

    pub(super) fn resume(&mut self, name: &str) {
        let member = self.member(name);
        member.is_paused = false;
        let waiting = std::mem::take(&mut member.waiting);
        for input in waiting {
            self.tell(name, input);
        }
    }

    /// Has nothing arrive any more that one node sends to another.
    pub(super) fn cut(&mut self, from: &str, to: &str) {
        self.cut.insert((node(from), node(to)));
    }

    /// Tells a node something, and carries out what it wants done.
    pub(super) fn tell(&mut self, name: &str, input: Input) {
        let (me, now) = (node(name), self.now);
        self.member(name).engine.handle(now, input);
        loop {
            match self.next(name) {
                MembershipOutput::Wait(until) => {
                    self.member(name).wait = until;
                    return;
                }
                MembershipOutput::View(_) => {}
                MembershipOutput::Event(event) => self.member(name).events.push(event),
                MembershipOutput::EndQuarantine(node) => {
                    self.member(name).quarantine_ended.insert(node);
                }
                output => self.send(&me, output),
            }
        }
    }

    pub(super) fn next(&mut self, name: &str) -> MembershipOutput<NodeAddress> {
        self.member(name).engine.poll()
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.travelling.keys().next().map(|(at, _)| *at);
            let awake = self.nodes.iter().filter(|(_, member)| member.is_awake());
            let waits = awake.filter_map(|(node, member)| Some((member.wait?, node.clone())));
            let due = waits.min();
            let next = arrival
                .into_iter()
                .chain(due.iter().map(|(at, _)| *at))
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                self.arrive();
            } else if let Some((_, node)) = due {
                self.tell(node.host(), MembershipInput::Tick);
            }
        }
    }

    fn arrive(&mut self) {
        let Some((_, (from, to, input))) = self.travelling.pop_first() else {
            return;
        };
        let is_cut = self.cut.contains(&(from, to.clone()));
        let Some(member) = self.nodes.get_mut(&to).filter(|member| member.is_alive) else {
            return;
        };
        if member.is_paused {
            member.waiting.push(input);
        } else if !is_cut {
            self.tell(to.host(), input);
        }
    }

    fn send(&mut self, me: &NodeAddress, output: MembershipOutput<NodeAddress>) {
        let from = me.clone();
        let id = from.host().into();
        let (to, input) = match output {
            MembershipOutput::Gossip {
                to,
                state,
                is_reply,
            } => {
                let gossip = MembershipInput::Gossip {
                    from,
                    state,
                    is_reply,
                };
                (to, gossip)
            }
            MembershipOutput::Join { to, wants_answer } => {
                let asker = wants_answer.then(|| from.clone());
                let (node, roles) = (from, FrozenSet::default());
                let join = MembershipInput::Join {
                    node,
                    id,
                    roles,
                    asker,
                };
                (to, join)
            }
            MembershipOutput::Heartbeat { to } => (to, MembershipInput::Heartbeat { asker: from }),
            MembershipOutput::Leaving { to } => (to, MembershipInput::Down(from)),
            MembershipOutput::Accept { asker, state } => (asker, MembershipInput::Accepted(state)),
            MembershipOutput::Answer { asker } => (asker, MembershipInput::Answered { node: from }),
            other => panic!("nothing to send: {other:?}"),
        };
        let delay = Duration::from_millis(1) + self.rng.up_to(Duration::from_millis(20));
        self.sent += 1;
        let last = self
            .last
            .entry((me.clone(), to.clone()))
            .or_insert(self.now);
        *last = (*last).max(self.now + delay);
        let at = (*last, self.sent);
        self.travelling.insert(at, (me.clone(), to, input));
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.nodes.get_mut(&node(name)).unwrap()
    }

    pub(super) fn node(&self, name: &str) -> &Membership<NodeAddress> {
        &self.nodes[&node(name)].engine
    }

    /// Returns the status that one node lists another one with.
    pub(super) fn status(&self, of: &str, member: &str) -> Option<MemberStatus> {
        let state = self.node(of).state();
        let listed = state
            .members
            .iter()
            .find(|listed| listed.address == node(member));
        listed.map(|member| member.status)
    }

    /// The names of those that are alive.
    pub(super) fn living(&self) -> Vec<String> {
        let alive = self.nodes.iter().filter(|(_, member)| member.is_alive);
        alive.map(|(node, _)| node.host().to_owned()).collect()
    }

    pub(super) fn saw(&self, name: &str, is_it: impl Fn(&MembershipEvent) -> bool) -> bool {
        self.count(name, is_it) > 0
    }

    pub(super) fn count(&self, name: &str, is_it: impl Fn(&MembershipEvent) -> bool) -> usize {
        let events = self.nodes[&node(name)].events.iter();
        events.filter(|event| is_it(event)).count()
    }

    pub(super) fn ended_quarantine(&self, by: &str, member: &str) -> bool {
        self.nodes[&node(by)]
            .quarantine_ended
            .contains(&node(member))
    }
}

impl Member {
    fn is_awake(&self) -> bool {
        self.is_alive && !self.is_paused
    }
}
