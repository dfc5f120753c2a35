//! Streams that clients produce and nodes read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{ClusterClient, ProducerError, ProducerOptions, StreamProducer};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::nodes::Running;
use crate::builder::ClusterBuilder;
use crate::context::Context;
use crate::sim::fault::Fault;
use crate::sim::scenario::deadline::within;
use crate::sim::violation::Check;
use crate::sim::world::World;
use crate::streams::Consume;

/// The lengths of streams.
const LENGTHS: [u64; 3] = [1, 5, 120];
/// The length of those that are produced in the end.
const LAST: u64 = 20;
/// An element is the number of its stream times this, and its place in it.
const STRIDE: u64 = 1_000_000;
/// The time that a producer waits for demand.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The streams of clients.
pub(super) struct Flows {
    world: World,
    /// True if frames may be skipped, of which nobody can know.
    skips: bool,
    /// True if nothing goes wrong.
    calm: bool,
    /// Released before the world is told anything.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    count: u64,
    flows: BTreeMap<u64, Flow>,
    /// The stream that each reader, by node and number, reads.
    read: BTreeMap<(usize, usize), u64>,
}

/// One stream.
#[derive(Default)]
struct Flow {
    length: u64,
    /// The element at which its reader gives it up.
    stop: Option<u64>,
    /// The number of elements that have come.
    next: u64,
    ended: bool,
}

