//! Events that entities send to actors of clients, and the checks of their arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use casty_proto::ActorRef;
use parking_lot::Mutex;

use super::messages::{Event, Message};
use crate::context::Context;
use crate::sim::violation::Check;
use crate::sim::world::World;

/// All events of a world.
pub(super) struct Events {
    world: World,
    /// Released before the world is told anything.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lives: u64,
    /// The numbers of events, and of the clients whose actors they are for.
    sent: BTreeMap<u64, u64>,
    arrived: BTreeSet<u64>,
    /// The last event that came to each client from each life.
    last: BTreeMap<(u64, u64), u64>,
}

/// An actor of a client that events are sent to.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) number: u64,
    /// The reference with the client's first address in it, whatever becomes of connections.
    pub(super) to: ActorRef<Event>,
}

impl Inbox {
    /// Starts the actor of a client.
    pub(super) fn open(
        client: &ClusterClient,
        number: u64,
        events: &Arc<Events>,
    ) -> Result<Self, String> {
        let events = Arc::clone(events);
        let handle = move |event: Event, _| {
            events.arrived(number, &event);
            std::future::ready(())
        };
        let actor = client.spawn(handle, "inbox").map_err(|it| it.to_string())?;
        let to = actor.actor_ref();
        Ok(Self { number, to })
    }

    /// Returns the message that tells an entity of this actor.
    pub(super) fn follow(&self) -> Message {
        let (inbox, to) = (self.number, self.to.clone());
        Message::Follow { inbox, to }
    }
}

impl Events {
    /// Makes the events of a world that begins.
    pub(super) fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            state: Mutex::default(),
        })
    }

    /// Returns the life of an entity that is made now.
    pub(super) fn life(&self) -> u64 {
        let mut state = self.state.lock();
        state.lives += 1;
        state.lives
    }

    /// Sends an event of an entity. Returns its number.
    fn send(&self, life: u64, inbox: &Inbox, context: &mut Context<'_>) -> u64 {
        let (number, to) = (inbox.number, &inbox.to);
        let event = {
            let mut state = self.state.lock();
            let count = state.sent.len() as u64 + 1;
            state.sent.insert(count, number);
            Event {
                inbox: number,
                life,
                number: count,
            }
        };
        self.world.log(format_args!(
            "node {} {} sends event {} to client {number}",
            context.node(),
            context.entity_id(),
            event.number
        ));
        context.reply(to, &event);
        event.number
    }

    /// Checks an event that came to a client's actor.
    fn arrived(&self, at: u64, event: &Event) {
        let (world, number) = (&self.world, event.number);
        world.log(format_args!("client {at} event {number}"));
        if event.inbox != at {
            let what = format!("{event:?} came to client {at}");
            world.violated(Check::StrangersReply, what);
        }
        let mut state = self.state.lock();
        let again = !state.arrived.insert(number);
        let last = state.last.insert((at, event.life), number);
        drop(state);
        if again {
            world.violated(Check::Duplicate, format!("{event:?} came again"));
        } else if let Some(last) = last.filter(|last| *last > number) {
            let what = format!("{event:?} came to client {at} after {last}");
            world.violated(Check::Order, what);
        }
    }

    /// Returns whether an event has arrived.
    pub(super) fn has(&self, number: u64) -> bool {
        self.state.lock().arrived.contains(&number)
    }

    /// Checks at the end of a world without faults that no event was lost, but for those that were
    /// for a client that is `closed`.
    pub(super) async fn judge(&self, closed: Option<u64>) {
        let missing = || {
            let state = self.state.lock();
            let open = state
                .sent
                .iter()
                .filter(|(_, inbox)| closed != Some(**inbox));
            open.filter(|(number, _)| !state.arrived.contains(number))
                .count()
        };
        let all = || missing() == 0;
        if !self.world.wait_until(Duration::from_secs(3), all).await {
            let what = format!("{} events, without a fault", missing());
            self.world.violated(Check::Arrival, what);
        }
    }
}

/// The actors of clients that one life of an entity was told of.
pub(super) struct Followers {
    events: Arc<Events>,
    life: u64,
    known: BTreeMap<u64, Inbox>,
}

impl Followers {
    /// Begins a life of an entity.
    pub(super) fn new(events: &Arc<Events>) -> Self {
        Self {
            events: Arc::clone(events),
            life: events.life(),
            known: BTreeMap::new(),
        }
    }

    /// Takes note of an actor, and sends to it at once.
    pub(super) fn follow(&mut self, number: u64, to: ActorRef<Event>, context: &mut Context<'_>) {
        let inbox = Inbox { number, to };
        self.events.send(self.life, &inbox, context);
        self.known.insert(number, inbox);
    }

    /// Sends events to an actor that the entity was told of some time. Returns the number of the
    /// last event, 0 if it was told of none.
    pub(super) fn stir(&self, inbox: u64, count: u64, context: &mut Context<'_>) -> u64 {
        let Some(inbox) = self.known.get(&inbox) else {
            return 0;
        };
        let sent = (0..count).map(|_| self.events.send(self.life, inbox, context));
        sent.last().unwrap_or(0)
    }
}
