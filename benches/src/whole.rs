//! The whole client, as a program uses it.

use std::fmt::Display;
use std::iter::Cycle;
use std::pin::pin;
use std::slice;
use std::time::{Duration, Instant};

use casty_bench_harness::asking::{Asker, ask};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use casty_client::{
    ActorRef, AskError, ClusterClient, Codec, EntityRef, RegionRef, TransportConfig,
};
use casty_proto::NodeAddress;
use tokio_stream::StreamExt;

use crate::Failure;
use crate::frames::{GetCount, Increment, REGION, SHARDS, SYSTEM, entity};

/// Messages between two looks at the clock.
const TELLS: u8 = 64;
/// The number of entities that are told.
const ENTITIES: usize = 100;

/// Returns a client as a program has it that sets nothing, once it has a view.
///
/// # Errors
/// No node answers.
pub async fn connected(contact: impl Display) -> Result<ClusterClient, Failure> {
    let client = ClusterClient::builder(SYSTEM)
        .contact_point(contact.to_string())
        .codec(Codec::pickle())
        .connect()
        .await?;
    client.ready(Duration::from_secs(5)).await?;
    Ok(client)
}

/// One client of the node.
#[derive(Clone)]
pub struct Whole {
    /// Checked after each load.
    client: ClusterClient,
    region: RegionRef,
}

impl Whole {
    /// Connects, and asks once. `outbox` is the limit of outboxes in bytes, if it is not the usual one.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn connect(
        node: &NodeAddress,
        codec: Codec,
        transport: TransportConfig,
        outbox: Option<usize>,
    ) -> Result<Self, Failure> {
        let mut client = ClusterClient::builder(SYSTEM)
            .contact_point(node.to_string())
            .codec(codec)
            .transport(transport);
        if let Some(bytes) = outbox {
            client = client.outbox_bytes(bytes);
        }
        let client = client.connect().await?;
        client.ready(Duration::from_secs(5)).await?;
        let region = client.region(REGION, SHARDS)?;
        count(&region.entity(entity(0))).await?;
        Ok(Self { client, region })
    }

    /// Runs one task for each ask in flight; each asks an entity again and again.
    async fn ask(&self, tasks: u16, span: Duration) -> Result<Sample, Failure> {
        let counter = |task: u16| Counter(self.region.entity(entity(task.into())));
        ask((0..tasks).map(counter), span).await
    }

    /// Asks the entities in turn, from one task that has so many asks in flight.
    async fn ask_many(&self, window: usize, span: Duration) -> Result<Sample, Failure> {
        let entities = self.entities();
        let begun = Instant::now();
        let turn = Turn::new(&entities, begun, span);
        let mut counts = pin!(self.region.ask_many(window, turn, get_count));
        let mut sample = Sample::default();
        while let Some((_, count)) = counts.next().await {
            count?;
            sample.operations += 1;
        }
        sample.elapsed = begun.elapsed();
        Ok(sample)
    }

    /// Tells the entities in turn by one call.
    async fn tell_all(&self, span: Duration) -> Result<Sample, Failure> {
        let entities = self.entities();
        let mut telling = self.telling().await?;
        let messages = Turn::new(&entities, telling.begun, span).map(increment);
        let told = self.region.tell_all_wait(messages).await;
        telling.told = u64::try_from(told.all()?)?;
        telling.counted().await
    }

    /// Tells the entities in turn, and waits where an outbox is full.
    async fn tell(&self, span: Duration) -> Result<Sample, Failure> {
        let entities = self.entities();
        let mut turn = entities.iter().cycle();
        let mut telling = self.telling().await?;
        while telling.begun.elapsed() < span {
            for entity in turn.by_ref().take(TELLS.into()) {
                entity.tell_wait(Increment { amount: 5 }).await?;
            }
            telling.told += u64::from(TELLS);
        }
        telling.counted().await
    }

    /// Returns handles of all entities.
    fn entities(&self) -> Vec<EntityRef> {
        let entities = (0..ENTITIES).map(|number| self.region.entity(entity(number)));
        entities.collect()
    }

    /// Returns a beginning of tells.
    async fn telling(&self) -> Result<Telling, AskError> {
        let counter = self.region.entity(entity(0));
        Ok(Telling {
            before: count(&counter).await?,
            counter,
            begun: Instant::now(),
            told: 0,
        })
    }
}

/// Tells that the node has to count.
struct Telling {
    counter: EntityRef,
    /// The node's count before.
    before: u64,
    begun: Instant,
    told: u64,
}

impl Telling {
    /// Waits until the node has counted all.
    async fn counted(self) -> Result<Sample, Failure> {
        let counted = count(&self.counter).await? - self.before;
        if counted != self.told {
            return Err(format!("{counted} of {} tells were counted", self.told).into());
        }
        Ok(Sample {
            operations: self.told,
            elapsed: self.begun.elapsed(),
            latencies: Vec::new(),
        })
    }
}

impl Sender for Whole {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        let sample = match load {
            Load::Ask(tasks) => self.ask(tasks, span).await?,
            Load::AskMany(window) => self.ask_many(window.into(), span).await?,
            Load::Tell => self.tell(span).await?,
            Load::TellAll => self.tell_all(span).await?,
            Load::TellChannel => return Err(format!("the client has no {load}").into()),
        };
        match self.client.stats().late_replies {
            0 => Ok(sample),
            late => Err(format!("{late} replies that nobody waited for").into()),
        }
    }
}

/// The entities in turn, until a time is over.
struct Turn<'a> {
    entities: Cycle<slice::Iter<'a, EntityRef>>,
    given: u64,
    begun: Instant,
    span: Duration,
}

impl<'a> Turn<'a> {
    fn new(entities: &'a [EntityRef], begun: Instant, span: Duration) -> Self {
        Self {
            entities: entities.iter().cycle(),
            given: 0,
            begun,
            span,
        }
    }
}

impl<'a> Iterator for Turn<'a> {
    type Item = &'a EntityRef;

    fn next(&mut self) -> Option<&'a EntityRef> {
        if self.given.is_multiple_of(TELLS.into()) && self.begun.elapsed() >= self.span {
            return None;
        }
        self.given += 1;
        self.entities.next()
    }
}

fn increment(entity: &EntityRef) -> (&EntityRef, Increment) {
    (entity, Increment { amount: 5 })
}

fn get_count(entity: &EntityRef, reply_to: ActorRef<i64>) -> (&EntityRef, GetCount) {
    (entity, GetCount { reply_to })
}

/// An entity that one task asks.
struct Counter(EntityRef);

impl Asker for Counter {
    async fn ask(&mut self) -> Result<(), Failure> {
        count(&self.0).await?;
        Ok(())
    }
}

async fn count(entity: &EntityRef) -> Result<u64, AskError> {
    let count: i64 = entity.ask(|reply_to| GetCount { reply_to }).await?;
    Ok(count.unsigned_abs())
}
