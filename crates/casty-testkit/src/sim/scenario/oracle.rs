//! What entities and services saw, and what is to be concluded from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::ActorRef;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::super::checks::Check;
use super::World;
use super::events::{Event, Events, Followers};
use crate::{Context, Entity};

pub(super) const REGION: &str = "talk";
pub(super) const SERVICE: &str = "echo";

/// What clients say.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    #[serde(rename = "proof.Note")]
    Note {
        /// Who says it, and its place among all that this one says.
        talker: u64,
        number: u64,
        padding: String,
    },
    #[serde(rename = "proof.Echo")]
    Echo { token: u64, reply_to: ActorRef<u64> },
    /// Tells an entity of a client's actor.
    #[serde(rename = "proof.Follow")]
    Follow { inbox: u64, to: ActorRef<Event> },
    /// Has an entity send to a client's actor that it was told of.
    #[serde(rename = "proof.Stir")]
    Stir {
        inbox: u64,
        count: u64,
        /// Who wants to know the number of the last event.
        reply_to: Option<ActorRef<u64>>,
    },
}

/// Sees all that entities and services are told.
pub(super) struct Witness {
    world: World,
    pub(super) events: Arc<Events>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    tokens: u64,
    /// Notes that arrived.
    notes: BTreeSet<(u64, u64)>,
    /// Notes that were accepted.
    accepted: BTreeSet<(u64, u64)>,
    /// How often each token was asked to be sent back.
    echoes: BTreeMap<u64, u32>,
    /// Tokens whose asks were said not to have been sent.
    not_sent: BTreeSet<u64>,
    /// Tokens of asks that may be sent more than once.
    idempotent: BTreeSet<u64>,
}

impl Witness {
    pub(super) fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            events: Events::new(world),
            seen: Mutex::default(),
        })
    }

    /// Makes entities that tell this witness.
    pub(super) fn entities(self: &Arc<Self>) -> impl Fn() -> Listener + Send + Sync + use<> {
        let witness = Arc::clone(self);
        move || Listener {
            followers: Followers::new(&witness.events),
            witness: Arc::clone(&witness),
            last: BTreeMap::new(),
        }
    }

    /// Handles a word said to a service.
    pub(super) fn serve(&self, word: Word, context: &mut Context<'_>) {
        match word {
            Word::Echo { token, reply_to } => self.echo(token, &reply_to, context),
            Word::Note { talker, number, .. } => self.note(talker, number),
            // For entities.
            Word::Follow { .. } | Word::Stir { .. } => {}
        }
    }

    fn echo(&self, token: u64, reply_to: &ActorRef<u64>, context: &mut Context<'_>) {
        let world = &self.world;
        world.log(format_args!("node {} echo {token}", context.node()));
        let mut seen = self.seen.lock();
        let times = seen.echoes.entry(token).or_default();
        *times += 1;
        let times = *times;
        let again = seen.idempotent.contains(&token);
        drop(seen);
        if times > 1 && !again {
            let what = format!("ask {token} arrived {times} times");
            world.violated(Check::Duplicate, what);
        }
        context.reply(reply_to, &token);
    }

    fn note(&self, talker: u64, number: u64) {
        if !self.seen.lock().notes.insert((talker, number)) {
            let what = format!("note {number} of {talker} arrived again");
            self.world.violated(Check::Duplicate, what);
        }
    }

    /// A token that nothing else has.
    pub(super) fn token(&self, idempotent: bool) -> u64 {
        let mut seen = self.seen.lock();
        seen.tokens += 1;
        // Of many digits, so that no two are mixed up by what is near.
        let token = seen.tokens * 0x1_0001;
        if idempotent {
            seen.idempotent.insert(token);
        }
        token
    }

    /// An ask was said not to have been sent.
    pub(super) fn was_not_sent(&self, token: u64) {
        self.seen.lock().not_sent.insert(token);
    }

    /// A note was accepted.
    pub(super) fn was_accepted(&self, talker: u64, number: u64) {
        self.seen.lock().accepted.insert((talker, number));
    }

    pub(super) fn has_all(&self, told: &[(u64, u64)]) -> bool {
        self.missing(told) == 0
    }

    /// How many of these have not arrived.
    pub(super) fn missing(&self, told: &[(u64, u64)]) -> usize {
        let seen = self.seen.lock();
        let missing = told.iter().filter(|note| !seen.notes.contains(note));
        missing.count()
    }

    /// Says what is wrong in the end. `calm`: there were no faults, so nothing may be lost.
    pub(super) fn judge(&self, calm: bool) {
        let seen = self.seen.lock();
        let false_fates = seen
            .not_sent
            .iter()
            .filter(|it| seen.echoes.contains_key(it));
        let false_fates: Vec<_> = false_fates.collect();
        if !false_fates.is_empty() {
            let what = format!("asks {false_fates:?} were not sent, and arrived");
            self.world.violated(Check::FalseFate, what);
        }
        let made_up = seen.notes.difference(&seen.accepted).count();
        if made_up > 0 {
            let what = format!("{made_up} notes arrived that were refused");
            self.world.violated(Check::FalseFate, what);
        }
        let lost = seen.accepted.difference(&seen.notes).count();
        self.world.log(format_args!(
            "{lost} notes of {} were lost",
            seen.accepted.len()
        ));
        if calm && lost > 0 {
            let what = format!("{lost} notes of {}, without a fault", seen.accepted.len());
            self.world.violated(Check::Arrival, what);
        }
    }
}

/// An entity that listens.
pub(super) struct Listener {
    witness: Arc<Witness>,
    /// The last note of each talker.
    last: BTreeMap<u64, u64>,
    followers: Followers,
}

impl Entity for Listener {
    type Message = Word;

    fn receive(&mut self, word: Word, context: &mut Context<'_>) {
        match word {
            Word::Note { talker, number, .. } => self.note((talker, number), context),
            Word::Follow { inbox, to } => return self.followers.follow(inbox, to, context),
            Word::Stir {
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
            Word::Echo { .. } => {}
        }
        self.witness.serve(word, context);
    }
}

impl Listener {
    /// Looks at the place of a note among those of its talker.
    fn note(&mut self, (talker, number): (u64, u64), context: &Context<'_>) {
        let (id, node) = (context.entity_id(), context.node());
        let world = &self.witness.world;
        world.log(format_args!("node {node} {id} note {talker}/{number}"));
        if let Some(last) = self.last.insert(talker, number)
            && last > number
            && !world.has_remains(node)
        {
            let what = format!("{id} on node {node}: {number} of {talker} after {last}");
            world.violated(Check::Order, what);
        }
    }
}
