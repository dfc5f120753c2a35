//! Waiting for room: in the outbox of a node, or among the messages that wait for a route.
//!
//! Of those who wait one is woken at a time, the one that has waited longest and finds room now.
//! When it has used its turn, or let it pass, the next one has its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_routing::{Router, Target};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::error::TellError;
use crate::node::peer::{Outgoing, Peer};
use crate::runtime::clock;
use crate::send::{Core, Destination, Encoded};

/// Whether what was refused for this reason may be accepted when there is room.
pub(crate) fn is_full(refused: &TellError) -> bool {
    matches!(refused, TellError::Busy { .. } | TellError::BufferFull)
}

/// Sends a message that was `refused` for want of room as soon as there is some; after `within`
/// gives up with the latest refusal. An actor's class is that of the message.
///
/// # Cancel safety
/// Either the message was accepted or nothing of it was.
pub(crate) async fn tell<M: Serialize>(
    core: &Core,
    to: &Destination<'_>,
    (message, kind): (&M, &'static str),
    mut refused: TellError,
    within: Duration,
) -> Result<(), TellError> {
    let deadline = clock::from_now(within);
    let (mut class, mut bytes) = (String::new(), Vec::new());
    core.encoded(message, |of, encoded| {
        of.clone_into(&mut class);
        bytes = encoded.to_vec();
        Ok::<_, TellError>(())
    })?;
    let message = Encoded {
        bytes: &bytes,
        kind,
    };
    let mut to = to.clone();
    if let Destination::Actor { class: of, .. } = &mut to {
        *of = &class;
    }
    loop {
        match attempt(core, &to, message, &refused, deadline).await {
            Some(Err(again)) if is_full(&again) => refused = again,
            Some(sent) => return sent,
            None => return Err(refused),
        }
    }
}

/// Waits for the room that was lacking and tries once; none if there is none by the deadline.
async fn attempt(
    core: &Core,
    to: &Destination<'_>,
    message: Encoded<'_>,
    refused: &TellError,
    deadline: Instant,
) -> Option<Result<(), TellError>> {
    let send = || core.send(to, message, None);
    // A turn ends when it has been used.
    if let TellError::Busy { length, .. } = refused {
        let Some(peer) = owner(core, to) else {
            return Some(send());
        };
        let turn = timeout_at(deadline.into(), peer.outbox.capacity(*length)).await;
        return turn.ok().map(|_turn| send());
    }
    let mut place = Place::take(core, to.target(), message.bytes.len());
    let turn = timeout_at(deadline.into(), &mut place.turn).await;
    turn.ok().map(|_| send())
}

/// The connected node that a message would go to.
fn owner(core: &Core, to: &Destination<'_>) -> Option<Arc<Peer>> {
    match to {
        Destination::Shard { region, shard, .. } => {
            core.table.load().owner(*region, *shard).cloned()
        }
        Destination::Actor { node, .. } => core.connected.read().get(node).cloned(),
    }
}

/// Those who wait for room among the messages that wait for a route, longest first. An entry for
/// each task that waits.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: BTreeMap<u64, Waiter>,
    last: u64,
}

struct Waiter {
    target: Target,
    bytes: usize,
    turn: oneshot::Sender<()>,
}

impl Queue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Gives the turn to the first that the router would accept a message from.
    pub(crate) fn wake_next(&mut self, router: &Router<Arc<Peer>, Outgoing>) {
        let mut waiting = self.waiting.iter();
        let next = waiting.find(|(_, waiter)| router.accepts(&waiter.target, waiter.bytes));
        let next = next.map(|(number, _)| *number);
        if let Some(next) = next.and_then(|number| self.waiting.remove(&number)) {
            // One that has just gone passes its turn on by itself.
            next.turn.send(()).ok();
        }
    }

    /// Gives the turn to all of them: nothing is accepted any more.
    pub(crate) fn wake_all(&mut self) {
        self.waiting.clear();
    }
}

/// A place in the queue; left when it is dropped.
struct Place<'a> {
    core: &'a Core,
    number: u64,
    turn: oneshot::Receiver<()>,
}

impl<'a> Place<'a> {
    /// Takes the last place, or has its turn at once if there is room.
    fn take(core: &'a Core, target: Target, bytes: usize) -> Self {
        let (sender, turn) = oneshot::channel();
        let mut routing = core.routing.lock();
        let queue = &mut routing.queue;
        queue.last += 1;
        let number = queue.last;
        if !core.is_closed() && !routing.router.accepts(&target, bytes) {
            let waiter = Waiter {
                target,
                bytes,
                turn: sender,
            };
            routing.queue.waiting.insert(number, waiter);
        }
        Self { core, number, turn }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut routing = self.core.routing.lock();
        // One that still waited had no turn to pass on.
        if routing.queue.waiting.remove(&self.number).is_none() {
            routing.wake_next();
        }
    }
}
