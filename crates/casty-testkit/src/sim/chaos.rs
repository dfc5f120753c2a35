//! Faults as they happen: the acts that begin them, and those that end them.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_client::RegionError;
use casty_proto::NodeAddress;
use casty_routing::{RegisterRegionError, ShardCount, ShardId, entity_shard};
use casty_transport::{ConnectOptions, Connection, connect};
use tokio::time::Instant;

use super::connection::{Connection as SimConnection, Side};
use super::decoy::Decoy;
use super::fault::Fault;
use super::network::Conditions;
use super::tamper::{Ending, FrameType, Tamper};
use super::transport::SimTransport;
use super::world::World;

/// Something that is done to the world, by node. Logs show it.
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
    /// The first loses whatever it sends the second from now on.
    Sever(usize, usize),
    Mend(usize, usize),
    /// The way to the node gets these conditions.
    Way(usize, Conditions),
    Cut(usize),
    Move(usize),
    Impersonate(usize),
    Replace(usize),
    /// The network forgets the node's connections.
    Forget(usize),
    /// The node notices that.
    Notice(usize),
    /// A client with another number of shards for a region sends.
    Miscount,
    Decoy(Decoy),
    Jump(Duration),
}

impl Act {
    /// Returns the node that it concerns, or one of them.
    fn node(self) -> usize {
        match self {
            Self::Kill(node)
            | Self::LosePower(node)
            | Self::Restart(node)
            | Self::Hang(node)
            | Self::Resume(node)
            | Self::CallUp(node)
            | Self::Separate(node, _)
            | Self::Join(node, _)
            | Self::Sever(node, _)
            | Self::Mend(node, _)
            | Self::Way(node, _)
            | Self::Cut(node)
            | Self::Move(node)
            | Self::Impersonate(node)
            | Self::Replace(node)
            | Self::Forget(node)
            | Self::Notice(node) => node,
            Self::Miscount | Self::Decoy(_) | Self::Jump(_) => 0,
        }
    }
}

impl World {
    /// Makes a fault happen to a node, and waits until it is over; most kinds last for `lasting`.
    ///
    /// A few kinds draw what they need beside the node.
    ///
    /// # Panics
    /// No cluster was started.
    pub async fn inflict(&self, fault: Fault, node: usize, lasting: Duration) {
        let mut script = Script::default();
        script.strike(self, fault, node, lasting);
        let mut impostors = Vec::new();
        while let Some((due, act)) = script.next() {
            tokio::time::sleep_until(due).await;
            self.act(act, &mut impostors).await;
        }
    }

