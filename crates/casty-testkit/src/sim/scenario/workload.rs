//! The workload: messages that clients send all the time.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{AskError, ClusterClient, EntityRef, Fate, RegionRef, ServiceKey, TellError};
use tokio::time::Instant;

use super::deadline::LATE;
use super::events::Inbox;
use super::messages::{Message, REGION, SERVICE};
use super::oracle::{Note, Oracle};
use super::plan::{Limits, Plan};
use crate::sim::violation::Check;
use crate::sim::world::World;

/// The number of the first worker that sends when all faults are over.
const AFTERWARDS: u64 = 1_000;

/// A client of a world, and its actor.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) client: ClusterClient,
    pub(super) inbox: Inbox,
}

/// The parts of a world that all tasks of the scenario share.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) oracle: Arc<Oracle>,
}

/// One task that sends through one client.
pub(super) struct Worker {
    world: World,
    oracle: Arc<Oracle>,
    client: ClusterClient,
    inbox: Inbox,
    /// The number of clients, each of which has an inbox.
    inboxes: usize,
    number: u64,
    /// Notes so far.
    notes: u64,
    entities: usize,
    shards: u32,
    limits: Limits,
}

impl Worker {
    /// Makes a worker of that number.
    pub(super) fn new(stage: &Stage, plan: &Plan, client: Client, number: usize) -> Self {
        let Stage { world, oracle } = stage.clone();
        let Client { client, inbox } = client;
        Self {
            world,
            oracle,
            client,
            inbox,
            inboxes: plan.clients,
            number: number as u64,
            notes: 0,
            entities: plan.entities,
            shards: plan.shards,
            limits: plan.limits,
        }
    }

    /// Sends until `end`, or until the client is closed.
    pub(super) async fn work(mut self, end: Instant) {
        let region = match self.client.entity_ref(REGION, self.shards) {
            Ok(region) => region,
            Err(error) => return self.world.report(format!("no region: {error}")),
        };
        while Instant::now() < end {
            let entity = entity(&region, self.world.random_below(self.entities));
            let closed = match self.world.random_below(24) {
                0..10 => self.tell(&entity, 0),
                10 => self.burst(&entity),
                11 => self.ask_service().await,
                12..14 => self.ask_idempotently(&entity).await,
                14 => self.tell_within(&entity).await,
                15 | 16 => self.follow(&entity),
                17..20 => self.stir(&entity),
                _ => self.ask(&entity).await,
            };
            self.check_bounds();
            if closed {
                break;
            }
            let pause = self.world.random_time(1..120);
            tokio::time::sleep(pause).await;
        }
    }

    fn note(&mut self, padding: usize) -> (Note, Message) {
        self.notes += 1;
        let (worker, number) = (self.number, self.notes);
        let padding = "p".repeat(padding);
        let message = Message::Note {
            worker,
            number,
            padding,
        };
        (Note { worker, number }, message)
    }

    /// Tells an entity a note. Returns whether the client is closed, as all of these do.
    fn tell(&mut self, entity: &EntityRef, padding: usize) -> bool {
        let (note, message) = self.note(padding);
        let told = entity.tell(message);
        self.told(note, told)
    }

    fn told(&self, note: Note, told: Result<(), TellError>) -> bool {
        match told {
            Ok(()) => self.oracle.was_accepted(note),
            Err(error) => {
                let Note { worker, number } = note;
                self.world
                    .log(format_args!("note {worker}/{number} refused: {error}"));
                return matches!(error, TellError::Closed);
            }
        }
        false
    }

    async fn tell_within(&mut self, entity: &EntityRef) -> bool {
        let (note, message) = self.note(100);
        let within = self.world.random_time(1..500);
        let told = entity.tell_within(message, within).await;
        self.told(note, told)
    }

    fn burst(&mut self, entity: &EntityRef) -> bool {
        let padding = self.world.random_below(2_000);
        let count = 5 + self.world.random_below(25);
        (0..count).any(|_| self.tell(entity, padding))
    }

    /// Tells an entity of the client's actor.
    fn follow(&self, entity: &EntityRef) -> bool {
        let told = entity.tell(self.inbox.follow());
        matches!(told, Err(TellError::Closed))
    }

    /// Has an entity send to the actor of any client.
    fn stir(&self, entity: &EntityRef) -> bool {
        let told = entity.tell(Message::Stir {
            inbox: self.world.random_below(self.inboxes) as u64,
            count: 1 + self.world.random_below(4) as u64,
            reply_to: None,
        });
        matches!(told, Err(TellError::Closed))
    }

    async fn ask(&self, entity: &EntityRef) -> bool {
        let (token, within) = (self.oracle.token(false), self.world.random_time(50..3_000));
        let ask = entity.ask(|reply_to| Message::Echo { token, reply_to });
        self.awaited(token, within, ask.within(within).into_future())
            .await
    }

    async fn ask_idempotently(&self, entity: &EntityRef) -> bool {
        let (token, within) = (self.oracle.token(true), self.world.random_time(50..3_000));
        let ask = entity.ask(|reply_to| Message::Echo { token, reply_to });
        let ask = ask.idempotent().within(within).hedge_after(within / 4);
        self.awaited(token, within, ask.into_future()).await
    }

    async fn ask_service(&self) -> bool {
        let listing = self.client.lookup(&ServiceKey::<Message>::new(SERVICE));
        let found = self.world.random_below(listing.instances.len().max(1));
        let Some(instance) = listing.instances.get(found) else {
            return false;
        };
        let (token, within) = (self.oracle.token(false), self.world.random_time(50..3_000));
        let ask = instance
            .actor
            .ask(|reply_to| Message::Echo { token, reply_to });
        self.awaited(token, within, ask.within(within).into_future())
            .await
    }

