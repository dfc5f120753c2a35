//! Faults as they happen: what begins them, and what ends them.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_transport::{ConnectOptions, Connection, connect};
use tokio::time::Instant;

use super::fault::Fault;
use super::network::Conditions;
use super::tamper::{Ending, Sort, Tamper};
use super::wire::Side;
use super::world::World;

/// Something that is done to the world, by node.
#[derive(Debug, Clone, Copy)]
enum Act {
    Kill(usize),
    LosePower(usize),
    Restart(usize),
    Hang(usize),
    Resume(usize),
    CallUp(usize),
    Separate(usize, usize),
    Join(usize, usize),
    /// The way to the node gets these conditions.
    Way(usize, Conditions),
    Cut(usize),
    Move(usize),
    Impersonate(usize),
    Jump(Duration),
}

impl World {
    /// Makes a fault happen to a node, and waits until it is over; most kinds last for `lasting`.
    /// A few kinds choose by lot what they need beside the node.
    pub async fn inflict(&self, fault: Fault, node: usize, lasting: Duration) {
        let mut script = Script::default();
        script.strike(self, fault, node, lasting);
        let mut impostors = Vec::new();
        while let Some((due, act)) = script.next() {
            tokio::time::sleep_until(due).await;
            self.act(act, &mut impostors).await;
        }
    }

    /// Makes faults of these kinds happen for a while, to nodes chosen by lot, and heals the world
    /// in the end.
    pub async fn chaos(&self, faults: &[Fault], lasting: Duration) {
        let end = Instant::now() + lasting;
        let mut script = Script::default();
        let mut impostors = Vec::new();
        let mut strike = Instant::now() + self.random_time(10..800);
        while !faults.is_empty() {
            let due = script.due().map_or(strike, |due| due.min(strike));
            if due >= end {
                break;
            }
            tokio::time::sleep_until(due).await;
            if let Some((_, act)) = script.take_due(due) {
                self.act(act, &mut impostors).await;
                continue;
            }
            let fault = faults[self.random_below(faults.len())];
            let node = self.random_below(self.cluster().addresses().len());
            let lasting = self.random_time(100..4_000);
            script.strike(self, fault, node, lasting);
            strike = Instant::now() + self.random_time(50..1_500);
        }
        tokio::time::sleep_until(end).await;
        drop(impostors);
        self.heal().await;
    }

    /// Ends all faults: every node runs, and reaches whom it should.
    pub async fn heal(&self) {
        self.log(format_args!("world heals"));
        let cluster = self.cluster();
        self.network().clear();
        let nodes = cluster.addresses().len();
        for node in 0..nodes {
            cluster.resume(node);
            (0..node).for_each(|other| cluster.heal(other, node));
        }
        for node in 0..nodes {
            let alive = |node: usize| cluster.status().nodes.get(node).is_some_and(|it| it.alive);
            if !alive(node)
                && let Err(error) = cluster.restart(node).await
            {
                self.log(format_args!("world node {node} stays down: {error}"));
            }
        }
        cluster.heal(0, 0);
    }

    async fn act(&self, act: Act, impostors: &mut Vec<Connection>) {
        self.log(format_args!("fault {act:?}"));
        let cluster = self.cluster();
        let address = |node: usize| cluster.addresses()[node % cluster.addresses().len()].clone();
        match act {
            Act::Kill(node) => cluster.kill(node).await,
            Act::LosePower(node) => {
                self.network().lose_power(&address(node));
                cluster.kill(node).await;
            }
            Act::Restart(node) => {
                // In a world, nobody else takes the address.
                cluster.restart(node).await.ok();
            }
            Act::Hang(node) => cluster.hang(node),
            Act::Resume(node) => cluster.resume(node),
            Act::CallUp(node) => cluster.call_up(node),
            Act::Separate(a, b) => cluster.partition(a, b),
            Act::Join(a, b) => cluster.heal(a, b),
            Act::Way(node, conditions) => self.network().change(&address(node), |it| {
                *it = conditions;
            }),
            Act::Cut(node) => {
                let wires = self.network().wires_to(&address(node));
                for wire in wires {
                    wire.cut();
                }
            }
            Act::Move(to) => {
                if let Some((region, shards)) = cluster.region(self.random_below(1 << 16)) {
                    let shard = self.random_below(shards as usize);
                    cluster.move_shard(&region, u32::try_from(shard).unwrap_or(0), to);
                }
            }
            Act::Impersonate(node) => {
                let at = address(node);
                let wires = self.network().wires_to(&at);
                let announced = wires
                    .iter()
                    .filter_map(|wire| wire.lock().announced.clone());
                let announced: Vec<_> = announced.collect();
                if !announced.is_empty() {
                    let whom = &announced[self.random_below(announced.len())];
                    let transport = self.network().transport("impostor");
                    let options = ConnectOptions::new();
                    impostors.extend(connect(&*transport, &at, whom, &options).await);
                }
            }
            Act::Jump(by) => self.jump(by).await,
        }
        if impostors.len() > 2 {
            impostors.remove(0);
        }
    }

    /// Arms every connection of a node, towards a side.
    fn tamper(&self, node: usize, to: Side, tamper: &Tamper) {
        let address = self.cluster().addresses()[node].clone();
        for wire in self.network().wires_to(&address) {
            wire.lock().to(to).tampers.push(tamper.clone());
        }
    }
}

