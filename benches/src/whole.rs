//! The whole client, as a program uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, Codec, EntityRef, RegionRef};
use casty_proto::NodeAddress;
use tokio::task::JoinSet;

use crate::Failure;
use crate::cell::{Load, Sample};
use crate::frames::{GetCount, Increment, REGION, SHARDS, SYSTEM, entity};
use crate::machine::processor_time;

/// Reading the clock twice costs as much as a good part of an ask: with several asks in flight,
/// one in so many is timed.
const TIMED: u64 = 16;
/// Tells between two looks at the clock.
const TELLS: u8 = 64;

/// One client of the node.
#[derive(Clone)]
pub struct Whole {
    client: ClusterClient,
    region: RegionRef,
}

impl Whole {
    /// Connects, and asks once.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn connect(node: &NodeAddress, codec: Codec) -> Result<Self, Failure> {
        let client = ClusterClient::builder(SYSTEM)
            .contact_point(node.to_string())
            .codec(codec)
            .connect()
            .await?;
        client.ready(Duration::from_secs(5)).await?;
        let region = client.entity_ref(REGION, SHARDS)?;
        count(&region.entity(entity(0))).await?;
        Ok(Self { client, region })
    }

    /// Carries a load for `span`.
    ///
    /// # Errors
    /// A message was not accepted, or an ask failed.
    pub async fn carry(&self, load: Load, span: Duration) -> Result<Sample, Failure> {
        let cpu = processor_time();
        let mut sample = match load {
            Load::Ask(tasks) => self.ask(tasks.into(), span).await?,
            Load::Tell => self.tell(span).await?,
        };
        sample.processor = processor_time().saturating_sub(cpu);
        Ok(sample)
    }

    /// Ends the client in order.
    ///
    /// # Errors
    /// Not all was written, or a reply came that nobody waited for.
    pub async fn close(self) -> Result<(), Failure> {
        let report = self.client.close(Duration::from_secs(1)).await;
        if report.drained && report.stats.late_replies == 0 {
            Ok(())
        } else {
            Err(format!("the client did not end in order: {report:?}").into())
        }
    }

    /// Runs one task for each ask in flight; each asks an entity again and again.
    async fn ask(&self, tasks: usize, span: Duration) -> Result<Sample, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let timed = if tasks == 1 { 1 } else { TIMED };
        let begun = Instant::now();
        let mut asking = JoinSet::new();
        for task in 0..tasks {
            let entity = self.region.entity(entity(task));
            asking.spawn(ask_until(entity, Arc::clone(&stop), timed));
        }
        tokio::time::sleep(span).await;
        stop.store(true, Ordering::Relaxed);
        let mut sample = Sample::default();
        while let Some(one) = asking.join_next().await {
            let one = one??;
            sample.operations += one.operations;
            sample.latencies.extend(one.latencies);
        }
        sample.elapsed = begun.elapsed();
        Ok(sample)
    }

    /// Runs one task that tells the entities in turn, and waits where an outbox is full.
    async fn tell(&self, span: Duration) -> Result<Sample, Failure> {
        let region = self.region.clone();
        let telling = tokio::spawn(async move {
            let entities: Vec<_> = (0..100)
                .map(|number| region.entity(entity(number)))
                .collect();
            let mut turn = entities.iter().cycle();
            let before = count(&entities[0]).await?;
            let mut sample = Sample::default();
            let begun = Instant::now();
            while begun.elapsed() < span {
                for entity in turn.by_ref().take(TELLS.into()) {
                    entity.tell_wait(Increment { amount: 5 }).await?;
                }
                sample.operations += u64::from(TELLS);
            }
            let counted = count(&entities[0]).await? - before;
            sample.elapsed = begun.elapsed();
            Ok::<_, Failure>((sample, counted))
        });
        let (sample, counted) = telling.await??;
        if counted == sample.operations {
            Ok(sample)
        } else {
            Err(format!("{counted} of {} tells were counted", sample.operations).into())
        }
    }
}

async fn ask_until(
    entity: EntityRef,
    stop: Arc<AtomicBool>,
    timed: u64,
) -> Result<Sample, casty_client::AskError> {
    let mut sample = Sample::default();
    while !stop.load(Ordering::Relaxed) {
        let begun = sample.operations.is_multiple_of(timed).then(Instant::now);
        count(&entity).await?;
        sample.operations += 1;
        if let Some(begun) = begun {
            let took = begun.elapsed().as_nanos();
            sample
                .latencies
                .push(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }
    Ok(sample)
}

async fn count(entity: &EntityRef) -> Result<u64, casty_client::AskError> {
    let count: i64 = entity.ask(|reply_to| GetCount { reply_to }).await?;
    Ok(count.unsigned_abs())
}
