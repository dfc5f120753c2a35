//! The messages that entities and services received, and the verdict on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::ActorRef;
use parking_lot::Mutex;

use super::events::{Events, Followers};
use super::messages::Message;
use crate::context::Context;
use crate::entity::Entity;
use crate::sim::violation::Check;
use crate::sim::world::World;

/// A message that a worker sent, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    pub(super) worker: u64,
    pub(super) number: u64,
}

/// An oracle that sees all messages to entities and services.
pub(super) struct Oracle {
    world: World,
    pub(super) events: Arc<Events>,
    /// Released before the world is told anything but the verdict.
    received: Mutex<Received>,
}

#[derive(Default)]
struct Received {
    tokens: u64,
    /// Notes that arrived.
    notes: BTreeSet<Note>,
    /// Notes that were accepted.
    accepted: BTreeSet<Note>,
    /// The number of times that each token was asked to be sent back.
    echoes: BTreeMap<u64, u32>,
    /// Tokens whose asks were said not to have been sent.
    not_sent: BTreeSet<u64>,
    /// Tokens of asks that may be sent more than once.
    idempotent: BTreeSet<u64>,
}

impl Oracle {
    /// Makes the oracle of a world that begins.
    pub(super) fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            events: Events::new(world),
            received: Mutex::default(),
        })
    }

    /// Returns a function that makes entities which report to this oracle.
    pub(super) fn entities(self: &Arc<Self>) -> impl Fn() -> Listener + Send + Sync + use<> {
        let oracle = Arc::clone(self);
        move || Listener {
            followers: Followers::new(&oracle.events),
            oracle: Arc::clone(&oracle),
            last: BTreeMap::new(),
        }
    }

    /// Handles a message to a service.
    pub(super) fn serve(&self, message: Message, context: &mut Context<'_>) {
        match message {
            Message::Echo { token, reply_to } => self.echo(token, &reply_to, context),
            Message::Note { worker, number, .. } => self.note(Note { worker, number }),
            // For entities.
            Message::Follow { .. } | Message::Stir { .. } => {}
        }
    }

    fn echo(&self, token: u64, reply_to: &ActorRef<u64>, context: &mut Context<'_>) {
        let world = &self.world;
        world.log(format_args!("node {} echo {token}", context.node()));
        let mut received = self.received.lock();
        let times = received.echoes.entry(token).or_default();
        *times += 1;
        let times = *times;
        let again = received.idempotent.contains(&token);
        drop(received);
        if times > 1 && !again {
            let what = format!("ask {token} arrived {times} times");
            world.violated(Check::Duplicate, what);
        }
        context.reply(reply_to, &token);
    }

    fn note(&self, note: Note) {
        if !self.received.lock().notes.insert(note) {
            let Note { worker, number } = note;
            let what = format!("note {number} of {worker} arrived again");
            self.world.violated(Check::Duplicate, what);
        }
    }

    /// Returns a token that no other ask has.
    pub(super) fn token(&self, idempotent: bool) -> u64 {
        let mut received = self.received.lock();
        received.tokens += 1;
        // Of many digits, so that two of them differ in more than one place.
        let token = received.tokens * 0x1_0001;
        if idempotent {
            received.idempotent.insert(token);
        }
        token
    }

    /// Notes that an ask was said not to have been sent.
    pub(super) fn was_not_sent(&self, token: u64) {
        self.received.lock().not_sent.insert(token);
    }

    /// Notes that a note was accepted.
    pub(super) fn was_accepted(&self, note: Note) {
        self.received.lock().accepted.insert(note);
    }

    /// Returns whether all of these have arrived.
    pub(super) fn has_all(&self, told: &[Note]) -> bool {
        self.missing(told) == 0
    }

    /// Returns how many of these have not arrived.
    pub(super) fn missing(&self, told: &[Note]) -> usize {
        let received = self.received.lock();
        let missing = told.iter().filter(|note| !received.notes.contains(note));
        missing.count()
    }

    /// Reports at the end what is wrong. `calm`: there were no faults, so nothing may be lost.
    pub(super) fn judge(&self, calm: bool) {
        let received = self.received.lock();
        let false_fates = received
            .not_sent
            .iter()
            .filter(|it| received.echoes.contains_key(it));
        let false_fates: Vec<_> = false_fates.collect();
        if !false_fates.is_empty() {
            let what = format!("asks {false_fates:?} were not sent, and arrived");
            self.world.violated(Check::FalseFate, what);
        }
        let refused = received.notes.difference(&received.accepted).count();
        if refused > 0 {
            let what = format!("{refused} notes arrived that were refused");
            self.world.violated(Check::FalseFate, what);
        }
        let lost = received.accepted.difference(&received.notes).count();
        self.world.log(format_args!(
            "{lost} notes of {} were lost",
            received.accepted.len()
        ));
        if calm && lost > 0 {
            let what = format!(
                "{lost} notes of {}, without a fault",
                received.accepted.len()
            );
            self.world.violated(Check::Arrival, what);
        }
    }
}

/// An entity that reports all messages to the oracle.
pub(super) struct Listener {
    oracle: Arc<Oracle>,
    /// The last note of each worker.
    last: BTreeMap<u64, u64>,
    followers: Followers,
}

impl Entity for Listener {
    type Message = Message;

    fn receive(&mut self, message: Message, context: &mut Context<'_>) {
        match message {
            Message::Note { worker, number, .. } => self.note(Note { worker, number }, context),
            Message::Follow { inbox, to } => return self.followers.follow(inbox, to, context),
            Message::Stir {
                inbox,
                count,
                reply_to,
            } => {
                let last = self.followers.stir(inbox, count, context);
                if let Some(reply_to) = reply_to {
                    context.reply(&reply_to, &last);
                }
                return;
            }
            Message::Echo { .. } => {}
        }
        self.oracle.serve(message, context);
    }
}

impl Listener {
    /// Checks the place of a note among those of its worker.
    fn note(&mut self, Note { worker, number }: Note, context: &Context<'_>) {
        let (id, node) = (context.entity_id(), context.node());
        let world = &self.oracle.world;
        world.log(format_args!("node {node} {id} note {worker}/{number}"));
        if let Some(last) = self.last.insert(worker, number)
            && last > number
            && !world.reads_closed_connections(node)
        {
            let what = format!("{id} on node {node}: {number} of {worker} after {last}");
            world.violated(Check::Order, what);
        }
    }
}