    /// Makes faults of these kinds happen for a while, to nodes that are drawn, and heals the world
    /// in the end.
    ///
    /// # Panics
    /// No cluster was started.
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
            let present = self.present();
            let node = present[self.random_below(present.len())];
            let lasting = self.random_time(100..4_000);
            script.strike(self, fault, node, lasting);
            strike = Instant::now() + self.random_time(50..1_500);
        }
        tokio::time::sleep_until(end).await;
        drop(impostors);
        self.heal().await;
    }

    /// Ends all faults: every node runs that was not replaced, and reaches all others.
    ///
    /// # Panics
    /// No cluster was started.
    pub async fn heal(&self) {
        self.log(format_args!("world heals"));
        let cluster = self.cluster();
        self.network().clear();
        let nodes = self.present();
        for node in &nodes {
            cluster.resume(*node);
            let others = nodes.iter().filter(|other| *other < node);
            others.for_each(|other| cluster.heal(*other, *node));
        }
        for node in nodes {
            let alive = |node: usize| cluster.status().nodes.get(node).is_some_and(|it| it.alive);
            if !alive(node)
                && let Err(error) = cluster.restart(node).await
            {
                self.log(format_args!("world node {node} stays down: {error}"));
            }
        }
        cluster.heal(0, 0);
    }

    /// Does one act.
    async fn act(&self, act: Act, impostors: &mut Vec<Connection>) {
        self.log(format_args!("fault {act:?}"));
        let cluster = self.cluster();
        let Some(address) = cluster.address(act.node()) else {
            return;
        };
        match act {
            Act::Kill(node) => cluster.kill(node).await,
            Act::LosePower(node) => {
                self.network().lose_power(&address);
                cluster.kill(node).await;
            }
            Act::Restart(node) => {
                // In a world, no other process takes the address.
                cluster.restart(node).await.ok();
            }
            Act::Hang(node) => cluster.hang(node),
            Act::Resume(node) => cluster.resume(node),
            Act::CallUp(node) => cluster.call_up(node),
            Act::Separate(a, b) => cluster.partition(a, b),
            Act::Join(a, b) => cluster.heal(a, b),
            Act::Sever(from, to) => cluster.cut_link(from, to),
            Act::Mend(from, to) => cluster.mend_link(from, to),
            Act::Way(_, conditions) => self.network().change(&address, |it| *it = conditions),
            Act::Cut(_) => self.each_connection(&address, SimConnection::cut),
            Act::Forget(_) => self.each_connection(&address, SimConnection::forget),
            Act::Notice(_) => self.each_connection(&address, SimConnection::notice),
            Act::Move(to) => {
                if let Some((region, shards)) = cluster.region(self.random_below(1 << 16)) {
                    let shard = self.random_below(shards as usize);
                    cluster.move_shard(&region, u32::try_from(shard).unwrap_or(0), to);
                }
            }
            Act::Impersonate(_) => {
                let connections = self.network().connections_to(&address);
                let announced = connections
                    .iter()
                    .filter_map(|connection| connection.lock().announced.clone());
                let announced: Vec<_> = announced.collect();
                if !announced.is_empty() {
                    let client = &announced[self.random_below(announced.len())];
                    let transport = SimTransport::new(self.network(), "impostor");
                    let options = ConnectOptions::new();
                    impostors.extend(connect(&*transport, &address, client, &options).await);
                }
            }
            Act::Replace(node) => self.replace(node, &address).await,
            Act::Miscount => self.miscount().await,
            Act::Decoy(decoy) => self.network().set_decoy(decoy),
            Act::Jump(by) => self.jump(by).await,
        }
        if impostors.len() > 2 {
            impostors.remove(0);
        }
    }

    /// Does something to all connections of a node.
    fn each_connection(&self, node: &NodeAddress, act: impl Fn(&SimConnection)) {
        for connection in self.network().connections_to(node) {
            act(&connection);
        }
    }

    /// Returns the nodes that were not replaced.
    fn present(&self) -> Vec<usize> {
        let nodes = self.cluster().status().nodes.into_iter().enumerate();
        let present = nodes.filter(|(_, status)| !status.replaced);
        present.map(|(node, _)| node).collect()
    }

    /// Replaces a node by one at a new address, which comes before or behind all others. The old
    /// one is reset, or vanishes without a word. It stays if a client knows no other way in.
    async fn replace(&self, node: usize, old: &NodeAddress) {
        if self.is_last_contact(old) {
            return self.log(format_args!("world node {node} stays"));
        }
        let number = self.cluster().status().nodes.len();
        let host = ["10.0.1.", "pod-"][self.random_below(2)];
        let new = NodeAddress::new(format!("{host}{number}"), 25_520);
        if self.random_below(2) == 0 {
            self.network().vanish(old);
        }
        match self.cluster().replace(node, new).await {
            Ok(number) => self.log(format_args!("world node {number} replaces {node}")),
            Err(error) => self.log(format_args!("world node {node} stays: {error}")),
        }
    }

    /// Has a client of its own, one a world, tell entities of a region by a number of shards that is
    /// too great, so that the leader allocates shards that the region does not have. No entity can
    /// read what it is told.
    async fn miscount(&self) {
        let Some((region, shards)) = self.cluster().region(self.random_below(1 << 16)) else {
            return;
        };
        let client = match self.stranger().await {
            Ok(client) => client,
            Err(error) => return self.log(format_args!("world no stranger: {error}")),
        };
        let count = shards + 1 + u32::try_from(self.random_below(92)).unwrap_or(0);
        // The number that it used for the region before stays the one of this client.
        let entities = match client.region(&region, count) {
            Err(RegionError::Shards {
                source: RegisterRegionError::OtherCount { registered, .. },
                ..
            }) => client.region(&region, registered.get()),
            entities => entities,
        };
        let Ok(entities) = entities else { return };
        let Some(other) = ShardCount::new(entities.shards()) else {
            return;
        };
        let fits = |id: &String| entity_shard(id, other) < ShardId::new(shards);
        let ids = (0..64).map(|_| format!("stray-{}", self.random_below(1 << 16)));
        let (within, beyond): (Vec<_>, Vec<_>) = ids.partition(fits);
        for id in beyond.iter().take(4).chain(within.iter().take(2)) {
            if let Err(error) = entities.entity(&**id).tell(()) {
                self.log(format_args!("world {id} of {region} is not told: {error}"));
            }
        }
    }

    /// Has a fault await the next frame on every connection of a node, towards a side.
    fn tamper(&self, node: usize, to: Side, tamper: &Tamper) {
        let Some(address) = self.cluster().address(node) else {
            return;
        };
        for connection in self.network().connections_to(&address) {
            connection.lock().to(to).tampers.push(tamper.clone());
        }
    }
}

/// The acts to come, with their times.
#[derive(Default)]
struct Script {
    acts: BTreeMap<(Instant, u64), Act>,
    count: u64,
}