/// What is still to be done, and when.
#[derive(Default)]
struct Script {
    acts: BTreeMap<(Instant, u64), Act>,
    count: u64,
}

impl Script {
    fn due(&self) -> Option<Instant> {
        self.acts.first_key_value().map(|((due, _), _)| *due)
    }

    fn next(&mut self) -> Option<(Instant, Act)> {
        self.acts.pop_first().map(|((due, _), act)| (due, act))
    }

    fn take_due(&mut self, now: Instant) -> Option<(Instant, Act)> {
        if self.due()? > now {
            return None;
        }
        self.next()
    }

    /// Adds something to be done after so long.
    fn then(&mut self, after: Duration, act: Act) {
        self.count += 1;
        self.acts.insert((Instant::now() + after, self.count), act);
    }

    fn at_once(&mut self, act: Act) {
        self.then(Duration::ZERO, act);
    }

    /// Something that is done at once, and what ends it.
    fn during(&mut self, act: Act, lasting: Duration, end: Act) {
        self.at_once(act);
        self.then(lasting, end);
    }

    /// The way to a node is different for a time.
    fn way(&mut self, node: usize, lasting: Duration, change: impl FnOnce(&mut Conditions)) {
        let mut conditions = Conditions::default();
        change(&mut conditions);
        let end = Act::Way(node, Conditions::default());
        self.during(Act::Way(node, conditions), lasting, end);
    }

    /// Begins a fault: some of it at once, the rest as acts to come.
    fn strike(&mut self, world: &World, fault: Fault, node: usize, lasting: Duration) {
        world.log(format_args!("fault {fault} at node {node} for {lasting:?}"));
        let nodes = world.cluster().addresses().len();
        let other = (node + 1 + world.random_below(nodes.max(2) - 1)) % nodes.max(1);
        match fault {
            Fault::Kill => self.during(Act::Kill(node), lasting, Act::Restart(node)),
            Fault::Restart => self.at_once(Act::Restart(node)),
            Fault::Flap => (0..4).for_each(|turn| {
                let after = lasting.mul_f64(f64::from(turn) / 4.0);
                self.then(after, Act::Kill(node));
                self.then(after + lasting / 8, Act::Restart(node));
            }),
            Fault::PowerLoss => self.during(Act::LosePower(node), lasting, Act::Restart(node)),
            Fault::Pause => self.during(Act::Hang(node), lasting, Act::Resume(node)),
            Fault::CalledUp => {
                self.during(Act::Kill(node), lasting, Act::Restart(node));
                self.then(lasting / 4, Act::CallUp(node));
            }
            Fault::LeaderChange => {
                let leader = world.leader();
                for other in (0..nodes).filter(|other| *other != leader) {
                    let (apart, join) = (Act::Separate(leader, other), Act::Join(leader, other));
                    self.during(apart, lasting, join);
                }
            }
            Fault::SplitViews => {
                self.during(Act::Separate(node, other), lasting, Act::Join(node, other));
            }
            Fault::ShardMoved => self.at_once(Act::Move(node)),
            Fault::Reset => self.at_once(Act::Cut(node)),
            Fault::DuplicateIdentity => self.at_once(Act::Impersonate(node)),
            Fault::ClockJump => self.at_once(Act::Jump(lasting)),
            way_or_frame => self.strike_network(world, way_or_frame, node, lasting),
        }
    }

    /// Begins a fault of the network.
    fn strike_network(&mut self, world: &World, fault: Fault, node: usize, lasting: Duration) {
        let to_client = |tamper| world.tamper(node, Side::Client, &tamper);
        match fault {
            Fault::BlackHole => self.way(node, lasting, |it| it.stalled = [true; 2]),
            Fault::DeafNode => self.way(node, lasting, |it| {
                it.stalled[Side::Node as usize] = true;
            }),
            Fault::MuteNode => self.way(node, lasting, |it| {
                it.stalled[Side::Client as usize] = true;
            }),
            Fault::Delay => self.way(node, lasting, |it| it.latency = lasting / 8),
            Fault::Reorder => self.way(node, lasting, |it| it.jitter = lasting / 8),
            Fault::SlowReader => self.way(node, lasting, |it| it.slow = true),
            Fault::RefusedDials => self.way(node, lasting, |it| it.refusing = true),
            Fault::UnansweredDials => self.way(node, lasting, |it| it.silent = true),
            Fault::ResetMidFrame => to_client(Tamper::Truncate(Ending::Reset)),
            Fault::Truncate => to_client(Tamper::Truncate(Ending::Closed)),
            Fault::Corrupt => {
                to_client(Tamper::Corrupt(world.random_below(4)));
                let tamper = Tamper::Corrupt(world.random_below(4));
                world.tamper(node, Side::Node, &tamper);
            }
            Fault::EmptyFrame => to_client(Tamper::Empty),
            Fault::StaleView => to_client(Tamper::Stale(Sort::View)),
            Fault::LostLocation => to_client(Tamper::Lose(Sort::Location)),
            Fault::LostReply => to_client(Tamper::Lose(Sort::Reply)),
            Fault::LateReply => to_client(Tamper::Late(Sort::Reply, lasting)),
            Fault::RepeatedReply => to_client(Tamper::Repeat(Sort::Reply)),
            other => debug_assert!(false, "{other} is no fault of the network"),
        }
    }
}
