//! The contradictions between the shard count of a region and what a cluster has allocated.

use std::fmt;

use crate::shard::{ShardCount, ShardId, Shards};
use crate::view::View;

/// The most shards that a contradiction lists.
///
/// Beyond it, shards are counted and not listed.
const LISTED: usize = 64;
/// The most shards that its text names.
const NAMED: usize = 12;

/// The fewest allocated shards that look like a region: one entity and a shard of any number are two.
const FEWEST: u32 = 4;
/// The chance, as a logarithm, below which it is no accident that exactly the first shards of a
/// region are allocated: one in a million.
const WHOLE: f64 = -13.8;
/// The chance, as a logarithm, below which it is no accident that the first shards of a region are
/// allocated and few of the others: one in a thousand million, for there are many ways to part a
/// region, and each view is looked at.
const DENSE: f64 = -20.7;

/// The contradiction between the shard count that is used for a region and the shards that a
/// cluster has allocated: some other program uses another count.
///
/// Counts do not travel, and a leader allocates whatever shard it is asked for. So allocations never
/// tell who is wrong, and one message of a program with a wrong count is enough for a contradiction
/// that lasts as long as the allocation.
///
/// ```
/// use casty_proto::message::{ShardAllocation, TopologySnapshot};
/// use casty_routing::{CountContradiction, View};
///
/// let node = "10.0.0.1:25520".parse()?;
/// let allocation = ShardAllocation { primary: node, replicas: Default::default() };
/// let mut snapshot = TopologySnapshot::default();
/// let shards = (0..24).chain([90]).map(|shard| (shard, allocation.clone()));
/// snapshot.shard_allocations.insert("account".into(), shards.collect());
/// let view = View::from_snapshot(snapshot);
///
/// let found = CountContradiction::of(&view, "account", 24.try_into()?).expect("shard 90");
/// let text = "the cluster allocates shard 90, which a region of 24 shards does not have";
/// assert_eq!(found.to_string(), text);
/// let found = CountContradiction::of(&view, "account", 100.try_into()?).expect("24 are whole");
/// assert_eq!(found.resembles, Some(24.try_into()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CountContradiction {
    /// The count that is contradicted.
    pub count: ShardCount,
    /// The smaller count that the region looks like: its shards are allocated, and of the others so
    /// few that this is no accident. `None` if shards are allocated that a region of `count` shards
    /// does not have, which is a fact and no guess.
    pub resembles: Option<ShardCount>,
    /// The allocated shards at or beyond `count`, or at or beyond the count that the region looks
    /// like; the 64 lowest, sorted.
    pub shards: Box<[ShardId]>,
    /// The number of all such shards.
    pub total: usize,
}

impl CountContradiction {
    /// Returns what a view says against `count` shards of `region`; `None` if it says nothing.
    /// Costs time in proportion to the shards that are allocated.
    pub fn of(view: &View, region: &str, count: ShardCount) -> Option<Self> {
        Self::of_shards(view.shard_owners(region)?.shards(), count)
    }

    /// Returns what allocated shards, sorted, say against a count.
    pub(crate) fn of_shards(allocated: &[u32], count: ShardCount) -> Option<Self> {
        let last = allocated.last().is_some_and(|last| *last < count.get());
        // All of them, and none beyond: what a region of that count looks like in the end.
        if last && allocated.len() == count.len() {
            return None;
        }
        Self::among(&allocated.iter().copied(), count)
    }

    /// Returns what allocated shards say against a count; they come in their order.
    pub(crate) fn among(
        allocated: &(impl Iterator<Item = u32> + Clone),
        count: ShardCount,
    ) -> Option<Self> {
        let from = |least: u32| allocated.clone().skip_while(move |shard| *shard < least);
        if from(count.get()).next().is_some() {
            return Some(Self::listing(count, None, from(count.get())));
        }
        let resembles = resembles(allocated.clone(), count.get())?;
        Some(Self::listing(count, Some(resembles), from(resembles.get())))
    }