impl Script {
    /// Returns the time of the next act.
    fn due(&self) -> Option<Instant> {
        self.acts.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next act.
    fn next(&mut self) -> Option<(Instant, Act)> {
        self.acts.pop_first().map(|((due, _), act)| (due, act))
    }

    /// Takes the next act if it is due.
    fn take_due(&mut self, now: Instant) -> Option<(Instant, Act)> {
        if self.due()? > now {
            return None;
        }
        self.next()
    }

    /// Adds an act for after so long.
    fn then(&mut self, after: Duration, act: Act) {
        self.count += 1;
        self.acts.insert((Instant::now() + after, self.count), act);
    }

    fn at_once(&mut self, act: Act) {
        self.then(Duration::ZERO, act);
    }

    /// Adds an act for now, and one that ends it.
    fn during(&mut self, act: Act, lasting: Duration, end: Act) {
        self.at_once(act);
        self.then(lasting, end);
    }

    /// Changes the conditions of the way to a node for a time.
    fn way(&mut self, node: usize, lasting: Duration, change: impl FnOnce(&mut Conditions)) {
        let mut conditions = Conditions::default();
        change(&mut conditions);
        let end = Act::Way(node, Conditions::default());
        self.during(Act::Way(node, conditions), lasting, end);
    }

    /// Begins a fault: some of it at once, the rest as acts to come.
    fn strike(&mut self, world: &World, fault: Fault, node: usize, lasting: Duration) {
        world.struck(fault, node, lasting);
        let nodes = world.present();
        let place = nodes.iter().position(|it| *it == node).unwrap_or(0);
        let other = place + 1 + world.random_below(nodes.len().max(2) - 1);
        let other = nodes[other % nodes.len()];
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
                for other in nodes.into_iter().filter(|other| *other != leader) {
                    let (apart, join) = (Act::Separate(leader, other), Act::Join(leader, other));
                    self.during(apart, lasting, join);
                }
            }
            Fault::SplitViews => {
                self.during(Act::Separate(node, other), lasting, Act::Join(node, other));
            }
            Fault::ShardMoved => self.at_once(Act::Move(node)),
            Fault::Replace => self.at_once(Act::Replace(node)),
            Fault::Renumber => {
                let count = u32::try_from(nodes.len()).unwrap_or(1);
                let pause = lasting / count.max(1);
                for (turn, node) in (0..).zip(nodes) {
                    self.then(pause * turn, Act::Replace(node));
                }
            }
            Fault::FlowLost => self.during(Act::Forget(node), lasting, Act::Notice(node)),
            Fault::Reset => self.at_once(Act::Cut(node)),
            Fault::DuplicateIdentity => self.at_once(Act::Impersonate(node)),
            // Up to longer than any silence that a client bears.
            Fault::ClockJump => self.at_once(Act::Jump(lasting * 3)),
            Fault::OtherShardCount => self.at_once(Act::Miscount),
            Fault::DecoyAddress => {
                let decoy = Decoy::ALL[world.random_below(Decoy::ALL.len())];
                self.at_once(Act::Decoy(decoy));
                self.at_once(Act::Cut(node));
            }
            Fault::Split | Fault::OneWayLink | Fault::LeaderUnseen | Fault::Zombie => {
                self.strike_members(world, fault, (node, other), lasting);
            }
            way_or_frame => self.strike_network(world, way_or_frame, node, lasting),
        }
    }

    /// Begins a fault that nodes know which gossip.
    fn strike_members(
        &mut self,
        world: &World,
        fault: Fault,
        (node, other): (usize, usize),
        lasting: Duration,
    ) {
        let nodes = world.present();
        match fault {
            Fault::Split => {
                let (half, rest) = nodes.split_at(nodes.len() / 2);
                for (a, b) in half.iter().flat_map(|a| rest.iter().map(move |b| (*a, *b))) {
                    self.during(Act::Separate(a, b), lasting, Act::Join(a, b));
                }
            }
            Fault::OneWayLink => {
                let (sever, mend) = (Act::Sever(node, other), Act::Mend(node, other));
                self.during(sever, lasting, mend);
            }
            Fault::LeaderUnseen => {
                let leader = world.leader();
                self.during(Act::Kill(leader), lasting, Act::Restart(leader));
                if other != leader {
                    self.then(Duration::from_millis(1), Act::Restart(other));
                }
            }
            _ => {
                self.at_once(Act::Kill(node));
                for turn in 1..8 {
                    self.then(lasting * turn / 8, Act::CallUp(node));
                }
                // Its process comes back in the end, or never does: another has taken its place meanwhile.
                match world.random_below(2) {
                    0 => self.then(lasting, Act::Restart(node)),
                    _ => self.then(lasting / 2, Act::Replace(node)),
                }
            }
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
            Fault::StaleView => to_client(Tamper::Stale(FrameType::View)),
            Fault::LostLocation => to_client(Tamper::Lose(FrameType::Location)),
            Fault::LostReply => to_client(Tamper::Lose(FrameType::Reply)),
            Fault::LateReply => to_client(Tamper::Late(FrameType::Reply, lasting)),
            Fault::RepeatedReply => to_client(Tamper::Repeat(FrameType::Reply)),
            other => debug_assert!(false, "{other} is no fault of the network"),
        }
    }
}
