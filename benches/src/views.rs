//! The cost of views of many shards: to read one, to take it in, and what senders notice of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_client::Codec;
use casty_proto::message::{Member, MemberStatus, ShardAllocation, TopologySnapshot};
use casty_proto::{FrozenSet, Limits, NodeAddress, Tuple};
use casty_routing::{
    Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput, Offer, Router,
    RouterConfig, RouterInput, RouterOutput, ShardCount, SharedTable, Subscription,
    SubscriptionConfig, SubscriptionInput, SubscriptionOutput, View, ViewKeeper,
};

use crate::Failure;

pub mod pickled;
pub mod stall;

/// The size of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// The members, all of which are connected and own shards.
    pub members: u16,
    /// The regions.
    pub regions: u32,
    /// The shards of each region.
    pub shards: u32,
}

/// The way in which views are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As nodes of Python pickle them.
    Python,
    /// As a codec here writes them.
    Ours(Codec),
}

impl Form {
    /// Returns the codec that reads them.
    pub fn codec(self) -> Codec {
        match self {
            Self::Python => Codec::pickle(),
            Self::Ours(codec) => codec,
        }
    }

    /// Returns a view's bytes.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn encode(self, snapshot: &TopologySnapshot) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Python => Ok(pickled::pickled(snapshot)),
            Self::Ours(codec) => {
                let mut bytes = Vec::new();
                codec.encode(snapshot, &mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// A change from one view to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No view came before.
    First,
    /// Every shard has another owner.
    AllMoved,
    /// Every shard of one region has another owner.
    RegionMoved,
    /// One shard has another owner.
    ShardMoved,
    /// A member has joined.
    MemberJoined,
    /// A member is unreachable.
    MemberUnreachable,
    /// Nothing has changed.
    Nothing,
}

/// All changes, as they are measured.
pub const CHANGES: [Change; 7] = [
    Change::First,
    Change::AllMoved,
    Change::RegionMoved,
    Change::ShardMoved,
    Change::MemberJoined,
    Change::MemberUnreachable,
    Change::Nothing,
];

impl Change {
    /// Returns the change in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::First => "first view",
            Self::AllMoved => "every shard moved",
            Self::RegionMoved => "one region moved",
            Self::ShardMoved => "one shard moved",
            Self::MemberJoined => "a member joined",
            Self::MemberUnreachable => "a member is unreachable",
            Self::Nothing => "nothing changed",
        }
    }
}

/// The times that one view took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Until its bytes were a snapshot.
    pub decode: Duration,
    /// Until the snapshot was a view, compared with the one before: the client does that in a thread
    /// of its own.
    pub prepare: Duration,
    /// Until the engines of connections and subscription had it.
    pub engines: Duration,
    /// Until the router had it and the new table was stored: under the router's lock in a client.
    pub route: Duration,
    /// Until the view before was dropped: again in a thread of its own.
    pub retire: Duration,
}

impl Times {
    /// Returns the time between the snapshot and the published table, and for what that leaves to be
    /// dropped.
    pub fn apply(&self) -> Duration {
        self.prepare + self.engines + self.route + self.retire
    }
}

/// Returns the address of a member.
pub fn member(number: u16) -> NodeAddress {
    let [high, low] = number.to_be_bytes();
    NodeAddress::new(format!("10.20.{high}.{low}"), 25_520)
}

/// Returns the name of a region.
pub fn region(number: u32) -> String {
    format!("region-{number:04}")
}

/// Returns a snapshot of a cluster of that size; all shards of the regions for which `moved` holds
/// are owned by the next member but one.
pub fn snapshot(scale: Scale, moved: impl Fn(u32, u32) -> bool) -> TopologySnapshot {
    let members: Vec<_> = (0..scale.members).map(member).collect();
    snapshot_of(&members, scale, moved)
}

/// Returns the same of these members.
pub fn snapshot_of(
    members: &[NodeAddress],
    scale: Scale,
    moved: impl Fn(u32, u32) -> bool,
) -> TopologySnapshot {
    let listed = |address: &NodeAddress| Member {
        address: address.clone(),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: "bench".into(),
    };
    let allocation = |number: u32, shard: u32| {
        let place = number as usize * 7 + shard as usize + usize::from(moved(number, shard));
        ShardAllocation {
            primary: members[place % members.len()].clone(),
            replicas: Tuple::default(),
        }
    };
    let regions = (0..scale.regions).map(|number| {
        let shards = (0..scale.shards).map(|shard| (shard, allocation(number, shard)));
        (region(number).into(), shards.collect::<BTreeMap<_, _>>())
    });
    TopologySnapshot {
        members: members.iter().map(listed).collect(),
        leader: members.iter().min().cloned(),
        shard_allocations: regions.collect(),
        allocation_epoch: 7,
        ..TopologySnapshot::default()
    }
}

/// The engines of a client, driven as it drives them.
struct Engines {
    keeper: ViewKeeper,
    connections: Connections,
    subscription: Subscription,
    router: Router<Arc<u16>, ()>,
    table: SharedTable<Arc<u16>>,
}

