//! This client against real nodes, which limit it: what counts is its processor time.

use std::time::{Duration, Instant};

use casty_bench_harness::asking::{Asker, ask_timed};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use casty_client::{ActorRef, AskError, ClusterClient, Codec, EntityRef};
use serde::Serialize;

use crate::Failure;

/// The region of the real-cluster suite's nodes that counts.
const REGION: &str = "counter";
/// The number of entities, each of which counts for itself.
const ENTITIES: usize = 16;
/// The entities among which those of one node are looked for.
const CANDIDATES: usize = 1_000;
/// Tells of one measurement for each second that it was asked for, so that it takes about as long.
const TELLS: f64 = 2_000.0;

#[derive(Serialize)]
#[serde(rename = "counter_app.messages.Increment")]
struct Increment {
    amount: i64,
}

#[derive(Serialize)]
#[serde(rename = "interop_app.messages.GetNode")]
struct GetNode {
    reply_to: ActorRef<String>,
}

#[derive(Serialize)]
#[serde(rename = "counter_app.messages.GetCount")]
struct GetCount {
    reply_to: ActorRef<i64>,
}

/// One client of the cluster.
pub struct Real {
    /// Its end would be that of its entities.
    _client: ClusterClient,
    entities: Vec<EntityRef>,
}

impl Real {
    /// Connects, and asks each entity once. With `on`, all entities are on the node of that name.
    ///
    /// # Errors
    /// The cluster does not answer, or that node has too few of the entities.
    pub async fn connect(
        system: &str,
        contacts: &str,
        shards: u32,
        on: Option<&str>,
    ) -> Result<Self, Failure> {
        let client = ClusterClient::builder(system)
            .contact_points(contacts.split(','))
            .codec(Codec::pickle())
            .connect()
            .await?;
        client.ready(Duration::from_secs(10)).await?;
        let region = client.region(REGION, shards)?;
        let mut entities = Vec::with_capacity(ENTITIES);
        for number in 0..CANDIDATES {
            let entity = region.entity(format!("ours-{number}"));
            if is_on(&entity, on).await? {
                entities.push(entity);
            }
            if entities.len() == ENTITIES {
                break;
            }
        }
        if entities.len() < ENTITIES {
            return Err(format!("{on:?} has {} of {CANDIDATES} entities", entities.len()).into());
        }
        let real = Self {
            _client: client,
            entities,
        };
        real.counted().await?;
        Ok(real)
    }

    /// Returns the sum of all counts.
    async fn counted(&self) -> Result<i64, AskError> {
        let mut sum = 0;
        for entity in &self.entities {
            sum += count(entity).await?;
        }
        Ok(sum)
    }

    /// Tells so often, and waits until all is counted.
    async fn tell(&self, tells: usize) -> Result<Sample, Failure> {
        let before = self.counted().await?;
        let begun = Instant::now();
        for entity in self.entities.iter().cycle().take(tells) {
            entity.tell_wait(Increment { amount: 1 }).await?;
        }
        let counted = self.counted().await? - before;
        let elapsed = begun.elapsed();
        if i64::try_from(tells).ok() != Some(counted) {
            return Err(format!("{counted} of {tells} tells were counted").into());
        }
        Ok(Sample {
            operations: u64::try_from(tells)?,
            elapsed,
            latencies: Vec::new(),
        })
    }
}

impl Sender for Real {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(tasks) => {
                let entities = self.entities.iter().cloned().cycle();
                let counters = entities.take(tasks.into()).map(Counter);
                ask_timed(counters, 1, span).await
            }
            Load::Tell => self.tell(tells(span)).await,
            other => Err(format!("nobody sends {other} to real nodes").into()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some thousands"
)]
fn tells(span: Duration) -> usize {
    (span.as_secs_f64() * TELLS) as usize
}

/// An entity that one task asks.
struct Counter(EntityRef);

impl Asker for Counter {
    async fn ask(&mut self) -> Result<(), Failure> {
        count(&self.0).await?;
        Ok(())
    }
}

/// Returns whether an entity is on the node of that name; with none, it is.
async fn is_on(entity: &EntityRef, node: Option<&str>) -> Result<bool, AskError> {
    let Some(node) = node else {
        return Ok(true);
    };
    let at: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
    Ok(at == node)
}

async fn count(entity: &EntityRef) -> Result<i64, AskError> {
    entity.ask(|reply_to| GetCount { reply_to }).await
}