    /// Returns this guess as it is by a later view; `None` if that speaks against it. What the
    /// program itself has asked for since makes it no better a guess, and no worse.
    pub(crate) fn persisting(&self, allocated: &[u32]) -> Option<Self> {
        let (resembles, count) = (self.resembles?, self.count);
        let below = allocated.partition_point(|shard| *shard < resembles.get());
        let other = allocated.iter().skip(below).copied();
        let (whole, all) = (below == resembles.len(), allocated.len() >= count.len());
        (whole && !all).then(|| Self::listing(count, Some(resembles), other))
    }

    fn listing(
        count: ShardCount,
        resembles: Option<ShardCount>,
        shards: impl Iterator<Item = u32> + Clone,
    ) -> Self {
        Self {
            count,
            resembles,
            total: shards.clone().count(),
            shards: shards.take(LISTED).map(ShardId::new).collect(),
        }
    }
}

impl fmt::Display for CountContradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            resembles,
            shards,
            total,
        } = self;
        let named = Named(shards, *total);
        match resembles {
            None => write!(
                f,
                "the cluster allocates {named}, which a region of {} does not have",
                Shards(*count)
            ),
            Some(fewer) if *total == 0 => write!(
                f,
                "the region looks like one of {}, not {count}: the cluster allocates none of the others",
                Shards(*fewer)
            ),
            Some(fewer) => write!(
                f,
                "the region looks like one of {}, not {count}: of the others the cluster allocates only \
                 {named}",
                Shards(*fewer)
            ),
        }
    }
}

/// Shards as part of a sentence: the first of so many.
struct Named<'a>(&'a [ShardId], usize);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(shards, total) = self;
        f.write_str(if *total == 1 { "shard" } else { "shards" })?;
        for (place, shard) in shards.iter().take(NAMED).enumerate() {
            let lead = if place == 0 { " " } else { ", " };
            write!(f, "{lead}{shard}")?;
        }
        if *total > NAMED {
            write!(f, " and {} more", total - NAMED)?;
        }
        Ok(())
    }
}

/// Returns the smaller count that a region of `count` shards looks like, by those of its shards that
/// are allocated, in their order: so many of the first are, and so few of the others, that it is no
/// accident. `None` if it may well be one.
///
/// Shards are hashes of entity ids, so programs that agree on the count ask for them in any order:
/// of `count` shards every set of `allocated.len()` is as likely as another. The count that is
/// returned is the one at which the region is least likely to be parted so.
pub(crate) fn resembles(
    allocated: impl Iterator<Item = u32> + Clone,
    count: u32,
) -> Option<ShardCount> {
    let in_all = allocated.clone().take_while(|shard| *shard < count).count();
    let in_all = u32::try_from(in_all).ok()?;
    let sets = ln_choose(count, in_all);
    let mut shards = allocated.zip(1_u32..).peekable();
    let mut least = (0.0, None);
    while let Some((shard, below)) = shards.next() {
        let fewer = shard.saturating_add(1);
        if fewer >= count {
            break;
        }
        if shards.peek().is_some_and(|(next, _)| *next == fewer) {
            continue;
        }
        let beyond = in_all.saturating_sub(below);
        let is_denser =
            u64::from(below) * u64::from(count - fewer) > u64::from(beyond) * u64::from(fewer);
        if !is_denser || below < FEWEST {
            continue;
        }
        let chance = ln_choose(fewer, below) + ln_choose(count - fewer, beyond) - sets;
        let whole = below == fewer && beyond == 0;
        let bound = if whole { WHOLE } else { DENSE };
        if chance < bound && chance < least.0 {
            least = (chance, ShardCount::new(fewer));
        }
    }
    least.1
}

/// Returns the logarithm of the number of sets of `taken` out of `all`.
fn ln_choose(all: u32, taken: u32) -> f64 {
    ln_factorial(all) - ln_factorial(taken) - ln_factorial(all.saturating_sub(taken))
}

/// Returns the logarithm of `n!`, by Stirling's series: less than 0.001 off.
fn ln_factorial(n: u32) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let n = f64::from(n);
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n)
}

#[cfg(test)]
mod tests;