    /// Awaits the end of an ask and checks it.
    async fn awaited(
        &self,
        token: u64,
        within: Duration,
        reply: impl Future<Output = Result<u64, AskError>>,
    ) -> bool {
        let world = &self.world;
        let (begun, jumped) = (Instant::now(), world.jumped());
        let limit = within + LATE;
        // One that never ends must not stop the world.
        let outcome = tokio::time::timeout(limit + Duration::from_mins(1), reply).await;
        let took = world.lasted(begun, jumped);
        if took > limit {
            let what = format!("ask {token} of {within:?} took {took:?}: {outcome:?}");
            world.violated(Check::Deadline, what);
        }
        let Ok(outcome) = outcome else {
            return false;
        };
        if matches!(outcome, Err(AskError::Timeout { .. })) && begun.elapsed() < within {
            let what = format!("ask {token} of {within:?} had {:?}", begun.elapsed());
            world.violated(Check::Deadline, what);
        }
        world.log(format_args!("ask {token} {outcome:?}"));
        match outcome {
            Ok(reply) if reply == token => {}
            Ok(reply) => {
                let what = format!("ask {token} was answered {reply}");
                world.violated(Check::StrangersReply, what);
            }
            Err(AskError::Closed | AskError::Refused(TellError::Closed)) => return true,
            Err(AskError::Decode(error)) => {
                world.report(format!("the reply to ask {token} cannot be read: {error}"));
            }
            Err(error) if error.fate() == Fate::NotSent => self.oracle.was_not_sent(token),
            Err(_) => {}
        }
        false
    }

    fn check_bounds(&self) {
        let stats = self.client.stats();
        let Limits {
            outbox,
            buffer_messages,
            buffer_bytes,
            asks,
            ..
        } = self.limits;
        // Beyond it there is one frame that is longer, and some control messages.
        let fullest = outbox as u64 + 8 * 1024;
        let within = stats.buffered <= buffer_messages as u64
            && stats.gauges.buffered_bytes <= buffer_bytes as u64
            && stats.pending_asks <= asks as u64
            && stats.gauges.fullest_outbox <= fullest;
        if !within {
            let what = format!("{:?}: {stats:?}", self.limits);
            self.world.violated(Check::Bounds, what);
        }
    }
}

fn entity(region: &RegionRef, number: usize) -> EntityRef {
    region.entity(format!("entity-{number}"))
}

/// An entity that is to be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// The number of shards of its region.
    pub(super) shards: u32,
    pub(super) entity: usize,
}

impl Target {
    fn of(self, client: &ClusterClient) -> Result<EntityRef, String> {
        let region = client.entity_ref(REGION, self.shards);
        let region = region.map_err(|error| error.to_string())?;
        Ok(entity(&region, self.entity))
    }
}

/// Asks one entity once.
///
/// # Errors
/// A reason to ask again.
pub(super) async fn ask_once(
    client: &ClusterClient,
    oracle: &Oracle,
    target: Target,
) -> Result<(), String> {
    let entity = target.of(client)?;
    let token = oracle.token(false);
    let ask = entity.ask::<_, u64>(|reply_to| Message::Echo { token, reply_to });
    match ask.within(Duration::from_secs(1)).await {
        Ok(reply) if reply == token => Ok(()),
        Ok(reply) => Err(format!("{reply} for {token}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Has an entity send to the actor of a client, by the reference that it was given at some time,
/// and waits for it.
///
/// # Errors
/// A reason to try again.
pub(super) async fn hear_once(
    client: &Client,
    stage: &Stage,
    target: Target,
) -> Result<(), String> {
    let Client { client, inbox } = client;
    let entity = target.of(client)?;
    let ask = entity.ask::<_, u64>(|reply_to| Message::Stir {
        inbox: inbox.number,
        count: 1,
        reply_to: Some(reply_to),
    });
    let sent = ask.within(Duration::from_secs(1)).await;
    match sent.map_err(|error| error.to_string())? {
        // Its life is a new one.
        0 => {
            let told = entity.tell(inbox.follow());
            told.map_err(|error| error.to_string())?;
            Err(String::from("it was not told"))
        }
        sent => {
            let limit = Duration::from_millis(100);
            let arrived = || stage.oracle.events.has(sent);
            let arrived = stage.world.wait_until(limit, arrived).await;
            arrived.then_some(()).ok_or(format!("event {sent} is lost"))
        }
    }
}

/// Tells every entity a note through every client. Returns those that were accepted.
pub(super) async fn tell_everywhere(stage: &Stage, plan: &Plan, clients: &[Client]) -> Vec<Note> {
    let mut told = Vec::new();
    for (place, Client { client, .. }) in clients.iter().enumerate() {
        let Ok(region) = client.entity_ref(REGION, plan.shards) else {
            continue;
        };
        for number in 0..plan.entities {
            let note = Note {
                worker: AFTERWARDS + place as u64,
                number: number as u64,
            };
            let message = Message::Note {
                worker: note.worker,
                number: note.number,
                padding: String::new(),
            };
            // A buffer of a few messages may be full for a moment.
            let within = Duration::from_secs(2);
            let accepted = entity(&region, number).tell_within(message, within).await;
            if let Err(error) = accepted {
                stage
                    .world
                    .report(format!("a tell is refused when all is well: {error}"));
            } else {
                stage.oracle.was_accepted(note);
                told.push(note);
            }
        }
    }
    told
}