impl Engines {
    /// Returns engines that know the regions, all members being connected.
    fn new(scale: Scale) -> Result<Self, Failure> {
        let now = Instant::now();
        let mut config = ConnectionsConfig::default();
        config.members = usize::from(scale.members) + 1;
        let mut router = Router::new(RouterConfig::default(), 7);
        let count = ShardCount::try_from(scale.shards)?;
        for number in 0..scale.regions {
            router.register_region(&region(number), count)?;
        }
        let mut engines = Self {
            keeper: ViewKeeper::new(),
            connections: Connections::new(config, Vec::new(), 7),
            subscription: Subscription::new(SubscriptionConfig::default()),
            router,
            table: SharedTable::new(),
        };
        for number in 0..scale.members {
            let up = RouterInput::PeerUp {
                node: member(number),
                handle: Arc::new(number),
            };
            engines.router.handle(now, up);
            let connected = ConnectionsInput::Connected {
                dialled: member(number),
                canonical: member(number),
            };
            engines.connections.handle(now, connected);
        }
        engines.drain();
        Ok(engines)
    }

    fn drain(&mut self) {
        while !matches!(self.connections.poll(), ConnectionsOutput::Wait(_)) {}
        while !matches!(self.subscription.poll(), SubscriptionOutput::Wait(_)) {}
        self.publish();
    }

    fn publish(&mut self) {
        loop {
            match self.router.poll() {
                RouterOutput::Publish(table) => self.table.store(table),
                RouterOutput::Wait(_) => return,
                _ => {}
            }
        }
    }

    /// Takes in a snapshot, in the steps of a client.
    fn take(&mut self, snapshot: TopologySnapshot) -> Times {
        let now = Instant::now();
        let former = self.keeper.view().cloned();
        let view = View::after(former.as_deref(), snapshot);
        let prepare = now.elapsed();
        let begun = Instant::now();
        let offer = self.keeper.offer_view(now, 1, view);
        let Offer::Fresh(view) = offer else {
            return Times {
                prepare,
                engines: begun.elapsed(),
                ..Times::default()
            };
        };
        let addresses = |members: &mut dyn Iterator<Item = &Member>| -> Vec<_> {
            members.map(|member| member.address.clone()).collect()
        };
        let live = addresses(&mut view.live_members());
        let gone = addresses(&mut view.gone_members());
        let up = SubscriptionInput::Live(live.iter().cloned().collect());
        self.subscription.handle(now, up);
        self.connections
            .handle(now, ConnectionsInput::View { live, gone });
        let engines = begun.elapsed();
        let begun = Instant::now();
        self.router
            .handle(now, RouterInput::View(Arc::clone(&view)));
        self.publish();
        let route = begun.elapsed();
        let begun = Instant::now();
        drop((former, view));
        let retire = begun.elapsed();
        self.drain();
        Times {
            prepare,
            engines,
            route,
            retire,
            ..Times::default()
        }
    }
}

/// Measures a change: `rounds` views of it, each read from its bytes and taken in, and as many in
/// between, not measured, by which it is undone.
///
/// # Errors
/// A view cannot be encoded or decoded.
pub fn measure(
    scale: Scale,
    form: Form,
    change: Change,
    rounds: usize,
) -> Result<Vec<Times>, Failure> {
    let codec = form.codec();
    let before = form.encode(&changed(scale, Change::Nothing))?;
    let after = form.encode(&changed(scale, change))?;
    let read = |bytes: &[u8]| {
        let begun = Instant::now();
        let snapshot = codec.decode::<TopologySnapshot>(bytes, &Limits::new());
        snapshot.map(|snapshot| (begun.elapsed(), snapshot))
    };
    let mut engines = Engines::new(scale)?;
    let mut all = Vec::new();
    for _ in 0..rounds {
        if change == Change::First {
            engines = Engines::new(scale)?;
        } else {
            engines.take(read(&before)?.1);
        }
        let (decode, snapshot) = read(&after)?;
        let times = engines.take(snapshot);
        all.push(Times { decode, ..times });
    }
    let listed = engines.table.load().listed();
    let expected = scale.regions as usize * scale.shards as usize;
    let hidden = match change {
        Change::MemberUnreachable => expected / usize::from(scale.members),
        _ => 0,
    };
    if listed < expected - 2 * hidden {
        return Err(format!("the table lists {listed} of {expected} shards").into());
    }
    Ok(all)
}

/// Returns the length of a view's bytes.
///
/// # Errors
/// It cannot be encoded.
pub fn length(scale: Scale, form: Form) -> Result<usize, Failure> {
    Ok(form.encode(&changed(scale, Change::Nothing))?.len())
}

fn changed(scale: Scale, change: Change) -> TopologySnapshot {
    let mut snapshot = snapshot(scale, |region, shard| match change {
        Change::AllMoved => true,
        Change::RegionMoved => region == scale.regions / 2,
        Change::ShardMoved => (region, shard) == (scale.regions / 2, scale.shards / 2),
        _ => false,
    });
    match change {
        Change::MemberJoined => {
            let mut joined = snapshot.members.0[0].clone();
            joined.address = member(scale.members);
            snapshot.members.0.push(joined);
        }
        Change::MemberUnreachable => snapshot.unreachable.0.push(member(scale.members / 2)),
        _ => {}
    }
    snapshot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_measured_and_lists_all_shards_in_the_end() {
        let scale = Scale {
            members: 20,
            regions: 5,
            shards: 50,
        };
        for change in CHANGES {
            let times = measure(scale, Form::Python, change, 2).unwrap();
            assert_eq!(times.len(), 2, "{}", change.text());
        }
    }
}