impl Flows {
    pub(super) fn new(world: &World, faults: &[Fault]) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            skips: faults.contains(&Fault::Corrupt),
            calm: faults.is_empty(),
            known: Mutex::default(),
        })
    }

    /// Adds a reader for each client to all nodes.
    pub(super) fn host(
        self: &Arc<Self>,
        mut builder: ClusterBuilder,
        nodes: usize,
        clients: usize,
    ) -> ClusterBuilder {
        for node in 0..nodes {
            for client in 0..clients {
                let flows = Arc::clone(self);
                let came = move |element: Option<u64>, context: &mut Context<'_>| {
                    flows.came(client, element, context);
                };
                builder = builder.stream_consumer_on(node, reader(client), came);
            }
        }
        builder
    }

    /// Handles what came to the reader of a client on a node: an element, or the end.
    fn came(&self, client: usize, element: Option<u64>, context: &mut Context<'_>) {
        let node = context.node();
        self.world.log(format_args!(
            "node {node} reads {element:?} of client {client}"
        ));
        let wrong = {
            let mut known = self.known.lock();
            match element {
                Some(element) => known.element((node, client), element, context),
                None => known.end((node, client)),
            }
        };
        // A node may read what a closed connection has left behind what the next one brought.
        if let Some(what) = wrong
            && !self.skips
            && !self.world.reads_closed_connections(node)
        {
            self.world
                .violated(Check::Order, format!("node {node}: {what}"));
        }
    }

    /// Produces a stream for the reader of a client on a node, which may give it up.
    pub(super) async fn produce(&self, client: &ClusterClient, number: usize, node: &Running) {
        let length = LENGTHS[self.world.random_below(LENGTHS.len())];
        let stop = (self.world.random_below(4) == 0).then_some(3);
        self.flow(client, (number, node), length, stop).await;
    }

    /// Produces a stream. Returns its number if it was completed.
    async fn flow(
        &self,
        client: &ClusterClient,
        (number, node): (usize, &Running),
        length: u64,
        stop: Option<u64>,
    ) -> Option<u64> {
        let stream = self.known.lock().begin(length, stop);
        let buffer = 1 + self.world.random_below(16);
        let options = ProducerOptions::default().buffer(buffer);
        let options = options.demand_within(PATIENCE);
        let name = format!("flow-{stream}");
        let produced = match client.stream_producer_with::<u64>(&name, options) {
            Ok(producer) => {
                let to = node.actor::<Consume<u64>>(&self.world, &reader(number));
                let consume = Consume {
                    producer: producer.actor_ref(),
                };
                match client.tell(&to, consume) {
                    Ok(()) => self.elements(producer, (stream, length), buffer).await,
                    Err(error) => Err(ProducerError::Refused(error)),
                }
            }
            Err(error) => {
                self.world
                    .log(format_args!("{name} does not begin: {error}"));
                Err(ProducerError::Closed)
            }
        };
        self.world
            .log(format_args!("{name} of {length}: {produced:?}"));
        let expected = match &produced {
            Ok(()) | Err(ProducerError::Closed) => true,
            Err(ProducerError::Cancelled) => stop.is_some(),
            Err(_) => false,
        };
        if self.calm && !expected {
            let what = format!("{name} of {length} ended without a fault: {produced:?}");
            self.world.violated(Check::Arrival, what);
        }
        produced.ok().map(|()| stream)
    }

    /// Sends all elements and the end, each in time.
    async fn elements(
        &self,
        producer: StreamProducer<u64>,
        (stream, length): (u64, u64),
        buffer: usize,
    ) -> Result<(), ProducerError> {
        let world = &self.world;
        let never = || Err(ProducerError::Closed);
        for place in 0..length {
            let send = producer.send(stream * STRIDE + place);
            let sent = within(world, ("a send", PATIENCE), send).await;
            sent.unwrap_or_else(never)?;
            if world.random_below(16) == 0 {
                sleep(world.random_time(1..200)).await;
            }
        }
        // Each element may take so long, and the end.
        let waits = u32::try_from(buffer).unwrap_or(u32::MAX) + 2;
        let limit = ("a completion", PATIENCE * waits);
        let completed = within(world, limit, producer.complete()).await;
        completed.unwrap_or_else(never)
    }

    /// Checks that a node can read a stream of a client to its end.
    pub(super) async fn judge(&self, client: &ClusterClient, number: usize, bound: Duration) {
        let end = Instant::now() + bound;
        while Instant::now() < end {
            for node in Running::of(&self.world) {
                let Some(stream) = self.flow(client, (number, &node), LAST, None).await else {
                    continue;
                };
                let whole = || self.known.lock().is_whole(stream);
                if self.world.wait_until(Duration::from_secs(3), whole).await {
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        let what = format!("no node can read a stream of client {number}");
        self.world.violated(Check::Recovery, what);
    }
}

impl Known {
    /// Notes a stream that begins. Returns its number.
    fn begin(&mut self, length: u64, stop: Option<u64>) -> u64 {
        self.count += 1;
        let flow = Flow {
            length,
            stop,
            ..Flow::default()
        };
        self.flows.insert(self.count, flow);
        self.count
    }

    /// Notes an element that came to a reader, and has it stop if it is to. Returns what is wrong with it.
    fn element(
        &mut self,
        reader: (usize, usize),
        element: u64,
        context: &mut Context<'_>,
    ) -> Option<String> {
        let (stream, place) = (element / STRIDE, element % STRIDE);
        self.read.insert(reader, stream);
        let Some(flow) = self.flows.get_mut(&stream) else {
            return Some(format!("element {element} is of no stream"));
        };
        let expected = std::mem::replace(&mut flow.next, place + 1);
        if flow.stop == Some(place) {
            context.stop();
            self.read.remove(&reader);
        }
        let wrong = place != expected;
        wrong.then(|| format!("element {place} of stream {stream} came instead of {expected}"))
    }

    /// Notes that a reader was told the end. Returns what is wrong with that.
    fn end(&mut self, reader: (usize, usize)) -> Option<String> {
        let stream = self.read.remove(&reader)?;
        let flow = self.flows.get_mut(&stream)?;
        flow.ended = true;
        let Flow { length, next, .. } = *flow;
        let wrong = next != length;
        wrong.then(|| format!("stream {stream} of {length} elements ended after {next}"))
    }

    /// Returns whether a stream has come in whole.
    fn is_whole(&self, stream: u64) -> bool {
        let whole = |flow: &Flow| flow.ended && flow.next == flow.length;
        self.flows.get(&stream).is_some_and(whole)
    }
}

/// Returns the name of the reader of a client's streams.
fn reader(client: usize) -> String {
    format!("reader-{client}")
}
