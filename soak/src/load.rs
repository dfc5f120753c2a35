//! The load: clients that last, and clients that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use casty_client::{ActorContext, ClientBuilder, ClusterClient, EntityRef, RegionRef, ServiceKey};
use tokio::sync::{RwLock, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::{Counter, Event, Greet, REGION, SERVICE};
use crate::error::Error;
use crate::tally::Tally;

/// Entities that each client sends to.
pub(crate) const ENTITIES: u64 = 60;

const SHARDS: u32 = casty_interop::cluster::SHARDS;

/// The time that a client may take to reach the cluster, faults or not.
const CONNECTING: Duration = Duration::from_secs(30);

/// The time that an ask may take.
const ASKING: Duration = Duration::from_secs(2);

/// The time that a client has for its close.
const CLOSING: Duration = Duration::from_secs(5);

/// Events that an actor is sent.
const EVENTS: u32 = 10;

/// A way for clients to reach a cluster.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    /// Clients that last.
    pub(crate) lasting: usize,
    /// The pause between two jobs of a task.
    pub(crate) pause: Duration,
    pub(crate) builder: Arc<dyn Fn() -> ClientBuilder + Send + Sync>,
}

impl Route {
    /// Starts a client and waits until it has reached the cluster.
    async fn client(&self) -> Result<ClusterClient, Error> {
        let client = (self.builder)().connect().await?;
        client.ready(CONNECTING).await?;
        Ok(client)
    }
}

/// A job that a task does over and over.
#[derive(Debug, Clone, Copy)]
enum Job {
    Tell,
    Ask,
    AskIdempotently,
    Act,
    LookUp,
}

const JOBS: [Job; 6] = [
    Job::Tell,
    Job::Ask,
    Job::Ask,
    Job::AskIdempotently,
    Job::Act,
    Job::LookUp,
];

/// The work of a task of the load.
enum Work {
    Lasting(Worker, Job),
    Passing(Passing),
}

impl Work {
    async fn once(&self, round: u64) {
        match self {
            Self::Lasting(worker, job) => worker.work(*job, round).await,
            Self::Passing(passing) => passing.come_and_go(round).await,
        }
    }
}

/// The load as it runs.
pub(crate) struct Load {
    lasting: Vec<ClusterClient>,
    /// Read by each job while it is under way; written, the load is at rest.
    gate: Arc<RwLock<()>>,
    stopped: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Begins on each route some clients that last, with all jobs each, and one after the other
    /// that does not. With `leak`, some of those are never closed.
    pub(crate) async fn begin(
        routes: &[Route],
        tally: &Arc<Tally>,
        leak: bool,
    ) -> Result<Self, Error> {
        let mut load = Self {
            lasting: Vec::new(),
            gate: Arc::default(),
            stopped: Arc::default(),
            tasks: JoinSet::new(),
        };
        for route in routes {
            for _ in 0..route.lasting {
                let client = route.client().await?;
                for job in JOBS {
                    let worker = Worker::new(client.clone(), load.tasks.len(), tally)?;
                    load.keep(route.pause, Work::Lasting(worker, job));
                }
                load.lasting.push(client);
            }
            let passing = Passing {
                route: route.clone(),
                tally: Arc::clone(tally),
                leak,
            };
            load.keep(route.pause * 10, Work::Passing(passing));
        }
        Ok(load)
    }

    /// Returns the clients that last.
    pub(crate) fn lasting(&self) -> &[ClusterClient] {
        &self.lasting
    }

    /// Returns the gate: the load is under way while it is read, and at rest while it is written.
    pub(crate) fn gate(&self) -> &Arc<RwLock<()>> {
        &self.gate
    }

    /// Ends the load, and then the clients that last; none is left when it returns.
    pub(crate) async fn end(mut self, tally: &Tally) {
        self.stopped.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tally.problem(format!("a task of the load: {error}"));
            }
        }
        for client in self.lasting {
            close(&client, "lasting clients", tally).await;
        }
    }

    fn keep(&mut self, pause: Duration, work: Work) {
        let (gate, stopped) = (Arc::clone(&self.gate), Arc::clone(&self.stopped));
        self.tasks.spawn(async move {
            for round in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let open = gate.read().await;
                work.once(round).await;
                drop(open);
                sleep(pause).await;
            }
        });
    }
}

/// Asks every entity through every client, again and again until it answers.
///
/// # Errors
/// One did not answer in `within`.
pub(crate) async fn ask_all(clients: &[ClusterClient], within: Duration) -> Result<(), Error> {
    for client in clients {
        let region = client.entity_ref(REGION, SHARDS)?;
        for number in 0..ENTITIES {
            let entity = entity(&region, number);
            let answered = timeout(within, async { while count(&entity).await.is_err() {} });
            let what = || format!("{} did not answer {client:?} in {within:?}", entity.id());
            answered.await.map_err(|_| what())?;
        }
    }
    Ok(())
}

fn entity(region: &RegionRef, number: u64) -> EntityRef {
    region.entity(format!("e{}", number % ENTITIES))
}

async fn count(entity: &EntityRef) -> Result<i64, casty_client::AskError> {
    let ask = entity.ask(|reply_to| Counter::GetCount { reply_to });
    ask.within(ASKING).await
}

/// A task of the load, on a client that lasts.
struct Worker {
    client: ClusterClient,
    region: RegionRef,
    service: ServiceKey<Greet>,
    number: usize,
    tally: Arc<Tally>,
}

