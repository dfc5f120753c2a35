//! One client of very much: of a thousand regions, and of a cluster of ten thousand members.

use std::time::{Duration, Instant};

use casty_bench_harness::figures::median;
use casty_bench_harness::machine::{processor_time, resident};
use casty_client::{Codec, EntityRef};
use casty_proto::NodeAddress;
use tokio::net::TcpListener;

use crate::Failure;
use crate::dials::nobody;
use crate::frames::{GetCount, Increment, SHARDS, entity};
use crate::node::{region, serve_among};
use crate::whole::connected;

/// The regions of one client; it takes no more than 1,024.
pub const REGIONS: u32 = 1_000;
/// Entities that are told in turn.
const ENTITIES: u32 = 1_000;
/// Tells of one measurement.
const TELLS: usize = 300_000;
/// The time for which a client that is connected does nothing.
const IDLE: Duration = Duration::from_millis(500);

/// The cost of many regions in one client.
#[derive(Debug, Clone, Copy)]
pub struct Regions {
    /// The time of a first call of `region` for a name, the median of all.
    pub first: Duration,
    /// The longest of them.
    pub longest: Duration,
    /// The time of a later one.
    pub again: Duration,
    /// The bytes that the process grew by for each.
    pub bytes: u64,
    /// The processor time of a tell to entities of one region, in nanoseconds.
    pub tell_one: f64,
    /// The same to as many entities, each of another region.
    pub tell_all: f64,
}

/// Has a client of a node that owns so many regions use them all, and tells entities in turn, by turns
/// of one region and of all of them.
///
/// # Errors
/// The node does not answer, or a tell is lost.
pub async fn regions(node: &NodeAddress, rounds: usize) -> Result<Regions, Failure> {
    let client = connected(node).await?;
    tokio::time::sleep(IDLE).await;
    let before = resident();
    let (mut first, mut again) = (Vec::new(), Vec::new());
    let mut all = Vec::new();
    for number in 0..REGIONS {
        let name = region(number);
        let begun = Instant::now();
        all.push(client.region(&name, SHARDS)?);
        first.push(begun.elapsed());
        let begun = Instant::now();
        client.region(&name, SHARDS)?;
        again.push(begun.elapsed());
    }
    tokio::time::sleep(IDLE).await;
    let bytes = resident().saturating_sub(before) / u64::from(REGIONS);
    let id = |number: u32| format!("{}-{number}", entity(7));
    let one: Vec<_> = (0..ENTITIES)
        .map(|number| all[0].entity(id(number)))
        .collect();
    let regions = all.iter().cycle().zip(0..ENTITIES);
    let all: Vec<_> = regions
        .map(|(region, number)| region.entity(id(number)))
        .collect();
    let (mut tell_one, mut tell_all) = (Vec::new(), Vec::new());
    for entities in [&one, &all] {
        tell(entities).await?;
    }
    for _ in 0..rounds {
        tell_one.push(tell(&one).await?);
        tell_all.push(tell(&all).await?);
    }
    Ok(Regions {
        first: middle(&mut first),
        longest: first.last().copied().unwrap_or_default(),
        again: middle(&mut again),
        bytes,
        tell_one: median(tell_one),
        tell_all: median(tell_all),
    })
}

/// Tells entities in turn, until the node has counted all. Returns the processor time for each tell, in
/// nanoseconds.
async fn tell(entities: &[EntityRef]) -> Result<f64, Failure> {
    let told = entities.to_vec();
    let telling = tokio::spawn(async move {
        let counter = &told[0];
        let before: i64 = counter.ask(|reply_to| GetCount { reply_to }).await?;
        let spent = processor_time();
        for entity in told.iter().cycle().take(TELLS) {
            entity.tell_wait(Increment { amount: 5 }).await?;
        }
        let after: i64 = counter.ask(|reply_to| GetCount { reply_to }).await?;
        if i64::try_from(TELLS).ok() != Some(after - before) {
            return Err(format!("{} of {TELLS} tells were counted", after - before).into());
        }
        Ok::<_, Failure>(processor_time().saturating_sub(spent))
    });
    let spent = telling.await??;
    Ok(spent.as_secs_f64() * 1e9 / f64::from(u32::try_from(TELLS)?))
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The cost of a large cluster for one client.
#[derive(Debug, Clone, Copy)]
pub struct Cluster {
    /// The time from the call until the first view was taken in.
    pub ready: Duration,
    /// The bytes that the process grew by, from before the client was made.
    pub bytes: u64,
    /// The part of a core that is spent then, the kernel's part and that of the one node included.
    pub core: f64,
}

/// Has a client learn of a cluster of so many members, of which one answers and all others refuse: the
/// dearest cluster of that size.
///
/// # Errors
/// The node cannot listen, or sends no view.
pub async fn cluster(members: u16, span: Duration) -> Result<Cluster, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let contact = listener.local_addr()?;
    let others = nobody(members - 1);
    let node = tokio::spawn(async move { serve_among(listener, Codec::pickle(), &others).await });
    let (before, begun) = (resident(), Instant::now());
    let client = connected(contact).await?;
    let ready = begun.elapsed();
    tokio::time::sleep(span / 2).await;
    let (spent, begun) = (processor_time(), Instant::now());
    tokio::time::sleep(span).await;
    let core = processor_time().saturating_sub(spent).as_secs_f64() / begun.elapsed().as_secs_f64();
    let bytes = resident().saturating_sub(before);
    client.close(Duration::ZERO).await;
    node.abort();
    Ok(Cluster { ready, bytes, core })
}
