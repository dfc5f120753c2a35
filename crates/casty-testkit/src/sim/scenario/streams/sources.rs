//! Streams that nodes produce and clients read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{ClusterClient, SourceOptions, StreamError, StreamSource};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::nodes::Running;
use crate::builder::ClusterBuilder;
use crate::sim::fault::Fault;
use crate::sim::scenario::deadline::within;
use crate::sim::violation::Check;
use crate::sim::world::World;

/// The lengths of the streams that each node has, once in its life.
const LENGTHS: [u64; 3] = [3, 60, 400];
/// The length of those that are read in the end.
const LAST: u64 = 20;
/// The number of those on each node, for each client.
const LASTS: usize = 2;
/// The time for the first element, and for a connection before.
const ANSWER: Duration = Duration::from_millis(1_200);
/// The time for each further element.
const SILENCE: Duration = Duration::from_millis(1_500);

/// The elements that producers have made, by node and place among its streams.
type Producers = BTreeMap<(usize, usize), Arc<Mutex<Made>>>;

/// The streams of nodes.
pub(super) struct Sources {
    world: World,
    /// True if frames may be skipped, of which nobody can know.
    skips: bool,
    /// True if nothing goes wrong.
    calm: bool,
    made: Mutex<Producers>,
}

/// The elements that a producer has made.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    /// The number of the producer's life, with that of its node.
    life: u64,
    /// The elements in this life.
    elements: u64,
}

/// A stream as it is read.
struct Reading {
    length: u64,
    /// The elements that are read before it is given up.
    wanted: u64,
    /// The elements that the producer may be ahead.
    demand: u64,
    /// The producer, and the life in which it was subscribed to.
    made: Option<(Arc<Mutex<Made>>, u64)>,
}

impl Sources {
    pub(super) fn new(world: &World, faults: &[Fault]) -> Self {
        Self {
            world: world.clone(),
            skips: faults.contains(&Fault::Corrupt),
            calm: faults.is_empty(),
            made: Mutex::default(),
        }
    }

    /// Adds the producers to all nodes.
    pub(super) fn host(
        &self,
        mut builder: ClusterBuilder,
        nodes: usize,
        clients: usize,
    ) -> ClusterBuilder {
        for node in 0..nodes {
            for (place, length) in LENGTHS.into_iter().enumerate() {
                let made = Arc::<Mutex<Made>>::default();
                self.made.lock().insert((node, place), Arc::clone(&made));
                builder = builder.stream_on(node, numbers(place), move || {
                    let mut begun = made.lock();
                    begun.life += 1;
                    begun.elements = 0;
                    drop(begun);
                    let made = Arc::clone(&made);
                    (0..length).inspect(move |_| made.lock().elements += 1)
                });
            }
            for number in 0..clients * LASTS {
                builder = builder.stream_on(node, last(number), || 0..LAST);
            }
        }
        builder
    }

    /// Reads a stream of a node to its end, or a part of it.
    pub(super) async fn read(&self, client: &ClusterClient, node: &Running) {
        let below = |count| self.world.random_below(count);
        let place = below(LENGTHS.len());
        let (length, demand) = (LENGTHS[place], [1, 4, 64][below(3)]);
        let part = u64::try_from(below(60)).unwrap_or(0);
        let made = self.made.lock().get(&(node.number, place)).cloned();
        let reading = Reading {
            length,
            wanted: if below(3) == 0 { part } else { u64::MAX },
            demand: demand as u64,
            made: made.map(|made| {
                let life = made.lock().life;
                (made, life)
            }),
        };
        let producer = node.actor(&self.world, &numbers(place));
        let options = SourceOptions::default().demand(demand);
        let options = options.answer_within(ANSWER).silence(Some(SILENCE));
        let mut stream = client.subscribe_with(&producer, options);
        let Some(error) = self.elements(&mut stream, &reading).await else {
            return;
        };
        // Each is read once in the life of its node.
        let expected = matches!(error, StreamError::NoAnswer { .. } | StreamError::Closed);
        if self.calm && !expected {
            let what = format!("a stream ended without a fault: {error}");
            self.world.violated(Check::Arrival, what);
        }
    }

    /// Reads as many elements as are wanted, and checks that they are in order, and come or end in time.
    /// Returns the error in place of the end.
    async fn elements(
        &self,
        stream: &mut StreamSource<u64>,
        reading: &Reading,
    ) -> Option<StreamError> {
        let limit = ("an element", 2 * ANSWER.max(SILENCE));
        let mut next = 0;
        while next < reading.wanted {
            match within(&self.world, limit, stream.next()).await? {
                Some(Ok(element)) => {
                    if element != next && !self.skips {
                        let what = format!("element {element} came instead of {next}");
                        self.world.violated(Check::Order, what);
                    }
                    next = element + 1;
                    self.check_demand(reading, next);
                }
                Some(Err(error)) => {
                    self.world
                        .log(format_args!("a stream ended after {next}: {error:?}"));
                    if error.is_final() && stream.next().await.is_some() {
                        let what = format!("something came behind {error:?}");
                        self.world.violated(Check::Order, what);
                    }
                    return Some(error);
                }
                None => {
                    self.world.log(format_args!("a stream of {next} ended"));
                    if next != reading.length && !self.skips {
                        let what = format!("a stream of {} ended after {next}", reading.length);
                        self.world.violated(Check::Order, what);
                    }
                    return None;
                }
            }
            if self.world.random_below(8) == 0 {
                sleep(self.world.random_time(1..200)).await;
            }
        }
        None
    }

    /// Checks that the producer has made no more than was asked for, and one that it looked for the end
    /// by.
    fn check_demand(&self, reading: &Reading, taken: u64) {
        let Some((made, life)) = &reading.made else {
            return;
        };
        let now = *made.lock();
        if now.life == *life && now.elements > taken + reading.demand + 1 && !self.skips {
            let what = format!(
                "{} elements were made, {taken} taken and {} may wait",
                now.elements, reading.demand
            );
            self.world.violated(Check::Bounds, what);
        }
    }

    /// Checks that a client can read a stream of some node to its end.
    pub(super) async fn judge(&self, client: &ClusterClient, number: usize) {
        let reading = Reading {
            length: LAST,
            wanted: u64::MAX,
            demand: 4,
            made: None,
        };
        let options = SourceOptions::default().demand(4);
        let options = options.answer_within(ANSWER).silence(Some(SILENCE));
        let mut error = None;
        for place in 0..LASTS {
            for node in Running::of(&self.world) {
                let producer = node.actor(&self.world, &last(number * LASTS + place));
                let mut stream = client.subscribe_with(&producer, options);
                error = self.elements(&mut stream, &reading).await;
                if error.is_none() {
                    return;
                }
            }
        }
        let what = format!("client {number} can read no stream: {error:?}");
        self.world.violated(Check::Recovery, what);
    }
}

/// Returns the name of a producer that is read while there are faults.
fn numbers(place: usize) -> String {
    format!("numbers-{place}")
}

/// Returns the name of a producer that is read in the end.
fn last(number: usize) -> String {
    format!("last-{number}")
}