impl Worker {
    fn new(client: ClusterClient, number: usize, tally: &Arc<Tally>) -> Result<Self, Error> {
        Ok(Self {
            region: client.entity_ref(REGION, SHARDS)?,
            service: ServiceKey::new(SERVICE),
            client,
            number,
            tally: Arc::clone(tally),
        })
    }

    async fn work(&self, job: Job, round: u64) {
        let entity = entity(&self.region, round);
        match job {
            Job::Tell => self.tell(round).await,
            Job::Ask => self.tally.ended("asks", &count(&entity).await),
            Job::AskIdempotently => {
                let ask = entity.ask(|reply_to| Counter::GetCount { reply_to });
                let ask = ask.idempotent().hedge_after(ASKING / 10).within(ASKING);
                let outcome: Result<i64, _> = ask.await;
                self.tally.ended("idempotent asks", &outcome);
            }
            Job::Act => self.act(&entity, round).await,
            Job::LookUp => self.look_up(round).await,
        }
    }

    /// Sends several tells without a pause, the last of them waiting for capacity if there is none.
    async fn tell(&self, round: u64) {
        for number in round..round + 10 {
            let told = entity(&self.region, number).tell(Counter::Increment { amount: 1 });
            let end = if told.is_ok() { "accepted" } else { "refused" };
            self.tally.count("tells", end);
        }
        let waiting = entity(&self.region, round);
        let told = waiting.tell_wait(Counter::Increment { amount: 1 }).await;
        let end = if told.is_ok() { "accepted" } else { "refused" };
        self.tally.count("tells that wait", end);
    }

    /// Runs an actor that is sent events and ends with the last, or is ended where that was lost.
    async fn act(&self, entity: &EntityRef, round: u64) {
        let (done, finished) = oneshot::channel::<()>();
        let mut done = Some(done);
        let handle = move |event: Event, context: ActorContext<Event>| {
            if event.seq + 1 >= EVENTS {
                context.stop();
                done.take();
            }
            std::future::ready(())
        };
        let name = format!("actor-{}-{round}", self.number);
        let actor = match self.client.spawn(handle, &name) {
            Ok(actor) => actor,
            Err(error) => return self.tally.problem(format!("{name}: {error}")),
        };
        let target = actor.actor_ref();
        let count = EVENTS;
        let end = match entity.tell(Counter::SendTo { target, count }) {
            Ok(()) if timeout(ASKING, finished).await.is_ok() => "ended with the last event",
            told => {
                // It may have ended meanwhile.
                let last = Event {
                    seq: EVENTS,
                    text: String::new(),
                };
                actor.tell(last).ok();
                told.map_or("could not be told of", |()| "were ended without it")
            }
        };
        self.tally.count("actors", end);
    }

    async fn look_up(&self, round: u64) {
        let listing = self.client.lookup(&self.service);
        let count = listing.instances.len().max(1) as u64;
        let chosen = usize::try_from(round % count).unwrap_or_default();
        let Some(instance) = listing.instances.get(chosen) else {
            return self.tally.count("services", "not found");
        };
        let name = "soak".to_owned();
        let ask = instance.actor.ask(|reply_to| Greet { name, reply_to });
        let outcome: Result<String, _> = ask.within(ASKING).await;
        self.tally.ended("services", &outcome);
    }
}

/// Clients that come and go on a route.
struct Passing {
    route: Route,
    tally: Arc<Tally>,
    leak: bool,
}

impl Passing {
    /// Runs a client from its start to its end, of which there are five kinds.
    async fn come_and_go(&self, round: u64) {
        const WHAT: &str = "passing clients";
        let Self { route, tally, leak } = self;
        let client = match (route.builder)().connect().await {
            Ok(client) => client,
            Err(error) => return tally.problem(format!("{}: {error}", route.name)),
        };
        let entity = match client.entity_ref(REGION, SHARDS) {
            Ok(region) => entity(&region, round),
            Err(error) => return tally.problem(format!("{}: {error}", route.name)),
        };
        // Buffered: the client knows no node yet.
        entity.tell(Counter::Increment { amount: 1 }).ok();
        let ending = round % 5;
        if ending == 0 {
            return close(&client, WHAT, tally).await;
        }
        if client.ready(CONNECTING).await.is_err() {
            tally.problem(format!("{}: no view in {CONNECTING:?}", route.name));
        }
        tally.ended("asks of passing clients", &count(&entity).await);
        match ending {
            _ if *leak && ending == 4 => {
                std::mem::forget(client);
                tally.count(WHAT, "leaked");
            }
            1 => {
                // Its tasks end by themselves.
                entity.tell(Counter::Increment { amount: 1 }).ok();
                tally.count(WHAT, "dropped");
            }
            2 => {
                let asking =
                    async { tally.ended("asks of closing clients", &count(&entity).await) };
                tokio::join!(biased; asking, close(&client, WHAT, tally));
            }
            3 => {
                let ended = client.spawn(|_: Event, _| std::future::ready(()), "until-the-end");
                if let Err(error) = ended {
                    tally.problem(format!("{}: {error}", route.name));
                }
                close(&client, WHAT, tally).await;
            }
            _ => close(&client, WHAT, tally).await,
        }
    }
}

/// Closes a client, and checks that its counters add up.
async fn close(client: &ClusterClient, what: &'static str, tally: &Tally) {
    let report = client.close(CLOSING).await;
    if !report.is_conserved() {
        tally.problem(format!("{what}: not conserved at close: {report:?}"));
    }
    let end = if report.drained {
        "closed"
    } else {
        "closed undrained"
    };
    tally.count(what, end);
}
