//! What clients do all the time.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{AskError, ClusterClient, EntityRef, Fate, RegionRef, ServiceKey, TellError};
use tokio::time::Instant;

use super::super::checks::Check;
use super::oracle::{Witness, Word};
use super::plan::{Limits, Plan};
use super::{Client, Inbox, REGION, SERVICE, World};

/// How much later than its deadline an ask may end: clients promise about 20 ms.
const LATE: Duration = Duration::from_millis(40);
/// The number of a talker that speaks when all is over.
const AFTERWARDS: u64 = 1_000;

/// One task that talks through one client.
pub(super) struct Talker {
    world: World,
    witness: Arc<Witness>,
    client: ClusterClient,
    inbox: Inbox,
    /// How many clients have one.
    inboxes: usize,
    number: u64,
    said: u64,
    entities: usize,
    shards: u32,
    limits: Limits,
}

impl Talker {
    pub(super) fn new(
        (world, witness, plan): (&World, &Arc<Witness>, &Plan),
        (client, inbox): (ClusterClient, Inbox),
        number: usize,
    ) -> Self {
        Self {
            world: world.clone(),
            witness: Arc::clone(witness),
            client,
            inbox,
            inboxes: plan.clients,
            number: number as u64,
            said: 0,
            entities: plan.entities,
            shards: plan.shards,
            limits: plan.limits,
        }
    }

    /// Talks until `end`, or until the client is closed.
    pub(super) async fn talk(mut self, end: Instant) {
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
                12..14 => self.ask_again_and_again(&entity).await,
                14 => self.tell_with_patience(&entity).await,
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

    fn note(&mut self, padding: usize) -> (u64, Word) {
        self.said += 1;
        let (talker, number) = (self.number, self.said);
        let padding = "p".repeat(padding);
        let word = Word::Note {
            talker,
            number,
            padding,
        };
        (number, word)
    }

    /// Tells whether the client is closed, as all of these do.
    fn tell(&mut self, entity: &EntityRef, padding: usize) -> bool {
        let (number, note) = self.note(padding);
        let told = entity.tell(note);
        self.told(number, told)
    }

    fn told(&self, number: u64, told: Result<(), TellError>) -> bool {
        match told {
            Ok(()) => self.witness.was_accepted(self.number, number),
            Err(error) => {
                let (talker, world) = (self.number, &self.world);
                world.log(format_args!("note {talker}/{number} refused: {error}"));
                return matches!(error, TellError::Closed);
            }
        }
        false
    }

    async fn tell_with_patience(&mut self, entity: &EntityRef) -> bool {
        let (number, note) = self.note(100);
        let within = self.world.random_time(1..500);
        let told = entity.tell_within(note, within).await;
        self.told(number, told)
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

    /// Has an entity send to any client's actor.
    fn stir(&self, entity: &EntityRef) -> bool {
        let told = entity.tell(Word::Stir {
            inbox: self.world.random_below(self.inboxes) as u64,
            count: 1 + self.world.random_below(4) as u64,
            reply_to: None,
        });
        matches!(told, Err(TellError::Closed))
    }

    async fn ask(&self, entity: &EntityRef) -> bool {
        let (token, within) = (self.witness.token(false), self.world.random_time(50..3_000));
        let ask = entity.ask(|reply_to| Word::Echo { token, reply_to });
        self.awaited(token, within, ask.within(within).into_future())
            .await
    }

    async fn ask_again_and_again(&self, entity: &EntityRef) -> bool {
        let (token, within) = (self.witness.token(true), self.world.random_time(50..3_000));
        let ask = entity.ask(|reply_to| Word::Echo { token, reply_to });
        let ask = ask.idempotent().within(within).hedge_after(within / 4);
        self.awaited(token, within, ask.into_future()).await
    }

    async fn ask_service(&self) -> bool {
        let listing = self.client.lookup(&ServiceKey::<Word>::new(SERVICE));
        let found = self.world.random_below(listing.instances.len().max(1));
        let Some(instance) = listing.instances.get(found) else {
            return false;
        };
        let (token, within) = (self.witness.token(false), self.world.random_time(50..3_000));
        let ask = instance
            .actor
            .ask(|reply_to| Word::Echo { token, reply_to });
        self.awaited(token, within, ask.within(within).into_future())
            .await
    }

    /// Awaits the end of an ask and looks at it.
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
            Err(error) if error.fate() == Fate::NotSent => self.witness.was_not_sent(token),
            Err(_) => {}
        }
        false
    }

    fn check_bounds(&self) {
        let stats = self.client.stats();
        let Limits {
            outbox,
            held,
            held_bytes,
            asks,
            ..
        } = self.limits;
        // Beyond it there is one frame that is longer, and some control messages.
        let fullest = outbox as u64 + 8 * 1024;
        let within = stats.buffered <= held as u64
            && stats.gauges.buffered_bytes <= held_bytes as u64
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

/// Asks one entity once. An error is a reason to ask again.
pub(super) async fn ask_once(
    client: &ClusterClient,
    witness: &Witness,
    (shards, number): (u32, usize),
) -> Result<(), String> {
    let region = client
        .entity_ref(REGION, shards)
        .map_err(|it| it.to_string())?;
    let token = witness.token(false);
    let entity = entity(&region, number);
    let ask = entity.ask::<_, u64>(|reply_to| Word::Echo { token, reply_to });
    match ask.within(Duration::from_secs(1)).await {
        Ok(reply) if reply == token => Ok(()),
        Ok(reply) => Err(format!("{reply} for {token}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Has an entity send to the actor of a client, by the reference that it was given at some time,
/// and waits for it. An error is a reason to try again.
pub(super) async fn hear_once(
    client: &ClusterClient,
    (world, witness, inbox): (&World, &Witness, &Inbox),
    (shards, number): (u32, usize),
) -> Result<(), String> {
    let region = client
        .entity_ref(REGION, shards)
        .map_err(|it| it.to_string())?;
    let entity = entity(&region, number);
    let ask = entity.ask::<_, u64>(|reply_to| Word::Stir {
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
            let arrived = || witness.events.has(sent);
            let arrived = world.wait_until(Duration::from_millis(100), arrived).await;
            arrived.then_some(()).ok_or(format!("event {sent} is lost"))
        }
    }
}

/// Tells every entity something through every client. Tells what was accepted.
pub(super) async fn tell_everywhere(
    world: &World,
    plan: &Plan,
    witness: &Witness,
    clients: &[Client],
) -> Vec<(u64, u64)> {
    let mut told = Vec::new();
    for (place, (client, _)) in clients.iter().enumerate() {
        let Ok(region) = client.entity_ref(REGION, plan.shards) else {
            continue;
        };
        for number in 0..plan.entities {
            let note = (AFTERWARDS + place as u64, number as u64);
            let word = Word::Note {
                talker: note.0,
                number: note.1,
                padding: String::new(),
            };
            // A hold of a few messages may be full for a moment.
            let within = Duration::from_secs(2);
            let told_one = entity(&region, number).tell_within(word, within).await;
            if let Err(error) = told_one {
                world.report(format!("a tell is refused when all is well: {error}"));
            } else {
                witness.was_accepted(note.0, note.1);
                told.push(note);
            }
        }
    }
    told
}
